"""What each layer of Keras becomes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from nncore._support.checks import describe
from nncore.errors import FormatError
from nncore.interop._keras_builder import Builder
from nncore.interop._keras_config import Step
from nncore.interop._keras_norms import batch_normalization, layer_normalization
from nncore.nn import layers as nnl
from nncore.nn._normalize import Normalize

_SOFTPLUS = 40.0  # beyond it log(1 + e^x) is x in float64, too; Keras computes it everywhere

_FUNCTIONS: dict[str, Callable[[], Any] | None] = {
    "linear": None,
    "relu": lambda: nnl.ReLU(),
    "leaky_relu": lambda: nnl.LeakyReLU(0.2),
    "elu": lambda: nnl.ELU(),
    "gelu": lambda: nnl.GELU(),  # as keras.activations has it: the one with erf
    "silu": lambda: nnl.SiLU(),
    "swish": lambda: nnl.SiLU(),
    "sigmoid": lambda: nnl.Sigmoid(),
    "tanh": lambda: nnl.Tanh(),
    "softplus": lambda: nnl.Softplus(1.0, _SOFTPLUS),
    "softmax": lambda: nnl.Softmax(),
    "log_softmax": lambda: nnl.LogSoftmax(),
}


def convert(builder: Builder, step: Step) -> None:
    """Adds what a layer becomes; ConfigError, which names it, where nncore has nothing for it."""
    if step.kind not in LAYERS:
        step.refuse("expected a layer that nncore has, got this one")
    builder.begin(step)
    LAYERS[step.kind](builder, step)


# ---- Activations ---------------------------------------------------------------------------------------------------


def _activation(builder: Builder, step: Step, part: str = "") -> None:
    """The function that a layer applies at its end, as a layer behind it."""
    given = step.config.get("activation")
    if isinstance(given, Mapping):
        kind, config = given.get("class_name"), given.get("config")
        if kind == "function" and given.get("module") in ("builtins", "keras.activations"):
            given = config
        elif kind in _ACTIVATION_LAYERS and isinstance(config, Mapping) and given.get("module") == "keras.layers":
            LAYERS[str(kind)](builder, step._replace(kind=str(kind), config=config), part)
            return
    if not isinstance(given, str) or given not in _FUNCTIONS:
        step.refuse(f"expected an activation that nncore has ({', '.join(_FUNCTIONS)}), got {describe(given)}")
    make = _FUNCTIONS[given]
    if make is None and part:
        return
    layer = nnl.Identity() if make is None else make()
    if given in ("softmax", "log_softmax"):
        _check_last_axis(builder, step)
    builder.add(step, layer, part=part)


def _check_last_axis(builder: Builder, step: Step) -> None:
    if len(builder.shape) == 3:
        step.refuse("expected softmax over features, got one over the channels of images")


def _relu(builder: Builder, step: Step, part: str = "") -> None:
    step.expect(max_value=None, threshold=0.0)
    slope = float(step.get("negative_slope", int, float, default=0.0))
    builder.add(step, nnl.LeakyReLU(slope) if slope else nnl.ReLU(), part=part)


def _leaky_relu(builder: Builder, step: Step, part: str = "") -> None:
    builder.add(step, nnl.LeakyReLU(float(step.get("negative_slope", int, float))), part=part)


def _elu(builder: Builder, step: Step, part: str = "") -> None:
    builder.add(step, nnl.ELU(float(step.get("alpha", int, float))), part=part)


def _softmax(builder: Builder, step: Step, part: str = "") -> None:
    axis = step.config.get("axis", -1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if axis not in (-1, len(builder.shape)):
        step.refuse(f"expected the last axis, got axis={describe(axis)}")
    _check_last_axis(builder, step)
    builder.add(step, nnl.Softmax(), part=part)


_ACTIVATION_LAYERS = ("ELU", "LeakyReLU", "ReLU", "Softmax")

# ---- Dense layers and what changes no numbers ----------------------------------------------------------------------


def _dense(builder: Builder, step: Step) -> None:
    step.expect(quantization_config=None, lora_rank=None)
    if len(builder.shape) == 3:
        step.refuse("expected features, got images (hint: a Flatten before it, or Conv2D(units, 1))")
    units, bias = step.get("units", int), step.get("use_bias", bool, default=True)
    shapes = [(builder.shape[-1], units), *([(units,)] if bias else [])]
    kernel, *rest = builder.arrays(step, *shapes)
    arrays = {"weight": builder.features(kernel).T, **({"bias": rest[0]} if bias else {})}
    builder.add(step, nnl.Linear(len(kernel), units, bias=bias), arrays)
    builder.shape, builder.order = (*builder.shape[:-1], units), None
    _activation(builder, step, "_activation")


def _dropout(builder: Builder, step: Step) -> None:
    step.expect(noise_shape=None)
    rate = float(step.get("rate", int, float))
    if not 0 <= rate <= 1:
        raise FormatError(f"{step.place}: expected a rate from 0 to 1, got {rate}")
    builder.add(step, nnl.Dropout(rate))


def _identity(builder: Builder, step: Step) -> None:
    builder.add(step, nnl.Identity())


def _flatten(builder: Builder, step: Step) -> None:
    layout = step.config.get("data_format", "channels_last")
    if len(builder.shape) == 2 and layout == "channels_first":
        step.refuse("expected data_format='channels_last' for samples of two axes, got 'channels_first'")
    if len(builder.shape) == 3:
        if builder.layout is None:
            builder.layout = layout
        if (builder.layout, layout) == ("channels_last", "channels_first"):
            step.refuse("expected data_format='channels_last' as before, got 'channels_first'")
        C, H, W = builder.known(step, *builder.image(step, builder.layout))
        # Keras lays channels_first images in the order of channels_last ones, too, if Flatten is told what they are
        if C > 1 and H * W > 1 and layout == builder.layout:
            builder.order = (C, H, W)
    known = all(size is not None for size in builder.shape)
    builder.shape = (math.prod(size or 1 for size in builder.shape) if known else None,)
    builder.add(step, nnl.Flatten())


def _rescaling(builder: Builder, step: Step) -> None:
    """scale x + offset, at the beginning, as Normalize."""
    scale = float(step.get("scale", int, float))
    offset = float(step.get("offset", int, float, default=0.0))
    if not builder.empty or builder.input is not None:
        step.refuse("expected it at the beginning of the model, as input=Normalize")
    if not (scale > 0 and math.isfinite(1 / scale) and math.isfinite(offset / scale)):
        step.refuse(f"expected scale > 0, got {scale}")
    builder.input = Normalize(-offset / scale, 1 / scale)


# ---- Images --------------------------------------------------------------------------------------------------------


def _padding(
    builder: Builder, step: Step, kernel: int, stride: int, dilation: int, size: int | None
) -> tuple[int, int]:
    """Cells that padding="same" adds before and behind one axis."""
    span = dilation * (kernel - 1) + 1
    if stride == 1:
        total = span - 1
    else:
        (size,) = builder.known(step, size)
        total = max((-(-size // stride) - 1) * stride + span - size, 0)
    return total // 2, total - total // 2


def _out(size: int | None, kernel: int, stride: int, dilation: int, total: int) -> int | None:
    """How many windows fit in an axis with so much padding; None where that is not known."""
    return None if size is None else (size + total - dilation * (kernel - 1) - 1) // stride + 1


def _windows(
    builder: Builder, step: Step, kernel: Any, stride: Any, dilation: Any, sizes: Any
) -> list[tuple[int, int]]:
    """The padding of rows and columns."""
    how = step.get("padding", str, default="valid")
    if how not in ("valid", "same"):
        step.refuse(f"expected padding 'valid' or 'same', got {how!r}")
    if how == "valid":
        return [(0, 0)] * 2
    return [_padding(builder, step, *one) for one in zip(kernel, stride, dilation, sizes, strict=True)]


def _conv_layer(builder: Builder, step: Step, inputs: int, outputs: int, groups: int, bias: bool) -> Any:
    """A convolution with the window of the step; the builder gets the shape of its outputs."""
    _, *sizes = builder.image(step, step.config.get("data_format"))
    kernel, stride = step.sizes("kernel_size", 2), step.sizes("strides", 2)
    dilation = step.sizes("dilation_rate", 2) if "dilation_rate" in step.config else (1, 1)
    pads = _windows(builder, step, kernel, stride, dilation, sizes)
    uneven = [(a, b) for a, b in pads if a != b]
    if uneven and stride != (1, 1):
        step.refuse(
            f"expected padding='same' that adds as much before as behind, got {uneven[0]} for strides {stride} on "
            f"{sizes[0]} x {sizes[1]} (hint: ZeroPadding2D is no layer here, either; other sizes of images)"
        )
    padding = "same" if uneven else tuple(a for a, _ in pads)
    each = zip(sizes, kernel, stride, dilation, pads, strict=True)
    builder.put_image(outputs, *[_out(n, k, s, d, sum(p)) for n, k, s, d, p in each])
    given: dict[str, Any] = {
        "kernel_size": kernel,
        "padding": padding,
        "stride": stride,
        "dilation": dilation,
        "groups": groups,
        "bias": bias,
    }
    return nnl.Conv2d(inputs, outputs, **given)


def _conv2d(builder: Builder, step: Step) -> None:
    step.expect(quantization_config=None, lora_rank=None)
    channels = builder.image(step, step.config.get("data_format"))[0]
    filters, groups = step.get("filters", int), step.get("groups", int, default=1)
    kernel, bias = step.sizes("kernel_size", 2), step.get("use_bias", bool, default=True)
    if groups < 1 or (channels is not None and channels % groups):
        raise FormatError(f"{step.place}: expected groups that divide {channels} channels, got {groups}")
    inner = None if channels is None else channels // groups
    weight, *rest = builder.arrays(step, (*kernel, inner, filters), *([(filters,)] if bias else []))
    arrays = {"weight": weight.transpose(3, 2, 0, 1), **({"bias": rest[0]} if bias else {})}
    builder.add(step, _conv_layer(builder, step, weight.shape[2] * groups, filters, groups, bias), arrays)
    _activation(builder, step, "_activation")


def _depthwise_weight(weight: Any) -> Any:
    """(h, w, C, m) -> (C m, 1, h, w)"""
    h, w, channels, multiplier = weight.shape
    return weight.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, h, w)


def _depthwise(builder: Builder, step: Step) -> None:
    (channels,) = builder.known(step, builder.image(step, step.config.get("data_format"))[0])
    multiplier, bias = step.get("depth_multiplier", int), step.get("use_bias", bool, default=True)
    outputs = channels * multiplier
    shape = (*step.sizes("kernel_size", 2), channels, multiplier)
    weight, *rest = builder.arrays(step, shape, *([(outputs,)] if bias else []))
    arrays = {"weight": _depthwise_weight(weight), **({"bias": rest[0]} if bias else {})}
    builder.add(step, _conv_layer(builder, step, channels, outputs, channels, bias), arrays)
    _activation(builder, step, "_activation")


def _separable(builder: Builder, step: Step) -> None:
    """Two convolutions: of each channel, and of the channels of each pixel."""
    (channels,) = builder.known(step, builder.image(step, step.config.get("data_format"))[0])
    multiplier, filters = step.get("depth_multiplier", int), step.get("filters", int)
    bias, inner = step.get("use_bias", bool, default=True), channels * multiplier
    shapes = [(*step.sizes("kernel_size", 2), channels, multiplier), (1, 1, inner, filters)]
    weight, point, *rest = builder.arrays(step, *shapes, *([(filters,)] if bias else []))
    first = _conv_layer(builder, step, channels, inner, channels, False)
    builder.add(step, first, {"weight": _depthwise_weight(weight)}, part="_depthwise")
    arrays = {"weight": point.transpose(3, 2, 0, 1), **({"bias": rest[0]} if bias else {})}
    builder.add(step, nnl.Conv2d(inner, filters, 1, bias=bias), arrays)
    _, *sizes = builder.image(step, builder.layout)
    builder.put_image(filters, *sizes)
    _activation(builder, step, "_activation")


def _pool(kind: str) -> Callable[[Builder, Step], None]:
    def add(builder: Builder, step: Step) -> None:
        channels, *sizes = builder.image(step, step.config.get("data_format"))
        kernel = step.sizes("pool_size", 2)
        stride = kernel if step.config.get("strides") is None else step.sizes("strides", 2)
        pads = _windows(builder, step, kernel, stride, (1, 1), sizes)
        padding, over = tuple(a for a, _ in pads), any(a != b for a, b in pads)
        outs = [_out(n, k, s, 1, sum(p)) for n, k, s, p in zip(sizes, kernel, stride, pads, strict=True)]
        plain = all((a, b, k) in ((0, 0, k), (0, 1, 2)) for (a, b), k in zip(pads, kernel, strict=True))
        if over and kind == "AvgPool2d" and not plain:
            step.refuse(f"expected padding that all backends of Keras take for the same, got 'same' with {pads}")
        if over:  # the spare cells behind hang over the end, where they do not count
            for out, n, k, s, p in zip(outs, sizes, kernel, stride, padding, strict=True):
                here = None if n is None else _hanging(n, k, s, p)
                if here is None or here != out:
                    step.refuse(f"expected padding that nncore has, got 'same' for {sizes[0]} x {sizes[1]}")
        more = {"count_include_pad": False} if kind == "AvgPool2d" else {}
        layer = getattr(nnl, kind)(kernel, stride, padding, ceil_mode=over, **more)
        builder.put_image(channels, *outs)
        builder.add(step, layer)

    return add


def _hanging(size: int, kernel: int, stride: int, padding: int) -> int:
    """Windows with ceil_mode: the last one begins inside the image or the padding before it."""
    count = -(-(size + 2 * padding - kernel) // stride) + 1
    return count - 1 if (count - 1) * stride >= size + padding else count


def _global_avg_pool(builder: Builder, step: Step) -> None:
    step.expect(keepdims=False)
    channels = builder.image(step, step.config.get("data_format"))[0]
    builder.shape = (channels,)
    builder.add(step, nnl.GlobalAvgPool2d())


LAYERS: dict[str, Callable[..., None]] = {
    "Activation": _activation,
    "AveragePooling2D": _pool("AvgPool2d"),
    "BatchNormalization": batch_normalization,
    "Conv2D": _conv2d,
    "Dense": _dense,
    "DepthwiseConv2D": _depthwise,
    "Dropout": _dropout,
    "ELU": _elu,
    "Flatten": _flatten,
    "GlobalAveragePooling2D": _global_avg_pool,
    "Identity": _identity,
    "LayerNormalization": layer_normalization,
    "LeakyReLU": _leaky_relu,
    "MaxPooling2D": _pool("MaxPool2d"),
    "ReLU": _relu,
    "Rescaling": _rescaling,
    "SeparableConv2D": _separable,
    "Softmax": _softmax,
}
