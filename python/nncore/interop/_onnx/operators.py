"""What nodes become: dense layers, norms, sums of branches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore.interop._onnx.affine import affine
from nncore.interop._onnx.net import Shape, Var
from nncore.interop._onnx.source import Node
from nncore.interop._onnx.state import State
from nncore.interop._onnx.tensors import dtype_of

_Array = NDArray[Any]
_Result = Var | _Array


def gemm(state: State, node: Node) -> _Result:
    """alpha A B + beta C: a Linear."""
    x = state.var(node)
    if len(x.shape) != 1:
        node.refuse(f"expected samples of one axis, got {x.shape}")
    if node.attribute("transA", 0):
        node.refuse("attribute transA: expected 0, got 1; it would put samples in columns")
    turned, alpha, beta = node.attribute("transB", 0), node.attribute("alpha", 1.0), node.attribute("beta", 1.0)
    weight = state.constant(node, 1, "weight")
    if weight.ndim != 2:
        node.broken(f"weight: expected two axes, got {weight.shape}")
    weight = weight if turned else weight.T
    bias = state.optional(node, 2, "bias")
    arrays = {"weight": weight if alpha == 1 else weight * alpha}
    if bias is not None:
        if bias.ndim > 2 or (bias.ndim == 2 and bias.shape[0] != 1) or bias.size not in (1, len(weight)):
            node.refuse(f"bias: expected one number for each of {len(weight)} outputs, got shape {bias.shape}")
        arrays["bias"] = np.broadcast_to(bias.reshape(-1) * (1 if beta == 1 else beta), len(weight))
    tied = (*node.inputs[1:], f"{turned} {alpha} {beta}")
    return _linear(state, node, x, arrays, tied)


def matmul(state: State, node: Node) -> _Result:
    """x W: a Linear without bias, which an Add behind it may give it."""
    x = state.var(node)
    if not x.shape:
        node.refuse("expected samples with an axis, got numbers")
    weight = state.constant(node, 1, "weight")
    if weight.ndim != 2:
        node.refuse(f"weight: expected two axes, got {weight.shape}")
    return _linear(state, node, x, {"weight": weight.T}, (node.inputs[1], "MatMul"))


def _linear(state: State, node: Node, x: Var, arrays: dict[str, _Array], tied: tuple[str, ...]) -> Var:
    outputs, inputs = arrays["weight"].shape
    if x.shape[-1] not in (None, inputs) or not inputs or not outputs:
        node.broken(f"weight: expected one for samples of shape {x.shape}, got {inputs} to {outputs} features")
    arguments = {"in_features": inputs, "out_features": outputs, "bias": "bias" in arrays}
    return state.net.add(node, "Linear", [x], (*x.shape[:-1], outputs), arguments, arrays, sources=tied)


def batch_norm(state: State, node: Node) -> _Result:
    """BatchNorm1d or BatchNorm2d; in training mode one without running statistics."""
    x = state.var(node)
    if not 1 <= len(x.shape) <= 3:
        node.refuse(f"expected samples of shape (C,), (C, L) or (C, H, W), got {x.shape}")
    of_batch = bool(node.attribute("training_mode", 0))
    if not node.attribute("spatial", 1):
        node.refuse("attribute spatial: expected 1, got 0")
    eps, momentum = node.attribute("epsilon", 1e-5), node.attribute("momentum", 0.9)
    names = ("weight", "bias", "running_mean", "running_var")
    size = len(state.constant(node, 1, "scale").reshape(-1))
    arrays = {name: state.constant(node, i + 1, name, shape=(size,)) for i, name in enumerate(names)}
    if x.shape[0] not in (None, size):
        node.broken(f"expected {x.shape[0]} channels, got {size}")
    share = float(f"{1 - momentum:.7g}")  # ONNX's is what is kept
    arguments: dict[str, Any] = {"num_features": size, "eps": eps, "momentum": min(1.0, max(0.0, share))}
    kind = "BatchNorm2d" if len(x.shape) == 3 else "BatchNorm1d"
    if of_batch:
        arguments["track_running_stats"] = False
        arrays = {name: arrays[name] for name in ("weight", "bias")}
    tied = (*node.inputs[1:], "BatchNormalization")
    return state.net.add(node, kind, [x], (size, *x.shape[1:]), arguments, arrays, sources=tied)


def layer_norm(state: State, node: Node) -> _Result:
    """LayerNorm over the axes from `axis` on."""
    x = state.var(node)
    axis, eps = node.attribute("axis", -1), node.attribute("epsilon", 1e-5)
    if node.attribute("stash_type", 1) != 1:
        node.refuse("attribute stash_type: expected 1")
    first = axis - 1 if axis > 0 else axis + len(x.shape)
    if axis == 0 or not 0 <= first < len(x.shape):
        node.refuse(f"attribute axis: expected an axis of the samples {x.shape}, got {axis}")
    shape = tuple(n for n in x.shape[first:] if n is not None)
    if len(shape) < len(x.shape) - first:
        node.refuse(f"expected fixed sizes of what is normalised, got {x.shape[first:]}")
    weight, bias = state.constant(node, 1, "scale"), state.optional(node, 2, "bias")
    if weight.shape != shape:
        node.refuse(f"scale: expected shape {shape}, got {weight.shape}")
    arrays = {"weight": weight, "bias": np.broadcast_to(np.zeros(()), shape) if bias is None else bias}
    return state.net.add(node, "LayerNorm", [x], x.shape, {"normalized_shape": shape, "eps": eps}, arrays)


def softmax(state: State, node: Node) -> _Result:
    """Softmax or LogSoftmax, over the last axis."""
    x = state.var(node)
    axis = node.attribute("axis", -1 if state.opset >= 13 else 1)
    rank = len(x.shape) + 1
    if axis not in (-1, rank - 1) or rank < 2:  # before opset 13 it means all axes from there on: the same for the last
        node.refuse(f"attribute axis: expected the last one, got {axis} of {rank}")
    return state.net.add(node, node.op, [x], x.shape)


def log(state: State, node: Node) -> _Result:
    """The logarithm of a Softmax that nothing else reads."""
    x = state.var(node)
    made = state.net.made(x)
    if made is None or made.kind != "Softmax" or not state.alone(node.inputs[0]):
        return node.refuse("expected it behind a Softmax; there is no layer that computes logarithms")
    made.kind = "LogSoftmax"
    return x


def dropout(state: State, node: Node) -> _Result:
    """Dropout, which passes all on in inference."""
    x = state.var(node, changed=True)
    ratio, training = state.optional(node, 1, "ratio"), None
    if len(node.inputs) > 2 and node.inputs[2]:
        training = state.values[node.inputs[2]]
    if training is not None and (not isinstance(training, np.ndarray) or training.size != 1 or bool(training.any())):
        node.refuse("training_mode: expected false, got true; the file was written in training mode")
    node.attribute("seed", 0)
    p = node.attribute("ratio", 0.5) if ratio is None else float(str(np.float32(ratio.reshape(-1)[0])))
    return state.net.add(node, "Dropout", [x], x.shape, {"p": p}, ones=x.ones)


def identity(state: State, node: Node) -> _Result:
    """Identity."""
    x = state.var(node, changed=True)
    return state.net.add(node, "Identity", [x], x.shape, ones=x.ones)


def cast(state: State, node: Node) -> _Result:
    """Nothing, for floating-point numbers: models compute in their own type."""
    x, dtype = state.var(node, changed=True), dtype_of(node.attribute("to"))
    node.attribute("saturate", 1)
    if dtype is None or dtype.kind != "f" or dtype.itemsize < 4:
        node.refuse("attribute to: expected float32 or float64, got another type, to which values would be rounded")
    return x


def arithmetic(state: State, node: Node) -> _Result:
    """A sum or product of branches, or of a branch and constants."""
    given = state.given(node)
    values = [value for value in given if isinstance(value, Var)]
    if len(values) == len(given) and len(given) > 1:
        return _merged(state, node, values)
    if node.op == "Sum" and len(given) == len(values) == 1:
        return state.net.add(node, "Identity", values, values[0].shape, ones=values[0].ones)
    if len(given) != 2 or len(values) != 1:
        return node.refuse(f"expected two inputs, a value and a constant, or branches, got {len(given)}")
    [name] = [each for each in node.inputs if not isinstance(state.values[each], Var)]
    [other] = [each for each in node.inputs if each != name]
    constant = state.constant(node, node.inputs.index(name), "constant")
    return affine(state.net, node, values[0], constant, name, state.alone(other))


def _merged(state: State, node: Node, values: list[Var]) -> Var:
    if node.op not in ("Add", "Sum", "Mul"):
        node.refuse("expected a constant; branches are joined by Add, Sum, Mul and Concat alone")
    rank = max(len(value.shape) for value in values)
    if any(len(value.shape) != rank for value in values):
        node.refuse(f"expected branches of one shape, got {[value.shape for value in values]}")
    shape = tuple(_size(node, [value.shape[i] for value in values]) for i in range(rank))
    if node.op == "Mul":
        for value in values:
            _check_factor(node, value.shape, shape)
        ones = min(value.ones for value in values)
        return state.net.add(node, "Multiply", values, shape, ones=ones)
    if any(value.shape != values[0].shape or value.ones != values[0].ones for value in values):
        node.refuse(f"expected branches of one shape, got {[value.shape for value in values]}")
    return state.net.add(node, "Add", values, shape, ones=values[0].ones)


def _size(node: Node, sizes: list[int | None]) -> int | None:
    """The extent of an axis of the result."""
    larger = {n for n in sizes if n != 1}
    if len(larger - {None}) > 1:
        node.broken(f"expected branches that fit, got sizes {sizes}")
    return next(iter(larger - {None}), next(iter(larger), 1))


def _check_factor(node: Node, own: Shape, shape: Shape) -> None:
    """ConfigError unless it is as large as the result, or scales channels."""
    scaling = own[:1] == shape[:1] and all(n == 1 for n in own[1:])
    if own != shape and not scaling:
        node.refuse(f"expected factors of shape {shape}, or of one number for each channel, got {own}")


def concat(state: State, node: Node) -> _Result:
    """Concat of branches."""
    values = [state.var(node, i) for i in range(len(node.inputs))]
    axis, rank = node.attribute("axis", 1), len(values[0].shape) + 1
    place = axis + rank if axis < 0 else axis
    if any(len(value.shape) + 1 != rank for value in values) or not 0 <= place < rank:
        node.broken(f"expected branches that fit, got {[value.shape for value in values]} and axis {axis}")
    if place == 0:
        node.refuse("attribute axis: expected an axis of the samples, got that of the batch")
    shape = list(values[0].shape)
    sizes = [value.shape[place - 1] for value in values]
    shape[place - 1] = None if None in sizes else sum(n for n in sizes if n is not None)
    return state.net.add(node, "Concat", values, tuple(shape), {"dim": place})


OPERATORS: dict[str, Callable[[State, Node], _Result]] = {
    "Add": arithmetic,
    "BatchNormalization": batch_norm,
    "Cast": cast,
    "Concat": concat,
    "Div": arithmetic,
    "Dropout": dropout,
    "Gemm": gemm,
    "Identity": identity,
    "LayerNormalization": layer_norm,
    "Log": log,
    "LogSoftmax": softmax,
    "MatMul": matmul,
    "Mul": arithmetic,
    "Softmax": softmax,
    "Sub": arithmetic,
    "Sum": arithmetic,
}
