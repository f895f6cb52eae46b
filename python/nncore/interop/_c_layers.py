"""What each layer computes in inference, as steps of a C program."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nncore.errors import ConfigError
from nncore.interop._c_program import Program, Value
from nncore.nn._container import CompiledLayer
from nncore.nn._layer import Layer

#: layer, what it reads, a name for its constants, where it is for messages, the shape of its output
_Emit = Callable[[Program, Any, Sequence[Value], str, tuple[int, ...]], Value]


def emit(program: Program, layer: Layer, reads: Sequence[Value], place: str, name: str) -> Value:
    """Adds the steps of a layer; returns its output.

    place: the layer's name in messages and comments; name: what tells its constants from those of others.
    """
    kind = type(layer).__name__
    where = f'{kind} "{place}"'
    if not isinstance(layer, CompiledLayer):
        raise ConfigError(
            f'[export_c] layer "{place}": expected layers of nncore, got {kind}, which is written in Python and has '
            "no C code"
        )
    if kind == "Residual":
        return _residual(program, layer, reads[0], place, name)
    if kind not in EMITTERS:
        raise ConfigError(f'[export_c] layer "{place}": expected a layer that has C code, got {kind}')
    program.title = where
    return EMITTERS[kind](program, layer, reads, name, _shape_of(layer, reads))


def _shape_of(layer: CompiledLayer, reads: Sequence[Value]) -> tuple[int, ...]:
    """The shape of the output of one sample."""
    out = layer(*[np.zeros((1, *value.shape), np.float32) for value in reads])
    return tuple(out.shape[1:])


def _residual(program: Program, layer: Any, x: Value, place: str, name: str) -> Value:
    y = x
    for i, inner in enumerate(layer.layers):
        y = emit(program, inner, [y], f"{place}.{i}", f"{name}_{i}")
    program.title = f'Residual "{place}"'
    return program.call("add", [y, x], program.new(x.shape), x.size, in_place=True)


def _same(program: Program, layer: Any, reads: Sequence[Value], name: str, shape: tuple[int, ...]) -> Value:
    """The same numbers, perhaps in another shape."""
    return reads[0].seen_as(shape)


def _elementwise(function: str, *settings: str) -> _Emit:
    def add(program: Program, layer: Any, reads: Sequence[Value], name: str, shape: tuple[int, ...]) -> Value:
        constants = [float(getattr(layer, setting)) for setting in settings]
        return program.call(function, reads, program.new(shape), reads[0].size, *constants, in_place=True)

    return add


def _gelu(program: Program, layer: Any, reads: Sequence[Value], name: str, shape: tuple[int, ...]) -> Value:
    function = "gelu_tanh" if layer.approximate == "tanh" else "gelu"
    return program.call(function, reads, program.new(shape), reads[0].size, in_place=True)


def _rows(function: str) -> _Emit:
    """A function of each row of the last axis."""

    def add(program: Program, layer: Any, reads: Sequence[Value], name: str, shape: tuple[int, ...]) -> Value:
        rows = math.prod(shape[:-1])
        return program.call(function, reads, program.new(shape), rows, shape[-1], in_place=True)

    return add


def _weights(program: Program, layer: Any, name: str) -> list[str | None]:
    """The C names of weight and bias; None without."""
    found: list[str | None] = []
    for part in ("weight", "bias"):
        array = getattr(layer, part)
        where = f"{program.title} {part}"
        found.append(None if array is None else program.constant(f"{name}_{part}", array, where))
    return found


def _linear(program: Program, layer: Any, reads: Sequence[Value], name: str, shape: tuple[int, ...]) -> Value:
    sizes = math.prod(shape[:-1]), layer.in_features, layer.out_features
    return program.call("linear", reads, program.new(shape), *sizes, *_weights(program, layer, name))


def pair(value: Any) -> tuple[int, int]:
    """Of rows and columns."""
    return (value, value) if isinstance(value, int) else tuple(value)


def _conv2d(program: Program, layer: Any, reads: Sequence[Value], name: str, shape: tuple[int, ...]) -> Value:
    kernel, stride, dilation = pair(layer.kernel_size), pair(layer.stride), pair(layer.dilation)
    before = pair(0 if layer.padding == "valid" else layer.padding) if layer.padding != "same" else None
    if before is None:  # a spare row or column is at the end
        before = (dilation[0] * (kernel[0] - 1) // 2, dilation[1] * (kernel[1] - 1) // 2)
    sizes = (*reads[0].shape, *shape, layer.groups, *kernel, *stride, *before, *dilation)
    return program.call("conv2d", reads, program.new(shape), *sizes, *_weights(program, layer, name))


def _pool(function: str, *settings: str) -> _Emit:
    def add(program: Program, layer: Any, reads: Sequence[Value], name: str, shape: tuple[int, ...]) -> Value:
        kernel = pair(layer.kernel_size)
        stride = kernel if layer.stride is None else pair(layer.stride)
        sizes = (*reads[0].shape, *shape[1:], *kernel, *stride, *pair(layer.padding))
        more = [int(getattr(layer, setting)) for setting in settings]
        return program.call(function, reads, program.new(shape), *sizes, *more)

    return add


def _global_avg_pool(program: Program, layer: Any, reads: Sequence[Value], name: str, shape: tuple[int, ...]) -> Value:
    channels = reads[0].shape[0]
    return program.call("global_avg_pool2d", reads, program.new(shape), channels, reads[0].size // channels)


def _batch_norm(program: Program, layer: Any, reads: Sequence[Value], name: str, shape: tuple[int, ...]) -> Value:
    if layer.running_mean is None:
        raise ConfigError(
            f"[export_c] {program.title}: expected running statistics, got track_running_stats=False: its outputs "
            "depend on the other samples of a batch, and C is given one at a time"
        )
    mean, variance = (np.asarray(array, np.float64) for array in (layer.running_mean, layer.running_var))
    scale = 1 / np.sqrt(variance + layer.eps)
    shift = np.zeros_like(scale)
    if layer.affine:
        scale, shift = scale * layer.weight, np.asarray(layer.bias, np.float64)
    parts = {"mean": mean, "scale": scale, "shift": shift}
    names = [program.constant(f"{name}_{part}", array, f"{program.title} {part}") for part, array in parts.items()]
    sizes = shape[0], math.prod(shape[1:])
    return program.call("batch_norm", reads, program.new(shape), *sizes, *names, in_place=True)


def _layer_norm(program: Program, layer: Any, reads: Sequence[Value], name: str, shape: tuple[int, ...]) -> Value:
    n = layer.weight.size
    eps = repr(float(layer.eps))  # in double, whatever the type
    rest = (reads[0].size // n, n, eps, *_weights(program, layer, name))
    return program.call("layer_norm", reads, program.new(shape), *rest, in_place=True)


def _add(program: Program, layer: Any, reads: Sequence[Value], name: str, shape: tuple[int, ...]) -> Value:
    y = reads[0]
    for x in reads[1:]:
        y = program.call("add", [y, x], program.new(shape), x.size, in_place=True)
    return y


def _multiply(program: Program, layer: Any, reads: Sequence[Value], name: str, shape: tuple[int, ...]) -> Value:
    """The input that has all axes first; others may be scales of what follows their axes."""
    whole = next(i for i, value in enumerate(reads) if value.shape == shape)
    y = reads[whole]
    for x in (*reads[:whole], *reads[whole + 1 :]):
        inner = y.size // x.size
        y = program.call("multiply", [y, x], program.new(shape), y.size, inner, in_place=True)
    return y


def _concat(program: Program, layer: Any, reads: Sequence[Value], name: str, shape: tuple[int, ...]) -> Value:
    axis = layer.dim + len(shape) if layer.dim < 0 else layer.dim - 1
    outer, inner, at = math.prod(shape[:axis]), math.prod(shape[axis + 1 :]), 0
    y = program.new(shape)
    for x in reads:
        size = x.shape[axis] * inner
        program.call("concat", [x], y, outer, size, shape[axis] * inner, at)
        at += size
    return y


EMITTERS: dict[str, _Emit] = {
    "Add": _add,
    "AvgPool2d": _pool("avg_pool2d", "count_include_pad"),
    "BatchNorm1d": _batch_norm,
    "BatchNorm2d": _batch_norm,
    "Concat": _concat,
    "Conv2d": _conv2d,
    "Dropout": _same,
    "ELU": _elementwise("elu", "alpha"),
    "Flatten": _same,
    "GELU": _gelu,
    "GlobalAvgPool2d": _global_avg_pool,
    "Identity": _same,
    "LayerNorm": _layer_norm,
    "LeakyReLU": _elementwise("leaky_relu", "negative_slope"),
    "Linear": _linear,
    "LogSoftmax": _rows("log_softmax"),
    "MaxPool2d": _pool("max_pool2d"),
    "Multiply": _multiply,
    "ReLU": _elementwise("relu"),
    "SiLU": _elementwise("silu"),
    "Sigmoid": _elementwise("sigmoid"),
    "Softmax": _rows("softmax"),
    "Softplus": _elementwise("softplus", "beta", "threshold"),
    "Tanh": _elementwise("tanh"),
}
