"""export: a model as an ONNX file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from nncore import _core
from nncore._support.checks import describe, extents, integer
from nncore._support.files import path_of, write_file
from nncore._support.names import keywords
from nncore.errors import ConfigError, ShapeError
from nncore.interop._onnx.ends import labels, probabilities
from nncore.interop._onnx.layers import emit
from nncore.interop._onnx.library import LOWEST_OPSET, library
from nncore.interop._onnx.writer import Value, Writer
from nncore.nn._container import Container
from nncore.nn._layer import Layer, spec_of
from nncore.nn._model import Model, core_of, layers_of, reads_of, sample_shape_of
from nncore.nn._normalize import takes_bytes

_OUTPUTS = ("raw", "probabilities", "labels")
#: Extents of an axis of the input, or what stands for one that may be of any size.
_Shape = tuple[int | str, ...]


@keywords()
def export(
    model: Model,
    path: str | os.PathLike[str] | None = None,
    *,
    input_shape: int | Sequence[int] | None = None,
    opset: int | None = None,
    output: str = "raw",
) -> Any:
    """Writes a model as an ONNX file, or makes an `onnx.ModelProto` of it.

    The graph has one input "input" and one output "output" with a batch "N" of any size, and computes what the model
    computes in inference. Parameters and statistics are its initialisers, under the names that `state_dict` gives
    them. The model's Normalize is part of it.

    Parameters
    ----------
    model : Sequential or Graph
        float32 or float64, which the graph keeps.
    path : str or path, optional
        The file, which appears whole or not at all. None: nothing is written.
    input_shape : int or sequence of int, optional
        The shape of one sample. None: a Graph's, that of Normalize, or that of the first layer that tells:
        (in_features,) of a Linear, or images of any size with the channels of a Conv2d.
    opset : int, optional
        The version of ONNX's operators. None: the lowest that says what the model needs: 17; 20 for GELU; 22 where a
        pooling has ceil_mode. The file's IR version is the lowest that goes with it.
    output : {"raw", "probabilities", "labels"}
        What the graph computes: as `model(x)`, as `model.predict_proba(x)`, or as `model.predict(x)` of a classifier
        (int64). The last two read the outputs as the last loss did that the model was trained with.

    Returns
    -------
    str or onnx.ModelProto
        The path; without one the model in memory.

    Raises
    ------
    ConfigError
        A layer written in Python, by its name; an opset that is too low or unknown; an input shape that cannot be told;
        probabilities or labels of a model that gives values.
    ShapeError
        An input shape that does not fit.
    ImportError
        The package onnx is missing: pip install nncore[onnx].

    Notes
    -----
    The input is uint8 where the model's Normalize was made of bytes by `from_data`, or is `Normalize(0, 255)`, else of
    the model's dtype. Files do not keep what `from_data` was given. Dropout is left out. Attributes of nodes are
    float32, also in a float64 model (eps, alpha).
    Source: the ONNX specification, https://onnx.ai/onnx.

    Examples
    --------
    >>> net = nc.Sequential(nc.Linear(2, 8), nc.Tanh(), nc.Linear(8, 3), seed=0)
    >>> proto = nc.onnx.export(net, output="probabilities")
    >>> [node.op_type for node in proto.graph.node]
    ['Gemm', 'Tanh', 'Gemm', 'Softmax']
    """
    if not isinstance(model, Model):
        raise ConfigError(f"[onnx.export] model: expected a Sequential or a Graph, got {describe(model)}")
    where = None if path is None else path_of("onnx.export", path)
    if not isinstance(output, str) or output not in _OUTPUTS:
        raise ConfigError(f"[onnx.export] output: expected one of {', '.join(_OUTPUTS)}, got {describe(output)}")
    onnx = library()
    newest = int(onnx.defs.onnx_opset_version())
    wanted = None if opset is None else integer("onnx.export", "opset", opset, LOWEST_OPSET, newest)
    net: Model = model.copy()  # another thread may train it meanwhile
    proto = _proto(onnx, net, _input_shape(net, input_shape), wanted, output)
    if where is None:
        return proto
    try:
        content = proto.SerializeToString()
    except ValueError:
        raise ConfigError("[onnx.export] model: expected less than 2 GB of parameters, as ONNX files hold") from None
    write_file(where, content)
    return where


def _proto(onnx: Any, net: Model, shape: _Shape, opset: int | None, output: str) -> Any:
    writer = Writer(net.dtype)
    number = onnx.helper.np_dtype_to_tensor_dtype(writer.dtype)
    of_input = onnx.TensorProto.UINT8 if takes_bytes(net.input) else number
    values, places = [_input(writer, net, len(shape) + 1, number)], dict[int, str]()
    for (place, layer), reads in zip(layers_of(net).items(), reads_of(net), strict=True):
        values.append(emit(writer, layer, [values[i] for i in reads], place, places))
    end, of_output = values[-1], number
    out = _output_shape(net, shape, end)
    kind, link, several = str(core_of(net).kind_of_outputs), net._link, out[-1] != 1 if out else False
    if output == "probabilities":
        end = probabilities(writer, end, several, link, kind)
    elif output == "labels":
        end = labels(writer, end, several, link, kind)
        out, of_output = out[: end.rank - 1], onnx.TensorProto.INT64
    if opset is not None and opset < writer.opset:
        raise ConfigError(f"[onnx.export] opset: expected {writer.opset} or more for {writer.needs}, got {opset}")
    writer.finish(writer.opset if opset is None else opset)
    _rename(writer, end)
    graph = onnx.helper.make_graph(
        writer.nodes,
        type(net).__name__,
        [onnx.helper.make_tensor_value_info("input", of_input, ["N", *shape])],
        [onnx.helper.make_tensor_value_info("output", of_output, ["N", *out])],
        [onnx.numpy_helper.from_array(array, name) for name, array in writer.constants.items()],
    )
    sets = [onnx.helper.make_opsetid("", writer.opset)]
    return onnx.helper.make_model(
        graph,
        opset_imports=sets,
        ir_version=onnx.helper.find_min_ir_version_for(sets),
        producer_name="nncore",
        producer_version=_core.__version__,
    )


def _rename(writer: Writer, end: Value) -> None:
    """The last value is the output."""
    for node in writer.nodes:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                if name == end.name:
                    names[i] = "output"


def _input(writer: Writer, net: Model, rank: int, number: int) -> Value:
    """The first value: the input, normalised."""
    x = Value("input", rank)
    if net.input is None:
        return x
    writer.place = "input"
    if takes_bytes(net.input):
        x = writer.node("Cast", [x], rank, to=number)
    x = writer.node("Sub", [x.name, writer.parameter("input.mean", net.input.mean)], rank)
    return writer.node("Div", [x.name, writer.parameter("input.std", net.input.std)], rank)


def _input_shape(net: Model, given: int | Sequence[int] | None) -> _Shape:
    """The shape of one sample, for which the layers fit."""
    fixed = sample_shape_of(net)
    if given is None and fixed is None and net.input is not None:
        given = next((array.shape for array in (net.input.mean, net.input.std) if array.ndim), None)
    if given is None and fixed is None:
        channels = _channels(net)
        if channels is not None:
            return (channels, "H", "W")
    shape = fixed if given is None else extents("onnx.export", "input_shape", given, 2**62)
    if fixed is not None and shape != fixed:
        raise ShapeError(f"[onnx.export] input_shape: expected the Graph's, {fixed}, got {shape}")
    try:
        shape = net.summary(shape).input_shape
    except (ConfigError, ShapeError) as error:
        mend = "" if given is not None else " (hint: input_shape=(…), the shape of one sample)"
        raise type(error)(str(error).replace("[summary]", "[onnx.export]", 1) + mend) from None
    if 0 in shape:
        raise ShapeError(f"[onnx.export] input_shape: expected sizes of 1 or more, got {shape}")
    return shape


def _channels(layers: Model | Container) -> int | None:
    """The channels of the images that the first layer which tells something reads; None for other inputs."""
    for layer in layers:
        kind = str(spec_of(layer).name) if not isinstance(layer, Container) else "Residual"
        found = _channels(layer) if isinstance(layer, Container) else _channels_of(layer, kind)
        if found is not None or kind in ("Linear", "Flatten", "LayerNorm", "BatchNorm1d"):
            return found
    return None


def _channels_of(layer: Layer, kind: str) -> int | None:
    name = {"Conv2d": "in_channels", "BatchNorm2d": "num_features"}.get(kind)
    return None if name is None else int(layer.config[name])


def _output_shape(net: Model, shape: _Shape, end: Value) -> _Shape:
    """The shape of one output sample; sizes that depend on those of the images get names."""
    known = tuple(n for n in shape if isinstance(n, int))
    if known == shape:
        return tuple(net.summary(known).rows[-1].output_shape)
    last = list(net)[-1]
    size = int(last.config["out_features"]) if spec_of(last).name == "Linear" else "C_out"
    return (size,) if end.rank == 2 else ("C_out", "H_out", "W_out")[: end.rank - 1]
