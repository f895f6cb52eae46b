"""Net: the layers that nodes become, and the model that is made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nncore import _core
from nncore._registry.registered import CLASSES
from nncore.errors import ConfigError, FormatError, ShapeError
from nncore.interop._onnx.source import Node
from nncore.nn._files.save import arrays_of
from nncore.nn._graph import Graph, joined
from nncore.nn._initializer import restoring
from nncore.nn._layer import Layer, spec_of
from nncore.nn._model import core_of
from nncore.nn._normalize import Normalize
from nncore.nn._sequential import Sequential, chain

#: The shape of a sample; None for sizes that are not fixed.
Shape = tuple[int | None, ...]
_Array = NDArray[Any]


class Var(NamedTuple):
    """A value that depends on the input: 0 is the input itself, i + 1 the output of layer i.

    ones: how many axes of 1 at the end of its shape in the file the model's value does not have.
    """

    number: int
    shape: Shape
    ones: int = 0


@dataclass
class Made:
    """A layer to be: its class, arguments, the indices of the values it reads, its numbers, and the nodes' names."""

    node: Node
    kind: str
    arguments: dict[str, Any]
    reads: list[int]
    arrays: dict[str, _Array] = field(default_factory=dict)
    sources: tuple[str, ...] | None = None  #: names of the tensors, by which layers are known to be the same
    scales: bool = False  #: a BatchNorm that only multiplies and adds: what follows may become part of it


class Net:
    """The layers in the order of computation."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.layers: list[Made] = []
        self.normalize: tuple[_Array, _Array] | None = None  #: mean and std

    def add(
        self,
        node: Node,
        kind: str,
        reads: Sequence[Var],
        shape: Shape,
        arguments: Mapping[str, Any] | None = None,
        arrays: Mapping[str, _Array] | None = None,
        *,
        sources: tuple[str, ...] | None = None,
        ones: int = 0,
    ) -> Var:
        """One more layer; returns its output."""
        indices = [value.number for value in reads]
        self.layers.append(Made(node, kind, dict(arguments or {}), indices, dict(arrays or {}), sources))
        return Var(len(self.layers), shape, ones)

    def made(self, value: Var) -> Made | None:
        """The layer that gives a value; None for the input."""
        return self.layers[value.number - 1] if value.number else None

    def model(self, output: int, dtype: str) -> Sequential | Graph:
        """The model whose output is the value of that index."""
        chosen = self._chosen(output)
        number = {0: 0, **{index: i + 1 for i, index in enumerate(chosen)}}
        made = [self.layers[index - 1] for index in chosen]
        reads = [[number[each] for each in one.reads] for one in made]
        layers = _layers_of(made)
        names = {str(i): layer for i, layer in enumerate(layers)}
        facts = {"dtype": dtype, "seed": 0, "input": self._input()}
        try:
            with restoring():
                net = self._join(names, reads, facts)
        except ShapeError as error:
            raise FormatError(f"[onnx.load] the layers do not fit: {error}") from None
        arrays = arrays_of(core_of(net))
        for name, one in zip(names, made, strict=True):
            for part, numbers in one.arrays.items():
                own = arrays.get(f"{name}.{part}")
                if own is not None:  # a shared layer has its numbers under its first name
                    _set(own, numbers, one.node)
        return net

    def _chosen(self, output: int) -> list[int]:
        """The indices of the layers that the output depends on, in order."""
        found, waiting = {output}, [output]
        while waiting:
            index = waiting.pop()
            more = set(self.layers[index - 1].reads if index else ()) - found
            found |= more
            waiting += more
        if 0 not in found:
            raise ConfigError("[onnx.load] expected an output that depends on the input, got a constant one")
        return sorted(found - {0})

    def _input(self) -> Normalize | None:
        return None if self.normalize is None else Normalize(*self.normalize)

    def _join(self, layers: dict[str, Layer], reads: list[list[int]], facts: dict[str, Any]) -> Sequential | Graph:
        fixed = [n for n in self.shape if n is not None]
        whole = len(fixed) == len(self.shape)
        if all(values == [i] for i, values in enumerate(reads)):
            net = chain(layers, **facts)
            if whole:
                core_of(net).describe(fixed)
            return net
        if not whole:
            raise ConfigError(
                f"[onnx.load] input: expected fixed sizes behind the batch for a model with branches, got {self.shape}"
            )
        return joined(layers, reads, tuple(fixed), **facts)


def _layers_of(made: Iterable[Made]) -> list[Layer]:
    """The layers; those of the same kind, settings and tensors are one, as tied weights are."""
    known: dict[Any, Layer] = {}
    layers, claimed, given = [], 0, 0
    for number, one in enumerate(made):
        key = number if one.sources is None else (one.kind, tuple(one.arguments.items()), one.sources)
        if key not in known:
            try:
                made_layer: Any = CLASSES["layer", one.kind](**one.arguments)
                known[key] = made_layer
            except (ConfigError, ShapeError) as error:
                one.node.refuse(str(error))
            claimed += _core.declared_size(spec_of(known[key]))
            given += sum(array.size for array in one.arrays.values()) + 64
        layers.append(known[key])
    if claimed > given:  # before anything is allocated
        raise FormatError(f"[onnx.load] the layers claim {claimed} numbers, and there are {given}")
    return layers


def _set(own: _Array, numbers: _Array, node: Node) -> None:
    if own.shape != numbers.shape:
        node.broken(f"expected numbers of shape {own.shape}, got {numbers.shape}")
    with np.errstate(over="ignore"):
        own[...] = numbers
    if own.dtype == np.float32 and numbers.dtype == np.float64 and np.isinf(own).any() and not np.isinf(numbers).any():
        node.refuse('expected numbers that float32 holds, got larger ones (hint: dtype="float64")')
