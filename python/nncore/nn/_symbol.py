"""Symbols: the input and the layers' outputs while a Graph is defined."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from nncore._support.checks import describe, extents
from nncore._support.strict import Strict
from nncore.errors import ConfigError, ShapeError

_numbers = itertools.count()


class Symbol(Strict):
    """The output of a layer called on symbols; a Graph is made from an Input and such an output."""

    __slots__ = ("_layer", "_number", "_reads")
    _hints: ClassVar[Mapping[str, str]] = {"shape": "layers find their shapes when a Graph is made: net.summary()"}

    def __init__(self, layer: Any, reads: Iterable[Symbol]) -> None:
        self._layer = layer
        self._reads = tuple(reads)
        self._number = next(_numbers)  # larger than those of the symbols it reads

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Numbers order the symbols of one process: copies, or symbols of another one, would take others' places."""
        raise ConfigError(f"[Graph] copies and pickles: expected a Graph, got what it is written with, {self!r}")

    def __repr__(self) -> str:
        return f"Symbol({self._layer!r})"


class Input(Symbol):
    """The input of a Graph.

    Parameters
    ----------
    shape : int or sequence of int
        The shape of one sample, without the batch.

    Examples
    --------
    >>> x = nc.Input(3)
    >>> net = nc.Graph(x, nc.Add()(x, nc.Linear(3, 3)(x)), seed=0)
    >>> net(np.zeros((5, 3))).shape
    (5, 3)
    """

    __slots__ = ("_shape",)

    def __init__(self, shape: int | Sequence[int]) -> None:
        super().__init__(None, ())
        self._shape = extents("Input", "shape", shape, 2**62)
        if len(self._shape) > 8 or math.prod(n for n in self._shape if n) > 2**62:
            raise ShapeError(f"[Input] shape: expected at most 8 axes and 2^62 elements, got {self._shape}")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return self._shape

    def __repr__(self) -> str:
        return f"Input({self.shape})"


def symbol_of(layer: Any, inputs: Sequence[Any]) -> Symbol:
    """The symbol of a layer's output; ConfigError if only some of the inputs are symbols."""
    for given in inputs:
        if not isinstance(given, Symbol):
            what = f"got {describe(given)} beside a Symbol"
            raise ConfigError(f"[{type(layer).__name__}] inputs: expected symbols or arrays, not both, {what}")
    return Symbol(layer, inputs)


def refuse_list(where: str, given: Any) -> None:
    """ConfigError for a list of symbols, as Keras takes them."""
    if isinstance(given, (list, tuple)) and any(isinstance(item, Symbol) for item in given):
        mend = "write layer(x)" if len(given) == 1 else "join them first: layer(nc.Concat()(a, b))"
        raise ConfigError(f"[{where}] inputs: expected one symbol, got a list of {len(given)} ({mend})")


def places_of(source: Input, end: Symbol) -> tuple[dict[str, Any], list[list[int]]]:
    """The layers between two symbols by name, in the order of their calls, and for each the indices of its inputs."""
    found: dict[int, Symbol] = {}
    waiting = [end]
    while waiting:
        symbol = waiting.pop()
        if symbol._number in found:
            continue
        found[symbol._number] = symbol
        waiting += symbol._reads
        if isinstance(symbol, Input) and symbol is not source:
            what = f"expected one that depends on {source!r} alone, got one that depends on {symbol!r}, too"
            raise ConfigError(f"[Graph] outputs: {what}")
    order = [number for number in sorted(found) if found[number] is not source]
    values = {source._number: 0, **{number: i + 1 for i, number in enumerate(order)}}
    layers = {str(i): found[number]._layer for i, number in enumerate(order)}
    return layers, [[values[read._number] for read in found[number]._reads] for number in order]
