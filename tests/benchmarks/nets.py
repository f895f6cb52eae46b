"""Networks of images, of either library: `m` is nncore or torch.nn."""

from __future__ import annotations

from typing import Any


def course(m: Any, p: float) -> list[Any]:
    """mnist_cnn: 3.3 million parameters, with a share p to drop."""
    first = [m.Conv2d(1, 32, 5, padding=2), m.ReLU(), m.MaxPool2d(2), m.Conv2d(32, 64, 5, padding=2), m.ReLU(), m.MaxPool2d(2)]
    return [*first, m.Flatten(), m.Linear(3136, 1024), m.ReLU(), m.Dropout(p), m.Linear(1024, 10)]


def lenet(m: Any, _: float) -> list[Any]:
    """LeNet-5 with ReLU and max-pooling."""
    first = [m.Conv2d(1, 6, 5, padding=2), m.ReLU(), m.MaxPool2d(2), m.Conv2d(6, 16, 5), m.ReLU(), m.MaxPool2d(2), m.Flatten()]
    return [*first, m.Linear(400, 120), m.ReLU(), m.Linear(120, 84), m.ReLU(), m.Linear(84, 10)]


def small_kernels(m: Any, _: float) -> list[Any]:
    """Four 3x3 convolutions, 32-32-64-64."""
    layers = []
    for n_in, n_out in ((3, 32), (32, 32), (32, 64), (64, 64)):
        layers += [m.Conv2d(n_in, n_out, 3, padding=1), m.ReLU(), *([m.MaxPool2d(2)] if n_in == n_out else [])]
    return [*layers, m.Flatten(), m.Linear(4096, 10)]
