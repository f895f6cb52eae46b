"""Writer: the nodes and constants of an ONNX graph while it is put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nncore.interop._onnx.library import LOWEST_OPSET, library


class Value(NamedTuple):
    """A value of the graph: its name, and its number of axes, with the batch's."""

    name: str
    rank: int


class Writer:
    """Collects nodes in the order they are computed. Nodes are named after the layer that they belong to."""

    def __init__(self, dtype: str) -> None:
        self.dtype = np.dtype(dtype)
        self.nodes: list[Any] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self.opset = LOWEST_OPSET
        self.needs = ""  #: what asks for that opset
        self.place = ""
        self._names: set[str] = set()
        self._means: list[tuple[Any, list[int]]] = []

    def require(self, opset: int, what: str) -> None:
        """The graph says something that the sets of operators before this one cannot."""
        if opset > self.opset:
            self.opset, self.needs = opset, what

    def node(self, op: str, inputs: Sequence[Value | str], rank: int, *, outputs: int = 1, **attributes: Any) -> Value:
        """Adds a node; returns its first output, with that many axes."""
        name = self._unused(f"{self.place}/{op}")
        names = [given.name if isinstance(given, Value) else given for given in inputs]
        made = [name, *(self._unused(f"{name}_{i}") for i in range(1, outputs))]
        self.nodes.append(library().helper.make_node(op, names, made, name=name, **attributes))
        return Value(name, rank)

    def mean(self, x: Value, axes: list[int]) -> Value:
        """The mean over axes, which stay as axes of 1."""
        y = self.node("ReduceMean", [x], x.rank, keepdims=1)
        self._means.append((self.nodes[-1], axes))
        return y

    def finish(self, opset: int) -> None:
        """Writes what is said differently in sets of operators."""
        self.opset = opset
        for node, axes in self._means:
            if opset < 18:
                node.attribute.append(library().helper.make_attribute("axes", axes))
            else:
                node.input.append(self._constant(f"{node.name}/axes", np.array(axes, np.int64)))

    def parameter(self, name: str, array: NDArray[Any]) -> str:
        """An initialiser under its name in the state dict."""
        return self._constant(name, array.astype(self.dtype))

    def number(self, name: str, value: Any) -> str:
        """A constant in the model's type that is no parameter."""
        return self._constant(self._unused(f"{self.place}/{name}"), np.asarray(value, self.dtype))

    def integers(self, name: str, values: Any) -> str:
        """A constant of integers."""
        return self._constant(self._unused(f"{self.place}/{name}"), np.asarray(values, np.int64))

    def _constant(self, name: str, array: NDArray[Any]) -> str:
        self.constants.setdefault(name, array)
        return name

    def _unused(self, name: str) -> str:
        unused, number = name, 2
        while unused in self._names:
            unused, number = f"{name}_{number}", number + 1
        self._names.add(unused)
        return unused
