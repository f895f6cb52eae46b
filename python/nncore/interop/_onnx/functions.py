"""Functions of one number: nodes that compute an activation in several steps are recognised by its values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore.interop._onnx.source import Node

_Array = Any  # of NumPy, whose functions of arrays have types of their own
#: Where functions are compared: densely where activations bend, and far out.
_X = np.concatenate([np.linspace(-12, 12, 193), [-60.0, -30.0, -1e-3, 1e-3, 30.0, 60.0]])
_TOLERANCE = 2e-6
#: Nodes that one activation is made of at most, and attempts for a whole file: it may be a hostile one.
_MOST_NODES, _MOST_ATTEMPTS = 20, 4000

#: Operators that are layers as they are: the layer, and its arguments by the operator's attributes.
DIRECT: dict[str, tuple[str, dict[str, tuple[str, Any]]]] = {
    "Relu": ("ReLU", {}),
    "LeakyRelu": ("LeakyReLU", {"alpha": ("negative_slope", 0.01)}),
    "Elu": ("ELU", {"alpha": ("alpha", 1.0)}),
    "Gelu": ("GELU", {"approximate": ("approximate", "none")}),
    "Sigmoid": ("Sigmoid", {}),
    "Tanh": ("Tanh", {}),
    "Softplus": ("Softplus", {}),
}


def _softplus(x: _Array) -> _Array:
    return np.logaddexp(0, x)


def _sigmoid(x: _Array) -> _Array:
    return 0.5 * (1 + np.tanh(0.5 * x))


def _erf(x: _Array) -> _Array:
    return np.vectorize(math.erf, otypes=[float])(x)


def _gelu(x: _Array, approximate: str = "none") -> _Array:
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + _erf(x / math.sqrt(2)))


def _elu(x: _Array, alpha: float) -> _Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _selu(node: Node, x: _Array) -> _Array:
    alpha, gamma = node.attribute("alpha", 1.6732632), node.attribute("gamma", 1.050701)
    return gamma * _elu(x, alpha)


def _celu(node: Node, x: _Array) -> _Array:
    alpha = node.attribute("alpha", 1.0)
    return np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(np.minimum(x, 0) / alpha))


def _hard_sigmoid(node: Node, x: _Array) -> _Array:
    return np.clip(node.attribute("alpha", 0.2) * x + node.attribute("beta", 0.5), 0, 1)


def _clip(node: Node, x: _Array, low: Any = None, high: Any = None) -> _Array:
    low = node.attribute("min", None) if low is None else low
    high = node.attribute("max", None) if high is None else high
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


#: Every operator that acts on each number alone, given the node and its inputs in float64.
FUNCTIONS: dict[str, Callable[..., _Array]] = {
    "Abs": lambda node, x: np.abs(x),
    "Add": lambda node, a, b: a + b,
    "Celu": _celu,
    "Clip": _clip,
    "Div": lambda node, a, b: a / b,
    "Elu": lambda node, x: _elu(x, node.attribute("alpha", 1.0)),
    "Erf": lambda node, x: _erf(x),
    "Exp": lambda node, x: np.exp(x),
    "Gelu": lambda node, x: _gelu(x, node.attribute("approximate", "none")),
    "Greater": lambda node, a, b: a > b,
    "GreaterOrEqual": lambda node, a, b: a >= b,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda node, x: x * np.clip(x / 6 + 0.5, 0, 1),
    "LeakyRelu": lambda node, x: np.where(x > 0, x, node.attribute("alpha", 0.01) * x),
    "Less": lambda node, a, b: a < b,
    "LessOrEqual": lambda node, a, b: a <= b,
    "Log": lambda node, x: np.log(x),
    "Max": lambda node, *x: np.max(np.broadcast_arrays(*x), axis=0),
    "Min": lambda node, *x: np.min(np.broadcast_arrays(*x), axis=0),
    "Mish": lambda node, x: x * np.tanh(_softplus(x)),
    "Mul": lambda node, a, b: a * b,
    "Neg": lambda node, x: -x,
    "Not": lambda node, x: ~np.asarray(x, bool),
    "PRelu": lambda node, x, slope: np.where(x > 0, x, slope * x),
    "Pow": lambda node, a, b: a**b,
    "Reciprocal": lambda node, x: 1 / x,
    "Relu": lambda node, x: np.maximum(x, 0),
    "Selu": _selu,
    "Sigmoid": lambda node, x: _sigmoid(x),
    "Softplus": lambda node, x: _softplus(x),
    "Softsign": lambda node, x: x / (1 + np.abs(x)),
    "Sqrt": lambda node, x: np.sqrt(x),
    "Sub": lambda node, a, b: a - b,
    "Sum": lambda node, *x: sum(x),
    "Swish": lambda node, x: x * _sigmoid(node.attribute("alpha", 1.0) * x),
    "Tanh": lambda node, x: np.tanh(x),
    "Where": lambda node, c, a, b: np.where(np.asarray(c, bool), a, b),
}


class Functions:
    """Finds activations among the nodes of a graph."""

    def __init__(self, makers: Mapping[str, Node], constants: Mapping[str, _Array], places: Mapping[str, int]) -> None:
        """places: of the values in the order of computation."""
        self._makers, self._constants, self._places = makers, constants, places
        self._attempts = 0

    def match(self, node: Node) -> tuple[str, dict[str, Any], str] | None:
        """The layer that computes the node's first output, its arguments and the value that it reads."""
        if node.op in DIRECT:
            kind, arguments = DIRECT[node.op]
            given = {ours: node.attribute(theirs, default) for theirs, (ours, default) in arguments.items()}
            return kind, given, node.inputs[0] if node.inputs else ""
        if node.op not in FUNCTIONS:
            return None
        inside: list[Node] = [node]
        reads = self._variables(node)
        while reads and len(inside) <= _MOST_NODES and self._attempts < _MOST_ATTEMPTS:
            if len(reads) == 1:
                [base] = reads
                found = self._recognised(inside, base)
                if found is not None:
                    return *found, base
            last = max(reads, key=lambda name: self._places.get(name, -1))
            maker = self._makers.get(last)
            if maker is None or maker.op not in FUNCTIONS or maker.outputs[0] != last:
                return None
            inside.append(maker)
            further = self._variables(maker)
            if further is None:
                return None
            reads = (reads - {last}) | further
        return None

    def _variables(self, node: Node) -> set[str] | None:
        """The inputs that are no constants; None if a constant is no single number, or nothing else is read."""
        found: set[str] = set()
        for name in node.inputs:
            array = self._constants.get(name)
            if array is None:
                found |= {name} - {""}
            elif not _single(node, array):
                return None
        return found or None

    def _recognised(self, inside: list[Node], base: str) -> tuple[str, dict[str, Any]] | None:
        self._attempts += 1
        values: dict[str, _Array] = {base: _X}
        numbers = []
        try:
            with np.errstate(all="ignore"):
                for node in sorted(inside, key=lambda node: self._places[node.outputs[0]]):
                    arrays: list[_Array | None] = []
                    for name in node.inputs:
                        if name in self._constants:
                            values[name] = self._constants[name].reshape(-1)[0].astype(np.float64)
                            numbers.append(float(values[name]))
                        arrays.append(values.get(name))
                    values[node.outputs[0]] = FUNCTIONS[node.op](node, *arrays)
                y = np.broadcast_to(np.asarray(values[inside[0].outputs[0]], np.float64), _X.shape)
                return recognised(y, numbers) if np.isfinite(y).all() else None
        except (TypeError, ValueError):  # a wrong number of inputs
            return None


def _single(node: Node, array: NDArray[Any]) -> bool:
    """Whether a constant acts as one number: it has one, without adding axes; PRelu's slopes may be equal ones."""
    if node.op == "PRelu" and array.size and array.size <= 2**16:
        return bool((array == array.reshape(-1)[0]).all())
    return array.size == 1 and array.ndim <= 2


def recognised(y: _Array, numbers: list[float]) -> tuple[str, dict[str, Any]] | None:
    """The activation with the values y at the places of comparison. numbers: its settings may be among them."""
    plain = {"ReLU": np.maximum(_X, 0), "SiLU": _X * _sigmoid(_X), "Sigmoid": _sigmoid(_X), "Tanh": np.tanh(_X)}
    for kind, values in plain.items():
        if _close(y, values):
            return kind, {}
    for approximate in ("none", "tanh"):
        if _close(y, _gelu(_X, approximate)):
            return "GELU", {"approximate": approximate}
    slope = _known(-_at(y, -1.0), numbers)
    if 0 <= slope < 1 and _close(y, np.where(_X > 0, _X, slope * _X)):
        return "LeakyReLU", {"negative_slope": slope}
    alpha = _known(-_at(y, -60.0), numbers)
    if _close(y, _elu(_X, alpha)):
        return "ELU", {"alpha": alpha}
    return _softplus_of(y, numbers)


def _softplus_of(y: _Array, numbers: list[float]) -> tuple[str, dict[str, Any]] | None:
    middle = _at(y, 0.0)
    if not 1e-3 < middle < 1e3:
        return None
    beta = _known(math.log(2) / middle, numbers)
    for threshold in (20.0, *numbers):
        if _close(y, np.where(beta * _X > threshold, _X, _softplus(beta * _X) / beta)):
            return "Softplus", {"beta": beta, "threshold": threshold}
    return None


def _close(y: _Array, expected: _Array) -> bool:
    return bool((np.abs(y - expected) <= _TOLERANCE * np.maximum(1, np.abs(expected))).all())


def _at(y: _Array, x: float) -> float:
    return float(y[np.flatnonzero(x == _X)[0]])


def _known(value: float, numbers: list[float]) -> float:
    """The number among those of the nodes that a measured one is, as float32 was written; else it, rounded."""
    near = [float(str(np.float32(number))) for number in numbers if abs(number - value) <= 1e-6 * max(1, abs(value))]
    return near[0] if near else float(f"{value:.7g}")
