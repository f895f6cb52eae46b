"""Sums and products with constants: a bias, the normalisation of the input, or a layer that scales channels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore.interop._onnx.net import Made, Net, Shape, Var
from nncore.interop._onnx.source import Node

_Array = NDArray[Any]
#: Channels that one number may be repeated for: more than the file holds.
_MOST_REPEATED = 2**16


def affine(net: Net, node: Node, x: Var, constant: _Array, name: str, alone: bool) -> Var:
    """x with the constant of that name added, subtracted, multiplied or divided. alone: nothing else reads x."""
    constant_first = node.inputs[0] == name
    if x.ones:
        node.refuse("a constant behind a change of shape is not supported")
    numbers = _fitted(node, constant.astype(np.float64), x.shape)
    one, zero = np.ones(()), np.zeros(())
    if node.op == "Div" and constant_first:
        node.refuse("a constant divided by values is not supported")
    with np.errstate(all="ignore"):
        scale, shift = {
            "Add": (one, numbers),
            "Sub": (-one, numbers) if constant_first else (one, -numbers),
            "Mul": (numbers, zero),
            "Div": (1 / numbers, zero),
        }[node.op]
    made = net.made(x)
    if np.all(scale == 1) and np.all(shift == 0):
        return x
    if made is None and alone and node.op != "Add" and _normalized(net, node, numbers, x, constant_first):
        return x
    if made is not None and alone and np.all(scale == 1) and _as_bias(made, shift, x.shape, name):
        return x
    size = _channels(node, x.shape, scale, shift)
    wide_scale, wide_shift = np.broadcast_to(scale.reshape(-1), size), np.broadcast_to(shift.reshape(-1), size)
    if made is not None and alone and made.scales:
        made.arrays["weight"] = made.arrays["weight"] * wide_scale
        made.arrays["bias"] = made.arrays["bias"] * wide_scale + wide_shift
        return x
    return _scaled(net, node, x, wide_scale, wide_shift)


def _scaled(net: Net, node: Node, x: Var, scale: _Array, shift: _Array) -> Var:
    """A BatchNorm whose statistics change nothing."""
    size = len(scale)
    arrays = {
        "weight": scale,
        "bias": shift,
        "running_mean": np.broadcast_to(np.zeros(()), size),
        "running_var": np.broadcast_to(np.ones(()), size),
    }
    kind = "BatchNorm2d" if len(x.shape) == 3 else "BatchNorm1d"
    y = net.add(node, kind, [x], x.shape, {"num_features": size, "eps": 0.0}, arrays)
    net.layers[-1].scales = True
    return y


def _fitted(node: Node, constant: _Array, shape: Shape) -> _Array:
    """The constant without the batch's axis, with as many axes as a sample, or none; it must not widen x."""
    if constant.size == 1 and constant.ndim <= len(shape) + 1:
        return constant.reshape(())
    sizes = (1,) * (len(shape) + 1 - constant.ndim) + constant.shape
    fits = len(sizes) == len(shape) + 1 and sizes[0] == 1
    if not fits or any(n not in (1, own, own or n) for n, own in zip(sizes[1:], shape, strict=True)):
        node.refuse(f"expected a constant that fits samples of shape {shape}, got one of shape {constant.shape}")
    return constant.reshape(sizes[1:])


def _normalized(net: Net, node: Node, numbers: _Array, x: Var, constant_first: bool) -> bool:
    """Whether it becomes part of the model's Normalize, which has one number or one for each feature."""
    mean, std = net.normalize or (np.zeros(()), np.ones(()))
    if constant_first or (numbers.ndim and numbers.shape != x.shape) or not np.isfinite(numbers).all():
        return False
    if node.op == "Sub":
        if net.normalize is not None:
            return False
        mean = numbers
    else:
        with np.errstate(all="ignore"):
            std = std * (numbers if node.op == "Div" else 1 / numbers)
        if not (np.all(std > 0) and np.isfinite(std).all()):
            return False
    if mean.ndim and std.ndim and mean.shape != std.shape:
        return False
    net.normalize = mean, std
    return True


def _as_bias(made: Made, shift: _Array, shape: Shape, name: str) -> bool:
    """Whether it becomes the bias of the Linear or Conv2d that gives x."""
    if made.kind not in ("Linear", "Conv2d") or made.arguments.get("bias"):
        return False
    axis = len(shape) - 1 if made.kind == "Linear" else 0
    if shift.ndim and any(n != 1 for i, n in enumerate(shift.shape) if i != axis):
        return False
    size = len(made.arrays["weight"])
    made.arrays["bias"] = np.broadcast_to(shift.reshape(-1), size)
    made.arguments["bias"] = True
    made.sources = None if made.sources is None else (*made.sources, name)
    return True


def _channels(node: Node, shape: Shape, *parts: _Array) -> int:
    """The number of channels; ConfigError unless there is one number for each of them, or one for all."""
    size = next((part.size for part in parts if part.size > 1), None)
    per_channel = all(part.size == 1 or part.size == part.shape[0] for part in parts)
    if not 1 <= len(shape) <= 3 or not per_channel:
        node.refuse(f"expected a constant for each channel, or one number, for samples of shape {shape}")
    if size is None:
        size = shape[0]
        if size is None or size > _MOST_REPEATED:
            node.refuse(f"expected a fixed number of channels, at most {_MOST_REPEATED}, got {size}")
    return size
