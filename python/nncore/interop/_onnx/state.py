"""State: the values of a graph while its nodes become layers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import describe
from nncore.interop._onnx.net import Net, Var
from nncore.interop._onnx.source import Node

_Array = NDArray[Any]


class State:
    """What the handlers of operators share."""

    def __init__(self, net: Net, opset: int, batch: int | None, constants: dict[str, _Array]) -> None:
        self.net, self.opset, self.batch = net, opset, batch
        self.values: dict[str, Var | _Array] = dict(constants)
        self.readers: Counter[str] = Counter()  #: of values
        self.operators: dict[str, set[str]] = {}  #: that read a value

    def reads(self, name: str, op: str) -> None:
        """A node of that operator reads the value."""
        if op != "Shape":
            self.readers[name] += 1
        self.operators.setdefault(name, set()).add(op)

    def given(self, node: Node) -> list[Var | _Array | None]:
        """The inputs; None for those left out."""
        return [self.values[name] if name else None for name in node.inputs]

    def var(self, node: Node, number: int = 0, *, changed: bool = False) -> Var:
        """An input that depends on the model's. changed: its shape may have axes of 1 that the model's value lacks."""
        value = self.values.get(node.inputs[number]) if number < len(node.inputs) else None
        if not isinstance(value, Var):
            return node.refuse(f"input {number}: expected a value that depends on the model's input, got a constant")
        if value.ones and not changed:
            node.refuse(f"input {number}: expected values as they are, got ones with another shape, {value.shape}")
        return value

    def constant(self, node: Node, number: int, what: str, *, shape: tuple[int, ...] | None = None) -> _Array:
        """An input that is constant."""
        value = self.optional(node, number, what)
        if value is None:
            return node.broken(f"input {number}: expected {what}, got none")
        if shape is not None and value.shape != shape:
            node.broken(f"{what}: expected shape {shape}, got {value.shape}")
        return value

    def optional(self, node: Node, number: int, what: str) -> _Array | None:
        """A constant input, or None where it is left out."""
        name = node.inputs[number] if number < len(node.inputs) else ""
        value = self.values[name] if name else None
        if value is not None and not isinstance(value, np.ndarray):
            return node.refuse(f"input {number}: expected a constant {what}, got one that depends on the input")
        if value is not None and value.dtype.kind == "b":
            node.broken(f"{what}: expected numbers, got {describe(value)}")
        return value

    def alone(self, name: str) -> bool:
        """Whether one node alone reads a value."""
        return self.readers[name] == 1
