"""Ways to copy an object, and trainers with parts of every kind to copy."""

import copy
import pickle

import numpy as np
import pytest

import nncore as nc
from support.cases import SCHEMAS

COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda given: pickle.loads(pickle.dumps(given)),
    "pickle, protocol 2": lambda given: pickle.loads(pickle.dumps(given, 2)),
}
copied = pytest.mark.parametrize("how", COPIES)  # a test of each


class Scale(nc.Layer):
    """A layer of one's own."""

    def __init__(self, n):
        self.weight, self.calls = self.add_parameter("weight", np.ones((1, n))), 0

    def forward(self, x, training):
        self.x, self.calls = x, self.calls + 1
        return x * self.weight.value

    def backward(self, dy):
        self.weight.grad += (dy * self.x).sum(axis=0, keepdims=True)
        return dy * self.weight.value


class Quadratic(nc.Loss):
    """A loss of one's own."""

    def forward(self, z, y):
        self.error = z - np.eye(2, dtype=z.dtype)[y]
        return (self.error**2).mean()

    def backward(self):
        return 2 * self.error / self.error.size


class Counting(nc.Callback):
    """A callback of one's own, which keeps its trainer."""

    def __init__(self, every=2):
        self.every, self.epochs = every, []

    def on_fit_begin(self, trainer):
        self.trainer = trainer

    def on_epoch_end(self, record):
        self.epochs.append(record["epoch"])


def halving(step):
    return 0.5 ** (step // 5)


def own_metric(y, z):
    return float((z.argmax(1) == y).mean())


RATES = {
    "number": lambda: 0.05,
    "by step": lambda: nc.ExponentialLR(0.05, 0.9, per="step"),
    "by epoch": lambda: nc.StepLR(0.05, 1, gamma=0.5),
    "plateau": lambda: nc.ReduceLROnPlateau(0.05, factor=0.5, patience=1),
    "function": lambda: nc.Schedule(0.05, halving),
    "set": lambda: 0.3,
}
X, Y = nc.datasets.make_moons(46, noise=0.3, seed=0)
OPTIMIZERS = [name for kind, name in SCHEMAS if kind == "optimizer"]


def trainer(optimizer="Adam", rate="number", *, own=False, **options):
    layers = [Scale(2)] if own else [nc.Identity()]
    net = nc.Sequential(
        *layers, nc.Linear(2, 6), nc.BatchNorm1d(6), nc.ReLU(), nc.Dropout(0.2), nc.Linear(6, 2), seed=1,
        input=nc.Normalize(0.1, 2.0),
    )  # fmt: skip
    loss = Quadratic() if own else nc.CrossEntropyLoss(label_smoothing=0.1)
    return nc.Trainer(net, loss, getattr(nc, optimizer)(lr=RATES[rate]()), **{"batch_size": 10, "seed": 3, **options})


def train(given, steps, **options):
    options = {"validation_data": (X, Y), "metrics": ["accuracy", own_metric], **options}
    return given.fit(X, Y, steps=steps, progress=False, **options)


def state_of(given):
    """Everything that a training depends on, but for seconds, as text and numbers that can be compared."""
    state = given.state_dict()
    state["progress"] = {**state["progress"], "seconds": 0}
    state["history"]["seconds"] = 0
    state["history"]["epochs"].pop("seconds")
    return repr(plain(state))


def plain(value):
    """Arrays as numbers and their type, for a comparison bit by bit as text."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return (value.tolist(), str(value.dtype)) if isinstance(value, np.ndarray) else repr(value)
