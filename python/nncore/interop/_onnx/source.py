"""Source: the graph of an ONNX file, checked, in the order it is computed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import describe
from nncore.errors import ConfigError, FormatError
from nncore.interop._onnx.tensors import Tensors, dtype_of

#: Sets of operators that are read. Those before have other forms of the same operators.
OLDEST_OPSET = 7
_FLOAT, _INT, _STRING, _TENSOR, _FLOATS, _INTS = 1, 2, 3, 4, 6, 7  # of onnx.AttributeProto.AttributeType
_DOMAINS = ("", "ai.onnx")
#: Nodes and tensors of a graph: an empty one takes two bytes of a file, and much more when it is read.
_MOST = 8_000
_NONE = object()


class Node:
    """One node: an operator, the names of its inputs and outputs, its attributes."""

    def __init__(self, proto: Any, number: int) -> None:
        self.name = proto.name or f"#{number}"
        domain = "" if proto.domain in _DOMAINS else f"{proto.domain}."
        self.op = f"{domain}{proto.op_type}"
        self.inputs = list(proto.input)
        while self.inputs and not self.inputs[-1]:
            self.inputs.pop()
        self.outputs = list(proto.output)
        self._attributes = {each.name: each for each in proto.attribute}
        if len(self._attributes) < len(proto.attribute):
            self.broken("expected attributes with names of their own")
        self._read: set[str] = set()

    def __str__(self) -> str:
        return f"[onnx.load] node {describe(self.name)}, {describe(self.op)}"

    def refuse(self, reason: str) -> NoReturn:
        """ConfigError: models here have nothing for it."""
        raise ConfigError(f"{self}: {reason}")

    def broken(self, reason: str) -> NoReturn:
        """FormatError: ONNX does not allow it."""
        raise FormatError(f"{self}: {reason}")

    def attribute(self, name: str, default: Any = _NONE) -> Any:
        """A number, text, tensor or list of numbers; what is never asked for is refused by `done`."""
        self._read.add(name)
        proto = self._attributes.get(name)
        if proto is None:
            return self.broken(f"expected the attribute {name}, got none") if default is _NONE else default
        if proto.ref_attr_name:
            self.refuse(f"attribute {name}: expected a value, got a reference")
        found: Any = {
            _FLOAT: lambda: float(str(np.float32(proto.f))),  # 0.1 for the float32 that is nearest to it
            _INT: lambda: int(proto.i),
            _STRING: lambda: proto.s.decode("utf-8", "replace"),
            _TENSOR: lambda: proto.t,
            _FLOATS: lambda: [float(str(np.float32(value))) for value in proto.floats],
            _INTS: lambda: [int(value) for value in proto.ints],
        }.get(proto.type)
        if found is None:
            self.refuse(f"attribute {name}: expected a number, text or a tensor, got type {proto.type}")
        value = found()
        if default is not _NONE and default is not None and type(value) not in (type(default), type(None)):
            self.broken(f"attribute {name}: expected {type(default).__name__}, got {describe(value)}")
        return value

    def integers(self, name: str, n: int, default: list[int] | None = None) -> list[int]:
        """An attribute of n integers."""
        value = self.attribute(name, None)
        value = default if value is None else value
        if not isinstance(value, list) or len(value) != n or not all(type(each) is int for each in value):
            self.broken(f"attribute {name}: expected {n} integers, got {describe(value)}")
        return value

    def done(self) -> None:
        """ConfigError for attributes that were not read."""
        for name in self._attributes.keys() - self._read:
            self.refuse(f"attribute {describe(name)} is not known")


class Source:
    """The graph of a model: its one input and output, its constants and the nodes that the output depends on."""

    def __init__(self, proto: Any, tensors: Tensors) -> None:
        self.opset = _opset(proto)
        if not proto.HasField("graph"):
            raise FormatError("[onnx.load] expected a model with a graph, got none")
        if len(proto.functions):
            raise ConfigError(f"[onnx.load] expected nodes alone, got the function {describe(proto.functions[0].name)}")
        graph = proto.graph
        if len(graph.sparse_initializer):
            raise ConfigError("[onnx.load] expected dense tensors, got a sparse one")
        for what, n in {
            "nodes": len(graph.node),
            "tensors": len(graph.initializer),
            "inputs": len(graph.input),
        }.items():
            if n > _MOST:
                raise ConfigError(f"[onnx.load] {what}: expected at most {_MOST}, got {n}")
        self.tensors = tensors
        self._unread = {tensor.name: tensor for tensor in graph.initializer}
        inputs = [value for value in graph.input if value.name not in self._unread]
        if len(inputs) != 1 or len(graph.output) != 1:
            names = [[value.name for value in values][:5] for values in (inputs, graph.output)]
            raise ConfigError(f"[onnx.load] expected one input and one output, got {names[0]} and {names[1]}")
        self.input, self.output = inputs[0].name, str(graph.output[0].name)
        self.batch, self.shape = _input_shape(inputs[0])
        self.whole_numbers = dtype_of(inputs[0].type.tensor_type.elem_type).kind != "f"  # type: ignore[union-attr]
        nodes = [Node(each, number) for number, each in enumerate(graph.node)]
        self._makers = self._made(nodes, [*self._unread, self.input], len(self._unread) < len(graph.initializer))
        self.nodes = self._ordered()

    def _made(self, nodes: list[Node], given: Iterable[str], twice: bool) -> dict[str, Node]:
        makers: dict[str, Node] = {}
        known = set(given)
        if twice or "" in known:
            raise FormatError("[onnx.load] expected a name of its own for each tensor")
        for node in nodes:
            for name in node.outputs:
                if name and (name in known or name in makers):
                    node.broken(f"its output {describe(name)} is made twice")
                makers[name] = node
        return makers

    def _ordered(self) -> list[Node]:
        """The nodes that the output depends on, each after those it depends on; no recursion, however deep."""
        order: list[Node] = []
        state: dict[int, bool] = {}  # of nodes by id: on the way down, or done
        waiting: list[tuple[str, Node | None]] = [(self.output, None)]
        while waiting:
            name, reader = waiting.pop()
            if reader is not None and name == "":
                state[id(reader)] = True
                order.append(reader)
                continue
            node = self._makers.get(name)
            if node is None:
                self._check_known(name, reader)
                continue
            if id(node) in state:
                if not state[id(node)]:
                    node.broken("it depends on itself")
                continue
            state[id(node)] = False
            waiting.append(("", node))
            waiting += [(each, node) for each in node.inputs if each]
        return order

    def _check_known(self, name: str, reader: Node | None) -> None:
        if name != self.input and name not in self._unread:
            where = "[onnx.load] output" if reader is None else f"{reader}"
            raise FormatError(f"{where}: expected what a node, a tensor or the input gives, got {describe(name)}")

    def constants(self) -> dict[str, NDArray[Any]]:
        """The tensors that nodes read."""
        names = {name for node in self.nodes for name in node.inputs} | {self.output}
        return {name: self.tensors.array(self._unread[name], name) for name in self._unread if name in names}


def _opset(proto: Any) -> int:
    versions = [entry.version for entry in proto.opset_import if entry.domain in _DOMAINS]
    if len(versions) != 1:
        raise FormatError(f"[onnx.load] expected one version of ONNX's operators, got {versions[:5]}")
    from nncore.interop._onnx.library import library

    newest = int(library().defs.onnx_opset_version())
    if not OLDEST_OPSET <= versions[0] <= newest:
        raise ConfigError(f"[onnx.load] opset: expected {OLDEST_OPSET} to {newest}, got {versions[0]}")
    return int(versions[0])


def _input_shape(value: Any) -> tuple[int | None, tuple[int | None, ...]]:
    """The batch size, if it is fixed, and the shape of a sample; None for sizes that are not."""
    where = f"[onnx.load] input {describe(value.name)}"
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type") or dtype_of(tensor.elem_type) is None:
        raise ConfigError(f"{where}: expected a tensor of numbers, got another type")
    if not tensor.HasField("shape") or not len(tensor.shape.dim):
        raise ConfigError(f"{where}: expected a shape with a batch first, got none")
    sizes = [int(dim.dim_value) if dim.HasField("dim_value") else None for dim in tensor.shape.dim]
    if any(n is not None and not 0 < n < 2**31 for n in sizes[1:]) or len(sizes) > 9:
        raise FormatError(f"{where}: expected sizes of 1 or more, got {sizes[:9]}")
    return sizes[0], tuple(sizes[1:])
