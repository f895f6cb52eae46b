"""E3, document 003: initial weights, the order of samples, sizes of convolutions, Dropout with BatchNorm on MNIST."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nncore import (
    SGD,
    Adam,
    BatchNorm2d,
    Conv2d,
    CrossEntropyLoss,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    MSELoss,
    Normalize,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
    Trainer,
    gradient_flow,
    init,
)
from nncore.cli.experiments._runs import Once, Outcome, Run, each, fit
from nncore.datasets import load_mnist, make_circles, make_moons
from nncore.layers import Layer

TITLE = "good and poor initial weights; sorted and shuffled samples; Dropout with BatchNorm on MNIST"
THREADS = True  # runs go side by side, each in a thread of its own

ACTIVATIONS: dict[str, type[Layer]] = {"relu": ReLU, "sigmoid": Sigmoid}
POOR = 0.01  # standard deviation of the poor weights
HIDDEN = (8, 8, 8)
EPOCHS = {("relu", "good"): 250, ("relu", "poor"): 250, ("sigmoid", "good"): 4000, ("sigmoid", "poor"): 4083}
SHARES = tuple(round(0.1 * tenth, 1) for tenth in range(10))


def make_small_net(activation: str, kind: str, seed: int) -> Sequential:
    """2-8-8-8-1 with tanh at its end; good weights are Kaiming's for ReLU and Xavier's for the sigmoid."""
    good = init.kaiming_normal() if activation == "relu" else init.xavier_normal(gain=4.0)  # its slope is 1/4
    weights = good if kind == "good" else init.normal(0.0, POOR)
    layers: list[Layer] = []
    for n_in, n_out in itertools.pairwise([2, *HIDDEN]):
        layers += [Linear(n_in, n_out, weight_init=weights, bias_init="zeros"), ACTIVATIONS[activation]()]
    return Sequential(*layers, Linear(HIDDEN[-1], 1, weight_init=weights, bias_init="zeros"), Tanh(), seed=seed)


def _initialisation(activation: str, kind: str, quick: bool) -> Callable[[int], Outcome]:
    """Circles, labels ±1, loss (z - y)²/2 as the source's page has it: 1/2 is a net that says 0 to everything."""
    epochs = EPOCHS[activation, kind]

    def run(seed: int) -> Outcome:
        X, y = make_circles(500, noise=0.05, factor=0.4, seed=seed)
        targets = (2.0 * y - 1.0).astype(np.float32).reshape(-1, 1)
        X, X_test, t, t_test = X[::2], X[1::2], targets[::2], targets[1::2]
        net = make_small_net(activation, kind, seed)
        flow = gradient_flow(net, MSELoss(), X, t)
        trainer = Trainer(net, MSELoss(), SGD(lr=0.1), batch_size=10, seed=seed, num_threads=1)
        history = fit(trainer, X, t, 3 if quick else epochs)
        figures = {
            "test_loss": trainer.evaluate(X_test, t_test)["loss"] / 2,
            "train_loss": trainer.evaluate(X, t)["loss"] / 2,
            "test_accuracy": float(np.mean((net(X_test) > 0) == (t_test > 0))),
            "gradient_ratio": flow.ratio,
        }
        loss = history["loss"] / 2
        curves = {
            "loss": [float(f"{value:.4g}") for value in loss[:: max(1, len(loss) // 250)]],
            "gradient_norms": list(flow.norms.values()),
        }
        return Outcome({f"{activation} {kind} init, {epochs} iterations": figures}, history.n_steps, curves)

    return run


def _order(sorted_by_class: bool, lr: float, epochs: int) -> Callable[[int], Outcome]:
    """2-50-50-2 on moons, one sample a step; a unit is dead when no training sample makes it positive."""

    def run(seed: int) -> Outcome:
        X, y = make_moons(1000, noise=0.1, seed=seed)
        order = np.argsort(y, kind="stable") if sorted_by_class else np.arange(len(X))
        X, y = X[order], y[order]
        net = Sequential(Linear(2, 50), ReLU(), Linear(50, 50), ReLU(), Linear(50, 2), seed=seed)
        trainer = Trainer(
            net, CrossEntropyLoss(), SGD(lr=lr), batch_size=1, shuffle=not sorted_by_class, seed=seed, num_threads=1
        )
        dead, accuracy, steps = [dead_share(net, X)], [trainer.evaluate(X, y)["accuracy"]], 0
        for _ in range(epochs):
            steps += fit(trainer, X, y, 1, metrics=()).n_steps
            dead.append(dead_share(net, X))
            accuracy.append(trainer.evaluate(X, y)["accuracy"])
        figures = {"dead_share": dead[-1], "dead_share_at_start": dead[0], "train_accuracy": accuracy[-1]}
        name = "sorted by class" if sorted_by_class else "shuffled"
        return Outcome({f"{name}, lr {lr}": figures}, steps, {"dead_share": dead, "train_accuracy": accuracy})

    return run


def dead_share(net: Sequential, X: Any) -> float:
    """Share of ReLU units that are 0 for every sample."""
    outputs = net.activations(X)
    live = [(outputs[str(i)] > 0).any(axis=0) for i, layer in enumerate(net) if isinstance(layer, ReLU)]
    return float(1 - np.concatenate(live).mean())


def _conv(_: int) -> Outcome:
    """Sizes, as summary has them."""
    values: dict[str, dict[str, float]] = {}
    for setting, padding in (
        ("16 filters 5x5 on 32x32x3", "valid"),
        ("16 filters 5x5 on 32x32x3, padding same", "same"),
    ):
        net = Sequential(Conv2d(3, 16, 5, padding=padding), seed=0)
        channels, height, width = net(np.zeros((1, 3, 32, 32), np.float32)).shape[1:]
        parameters = net.summary((3, 32, 32)).parameters
        values[setting] = {
            "parameters": parameters,
            "output_height": height,
            "output_width": width,
            "output_channels": channels,
        }
    return Outcome(values, 0)


@dataclass(frozen=True)
class _Trained:
    val_accuracy: float
    test_accuracy: float
    curve: list[float]
    steps: int


class DropoutNets:
    """Convolutional nets on MNIST: 55 000 images to learn from, the last 5000 to choose by, the official test set."""

    def __init__(self, quick: bool) -> None:
        X, y = load_mnist("train")
        n = 512 if quick else len(X) - 5000
        self._train_set, self._held, self._test = (X[:n], y[:n]), (X[-5000:], y[-5000:]), load_mnist("test")
        self.train = Once(self._train)

    def _train(self, share: float, epochs: int, seed: int) -> _Trained:
        net = make_dropout_net(share, seed)
        trainer = Trainer(net, CrossEntropyLoss(), Adam(lr=1e-3), batch_size=50, seed=seed, num_threads=1)
        history = fit(trainer, *self._train_set, epochs, metrics=("accuracy",), validation_data=self._held)
        curve = history["val_accuracy"].tolist()
        return _Trained(curve[-1], trainer.evaluate(*self._test)["accuracy"], curve, history.n_steps)

    def one_epoch(self, share: float) -> Callable[[int], Outcome]:
        """One epoch: the validation accuracy by which the source chose the share."""

        def run(seed: int) -> Outcome:
            found = self.train(share, 1, seed)
            figures = {"test_accuracy": found.test_accuracy, "val_accuracy": found.val_accuracy}
            return Outcome({f"p={share} 1 epoch": figures}, found.steps)

        return run

    def ten_epochs(self, seed: int) -> Outcome:
        """With the source's p, and with the one that the validation images prefer after one epoch."""
        chosen = max(SHARES, key=lambda share: self.train(share, 1, seed).val_accuracy)
        values: dict[str, dict[str, float]] = {}
        curves: dict[str, list[float]] = {}
        steps = 0
        for setting, share in (("p=0.5 10 epochs", 0.5), ("p chosen on validation, 10 epochs", chosen)):
            found = self.train(share, 10, seed)
            values[setting] = {"p": share, "test_accuracy": found.test_accuracy, "val_accuracy": found.val_accuracy}
            curves[f"val_accuracy of {setting}"], steps = found.curve, steps + found.steps
        return Outcome(values, steps, curves)


def make_dropout_net(share: float, seed: int) -> Sequential:
    """Two convolutions, each with BatchNorm, ReLU, pooling and Dropout, then 64 units: 106 000 parameters."""
    layers: list[Layer] = []
    for n_in, n_out in ((1, 16), (16, 32)):
        layers += [Conv2d(n_in, n_out, 3, padding=1), BatchNorm2d(n_out), ReLU(), MaxPool2d(2), Dropout(share)]
    layers += [Flatten(), Linear(32 * 7 * 7, 64), ReLU(), Dropout(share), Linear(64, 10)]
    return Sequential(*layers, seed=seed, input=Normalize(0.0, 255.0))


def runs(quick: bool, seed: int, dropout_seeds: int = 5) -> tuple[list[Run], list[str]]:
    """Small nets with five seeds; of the nets on MNIST so many, all shares with one seed before any with the next. The
    long runs, ten epochs, have one."""
    small = [("initialisation", " ".join(key), _initialisation(*key, quick)) for key in EPOCHS]
    small += [
        ("order", f"{name}, lr {lr}", _order(name == "sorted", lr, 1 if quick else 20))
        for lr in (0.1, 0.3)
        for name in ("shuffled", "sorted")
    ]
    found = each([("conv", "sizes", _conv)], [seed]) + each(small, range(seed, seed + (1 if quick else 5)))
    try:
        nets = DropoutNets(quick)
    except FileNotFoundError:
        return found, ["without MNIST, which is not on this machine: `nncore mnist-mlp --download` fetches it"]
    shares = [("dropout", f"p={share}", nets.one_epoch(share)) for share in (SHARES[:2] if quick else SHARES)]
    for number in range(seed, seed + (1 if quick else dropout_seeds)):
        found += each(shares, [number])
        if not quick and number == seed:
            found += each([("dropout", "10 epochs", nets.ten_epochs)], [number])
    return found, []
