"""What nodes make of constants: computed when a file is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import describe
from nncore.interop._onnx.functions import FUNCTIONS
from nncore.interop._onnx.source import Node, Source
from nncore.interop._onnx.tensors import dtype_of

_Array = NDArray[Any]
#: In shapes: the batch, and sizes that are not fixed. No other integer of a shape is that low.
BATCH, UNKNOWN = -(2**40), -(2**41)


class Constants:
    """Computes constants, of which all together may take `allowed` bytes."""

    def __init__(self, source: Source, allowed: int) -> None:
        self._source, self._left = source, allowed

    def computed(self, node: Node, inputs: Sequence[_Array | None]) -> _Array | None:
        """The first output; None if the operator is not computed here."""
        if node.op not in _STRUCTURE and (node.op not in _ARITHMETIC or any(map(_has_batch, inputs))):
            return None
        try:
            with np.errstate(all="ignore"):
                if node.op in _STRUCTURE:
                    return _STRUCTURE[node.op](self, node, *inputs)
                return self._arithmetic(node, inputs)
        except (ValueError, IndexError, TypeError, AttributeError, OverflowError) as error:
            if type(error).__module__.startswith("nncore"):
                raise
            return node.broken(f"its constants do not fit: {error}")

    def take(self, node: Node, n: int, itemsize: int) -> None:
        """ConfigError if constants get larger than files are: a small file may ask for a lot."""
        self._left -= n * itemsize
        if self._left < 0:
            node.refuse("expected constants about as large as the file, got much larger ones")

    def _arithmetic(self, node: Node, inputs: Sequence[_Array | None]) -> _Array:
        arrays = [array for array in inputs if array is not None]
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
        self.take(node, math.prod(shape), 8)
        if node.op == "Div" and arrays[0].dtype.kind in "iu":
            return np.trunc(arrays[0] / arrays[1]).astype(arrays[0].dtype)
        y = np.asarray(FUNCTIONS[node.op](node, *arrays))
        return y.astype(arrays[0].dtype) if y.dtype.kind == arrays[0].dtype.kind else y

    def constant(self, node: Node) -> _Array:
        """Of a node Constant."""
        for name, kind in (("value_float", np.float32), ("value_int", np.int64)):
            value = node.attribute(name, None)
            if value is not None:
                return np.asarray(value, kind)
        for name, kind in (("value_floats", np.float32), ("value_ints", np.int64)):
            value = node.attribute(name, None)
            if value is not None:
                return np.asarray(value, kind)
        tensor = node.attribute("value")
        if not hasattr(tensor, "data_type"):
            node.broken(f"attribute value: expected a tensor, got {describe(tensor)}")
        return self._source.tensors.array(tensor, node.name)

    def cast(self, node: Node, x: _Array) -> _Array:
        """Of a node Cast."""
        dtype = dtype_of(node.attribute("to"))
        node.attribute("saturate", 1)
        if dtype is None:
            return node.refuse("attribute to: expected a type of numbers")
        self.take(node, x.size, dtype.itemsize)
        return x.astype(dtype) if not _has_batch(x) else x

    def concat(self, node: Node, *arrays: _Array) -> _Array:
        """Of a node Concat."""
        self.take(node, sum(array.size for array in arrays), 8)
        return np.concatenate(arrays, axis=node.attribute("axis"))

    def gather(self, node: Node, x: _Array, indices: _Array) -> _Array:
        """Of a node Gather."""
        axis = node.attribute("axis", 0)
        self.take(node, indices.size * (x.size // max(1, x.shape[axis])), 8)
        return np.take(x, indices.astype(np.int64), axis=axis)

    def sliced(self, node: Node, x: _Array, *given: Any) -> _Array:
        """Of a node Slice."""
        if given:
            starts, ends, axes, steps = [*given, None, None, None][:4]
        else:
            starts, ends = (np.array(node.attribute(name)) for name in ("starts", "ends"))
            axes, steps = node.attribute("axes", None), None
        chosen = [slice(None)] * x.ndim
        where = range(len(starts)) if axes is None else [int(axis) for axis in axes]
        for i, axis in enumerate(where):
            step = 1 if steps is None else int(steps[i])
            end = int(ends[i])
            stop = None if step < 0 and end < -x.shape[axis] else end
            chosen[axis] = slice(int(starts[i]), stop, step)
        return x[tuple(chosen)]

    def squeezed(self, node: Node, x: _Array, axes: _Array | None = None) -> _Array:
        """Of a node Squeeze."""
        found = axes_of(node, axes)
        return np.squeeze(x, None if found is None else tuple(found))

    def unsqueezed(self, node: Node, x: _Array, axes: _Array | None = None) -> _Array:
        """Of a node Unsqueeze."""
        found = axes_of(node, axes)
        if found is None or x.ndim + len(found) > 32:
            return node.broken("expected axes, got none")
        return np.expand_dims(x, tuple(found))

    def reshaped(self, node: Node, x: _Array, shape: _Array) -> _Array:
        """Of a node Reshape."""
        zero = node.attribute("allowzero", 0)
        sizes = [int(n) for n in shape]
        return x.reshape([x.shape[i] if n == 0 and not zero else n for i, n in enumerate(sizes)])

    def filled(self, node: Node, shape: _Array) -> _Array:
        """Of a node ConstantOfShape."""
        tensor = node.attribute("value", None)
        value = np.zeros(1, np.float32) if tensor is None else self._source.tensors.array(tensor, node.name)
        return self.expanded(node, value.reshape(()), shape)

    def expanded(self, node: Node, x: _Array, shape: _Array) -> _Array:
        """Of a node Expand."""
        sizes = [int(n) for n in shape]
        if min(sizes, default=0) < 0:
            return node.broken(f"expected sizes, got {describe(sizes)}")
        whole = np.broadcast_shapes(x.shape, tuple(sizes))
        self.take(node, math.prod(whole), 8)
        return np.broadcast_to(x, whole)


def axes_of(node: Node, axes: _Array | None) -> list[int] | None:
    """Axes, an attribute up to opset 12 (17 for reductions) and an input from then on."""
    if axes is not None:
        return [int(axis) for axis in axes.reshape(-1)[:64]]
    found = node.attribute("axes", None)
    if found is not None and (not isinstance(found, list) or not all(type(axis) is int for axis in found)):
        node.broken(f"attribute axes: expected integers, got {describe(found)}")
    return found


def _has_batch(array: _Array | None) -> bool:
    return array is not None and array.dtype.kind == "i" and bool((array <= BATCH).any())


def _transposed(constants: Constants, node: Node, x: _Array) -> _Array:
    return x.transpose(node.attribute("perm", None))


def _flattened(constants: Constants, node: Node, x: _Array) -> _Array:
    axis = node.attribute("axis", 1)
    return x.reshape(math.prod(x.shape[:axis]), -1)


_STRUCTURE: dict[str, Callable[..., _Array]] = {
    "Cast": Constants.cast,
    "Concat": Constants.concat,
    "Constant": Constants.constant,
    "ConstantOfShape": Constants.filled,
    "Expand": Constants.expanded,
    "Flatten": _flattened,
    "Gather": Constants.gather,
    "Identity": lambda constants, node, x: x,
    "Reshape": Constants.reshaped,
    "Slice": Constants.sliced,
    "Squeeze": Constants.squeezed,
    "Transpose": _transposed,
    "Unsqueeze": Constants.unsqueezed,
}
_ARITHMETIC = frozenset(
    "Abs Add Div Equal Exp Greater Less Log Max Min Mul Neg Pow Reciprocal Sigmoid Sqrt Sub Sum Tanh Where".split()
) & set(FUNCTIONS)
