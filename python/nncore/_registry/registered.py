"""Base of the classes made from the compiled core's registry, and the table of all of them."""

from __future__ import annotations

import copyreg
import inspect
from typing import Any, TypeVar

from nncore import _core
from nncore.errors import ConfigError

_Class = TypeVar("_Class", bound="Registered")


class Registered:
    """Base of the generated classes: an immutable recipe with checked arguments."""

    __signature__: inspect.Signature
    _kind: str
    _traits: dict[str, Any]
    _spec: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not hasattr(self, "_kind"):
            raise ConfigError(f"[{type(self).__name__}] expected one of its subclasses, got the base itself")
        given = self._by_name(*args, **kwargs)
        self._spec = _core.Spec(self._kind, type(self).__name__, given)
        checked = self._spec.args
        # Sequences of numbers as the core has them: the caller may change its own later.
        self._config = {key: checked[key] if isinstance(checked[key], tuple) else given[key] for key in given}

    def _by_name(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Arguments by name; TypeError that shows the signature."""
        try:
            return dict(self.__signature__.bind(*args, **kwargs).arguments)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}{self.__signature__}: {error}") from None

    @property
    def config(self) -> dict[str, Any]:
        """The arguments that were given."""
        return dict(self._config)

    def _parts(self) -> dict[str, Any]:
        """The arguments that make another one of the same parts: config, with objects where config has recipes."""
        return self._config

    def __repr__(self) -> str:
        shown = ", ".join(f"{key}={value!r}" for key, value in self._config.items())
        return f"{type(self).__name__}({shown})"

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (type(self), self._config)


def rebuild(cls: type[_Class], config: dict[str, Any]) -> _Class:
    """What pickle calls."""
    return cls(**config)


#: The generated classes by kind and name: what recipes in files and in containers name.
CLASSES: dict[tuple[str, str], type[Registered]] = {}


def is_generated(given: object) -> bool:
    """Is its class one of the registry's, and not a subclass of one?"""
    return isinstance(given, Registered) and CLASSES.get((given._kind, type(given).__name__)) is type(given)


def spec_of(given: Registered) -> Any:
    """What the compiled core makes it from."""
    return given._spec


def kind_of(given: Registered) -> str:
    """Its kind: "layer", "loss", "optimizer", "schedule", "initializer" or "objective"."""
    return given._kind


def traits_of(given: object) -> dict[str, Any]:
    """The facts that its schema states, {"activation": "silu"}; of what is written in Python none."""
    return given._traits if isinstance(given, Registered) else {}


def parts_of(given: Registered) -> dict[str, Any]:
    """The arguments that make another one of the same parts."""
    return given._parts()


# Specs that travel inside configurations (an initialiser in a layer's arguments) pickle as what made them.
copyreg.pickle(_core.Spec, lambda spec: (_core.Spec, (spec.kind, spec.name, spec.args)))
