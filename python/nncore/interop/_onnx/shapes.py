"""What nodes that change shapes become: Flatten, or nothing where they only add or drop axes of 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import describe
from nncore.interop._onnx.constants import BATCH, UNKNOWN, axes_of
from nncore.interop._onnx.net import Shape, Var
from nncore.interop._onnx.source import Node
from nncore.interop._onnx.state import State

_Array = NDArray[Any]


def shape_of(state: State, node: Node) -> _Array:
    """The shape, as a constant in which the batch stays open."""
    x = state.var(node, changed=True)
    whole = [BATCH, *(UNKNOWN if n is None else n for n in x.shape)]
    start, end = node.attribute("start", 0), node.attribute("end", len(whole))
    return np.array(whole[start:end], np.int64)


def flatten(state: State, node: Node) -> Var:
    """Flatten behind the batch's axis."""
    x, axis = state.var(node, changed=True), node.attribute("axis", 1)
    if axis not in (1, -len(x.shape)):
        node.refuse(f"attribute axis: expected 1, got {axis}")
    return _rows(state, node, x)


def reshape(state: State, node: Node) -> Var:
    """Flatten, or nothing: where the shape stays or axes of 1 come and go at the end."""
    x, target = state.var(node, changed=True), state.constant(node, 1, "shape")
    zero = bool(node.attribute("allowzero", 0))
    if target.ndim != 1 or target.dtype.kind not in "iu" or not 1 <= target.size <= 16:
        node.broken(f"shape: expected integers, got {describe(target)}")
    first, *rest = (int(n) for n in target)
    whole = [own if n == 0 and not zero else n for n, own in zip(rest, [*x.shape, *[0] * 16], strict=False)]
    total = None if None in x.shape else math.prod(n for n in x.shape if n is not None)
    if -1 in whole and total is not None:
        others = math.prod(n for n in whole if n is not None and n != -1)
        if others < 1 or total % others:
            node.broken(f"shape: expected one of {total} numbers a sample, got {target.tolist()}")
        whole[whole.index(-1)] = total // others
    if not _keeps_batch(state, first, whole, total):
        node.refuse(f"shape: expected one that leaves the batch's axis, got {target.tolist()} for samples {x.shape}")
    return _reshaped(state, node, x, tuple(whole), total)


def _keeps_batch(state: State, first: int, rest: list[int | None], total: int | None) -> bool:
    if first in (0, BATCH) or (state.batch is not None and first == state.batch):
        return True
    sizes = [n for n in rest if n is not None]
    return first == -1 and total is not None and len(sizes) == len(rest) and math.prod(sizes) == total


def _reshaped(state: State, node: Node, x: Var, shape: Shape, total: int | None) -> Var:
    if shape == x.shape:
        return x
    if len(shape) == 1:
        if total is not None and shape[0] != total:
            node.broken(f"shape: expected {total} numbers a sample, got {shape[0]}")
        return _rows(state, node, x, None if shape[0] in (-1, UNKNOWN) else shape[0])
    real = x.shape[: len(x.shape) - x.ones]
    if shape[: len(real)] == real and all(n == 1 for n in shape[len(real) :]):
        return Var(x.number, shape, len(shape) - len(real))
    return node.refuse(f"shape: expected one row for each sample, got {shape} from {x.shape}; there is no such layer")


def _rows(state: State, node: Node, x: Var, size: int | None = None) -> Var:
    """One row for each sample."""
    real = x.shape[: len(x.shape) - x.ones]
    if x.ones and len(real) == 1:
        return Var(x.number, real)
    if None not in real:
        size = math.prod(n for n in real if n is not None)
    return state.net.add(node, "Flatten", [x], (size,))


def squeeze(state: State, node: Node) -> Var:
    """Drops axes of 1 at the end."""
    x, axes = state.var(node, changed=True), axes_of(node, state.optional(node, 1, "axes"))
    rank = len(x.shape) + 1
    found = sorted({axis % rank for axis in axes}) if axes is not None else []
    left = len(x.shape) - len(found)
    if not found or found != list(range(left + 1, rank)) or any(n != 1 for n in x.shape[left:]):
        node.refuse(f"axes: expected axes of 1 at the end, got {axes} for samples {x.shape}")
    if len(found) <= x.ones:
        return Var(x.number, x.shape[:left], x.ones - len(found))
    if left == 1:
        return state.net.add(node, "Flatten", [Var(x.number, x.shape)], x.shape[:1])
    return node.refuse(f"axes: expected one axis to be left, got {x.shape[:left]}")


def unsqueeze(state: State, node: Node) -> Var:
    """Adds axes of 1 at the end."""
    x, axes = state.var(node, changed=True), axes_of(node, state.optional(node, 1, "axes"))
    rank = len(x.shape) + 1 + len(axes or ())
    found = sorted({axis % rank for axis in axes or ()})
    if not found or rank > 16 or found != list(range(len(x.shape) + 1, rank)):
        node.refuse(f"axes: expected axes at the end, got {axes} for samples {x.shape}")
    return Var(x.number, x.shape + (1,) * len(found), x.ones + len(found))


def transpose(state: State, node: Node) -> Var:
    """Nothing, where it moves nothing."""
    x = state.var(node, changed=True)
    rank = len(x.shape) + 1
    perm = node.attribute("perm", list(range(rank))[::-1])
    if perm != list(range(rank)):
        node.refuse(f"attribute perm: expected axes that stay, got {perm}; images have to be (N, C, H, W) throughout")
    return x


SHAPES: dict[str, Callable[[State, Node], Var | _Array]] = {
    "Flatten": flatten,
    "Reshape": reshape,
    "Shape": shape_of,
    "Squeeze": squeeze,
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
}
