"""A NumPy twin of every layer, loss, optimizer and schedule, written from the formulas in the schemas.

A twin is keyed by the registered name. `twin_of` fails with a text that says what to add when there is none.
Everything is computed in the dtype of its arguments; oracles are called with float64.
"""

import math
from types import SimpleNamespace

import numpy as np
import pytest

LAYERS, LOSSES, OPTIMIZERS, SCHEDULES = {}, {}, {}, {}
_TABLES = {"layer": LAYERS, "loss": LOSSES, "optimizer": OPTIMIZERS, "schedule": SCHEDULES}


def twin_of(kind, name):
    """The twin of a registered thing; the test fails without one."""
    if name not in _TABLES[kind]:
        pytest.fail(f"{kind} {name!r} has no NumPy twin: add one to tests/oracles.py, under @twin({kind!r}, {name!r})")
    return _TABLES[kind][name]


def twin(kind, name):
    def register(cls):
        _TABLES[kind][name] = cls
        return cls

    return register


# ---- Layers -------------------------------------------------------------------------------------------------------
# forward(args, params, x) -> y;  backward(args, params, x, dy) -> (dx, {name: gradient}).
# args is a namespace of all fields with `mask` added for layers that draw random numbers.


@twin("layer", "Linear")
class Linear:
    @staticmethod
    def forward(a, params, x):
        y = np.einsum("...k,ck->...c", x, params["weight"])
        return y + params["bias"] if a.bias else y

    @staticmethod
    def backward(a, params, x, dy):
        grads = {"weight": np.einsum("nk,nc->ck", _rows(x), _rows(dy))}
        if a.bias:
            grads["bias"] = _rows(dy).sum(axis=0)
        return np.einsum("...c,ck->...k", dy, params["weight"]), grads


def _rows(x):
    return x.reshape(-1, x.shape[-1])


@twin("layer", "Tanh")
class Tanh:
    @staticmethod
    def forward(a, params, x):
        return np.tanh(x)

    @staticmethod
    def backward(a, params, x, dy):
        return dy / np.cosh(x) ** 2, {}


@twin("layer", "Sigmoid")
class Sigmoid:
    @staticmethod
    def forward(a, params, x):
        return 1 / (1 + np.exp(-x))

    @staticmethod
    def backward(a, params, x, dy):
        return dy * np.exp(-x) / (1 + np.exp(-x)) ** 2, {}


@twin("layer", "ReLU")
class ReLU:
    @staticmethod
    def forward(a, params, x):
        return np.maximum(x, 0)

    @staticmethod
    def backward(a, params, x, dy):
        return dy * (x > 0), {}


@twin("layer", "LeakyReLU")
class LeakyReLU:
    @staticmethod
    def forward(a, params, x):
        return np.where(x > 0, x, a.negative_slope * x)

    @staticmethod
    def backward(a, params, x, dy):
        return np.where(x > 0, dy, a.negative_slope * dy), {}


@twin("layer", "ELU")
class ELU:
    @staticmethod
    def forward(a, params, x):
        return np.where(x > 0, x, a.alpha * np.expm1(np.minimum(x, 0)))

    @staticmethod
    def backward(a, params, x, dy):
        return np.where(x > 0, dy, dy * a.alpha * np.exp(np.minimum(x, 0))), {}


@twin("layer", "Softplus")
class Softplus:
    @staticmethod
    def forward(a, params, x):
        return np.where(a.beta * x > a.threshold, x, np.logaddexp(0, a.beta * x) / a.beta)

    @staticmethod
    def backward(a, params, x, dy):
        return np.where(a.beta * x > a.threshold, dy, dy / (1 + np.exp(-a.beta * x))), {}


@twin("layer", "SiLU")
class SiLU:
    @staticmethod
    def forward(a, params, x):
        return x / (1 + np.exp(-x))

    @staticmethod
    def backward(a, params, x, dy):
        s = 1 / (1 + np.exp(-x))
        return dy * (s + x * s * (1 - s)), {}


@twin("layer", "GELU")
class GELU:
    @staticmethod
    def forward(a, params, x):
        return x * GELU.share(a, x)

    @staticmethod
    def backward(a, params, x, dy):
        if a.approximate == "tanh":
            slope = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2) / 2
            t = 2 * GELU.share(a, x) - 1
            return dy * ((1 + t) / 2 + x * (1 - t**2) * slope), {}
        return dy * (GELU.share(a, x) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)), {}

    @staticmethod
    def share(a, x):
        if a.approximate == "tanh":
            return (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2
        return np.vectorize(math.erfc, otypes=[np.float64])(-x / np.sqrt(2)) / 2


@twin("layer", "Identity")
class Identity:
    @staticmethod
    def forward(a, params, x):
        return x

    @staticmethod
    def backward(a, params, x, dy):
        return dy, {}


@twin("layer", "Softmax")
class Softmax:
    @staticmethod
    def forward(a, params, x):
        return np.exp(LogSoftmax.forward(a, params, x))

    @staticmethod
    def backward(a, params, x, dy):
        y = Softmax.forward(a, params, x)
        jacobian = np.einsum("...i,ij->...ij", y, np.eye(x.shape[-1])) - np.einsum("...i,...j->...ij", y, y)
        return np.einsum("...ij,...i->...j", jacobian, dy), {}


@twin("layer", "LogSoftmax")
class LogSoftmax:
    @staticmethod
    def forward(a, params, x):
        top = x.max(axis=-1, keepdims=True)
        return x - top - np.log(np.exp(x - top).sum(axis=-1, keepdims=True))

    @staticmethod
    def backward(a, params, x, dy):
        return dy - Softmax.forward(a, params, x) * dy.sum(axis=-1, keepdims=True), {}


@twin("layer", "Dropout")
class Dropout:
    """a.mask holds 0 or 1 / (1 - p) for each element; in inference it is all ones."""

    @staticmethod
    def forward(a, params, x):
        return x * a.mask

    @staticmethod
    def backward(a, params, x, dy):
        return dy * a.mask, {}


@twin("layer", "Flatten")
class Flatten:
    @staticmethod
    def forward(a, params, x):
        return x.reshape(len(x), -1)

    @staticmethod
    def backward(a, params, x, dy):
        return dy.reshape(x.shape), {}


# ---- Losses -------------------------------------------------------------------------------------------------------
# loss(args, z, y) -> (value, dz).


def _class_weights(a, n_classes):
    return np.ones(n_classes) if a.weight is None else np.asarray(a.weight, dtype=np.float64)


@twin("loss", "CrossEntropyLoss")
def cross_entropy(a, z, y):
    n, c = z.shape
    log_p, w = LogSoftmax.forward(a, {}, z), _class_weights(a, c)
    if np.issubdtype(y.dtype, np.integer):
        counts = y != a.ignore_index
        target = np.eye(c)[np.where(counts, y, 0)] * counts[:, None]
        total = (w[np.where(counts, y, 0)] * counts).sum()
        even = np.outer(counts, np.full(c, 1 / c))
    else:
        target, total, even = y, n, np.full((n, c), 1 / c)
    u = w * ((1 - a.label_smoothing) * target + a.label_smoothing * even)
    scale = 1 / total if a.reduction == "mean" else 1.0
    return -scale * (u * log_p).sum(), scale * (np.exp(log_p) * u.sum(axis=1, keepdims=True) - u)


@twin("loss", "NLLLoss")
def nll(a, z, y):
    counts = y != a.ignore_index
    u = np.eye(z.shape[1])[np.where(counts, y, 0)] * _class_weights(a, z.shape[1]) * counts[:, None]
    scale = 1 / u.sum() if a.reduction == "mean" else 1.0
    return -scale * (u * z).sum(), -scale * u


@twin("loss", "MSELoss")
def mse(a, z, y):
    scale = 1 / z.size if a.reduction == "mean" else 1.0
    return scale * ((z - y) ** 2).sum(), 2 * scale * (z - y)


@twin("loss", "PerceptronLoss")
def perceptron(a, z, y):
    y = y.reshape(z.shape)
    scale = 1 / len(z) if a.reduction == "mean" else 1.0
    return scale * np.maximum(0, -y * z).sum(), np.where(y * z < 0, -scale * y, 0.0)


# ---- Optimizers ---------------------------------------------------------------------------------------------------
# rule(args, t, rate, w, g, slots) -> (new w, new slots); t is 1 for the first step.


@twin("optimizer", "SGD")
class SGD:
    @staticmethod
    def slots(a):
        return ["momentum_buffer"] if a.momentum else []

    @staticmethod
    def rule(a, t, rate, w, g, slots):
        g = g + a.weight_decay * w
        if not a.momentum:
            return w - rate * g, {}
        v = g if t == 1 else a.momentum * slots["momentum_buffer"] + (1 - a.dampening) * g
        return w - rate * (g + a.momentum * v if a.nesterov else v), {"momentum_buffer": v}


@twin("optimizer", "Adam")
class Adam:
    @staticmethod
    def slots(a):
        return ["exp_avg", "exp_avg_sq"] + (["max_exp_avg_sq"] if a.amsgrad else [])

    @staticmethod
    def rule(a, t, rate, w, g, slots):
        g = g + a.weight_decay * w
        b1, b2 = a.betas
        m = b1 * slots["exp_avg"] + (1 - b1) * g
        v = b2 * slots["exp_avg_sq"] + (1 - b2) * g * g
        new = {"exp_avg": m, "exp_avg_sq": v}
        top = v
        if a.amsgrad:
            top = new["max_exp_avg_sq"] = np.maximum(slots["max_exp_avg_sq"], v)
        c1, c2 = (1 - b1**t, 1 - b2**t) if a.bias_correction else (1.0, 1.0)
        root = np.sqrt(top / c2 + a.eps) if a.eps_inside_sqrt else np.sqrt(top / c2) + a.eps
        return w - rate * (m / c1) / root, new


# ---- Schedules ----------------------------------------------------------------------------------------------------
# rate(args, i), i from 0.


@twin("schedule", "StepLR")
def step_lr(a, i):
    return a.lr * a.gamma ** (i // a.step_size)


@twin("schedule", "ExponentialLR")
def exponential_lr(a, i):
    return a.lr * a.gamma**i


# ---- Whole models -------------------------------------------------------------------------------------------------


class Model:
    """A chain of twins: layers is a list of (name, args namespace, {parameter: array})."""

    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        self.inputs = [x]
        for name, args, params in self.layers:
            self.inputs.append(twin_of("layer", name).forward(args, params, self.inputs[-1]))
        return self.inputs[-1]

    def backward(self, dy):
        grads = []
        for (name, args, params), x in zip(reversed(self.layers), reversed(self.inputs[:-1]), strict=True):
            dy, g = twin_of("layer", name).backward(args, params, x, dy)
            grads.insert(0, g)
        return dy, grads


def namespace(args):
    return SimpleNamespace(**args)
