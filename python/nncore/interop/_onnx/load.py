"""load: the model that an ONNX file describes."""

from __future__ import annotations

import os
from typing import Any

from numpy.typing import NDArray

from nncore._support.checks import dtype_name
from nncore._support.files import path_of, read_file
from nncore._support.names import keywords
from nncore.errors import ConfigError, FormatError, ShapeError
from nncore.interop._onnx.constants import Constants
from nncore.interop._onnx.functions import DIRECT, Functions
from nncore.interop._onnx.images import IMAGES
from nncore.interop._onnx.library import library
from nncore.interop._onnx.net import Net, Var
from nncore.interop._onnx.operators import OPERATORS
from nncore.interop._onnx.shapes import SHAPES
from nncore.interop._onnx.source import Node, Source
from nncore.interop._onnx.state import State
from nncore.interop._onnx.tensors import Tensors
from nncore.nn._graph import Graph
from nncore.nn._sequential import Sequential

_Array = NDArray[Any]
_HANDLERS = {**OPERATORS, **IMAGES, **SHAPES}
#: What constants that are computed may take beyond the size of the file.
_SLACK = 1 << 24
#: What protobuf reads at most, in bytes.
_LARGEST = 2**31 - 1
#: The activation that one node or several compute: layer, arguments, the value it reads.
_Match = tuple[str, dict[str, Any], str]


@keywords()
def load(path_or_model: Any, *, dtype: str = "float32") -> Sequential | Graph:
    """Makes a model of an ONNX file, or of an `onnx.ModelProto`.

    Read are Conv (2-D), Gemm, MatMul, BatchNormalization, LayerNormalization, MaxPool, AveragePool, GlobalAveragePool,
    GlobalMaxPool, ReduceMean (of images), Softmax, LogSoftmax, Dropout, Identity, Flatten, Reshape to one row for each
    sample, Add, Sum, Mul and Concat of branches, Add, Sub, Mul and Div with constants for each channel, and every
    activation, as one operator or in steps: x * sigmoid(x), or GELU by Erf. Constants are computed when the file is
    read. Files of operator sets (opsets) 7 to 28.

    Parameters
    ----------
    path_or_model : str, path or onnx.ModelProto
        Tensors in a second file are read only from the folder of the given one, or below it.
    dtype : {"float32", "float64"}
        Of the model.

    Returns
    -------
    Sequential or Graph
        A Graph where there are branches. Layers are called "0", "1", … in the order of computation; tensors that
        several nodes share are shared. Subtraction and division at the input become the model's Normalize.

    Raises
    ------
    ConfigError
        An operator, attribute or shape that models here have no layer for, with the node's name.
    FormatError
        The file is damaged, or not ONNX. Files hold no code, and reading one runs none.
    OSError
        It cannot be read.
    ImportError
        The package onnx is missing: pip install nncore[onnx].

    Notes
    -----
    Pads that differ at the two ends become zeros in the kernel of a Conv2d. Statistics stay those of the file;
    ONNX's momentum is what is kept, so that 0.9 becomes 0.1.
    Source: the ONNX specification, https://onnx.ai/onnx.

    Examples
    --------
    >>> net = nc.Sequential(nc.Linear(2, 8), nc.SiLU(), nc.Linear(8, 3), seed=0)
    >>> again = nc.onnx.load(nc.onnx.export(net))
    >>> x = np.ones((1, 2))
    >>> bool((again(x) == net(x)).all())
    True
    """
    name = dtype_name("onnx.load", dtype)
    onnx = library()
    if isinstance(path_or_model, onnx.ModelProto):
        proto, folder, size = path_or_model, None, path_or_model.ByteSize()
    else:
        path = path_of("onnx.load", path_or_model)
        proto, size = _parsed(onnx, path)
        folder = os.path.dirname(path) or "."
    errors = (ValueError, TypeError, LookupError, OverflowError, RecursionError, ArithmeticError)
    try:
        return _model(proto, folder, size, name)
    except ShapeError as error:
        raise FormatError(f"[onnx.load] the layers do not fit: {error}") from None
    except (ConfigError, FormatError):
        raise
    except errors as error:
        raise FormatError(f"[onnx.load] expected an ONNX model, got a damaged one: {error}") from error


def _parsed(onnx: Any, path: str) -> tuple[Any, int]:
    try:
        content = read_file(path, _LARGEST)
    except ValueError:
        raise FormatError(f"[onnx.load] {path}: expected a file of less than 2 GB, got a larger one or none") from None
    try:
        return onnx.ModelProto.FromString(content), len(content)
    except Exception as error:  # of protobuf, whose classes differ from version to version
        raise FormatError(f"[onnx.load] {path}: expected an ONNX file, got something else: {error}") from None


def _model(proto: Any, folder: str | None, size: int, dtype: str) -> Sequential | Graph:
    source = Source(proto, Tensors(folder))
    constants = source.constants()
    makers = Constants(source, size + _SLACK)
    for node in source.nodes:
        inputs = [constants.get(name) for name in node.inputs]
        if all(array is not None or not name for array, name in zip(inputs, node.inputs, strict=True)):
            array = makers.computed(node, inputs)
            if array is not None:
                constants[node.outputs[0]] = array
                node.done()
    steps = _steps(source, constants)
    net = Net(source.shape)
    state = State(net, source.opset, source.batch, constants)
    state.values[source.input] = Var(0, source.shape)
    for node, match in steps:
        for name in dict.fromkeys([match[2]] if match else node.inputs):
            if name:
                state.reads(name, "function" if match else node.op)
    others = sorted(state.operators.get(source.input, set()) - {"Cast", "Shape"})
    if source.whole_numbers and others:
        raise ConfigError(f"[onnx.load] input: expected floating-point numbers, or a Cast to them before {others[0]}")
    for node, match in steps:
        state.values[node.outputs[0]] = _value(state, makers, node, match)
        node.done()
    output = state.values[source.output]
    if not isinstance(output, Var):
        raise ConfigError("[onnx.load] expected an output that depends on the input, got a constant one")
    if output.ones:
        raise ConfigError(
            f"[onnx.load] output: expected values as they are, got ones with another shape {output.shape}"
        )
    if not output.number:
        output = net.add(Node(library().NodeProto(op_type="Identity"), 0), "Identity", [output], output.shape)
    return net.model(output.number, dtype)


def _steps(source: Source, constants: dict[str, _Array]) -> list[tuple[Node, _Match | None]]:
    """The nodes that become layers, in the order of computation; those inside an activation are left out."""
    makers = {name: node for node in source.nodes for name in node.outputs if name}
    places = {node.outputs[0]: place for place, node in enumerate(source.nodes) if node.outputs}
    functions = Functions(makers, constants, places)
    wanted, steps = {source.output}, []
    for node in reversed(source.nodes):
        asked = wanted & set(node.outputs) - constants.keys()
        if not asked:
            continue
        if asked != {node.outputs[0]}:
            node.refuse(f"expected its first output to be read alone, got {sorted(asked)[-1]!r} to be read")
        match = functions.match(node)
        wanted |= {match[2]} if match else set(node.inputs)
        steps.append((node, match))
    return steps[::-1]


def _value(state: State, makers: Constants, node: Node, match: _Match | None) -> Var | _Array:
    if match is not None:
        kind, arguments, name = match
        if not name:
            node.broken("expected an input, got none")
        x = state.values.get(name)
        if not isinstance(x, Var):
            return node.refuse("expected a value that depends on the model's input, got none")
        if node.op in DIRECT and len(node.inputs) != 1:
            node.broken("expected one input")
        return state.net.add(node, kind, [x], x.shape, arguments, ones=x.ones)
    inputs = state.given(node)
    arrays = [value for value in inputs if not isinstance(value, Var)]
    if len(arrays) == len(inputs):
        array = makers.computed(node, arrays)
        if array is not None:
            return array
    if node.op not in _HANDLERS:
        return node.refuse("expected an operator that models here have a layer for")
    if not inputs:
        node.broken("expected inputs, got none")
    return _HANDLERS[node.op](state, node)
