"""E4, document 004: optimizers on Rosenbrock's function; shallow and deep nets on MNIST."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from nncore import SGD, Adam, CrossEntropyLoss, Linear, Normalize, ReLU, Sequential, Sigmoid, Trainer, minimize
from nncore.cli import _rosenbrock
from nncore.cli.experiments._runs import Outcome, Run, each, fit
from nncore.datasets import load_mnist
from nncore.layers import Layer
from nncore.optim import Optimizer

TITLE = "six optimizer runs on Rosenbrock's function; thirteen shallow and three deep nets on MNIST"
THREADS = True  # runs go side by side, each in a thread of its own

#: name in the source's table -> label of the run
ROSENBROCK = {
    "GD eta=1e-4": "GD, lr 1e-4",
    "momentum eta=1e-4": "momentum 0.9, lr 1e-4",
    "Adam eta=1e-4": "Adam, lr 1e-4",
    "momentum eta=1e-3": "momentum 0.9, lr 1e-3",
    "Adam eta=1e-3": "Adam, lr 1e-3",
    "Adam eta=1e-2": "Adam, lr 1e-2",
}
#: setting -> hidden units and optimizer; the names of the three best are the source's
SHALLOW: dict[str, tuple[int, Callable[[], Optimizer]]] = {
    "784-30-10 SGD 1e-4": (30, lambda: SGD(lr=1e-4)),
    "784-30-10 SGD 1e-3": (30, lambda: SGD(lr=1e-3)),
    "784-30-10 SGD 1e-2": (30, lambda: SGD(lr=1e-2)),
    "784-30-10 SGD best of {1e-4,1e-3,1e-2,.1,.5}: .1": (30, lambda: SGD(lr=0.1)),
    "784-30-10 SGD .5": (30, lambda: SGD(lr=0.5)),
    "784-30-10 Adam 1e-4": (30, lambda: Adam(lr=1e-4)),
    "784-30-10 Adam best of {1e-4,1e-3,1e-2,.1}: 1e-3": (30, lambda: Adam(lr=1e-3)),
    "784-30-10 Adam 1e-2": (30, lambda: Adam(lr=1e-2)),
    "784-30-10 Adam .1": (30, lambda: Adam(lr=0.1)),
    "784-50-10 Adam 1e-3 decay 1e-5": (50, lambda: Adam(lr=1e-3, weight_decay=1e-5)),
    "784-100-10 Adam 1e-3 decay 1e-4": (100, lambda: Adam(lr=1e-3, weight_decay=1e-4)),
    "784-50-10 SGD .1 momentum .8": (50, lambda: SGD(lr=0.1, momentum=0.8)),
    "784-100-10 SGD .1 momentum .9": (100, lambda: SGD(lr=0.1, momentum=0.9)),
}
#: setting -> hidden sizes, activation, initialiser
DEEP: dict[str, tuple[list[int], type[Layer], str]] = {
    "784-30x8-10 sigmoid xavier_normal": ([30] * 8, Sigmoid, "xavier_normal"),
    "784-30x8-10 relu kaiming_uniform": ([30] * 8, ReLU, "kaiming_uniform"),
}
TAPERED = "784-512-256-128-64-10 relu kaiming_uniform, Adam 1e-3 decay 1e-4, 5 epochs"


def _valley(name: str, steps: int) -> Callable[[int], Outcome]:
    """From (-4, -2); Adam ends in a cycle, so the last 5000 values of f are summed up, too."""

    def run(_: int) -> Outcome:
        optimizer = _rosenbrock.optimizers()[ROSENBROCK[name]]
        result = minimize("rosenbrock", [-4.0, -2.0], optimizer, steps)
        if not result.success:  # as the source prints it
            figures = {"x": np.nan, "y": np.nan, "f": np.nan, "diverged_at_step": float(result.nit)}
        else:
            tail = result.values[-5000:]
            figures = {"x": result.x[0], "y": result.x[1], "f": result.fun}
            figures |= {"median_f_of_last_5000": float(np.median(tail)), "largest_f_of_last_5000": float(tail.max())}
        path = result.path[:: max(1, steps // 200)]
        distance = np.hypot(path[:, 0] - 1, path[:, 1] - 1)  # does not overflow where a square would
        return Outcome({name: figures}, result.nit, {"distance": distance.tolist()})

    return run


@functools.cache
def _mnist(split: str) -> tuple[Any, Any]:
    X, y = load_mnist(split)
    return X.reshape(len(X), -1), y


def _net(hidden: list[int], activation: type[Layer], init: str, seed: int) -> Sequential:
    sizes = [784, *hidden, 10]
    layers: list[Layer] = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [Linear(n_in, n_out, weight_init=init, bias_init="zeros"), activation()]
    return Sequential(*layers[:-1], seed=seed, input=Normalize.from_data(_mnist("train")[0], "scale"))


def _shallow(setting: str, epochs: int) -> Callable[[int], Outcome]:
    """Batch 10; the test accuracy after each epoch, at last after 30."""
    hidden, optimizer = SHALLOW[setting]

    def run(seed: int) -> Outcome:
        net = _net([hidden], Sigmoid, "xavier_normal", seed)
        trainer = Trainer(net, CrossEntropyLoss(), optimizer(), batch_size=10, seed=seed, num_threads=1)
        history = fit(trainer, *_mnist("train"), epochs, test_data=_mnist("test"))
        curve = history["test_accuracy"].tolist()
        return Outcome({setting: {"test_accuracy": curve[-1]}}, history.n_steps, {"test_accuracy": curve})

    return run


def _gradient(setting: str) -> Callable[[int], Outcome]:
    """Norms of the first and the last weight gradient of the untrained net on one batch of ten."""

    def run(seed: int) -> Outcome:
        net = _net(*DEEP[setting], seed)
        X, y = _mnist("train")
        batch = np.random.default_rng(seed).choice(len(X), 10, replace=False)
        _, dz = CrossEntropyLoss()(net.forward(X[batch], training=True), y[batch])
        net.zero_grad()
        net.backward(dz)
        norms = [float(np.linalg.norm(p.grad)) for p in net.parameters() if p.name.endswith("weight")]
        names = ("gradient_norm_first_layer", "gradient_norm_last_layer", "ratio")
        figures = dict(zip(names, (norms[0], norms[-1], norms[0] / norms[-1]), strict=True))
        return Outcome({setting: figures}, 1, {"gradient_norms": norms})

    return run


def _tapered(epochs: int) -> Callable[[int], Outcome]:
    def run(seed: int) -> Outcome:
        net = _net([512, 256, 128, 64], ReLU, "kaiming_uniform", seed)
        rule = Adam(lr=1e-3, weight_decay=1e-4)
        trainer = Trainer(net, CrossEntropyLoss(), rule, batch_size=10, seed=seed, num_threads=1)
        history = fit(trainer, *_mnist("train"), epochs, test_data=_mnist("test"))
        curve = history["test_accuracy"].tolist()
        return Outcome({TAPERED: {"test_accuracy": curve[-1]}}, history.n_steps, {"test_accuracy": curve})

    return run


def runs(quick: bool, seed: int) -> tuple[list[Run], list[str]]:
    """Rosenbrock has no randomness: one run each. MNIST, where it is on this machine: 5 seeds, 20 for gradients."""
    valley = [("rosenbrock", name, _valley(name, 1000 if quick else 100_000)) for name in ROSENBROCK]
    found = each(valley, [seed])
    try:
        _mnist("train"), _mnist("test")
    except FileNotFoundError:
        return found, ["without MNIST, which is not on this machine: `nncore mnist-mlp --download` fetches it"]
    few, many = (1, 2) if quick else (5, 20)
    gradients = [("deep", setting, _gradient(setting)) for setting in DEEP]
    shallow = [("shallow", setting, _shallow(setting, 1 if quick else 30)) for setting in SHALLOW]
    found += each(gradients, range(seed, seed + many))
    found += each(shallow[: 1 if quick else None], range(seed, seed + few))
    if not quick:
        found += each([("deep", "tapered", _tapered(5))], range(seed, seed + few))
    return found, []
