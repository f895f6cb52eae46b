"""Bases of generated layers: CompiledLayer, Container with inner layers (Residual), Merge with several inputs."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np

from nncore import _core
from nncore._registry.registered import CLASSES, Registered, setting
from nncore._support import freezing
from nncore._support.checks import LARGEST_SEED, describe, flag, integer
from nncore._support.fits import refuse_during_fit
from nncore._support.functions import check_function
from nncore._support.names import instance_hint
from nncore._support.strict import fixed
from nncore.errors import ConfigError
from nncore.nn._initializer import code_of, near, stored
from nncore.nn._layer import Layer, handle_of, join, rebuild_layer, renewed, spec_of
from nncore.nn._model import Model, inner_layers
from nncore.nn._parameter import Parameter, assign, parameters_of
from nncore.nn._symbol import Symbol, symbol_of


class CompiledLayer(Layer, Registered):
    """Base of the layers of the compiled core."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        replaced = sorted({"build", "forward", "backward"} & set(vars(cls)))
        if replaced:
            raise ConfigError(
                f"[{cls.__name__}] {replaced[0]}: expected a subclass of nc.Layer, got one of a compiled layer"
            )

    _init_names: tuple[str, ...] = ()  #: of arguments that are initialisers
    _array_names: tuple[str, ...] = ()  #: of parameters and buffers, those that some objects lack included

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        Registered.__init__(self, *args, **kwargs)
        self._handle = _core.LayerHandle(self._spec)

    def _checked(self, given: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        where, names = type(self).__name__, self._init_names
        code = {name: code_of(where, name, given[name]) for name in names if name in given} if names else {}
        own = {name: given[name] for name, spec in code.items() if spec is not None}
        if not own:
            try:
                return Registered._checked(self, given)
            except ConfigError as error:
                words = {name: given[name] for name in names if isinstance(given.get(name), str)}
                hint = next((near(word) for name, word in words.items() if f" {name}: " in str(error)), "")
                raise ConfigError(f"{error}{hint}") from None
        spec, config = Registered._checked(self, {**given, **{name: code[name] for name in own}})
        return spec, {**config, **own}

    def _stored_parts(self) -> dict[str, Any]:
        names = self._init_names
        return {name: stored(value) if name in names else value for name, value in self._parts().items()}

    def _n_declared(self) -> int:
        return len(_core.declared_names(self._spec))

    @classmethod
    def _properties(cls, schema: dict[str, Any]) -> dict[str, Any]:
        """Of arguments, and of parameters and buffers, which come first: `layer.bias` is the array, not the flag."""
        examples = [] if schema["traits"].get("variadic") else schema["examples"]  # a container's are its layers'
        specs = [_core.Spec("layer", schema["name"], args) for args, _ in examples]
        arrays = tuple(dict.fromkeys(name for spec in specs for name in _core.declared_names(spec)))
        found = super()._properties(schema)
        found |= {name: setting(name, "The array, a view that can be assigned; None without it.") for name in arrays}
        inits = tuple(field["name"] for field in schema["fields"] if "Initializer" in field["annotation"])
        return {**found, "_array_names": arrays, "_init_names": inits}

    def _setting(self, name: str) -> Any:
        return self._array(name) if name in self._array_names else Registered._setting(self, name)

    def _assign(self, name: str, value: Any) -> None:
        if name not in self._array_names:
            return self._assign_number(name, value)
        array = self._array(name)
        if array is None:
            fixed(self, name, f"this {type(self).__name__} was made without it: make a new one")
        with _core.layer_access_guard(self._handle, f"{type(self).__name__}.{name}", True):
            assign(array, value, name)
        return None

    def _assign_number(self, name: str, value: Any) -> None:
        """Numbers of the formula act from the next pass or fit on; what decides on shapes and memory is fixed."""
        if self.__signature__.parameters[name].annotation not in (float, float | None):
            return Registered._assign(self, name, value)
        spec, config = self._checked({**self._config, name: value})
        models = self._models()
        refuse_during_fit(self, name, *models)
        with ExitStack() as guards:
            for guarded in (model._core for model in models):
                guards.enter_context(guarded.access_guard(f"{type(self).__name__}.{name}", write=True))
            before, self._handle.spec = self._handle.spec, spec
            try:
                cores = [model._make_core(model.dtype, model.input) for model in models]
            except Exception:
                self._handle.spec = before
                raise
            self._spec, self._config = spec, config
            for model, core in zip(models, cores, strict=True):
                model._core = core
        return None

    def _array(self, name: str) -> Any:
        """The array of a parameter or buffer; None if this object has none of that name."""
        core = self._core_model()
        found = (value for full, value, _ in core.parameters() + core.buffers() if full == f"0.{name}")
        return next(found, None)

    def _make_handle(self) -> Any:
        return None  # until the arguments are known

    _spec = None
    config = Registered.config

    def forward(self, x: Any, training: bool = True, seed: int | None = None) -> Any:
        """The outputs for x (N, …); with training, what backward needs is kept."""
        where = type(self).__name__
        training = flag(where, "training", training)
        if seed is not None:
            return self._core_model().forward(x, training, integer(where, "seed", seed, 0, LARGEST_SEED), 0)
        self._calls += 1
        return self._core_model().forward(x, training, self._calls, 0)

    def backward(self, dy: Any) -> Any:
        """The gradient of x for the gradient dy of the last forward's outputs; adds to the parameters' gradients."""
        return self._core_model().backward(dy)

    def parameters(self) -> list[Parameter]:
        """The layer's parameters, as views that can be read and assigned."""
        return parameters_of(self._core_model(), "0.", weakref.ref(self))

    def _copy(self, memo: dict[int, Layer]) -> Layer:
        layer = type(self)(**self.config)
        freezing.restore(layer._handle, freezing.kept(self._handle))
        return layer

    def __reduce__(self) -> tuple[Any, ...]:
        for name in self._init_names:
            check_function(f"[{type(self).__name__}] {name}", self._config.get(name))
        dtype, values = self._handle.dtype, []
        if dtype is not None:
            core = self._core_model()
            with core.access_guard("Layer.copy", write=False):
                values = [value.copy() for _, value, _ in core.parameters() + core.buffers()]
        frozen = freezing.kept(self._handle)
        given = (type(self), self._config, dtype, values, *([] if frozen is None else [frozen]))
        return rebuild_layer, given, self._calls

    def __setstate__(self, calls: Any) -> None:
        self._calls = calls  # Dropout's random numbers go on

    __repr__ = Registered.__repr__


class Container(CompiledLayer):
    """Base of Residual. Its config lists the inner layers as (class name, config), as plain data."""

    def __init__(self, *layers: Any, **config: Any) -> None:
        self._refuse_subclass()
        given = layers or config.pop("layers", ())
        self._by_name(**config)
        if len(layers) == 1 and not isinstance(layers[0], (Layer, Model)):
            given = layers[0]
        where = type(self).__name__
        self._layers = [layer for item in _given_layers(where, given) for layer in _layers_of(where, item)]
        self._spec = _core.Spec(self._kind, type(self).__name__, {"layers": tuple(self._layers)})
        self._config = {}
        self._handle = _core.LayerHandle(self._spec, [handle_of(layer) for layer in self._layers])

    def _set_frozen(self, what: str, frozen: bool) -> None:
        for layer in self._layers:
            layer._set_frozen(what, frozen)

    @property
    def frozen(self) -> bool:
        """Whether all layers inside are."""
        return all(layer.frozen for layer in self._layers)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The inner layers."""
        return tuple(self._layers)

    def _join(self, model: weakref.ref[Any]) -> None:
        for layer in self._layers:
            join(layer, model)

    @property
    def config(self) -> dict[str, Any]:
        """The inner layers as (class name, config), plain data."""
        return {"layers": tuple((type(layer).__name__, layer.config) for layer in self._layers)}

    def _copy(self, memo: dict[int, Layer]) -> Layer:
        return type(self)(*[renewed(layer, memo) for layer in self._layers])

    def _parts(self) -> dict[str, Any]:
        return {"layers": self._layers}

    def __iter__(self) -> Iterator[Layer]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def __getitem__(self, index: int) -> Layer:
        """An inner layer, by position."""
        return self._layers[index]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._layers))})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self._layers), self._calls


class Merge(CompiledLayer):
    """Base of Add, Multiply and Concat."""

    def __call__(self, *x: Any) -> Any:
        """The outputs for one or more inputs x (N, …); for symbols the output's symbol in a Graph."""
        if not x:
            raise ConfigError(f"[{type(self).__name__}] inputs: expected one or more, got none")
        if any(isinstance(given, Symbol) for given in x):
            return symbol_of(self, x)
        if len(x) == 1:
            _refuse_list(type(self).__name__, x[0])
            return super().__call__(x[0])
        return _core.run_inputs(spec_of(self), type(self).__name__, x)


def _rebuild(cls: type[Container], layers: list[Layer]) -> Container:
    return cls(*layers)


def _given_layers(where: str, given: object) -> list[Any]:
    if isinstance(given, (list, tuple)) and given:
        return list(given)
    raise ConfigError(f"[{where}] layers: expected layers, one or more, got {describe(given)}")


def _refuse_list(name: str, given: Any) -> None:
    """ConfigError for a list of inputs, as Keras takes them: it would be read as one array."""
    if not isinstance(given, (list, tuple)):
        return
    if any(isinstance(item, Symbol) or (isinstance(item, np.ndarray) and item.ndim > 1) for item in given):
        names = ", ".join("abcdefgh"[: len(given)]) if len(given) <= 8 else "*inputs"
        raise ConfigError(f"[{name}] inputs: expected them one by one, got a list (write nc.{name}()({names}))")


def _layers_of(where: str, item: Any) -> list[Layer]:
    """The layer itself, or one made from a spec or (class name, config); those of a Sequential."""
    if isinstance(item, Model):
        return list(inner_layers(f"[{where}] layers", item).values())
    if isinstance(item, Layer):
        return [item]
    if isinstance(item, _core.Spec) and item.kind == "layer":
        item = (item.name, item.args)
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[1], dict):
        made = CLASSES.get(("layer", item[0])) if isinstance(item[0], str) else None
        if made is not None and issubclass(made, CompiledLayer):
            return [made(**item[1])]
    hint = instance_hint(item, Layer)
    raise ConfigError(f"[{where}] layers: expected layers, one or more, got {describe(item)}{hint}")
