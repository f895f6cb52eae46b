"""A NumPy twin of every loss, optimizer and schedule, written from the formulas in the schemas; those of layers are in
layer_oracles.py.

A twin is keyed by the registered name. `twin_of` fails with a text that says what to add when there is none.
Everything is computed in the dtype of its arguments; oracles are called with float64.
"""

import numpy as np

from layer_oracles import LogSoftmax
from twins import LAYERS, LOSSES, OPTIMIZERS, SCHEDULES, namespace, twin, twin_of

__all__ = ["LAYERS", "LOSSES", "OPTIMIZERS", "SCHEDULES", "Model", "namespace", "twin", "twin_of"]


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
