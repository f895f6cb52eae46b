"""Base of the classes generated from the compiled core's registry, and the table of these classes."""

from __future__ import annotations

import copyreg
import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, TypeVar

from nncore import _core
from nncore._support.checks import shown
from nncore._support.names import refuse_keyword
from nncore._support.strict import Strict, fixed
from nncore.errors import ConfigError

_Class = TypeVar("_Class", bound="Registered")

#: What to write for arguments of other libraries.
_FOREIGN = {
    "beta1": "betas=(0.9, 0.999)",
    "beta_1": "betas=(0.9, 0.999)",
    "beta2": "betas=(0.9, 0.999)",
    "beta_2": "betas=(0.9, 0.999)",
    "epsilon": "eps",
    "input_dim": "the first layer has its number of inputs: nc.Linear(2, 20)",
    "units": "nc.Linear(in_features, out_features)",
    "filters": "nc.Conv2d(in_channels, out_channels, kernel_size)",
    "activation": "a layer of its own: nc.ReLU()",
    "use_bias": "bias",
    "kernel_initializer": "weight_init",
    "bias_initializer": "bias_init",
    "device": "everything is computed on the CPU",
    "dtype": "of the model: nc.Sequential(…, dtype='float64')",
    "from_logits": "CrossEntropyLoss and BCEWithLogitsLoss take logits, NLLLoss log-probabilities",
    "rate": "did you mean lr, or p?",
    "clipnorm": "nc.Trainer(…, clip_grad_norm=1.0)",
    "maximize": "the objective with the other sign",
}


class Arguments(NamedTuple):
    """Names of arguments: those that may be given by keyword, in order; by place; those that must be given."""

    by_name: dict[str, None]
    by_place: tuple[str, ...]
    required: frozenset[str]  #: `*layers` among them

    @classmethod
    def of(cls, signature: inspect.Signature) -> Arguments:
        each = signature.parameters.values()
        return cls(
            dict.fromkeys(one.name for one in each if one.kind is not one.VAR_POSITIONAL),
            tuple(one.name for one in each if one.kind is one.POSITIONAL_OR_KEYWORD),
            frozenset(one.name for one in each if one.default is one.empty),
        )


class Registered(Strict):
    """Base of the generated classes: a name with checked arguments, each an attribute; which ones may be assigned is up
    to the subclass."""

    __signature__: inspect.Signature
    _arguments: ClassVar[Arguments]
    _kind: str
    _traits: dict[str, Any]
    _spec: Any
    _config: Mapping[str, Any]  #: the arguments that were given

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not hasattr(self, "_kind"):
            raise ConfigError(f"[{type(self).__name__}] expected one of its subclasses, got the base itself")
        self._spec, self._config = self._checked(self._by_name(*args, **kwargs))

    def _checked(self, given: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The spec of these arguments, and what was given. ConfigError for what is out of range."""
        self._refuse_subclass()
        spec = _core.Spec(self._kind, type(self).__name__, given)
        checked = spec.args
        # Sequences of numbers are the core's tuples, not the caller's objects, which may change later.
        return spec, {key: checked[key] if isinstance(checked[key], tuple) else given[key] for key in given}

    def _refuse_subclass(self) -> None:
        """ConfigError for a subclass of a registered class, which copies and files would not know how to make."""
        if "_traits" in vars(type(self)):
            return
        registered = next(cls for cls in type(self).__mro__ if "_traits" in vars(cls))
        name, home = registered.__name__, "nc.init" if self._kind == "initializer" else "nc"
        raise ConfigError(
            f"[{type(self).__name__}] expected {name} itself, got a subclass (hint: write a function that returns "
            f"{home}.{name}(…))"
        )

    def _by_name(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Arguments by name; a TypeError contains the signature."""
        signature = self.__signature__
        by_name, by_place, required = self._arguments
        if kwargs.keys() <= by_name.keys() and len(args) <= len(by_place):
            # A tenth of the time of Signature.bind, which is left what is no usual call.
            given = dict(zip(by_place, args, strict=False))
            if given.keys().isdisjoint(kwargs) and required <= given.keys() | kwargs.keys():
                given.update(kwargs)
                return {name: given[name] for name in by_name if name in given} if kwargs else given
        known = signature.parameters
        unknown = next((name for name in kwargs if name not in known), None)
        if unknown is not None:
            refuse_keyword(type(self).__name__, unknown, known, _FOREIGN.get(unknown))
        try:
            return dict(signature.bind(*args, **kwargs).arguments)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}{signature}: {error}") from None

    @property
    def config(self) -> dict[str, Any]:
        """The arguments that were given."""
        return dict(self._config)

    @classmethod
    def _properties(cls, schema: dict[str, Any]) -> dict[str, Any]:
        """A property for each argument, but for those that the base has."""
        names = {field["name"]: f"{field['doc']}; {field['expected']}" for field in schema["fields"]}
        return {name: setting(name, doc) for name, doc in names.items() if not hasattr(cls, name)}

    def _setting(self, name: str) -> Any:
        """The value of an argument, given or default."""
        if name in self._config:
            return self._config[name]
        parameters = self.__signature__.parameters
        if name not in parameters:  # of the base alone (Schedule)
            raise AttributeError(f"[{type(self).__name__}] {name}: no such attribute")
        return parameters[name].default

    def _assign(self, name: str, value: Any) -> None:
        """Sets an argument; here none can be."""
        fixed(self, name, f"make a new one: {type(self).__name__}({name}=…)")

    def _parts(self) -> dict[str, Any]:
        """The arguments of an object with the same parts: config, with layers where config has (class name, config)."""
        return dict(self._config)

    def _stored_parts(self) -> dict[str, Any]:
        """_parts as a file holds them."""
        return self._parts()

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={shown(value)}" for key, value in self._config.items())
        return f"{type(self).__name__}({arguments})"

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (type(self), dict(self._config))


def setting(name: str, doc: str) -> property:
    """The property of an argument."""

    def get(self: Registered) -> Any:
        return self._setting(name)

    def assign(self: Registered, value: Any) -> None:
        self._assign(name, value)

    return property(get, assign, doc=doc)


def rebuild(cls: type[_Class], config: Mapping[str, Any]) -> _Class:
    """Unpickles an object of a generated class."""
    return cls(**config)


#: The generated classes by (kind, name), as recipes in files and in containers name them.
CLASSES: dict[tuple[str, str], type[Registered]] = {}


def is_generated(given: object) -> bool:
    """Whether its class is a generated one, and not a subclass of one."""
    return isinstance(given, Registered) and CLASSES.get((given._kind, type(given).__name__)) is type(given)


def spec_of(given: Registered) -> Any:
    """The spec that the compiled core makes it from."""
    return given._spec


def kind_of(given: Registered) -> str:
    """Its kind: "layer", "loss", "optimizer", "schedule", "initializer" or "objective"."""
    return given._kind


def traits_of(given: object) -> dict[str, Any]:
    """The traits of its schema, such as {"activation": "silu"}; {} for classes written in Python."""
    return given._traits if isinstance(given, Registered) else {}


def parts_of(given: Registered) -> dict[str, Any]:
    """The arguments of an object with the same parts."""
    return given._parts()


def stored_parts_of(given: Registered) -> dict[str, Any]:
    """parts_of as a file holds them."""
    return given._stored_parts()


# Specs inside configurations (an initialiser among a layer's arguments) pickle as kind, name and arguments.
copyreg.pickle(_core.Spec, lambda spec: (_core.Spec, (spec.kind, spec.name, spec.args)))
