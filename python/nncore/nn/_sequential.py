"""Sequential: layers one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, overload

from nncore._support.checks import describe, is_name
from nncore._support.names import instance_hint
from nncore.errors import ConfigError
from nncore.nn._layer import Layer
from nncore.nn._model import Model, restore
from nncore.nn._normalize import Normalize
from nncore.nn._symbol import Symbol


class Sequential(Model):
    """A model of layers that are computed one after the other.

    Parameters
    ----------
    *layers : Layer, or one dict name -> Layer
        Without names they are called "0", "1", … A layer object in two places shares its parameters.
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
        named = layers[0] if len(layers) == 1 and isinstance(layers[0], Mapping) else _numbered(layers)
        for name, layer in named.items():
            _check_layer(name, layer)
        super().__init__(named, [[i] for i in range(len(named))], dtype, seed, input)

    def __call__(self, x: Any) -> Any:
        """Raw outputs for x (N, …) in inference: no dropout, nothing kept. For a symbol the output's in a Graph.

        Any number of threads may predict with one model at once. StateError while another thread trains or changes it.
        """
        if not isinstance(x, Symbol):
            return self._core.forward(x, False, 0, 0)  # as in the base, without a call more
        if self.input is not None:
            raise ConfigError("[Sequential] input: expected none in a part of a Graph, which may have one itself")
        for layer in self:
            x = layer(x)
        return x

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
        part = Sequential(chosen, dtype=self.dtype, seed=self.seed, input=self.input if first else None)
        if chosen and next(reversed(chosen)) == next(reversed(self._layers)):
            restore(part, self._link, 0)  # its outputs are read as those of the whole
        return part

    def append(self, layer: Layer) -> Sequential:
        """Adds a layer at the end. Arrays that were returned before keep the old numbers."""
        _check_layer("append", layer)
        layers = {**self._layers, str(len(self._layers)): layer}
        if len(layers) == len(self._layers):
            raise ConfigError(f"[Sequential] append: a layer is called {str(len(self._layers))!r} already")
        with self._core.access_guard("Sequential.append", write=True):
            before = self._layers, self._reads
            self._layers, self._reads = layers, [*self._reads, [len(self._reads)]]
            try:
                self._replace_core(self.dtype)
            except Exception:
                self._layers, self._reads = before
                raise
        return self

    def _with(self, layers: dict[str, Layer], facts: dict[str, Any]) -> Sequential:
        return Sequential(layers, **facts)

    def __reduce__(self) -> tuple[Any, ...]:
        facts = {"dtype": self.dtype, "seed": self.seed, "input": self.input}
        return _rebuild, (self._renewed_layers(), facts, self.state_dict(), self._link, self._calls)


def _rebuild(
    layers: dict[str, Layer],
    facts: dict[str, Any],
    state: dict[str, Any],
    link: str | None,
    calls: int,
) -> Sequential:
    net = Sequential(layers, **facts)
    restore(net, link, calls)
    net.load_state_dict(state)
    return net


def _numbered(layers: Sequence[Any]) -> dict[str, Any]:
    return {str(i): layer for i, layer in enumerate(layers)}


def _check_layer(name: object, layer: object) -> None:
    if not isinstance(layer, Layer):
        raise ConfigError(
            f"[Sequential] layer {name!r}: expected a layer, got {describe(layer)}{instance_hint(layer, Layer)}"
        )
    if not is_name(name):
        raise ConfigError(f"[Sequential] layer name: expected text without dots, got {describe(name)}")
