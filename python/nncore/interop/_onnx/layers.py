"""What each layer computes in inference, as nodes of an ONNX graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nncore.errors import ConfigError
from nncore.interop._onnx.writer import Value, Writer
from nncore.nn._container import CompiledLayer
from nncore.nn._layer import Layer, spec_of

#: writer, layer, what it reads, the name that its parameters begin with
_Emit = Callable[[Writer, Any, Sequence[Value], str], Value]


def emit(writer: Writer, layer: Layer, reads: Sequence[Value], place: str, first: dict[int, str]) -> Value:
    """Adds the nodes of a layer; returns its output. first: the place of each layer object that has one already."""
    if not isinstance(layer, CompiledLayer):
        raise ConfigError(
            f'[onnx.export] layer "{place}": expected layers of nncore, got {type(layer).__name__}, which is written '
            "in Python and has no ONNX operators"
        )
    kind = str(spec_of(layer).name)
    name = first.setdefault(id(layer), place)
    writer.place = place
    if kind == "Residual":
        return _residual(writer, layer, reads[0], place, first)
    if kind not in EMITTERS:
        raise ConfigError(f'[onnx.export] layer "{place}": expected a layer that has ONNX operators, got {kind}')
    return EMITTERS[kind](writer, layer, reads, name)


def _residual(writer: Writer, layer: Any, x: Value, place: str, first: dict[int, str]) -> Value:
    y = x
    for i, inner in enumerate(layer.layers):
        y = emit(writer, inner, [y], f"{place}.{i}", first)
    writer.place = place
    return writer.node("Add", [x, y], x.rank)


def _elementwise(op: str, **attributes: str) -> _Emit:
    """One node; attributes: of the node, from the layer's settings."""

    def add(writer: Writer, layer: Any, reads: Sequence[Value], name: str) -> Value:
        given: dict[str, Any] = {ours: float(getattr(layer, theirs)) for ours, theirs in attributes.items()}
        return writer.node(op, reads, reads[0].rank, **given)

    return add


def _rows(op: str) -> _Emit:
    def add(writer: Writer, layer: Any, reads: Sequence[Value], name: str) -> Value:
        return writer.node(op, reads, reads[0].rank, axis=-1)

    return add


def _gelu(writer: Writer, layer: Any, reads: Sequence[Value], name: str) -> Value:
    writer.require(20, f'GELU "{writer.place}"')
    return writer.node("Gelu", reads, reads[0].rank, approximate=layer.approximate)


def _silu(writer: Writer, layer: Any, reads: Sequence[Value], name: str) -> Value:
    x = reads[0]
    return writer.node("Mul", [x, writer.node("Sigmoid", [x], x.rank)], x.rank)


def _softplus(writer: Writer, layer: Any, reads: Sequence[Value], name: str) -> Value:
    """Beyond a threshold of 20 or more the two formulas differ by less than 2.1e-9 / beta."""
    x = scaled = reads[0]
    beta = writer.number("beta", layer.beta) if layer.beta != 1 else ""
    if beta:
        scaled = writer.node("Mul", [x, beta], x.rank)
    y = writer.node("Softplus", [scaled], x.rank)
    if beta:
        y = writer.node("Div", [y, beta], x.rank)
    if layer.threshold >= 20:
        return y
    beyond = writer.node("Greater", [scaled, writer.number("threshold", layer.threshold)], x.rank)
    return writer.node("Where", [beyond, x, y], x.rank)


def _linear(writer: Writer, layer: Any, reads: Sequence[Value], name: str) -> Value:
    x, weight = reads[0], writer.parameter(f"{name}.weight", layer.weight)
    bias = [] if layer.bias is None else [writer.parameter(f"{name}.bias", layer.bias)]
    if x.rank == 2:
        return writer.node("Gemm", [x, weight, *bias], 2, transB=1)
    turned = writer.node("Transpose", [weight], 2, perm=[1, 0])
    y = writer.node("MatMul", [x, turned], x.rank)
    return writer.node("Add", [y, *bias], x.rank) if bias else y


def _conv(writer: Writer, layer: Any, reads: Sequence[Value], name: str) -> Value:
    inputs = [reads[0].name, writer.parameter(f"{name}.weight", layer.weight)]
    if layer.bias is not None:
        inputs.append(writer.parameter(f"{name}.bias", layer.bias))
    kernel, dilations = _two(layer.kernel_size), _two(layer.dilation)
    if layer.padding == "same":  # of an even number of lacking pixels less one, the spare one is at the end
        lacking = [d * (k - 1) for k, d in zip(kernel, dilations, strict=True)]
        pads = [n // 2 for n in lacking] + [n - n // 2 for n in lacking]
    else:
        pads = _two(0 if layer.padding == "valid" else layer.padding) * 2
    return writer.node(
        "Conv",
        inputs,
        4,
        kernel_shape=kernel,
        strides=_two(layer.stride),
        dilations=dilations,
        pads=pads,
        group=layer.groups,
    )


def _pool(op: str) -> _Emit:
    def add(writer: Writer, layer: Any, reads: Sequence[Value], name: str) -> Value:
        kernel = _two(layer.kernel_size)
        given: dict[str, Any] = {
            "kernel_shape": kernel,
            "strides": kernel if layer.stride is None else _two(layer.stride),
            "pads": _two(layer.padding) * 2,
        }
        if layer.ceil_mode:  # before, onnx's shapes had a window more than runtimes compute
            writer.require(22, f'ceil_mode of {spec_of(layer).name} "{writer.place}"')
            given["ceil_mode"] = 1
        if op == "AveragePool":
            given["count_include_pad"] = int(layer.count_include_pad)
        return writer.node(op, reads, 4, **given)

    return add


def _global_pool(writer: Writer, layer: Any, reads: Sequence[Value], name: str) -> Value:
    return writer.node("Flatten", [writer.node("GlobalAveragePool", reads, 4)], 2, axis=1)


def _batch_norm(writer: Writer, layer: Any, reads: Sequence[Value], name: str) -> Value:
    x, n = reads[0], layer.num_features
    if not layer.track_running_stats:
        return _norm_of_batch(writer, layer, x, name)
    inputs = [x.name]
    for part, default in (("weight", np.ones(n)), ("bias", np.zeros(n)), ("running_mean", None), ("running_var", None)):
        own = getattr(layer, part)
        inputs.append(writer.number(part, default) if own is None else writer.parameter(f"{name}.{part}", own))
    return writer.node("BatchNormalization", inputs, x.rank, epsilon=layer.eps)


def _norm_of_batch(writer: Writer, layer: Any, x: Value, name: str) -> Value:
    """With the batch's own statistics, by the formula: ONNX Runtime 1.32 gives other numbers for the operator's
    training mode when it optimises a graph that reads nothing but its first output.
    """
    rank = x.rank
    axes = [axis for axis in range(rank) if axis != 1]
    apart = writer.node("Sub", [x, writer.mean(x, axes)], rank)
    variance = writer.mean(writer.node("Mul", [apart, apart], rank), axes)
    shifted = writer.node("Add", [variance, writer.number("eps", layer.eps)], rank)
    y = writer.node("Div", [apart, writer.node("Sqrt", [shifted], rank)], rank)
    for op, part in (("Mul", "weight"), ("Add", "bias")) if layer.affine else ():
        own = Value(writer.parameter(f"{name}.{part}", getattr(layer, part)), 1)
        y = writer.node(op, [y, _stretched(writer, own, rank - 1)], rank)
    return y


def _layer_norm(writer: Writer, layer: Any, reads: Sequence[Value], name: str) -> Value:
    inputs = [reads[0].name, *(writer.parameter(f"{name}.{part}", getattr(layer, part)) for part in ("weight", "bias"))]
    return writer.node("LayerNormalization", inputs, reads[0].rank, axis=-layer.weight.ndim, epsilon=layer.eps)


def _flatten(writer: Writer, layer: Any, reads: Sequence[Value], name: str) -> Value:
    return writer.node("Flatten", reads, 2, axis=1)


def _fold(op: str) -> _Emit:
    """One after the other, the result with the next input."""

    def add(writer: Writer, layer: Any, reads: Sequence[Value], name: str) -> Value:
        rank = max(value.rank for value in reads)
        whole = [_stretched(writer, value, rank) for value in reads]
        y = whole[0] if len(whole) > 1 else writer.node("Identity", whole, rank)
        for value in whole[1:]:
            y = writer.node(op, [y, value], rank)
        return y

    return add


def _stretched(writer: Writer, x: Value, rank: int) -> Value:
    """With axes of 1 behind its own: an input of Multiply scales what follows its axes."""
    if x.rank == rank:
        return x
    return writer.node("Unsqueeze", [x.name, writer.integers("axes", range(x.rank, rank))], rank)


def _concat(writer: Writer, layer: Any, reads: Sequence[Value], name: str) -> Value:
    return writer.node("Concat", reads, reads[0].rank, axis=layer.dim)


def _two(given: Any) -> list[int]:
    """A number for rows and columns alike, or one of each."""
    return [int(n) for n in given] if isinstance(given, tuple) else [int(given)] * 2


EMITTERS: dict[str, _Emit] = {
    "Add": _fold("Add"),
    "AvgPool2d": _pool("AveragePool"),
    "BatchNorm1d": _batch_norm,
    "BatchNorm2d": _batch_norm,
    "Concat": _concat,
    "Conv2d": _conv,
    "Dropout": _elementwise("Identity"),
    "ELU": _elementwise("Elu", alpha="alpha"),
    "Flatten": _flatten,
    "GELU": _gelu,
    "GlobalAvgPool2d": _global_pool,
    "Identity": _elementwise("Identity"),
    "LayerNorm": _layer_norm,
    "LeakyReLU": _elementwise("LeakyRelu", alpha="negative_slope"),
    "Linear": _linear,
    "LogSoftmax": _rows("LogSoftmax"),
    "MaxPool2d": _pool("MaxPool"),
    "Multiply": _fold("Mul"),
    "ReLU": _elementwise("Relu"),
    "SiLU": _silu,
    "Sigmoid": _elementwise("Sigmoid"),
    "Softmax": _rows("Softmax"),
    "Softplus": _softplus,
    "Tanh": _elementwise("Tanh"),
}
