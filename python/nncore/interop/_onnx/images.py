"""What nodes on images become: convolutions and pools."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore.interop._onnx.constants import axes_of
from nncore.interop._onnx.net import Shape, Var
from nncore.interop._onnx.source import Node
from nncore.interop._onnx.state import State

_Array = NDArray[Any]
#: What a kernel may grow by where zeros are put around it, in numbers.
_MOST_ZEROS = 2**20
#: Operators in front of which the mean of images may have lost its axes of 1.
_TAKE_ROWS = {"Flatten", "Reshape", "Squeeze", "Mul", "Unsqueeze"}


def conv(state: State, node: Node) -> Var:
    """Conv2d. Where pads differ at the two ends, the kernel gets zeros at one."""
    x, weight = state.var(node), state.constant(node, 1, "weight")
    if weight.ndim != 4 or len(x.shape) != 3:
        node.refuse(f"expected images and kernels of two axes, got {x.shape} and {weight.shape}")
    kernel = list(weight.shape[2:])
    if node.integers("kernel_shape", 2, kernel) != kernel:
        node.broken(f"attribute kernel_shape: expected {kernel}, as the weight has")
    strides, dilations = node.integers("strides", 2, [1, 1]), node.integers("dilations", 2, [1, 1])
    group = node.attribute("group", 1)
    if min(*strides, *dilations, group, *weight.shape) < 1 or max(*strides, *dilations, group) >= 2**30:
        node.broken("expected strides, dilations and groups of 1 or more")
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    pads = _pads(node, x.shape, reach, strides)
    size = [_windows(n, sum(p), r, s) for n, p, r, s in zip(x.shape[1:], pads, reach, strides, strict=True)]
    channels = weight.shape[1] * group
    if x.shape[0] not in (None, channels) or weight.shape[0] % group:
        node.broken(f"weight: expected one for {x.shape[0]} channels in {group} groups, got {weight.shape}")
    padding: Any = "same"
    if strides != [1, 1] or pads != [((r - 1) // 2, r // 2) for r in reach]:
        weight, dilations, padding = _evened(node, weight, dilations, pads)
    arguments = {
        "in_channels": channels,
        "out_channels": len(weight),
        "kernel_size": _one(weight.shape[2:]),
        "stride": _one(strides),
        "padding": padding,
        "dilation": _one(dilations),
        "groups": group,
        "bias": len(node.inputs) > 2,
    }
    arrays = {"weight": weight}
    if len(node.inputs) > 2:
        arrays["bias"] = state.constant(node, 2, "bias", shape=(len(weight),))
    shape = _fitting(node, (len(weight), *size))
    tied = (*node.inputs[1:], "Conv")
    return state.net.add(node, "Conv2d", [x], shape, arguments, arrays, sources=tied)


def _one(sizes: Sequence[int]) -> int | tuple[int, ...]:
    """Of rows and columns alike as one number."""
    return sizes[0] if sizes[0] == sizes[1] else tuple(sizes)


def _fitting(node: Node, shape: Shape) -> Shape:
    if any(n is not None and n < 1 for n in shape):
        node.broken(f"expected windows that fit into the images, got an output of {shape}")
    return shape


def _evened(
    node: Node, weight: _Array, dilations: list[int], pads: list[tuple[int, int]]
) -> tuple[_Array, list[int], Any]:
    """Kernel, dilations and padding that is equal at both ends: a window that begins earlier has zeros in front."""
    dilations, around = list(dilations), [(0, 0), (0, 0)]
    for axis, (before, after) in enumerate(pads):
        more = abs(after - before)
        if more % dilations[axis]:  # zeros between the elements instead
            weight, dilations[axis] = _spread(node, weight, axis, dilations[axis]), 1
        more //= dilations[axis]
        around[axis] = (more, 0) if after > before else (0, more)
    if around != [(0, 0), (0, 0)]:
        (top, bottom), (left, right) = around
        rows, columns = weight.shape[2] + top + bottom, weight.shape[3] + left + right
        _check_growth(node, weight, rows * columns)
        weight = np.pad(weight, [(0, 0), (0, 0), *around])
    return weight, dilations, _one((max(pads[0]), max(pads[1])))


def _spread(node: Node, weight: _Array, axis: int, dilation: int) -> _Array:
    shape = list(weight.shape)
    shape[2 + axis] = dilation * (shape[2 + axis] - 1) + 1
    _check_growth(node, weight, shape[2] * shape[3])
    wide = np.zeros(shape, weight.dtype)
    wide[(slice(None), slice(None), *(slice(None, None, dilation if i == axis else 1) for i in range(2)))] = weight
    return wide


def _check_growth(node: Node, weight: _Array, window: int) -> None:
    grown = weight.shape[0] * weight.shape[1] * window
    if grown > weight.size + _MOST_ZEROS:
        node.refuse("attribute pads: expected about as many at the beginning as at the end")


def _pads(node: Node, shape: Shape, reach: list[int], strides: list[int]) -> list[tuple[int, int]]:
    """Pixels before and after the image, of rows and of columns."""
    mode, given = node.attribute("auto_pad", "NOTSET"), node.integers("pads", 4, [0, 0, 0, 0])
    if mode == "VALID":
        return [(0, 0), (0, 0)]
    if mode == "NOTSET":
        if not all(0 <= n < 2**30 for n in given):
            node.refuse(f"attribute pads: expected numbers of 0 or more, got {given}")
        return [(given[0], given[2]), (given[1], given[3])]
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        node.broken(f"attribute auto_pad: expected NOTSET, VALID, SAME_UPPER or SAME_LOWER, got {mode!r}")
    found = []
    for n, r, s in zip(shape[1:], reach, strides, strict=True):
        if n is None and s != 1:
            node.refuse(f"attribute auto_pad: expected images of a fixed size for {mode} with a stride, got {shape}")
        total = r - 1 if n is None or s == 1 else max(0, (math.ceil(n / s) - 1) * s + r - n)
        less, more = total // 2, total - total // 2
        found.append((less, more) if mode == "SAME_UPPER" else (more, less))
    return found


def _windows(n: int | None, pads: int, reach: int, stride: int) -> int | None:
    return None if n is None else (n + pads - reach) // stride + 1


def pool(state: State, node: Node) -> Var:
    """MaxPool2d or AvgPool2d."""
    x = state.var(node)
    if len(x.shape) != 3:
        node.refuse(f"expected images, (C, H, W), got samples of shape {x.shape}")
    kernel, strides = node.integers("kernel_shape", 2), node.integers("strides", 2, [1, 1])
    if not all(1 <= n < 2**30 for n in kernel + strides):
        node.broken(f"expected sizes and strides of 1 or more, got {kernel} and {strides}")
    dilations = node.integers("dilations", 2, [1, 1])
    if dilations != [1, 1]:
        node.refuse(f"attribute dilations: expected 1 and 1, got {dilations}")
    ceil_mode, most = bool(node.attribute("ceil_mode", 0)), node.op == "MaxPool"
    if most:
        node.attribute("storage_order", 0)  # of the indices, which are not read
    counted = not most and bool(node.attribute("count_include_pad", 0))
    pads = _pads(node, x.shape, kernel, strides)
    padding, ceil_mode, size = _even_pool(node, x.shape, kernel, strides, pads, ceil_mode, counted)
    arguments = {"kernel_size": _one(kernel), "stride": _one(strides), "padding": _one(padding), "ceil_mode": ceil_mode}
    if not most:
        arguments["count_include_pad"] = counted
    shape = _fitting(node, (x.shape[0], *size))
    return state.net.add(node, "MaxPool2d" if most else "AvgPool2d", [x], shape, arguments)


def _even_pool(
    node: Node,
    shape: Shape,
    kernel: list[int],
    strides: list[int],
    pads: list[tuple[int, int]],
    ceil_mode: bool,
    counted: bool,
) -> tuple[tuple[int, int], bool, list[int | None]]:
    """Padding that is equal at both ends, the way to count windows that gives as many, and their number.

    Pixels of padding count as none, so that windows may as well hang over the end: with ceil_mode.
    """
    axes = list(zip(shape[1:], kernel, strides, pads, strict=True))
    wanted = [_pooled(n, k, s, before, after, ceil_mode) for n, k, s, (before, after) in axes]
    padding = (pads[0][0], pads[1][0])
    if all(before == after for before, after in pads):
        return padding, ceil_mode, wanted
    if None in wanted or counted:
        node.refuse(f"attribute pads: expected as many at the beginning as at the end, got {pads}")
    for mode in (False, True):
        if [_pooled(n, k, s, before, before, mode) for n, k, s, (before, _) in axes] == wanted:
            return padding, mode, wanted
    return node.refuse(f"attribute pads: expected as many at the beginning as at the end, got {pads}")


def _pooled(n: int | None, kernel: int, stride: int, before: int, after: int, ceil_mode: bool) -> int | None:
    """How many windows there are: with ceil_mode those that begin in the image or before it."""
    if n is None:
        return None
    room = n + before + after - kernel
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= n + before else count


def global_pool(state: State, node: Node) -> Var:
    """The mean or the largest number of each channel."""
    x = state.var(node)
    if len(x.shape) != 3:
        node.refuse(f"expected images, (C, H, W), got samples of shape {x.shape}")
    return _global(state, node, x, node.op == "GlobalMaxPool")


def _global(state: State, node: Node, x: Var, most: bool) -> Var:
    channels, *size = x.shape
    shape = (channels, 1, 1)
    readers = state.operators.get(node.outputs[0], {"the output"})
    if not most and readers <= _TAKE_ROWS:
        return state.net.add(node, "GlobalAvgPool2d", [x], shape, ones=2)
    if None in size:
        node.refuse(f"expected images of a fixed size, got {x.shape}")
    return state.net.add(node, "MaxPool2d" if most else "AvgPool2d", [x], shape, {"kernel_size": tuple(size)})


def reduce_mean(state: State, node: Node) -> Var:
    """The mean of each channel of images, with or without axes of 1."""
    x = state.var(node)
    axes, keep = axes_of(node, state.optional(node, 1, "axes")), node.attribute("keepdims", 1)
    node.attribute("noop_with_empty_axes", 0)
    rank = len(x.shape) + 1
    if rank != 4 or sorted(axis % rank for axis in axes or ()) != [2, 3]:
        node.refuse(f"attribute axes: expected those of images, 2 and 3 of 4, got {axes} of {rank}")
    return _global(state, node, x, False) if keep else state.net.add(node, "GlobalAvgPool2d", [x], x.shape[:1])


IMAGES: dict[str, Callable[[State, Node], Var]] = {
    "AveragePool": pool,
    "Conv": conv,
    "GlobalAveragePool": global_pool,
    "GlobalMaxPool": global_pool,
    "MaxPool": pool,
    "ReduceMean": reduce_mean,
}
