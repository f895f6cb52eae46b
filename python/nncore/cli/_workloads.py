"""Workloads of `nncore bench` and of the comparison with other libraries: nets, batches, data of their shapes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nncore import SGD, Adam, CrossEntropyLoss, Linear, ReLU, Sequential, Sigmoid, Trainer
from nncore.datasets import make_moons
from nncore.layers import Layer
from nncore.optim import Optimizer

ACTIVATIONS: dict[str, type[Layer]] = {"ReLU": ReLU, "Sigmoid": Sigmoid}
OPTIMIZERS: dict[str, type[Optimizer]] = {"SGD": SGD, "Adam": Adam}
ROSENBROCK_START = (-4.0, -2.0)


class Net(NamedTuple):
    """A dense net on classes, its batch and its optimizer."""

    title: str
    sizes: tuple[int, ...]
    activation: str
    batch: int
    batches: int
    optimizer: str
    lr: float

    def data(self, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Moons for two features; else numbers, four of five zero, as in MNIST, which cost as much as real ones."""
        n = self.batch * self.batches
        X: NDArray[Any]
        if self.sizes[0] == 2:
            X, y = make_moons(max(n, 2), noise=0.2, seed=seed)
        else:
            rng = np.random.default_rng(seed)
            y = rng.integers(0, self.sizes[-1], n)
            X = rng.random((n, self.sizes[0]), dtype=np.float32) * (rng.random((n, self.sizes[0])) < 0.2)
        return X[:n].astype(np.float32), y[:n].astype(np.int64)

    def model(self, seed: int = 0) -> Sequential:
        """A new model."""
        layers: list[Layer] = []
        for n_in, n_out in zip(self.sizes, self.sizes[1:], strict=False):
            layers += [Linear(n_in, n_out), ACTIVATIONS[self.activation]()]
        return Sequential(*layers[:-1], seed=seed)

    def trainer(self, seed: int = 0, threads: int | None = None) -> Trainer:
        """A new model with its trainer; batches come in the order of the data."""
        optimizer = OPTIMIZERS[self.optimizer](lr=self.lr)
        return Trainer(
            self.model(seed), CrossEntropyLoss(), optimizer, batch_size=self.batch, shuffle=False, num_threads=threads
        )

    def operations(self) -> int:
        """Floating-point operations of the products of a step: y and dw of each layer, dx of all but the first."""
        products = [n_in * n_out for n_in, n_out in zip(self.sizes, self.sizes[1:], strict=False)]
        return 2 * self.batch * (3 * sum(products) - products[0])


class Descent(NamedTuple):
    """Minimising Rosenbrock's function with the path recorded, in float64."""

    title: str
    optimizer: str
    settings: dict[str, Any]

    def new_optimizer(self) -> Optimizer:
        """A new optimizer."""
        return OPTIMIZERS[self.optimizer](**self.settings)


_MOONS, _SMALL, _TAPERED = (2, 20, 2), (784, 30, 10), (784, 512, 256, 128, 64, 10)

NETS = {
    "moons1": Net("moons 2-20-2, batch 1, SGD", _MOONS, "ReLU", 1, 1000, "SGD", 0.01),
    "moons16": Net("moons 2-20-2, batch 16, SGD", _MOONS, "ReLU", 16, 50, "SGD", 0.01),
    "moons160": Net("moons 2-20-2, full batch of 160, SGD", _MOONS, "ReLU", 160, 1, "SGD", 0.01),
    "mnist-sgd": Net("MNIST 784-30-10, batch 10, SGD", _SMALL, "Sigmoid", 10, 500, "SGD", 0.1),
    "mnist-adam": Net("MNIST 784-30-10, batch 10, Adam", _SMALL, "Sigmoid", 10, 500, "Adam", 1e-3),
    "tapered-adam": Net("MNIST 784-512-256-128-64-10, batch 10, Adam", _TAPERED, "ReLU", 10, 50, "Adam", 1e-3),
    "tapered-sgd": Net("MNIST 784-512-256-128-64-10, batch 64, SGD", _TAPERED, "ReLU", 64, 20, "SGD", 0.1),
    "cifar": Net("CIFAR-10 3072-100-10, batch 200, SGD", (3072, 100, 10), "ReLU", 200, 10, "SGD", 0.01),
}
DESCENTS = {
    "rosenbrock-gd": Descent("Rosenbrock, gradient descent", "SGD", {"lr": 1e-4}),
    "rosenbrock-momentum": Descent("Rosenbrock, momentum", "SGD", {"lr": 1e-4, "momentum": 0.9}),
    "rosenbrock-adam": Descent("Rosenbrock, Adam", "Adam", {"lr": 1e-4}),
}
WORKLOADS: dict[str, Net | Descent] = {**NETS, **DESCENTS}
