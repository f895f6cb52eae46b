"""What Residual adds to a generated layer: the layers inside are objects of their own."""

from __future__ import annotations

from typing import Any

from nncore import _core
from nncore._layer import CompiledLayer, Layer
from nncore._support.checks import describe
from nncore.errors import ConfigError


class Container(CompiledLayer):
    """Base of Residual. Its config names the layers inside as (class name, config), so that it is plain data."""

    def __init__(self, *layers: Any, **config: Any) -> None:
        given = layers or config.pop("layers", ())
        self._by_name(**config)
        if len(layers) == 1 and not isinstance(layers[0], Layer):
            given = layers[0]
        self._layers = [_layer_of(type(self).__name__, item) for item in _row_of(type(self).__name__, given)]
        self._spec = _core.Spec(self._kind, type(self).__name__, {"layers": tuple(self._layers)})
        self._config = {"layers": tuple((type(layer).__name__, layer.config) for layer in self._layers)}
        self._handle = _core.LayerHandle(self._spec, [layer._handle for layer in self._layers])

    def _renewed(self, memo: dict[int, Layer]) -> Layer:
        if id(self) not in memo:
            memo[id(self)] = type(self)(*[layer._renewed(memo) for layer in self._layers])
        return memo[id(self)]

    def _copy(self) -> Layer:
        return self._renewed({})

    def __len__(self) -> int:
        return len(self._layers)

    def __getitem__(self, index: int) -> Layer:
        """A layer inside, by position."""
        return self._layers[index]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._layers))})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self._layers)


def _rebuild(cls: type[Container], layers: list[Layer]) -> Container:
    return cls(*layers)


def _row_of(where: str, given: object) -> list[Any]:
    if isinstance(given, (list, tuple)) and given:
        return list(given)
    raise ConfigError(f"[{where}] layers: expected layers, one or more, got {describe(given)}")


def _layer_of(where: str, item: Any) -> Layer:
    """A layer as it is; one made from a recipe: a spec or (class name, config)."""
    if isinstance(item, Layer):
        return item
    import nncore.layers

    if isinstance(item, _core.Spec) and item.kind == "layer":
        item = (item.name, item.args)
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[1], dict):
        made = getattr(nncore.layers, item[0], None) if isinstance(item[0], str) else None
        if isinstance(made, type) and issubclass(made, CompiledLayer):
            return made(**item[1])
    hint = f" (write nc.{item.__name__}(…))" if isinstance(item, type) and issubclass(item, Layer) else ""
    raise ConfigError(f"[{where}] layers: expected layers, one or more, got {describe(item)}{hint}")
