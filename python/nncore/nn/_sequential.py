"""Sequential: layers one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, overload

from nncore._support.checks import describe, is_name
from nncore._support.labels import IGNORED
from nncore._support.names import instance_hint
from nncore._support.tables import Names
from nncore.errors import ConfigError
from nncore.nn._initializer import restoring
from nncore.nn._layer import Layer
from nncore.nn._model import Model, inner_layers, restore
from nncore.nn._normalize import Normalize, set_columns


class Sequential(Model):
    """A model of layers that are computed one after the other.

    Parameters
    ----------
    *layers : Layer or Sequential, or one dict of them by name
        Without names they are called "0", "1", … A layer object in two places shares its parameters. A Sequential
        inside becomes its layers, with the names that PyTorch gives them: "0.0", "0.1", …
    dtype : {"float32", "float64"}
        Type of parameters and of all arithmetic.
    seed : int, optional
        Of the initial parameters; None draws one and shows it in repr.
    input : Normalize, optional
        Applied to whatever the model is given.

    Examples
    --------
    >>> net = nc.Sequential(nc.Linear(2, 20), nc.ReLU(), nc.Linear(20, 2), seed=0)
    >>> net(np.zeros((5, 2))).shape
    (5, 2)
    """

    _kind = "Sequential"

    def __init__(
        self,
        *layers: Layer | Mapping[str, Layer],
        dtype: str = "float32",
        seed: int | None = None,
        input: Normalize | None = None,
    ) -> None:
        given = layers[0] if len(layers) == 1 and isinstance(layers[0], Mapping) else _numbered(layers)
        flat = {name: layer for part in given for name, layer in _placed(part, given[part]).items()}
        self._join(flat, {"dtype": dtype, "seed": seed, "input": input})

    def _join(self, layers: Mapping[str, Layer], facts: Mapping[str, Any]) -> None:
        super().__init__(layers, [[i] for i in range(len(layers))], **facts)

    @overload
    def __getitem__(self, index: int | str) -> Layer: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | str | slice) -> Layer | Sequential:
        """A layer by position or name, or a model of some of the layers, with the same parameters."""
        if not isinstance(index, slice):
            return super().__getitem__(index)
        chosen = dict(list(self._layers.items())[index])
        first = bool(chosen) and next(iter(chosen)) == next(iter(self._layers))
        part = chain(chosen, dtype=self.dtype, seed=self.seed, input=self.input if first else None)
        if chosen and next(reversed(chosen)) == next(reversed(self._layers)):
            restore(part, self._link, 0, self._ignored)  # its outputs are read as those of the whole
        if first:
            set_columns(part, self._columns)
        return part

    def append(self, layer: Layer | Sequential) -> Sequential:
        """Adds a layer at the end. Arrays that were returned before keep the old numbers."""
        parts = {name.partition(".")[0] for name in self._layers}
        if str(len(parts)) in parts:
            raise ConfigError(f"[Sequential] append: a layer is called {str(len(parts))!r} already")
        layers = {**self._layers, **_placed(str(len(parts)), layer)}
        with self._core.access_guard("Sequential.append", write=True):
            before = self._layers, self._reads
            self._layers, self._reads = layers, [[i] for i in range(len(layers))]
            try:
                self._replace_core(self.dtype, before[0].values())
            except Exception:
                self._layers, self._reads = before
                raise
        return self

    def _with(self, layers: dict[str, Layer], facts: dict[str, Any]) -> Sequential:
        return chain(layers, **facts)

    def __reduce__(self) -> tuple[Any, ...]:
        facts = {"dtype": self.dtype, "seed": self.seed, "input": self.input}
        kept = self._link, self._calls, self._ignored, self._columns
        return _rebuild, (self._renewed_layers(), facts, self.state_dict(), *kept)


def chain(layers: Mapping[str, Layer], **facts: Any) -> Sequential:
    """A Sequential of layers by name; those of a Sequential inside have names with dots."""
    net = Sequential.__new__(Sequential)
    net._join(layers, facts)
    return net


def _rebuild(
    layers: dict[str, Layer],
    facts: dict[str, Any],
    state: dict[str, Any],
    link: str | None,
    calls: int,
    ignored: int | None = IGNORED,
    columns: Names | None = None,
) -> Sequential:
    with restoring():
        net = chain(layers, **facts)
    restore(net, link, calls, ignored, columns)
    net.load_state_dict(state)
    return net


def _numbered(layers: Sequence[Any]) -> dict[str, Any]:
    return {str(i): layer for i, layer in enumerate(layers)}


def _placed(name: Any, layer: Any) -> dict[str, Layer]:
    """A layer by its name, or those of a Sequential inside: "0.0", "0.1", …"""
    if not isinstance(layer, (Layer, Model)):
        raise ConfigError(
            f"[Sequential] layer {name!r}: expected a layer, got {describe(layer)}{instance_hint(layer, Layer)}"
        )
    if not is_name(name):
        raise ConfigError(f"[Sequential] layer name: expected text without dots, got {describe(name)}")
    if isinstance(layer, Layer):
        return {name: layer}
    inner = inner_layers(f"[Sequential] layer {name!r}", layer)
    return {f"{name}.{inside}": part for inside, part in inner.items()}
