"""Bases of generated layers: Container with inner layers (Residual), Merge with several inputs (Add, Concat, …)."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from nncore import _core
from nncore._registry.registered import CLASSES
from nncore._support.checks import describe
from nncore._support.names import instance_hint
from nncore.errors import ConfigError
from nncore.nn._layer import CompiledLayer, Layer, handle_of, join, renewed, spec_of
from nncore.nn._model import Model, inner_layers
from nncore.nn._symbol import Symbol, symbol_of


class Container(CompiledLayer):
    """Base of Residual. Its config lists the inner layers as (class name, config), as plain data."""

    def __init__(self, *layers: Any, **config: Any) -> None:
        given = layers or config.pop("layers", ())
        self._by_name(**config)
        if len(layers) == 1 and not isinstance(layers[0], (Layer, Model)):
            given = layers[0]
        where = type(self).__name__
        self._layers = [layer for item in _given_layers(where, given) for layer in _layers_of(where, item)]
        self._spec = _core.Spec(self._kind, type(self).__name__, {"layers": tuple(self._layers)})
        self._config = {}
        self._handle = _core.LayerHandle(self._spec, [handle_of(layer) for layer in self._layers])

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
