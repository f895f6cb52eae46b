"""Networks of images, of either library: `m` is nncore or torch.nn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Layers = Callable[[Any, float], list[Any]]  # of nncore or torch.nn, with a share to drop
Shape = tuple[int, ...]
BATCHES = 4  # of the data of a training


def course(m: Any, p: float) -> list[Any]:
    """mnist_cnn: 3.3 million parameters, with a share p to drop."""
    first = [
        m.Conv2d(1, 32, 5, padding=2),
        m.ReLU(),
        m.MaxPool2d(2),
        m.Conv2d(32, 64, 5, padding=2),
        m.ReLU(),
        m.MaxPool2d(2),
    ]
    return [*first, m.Flatten(), m.Linear(3136, 1024), m.ReLU(), m.Dropout(p), m.Linear(1024, 10)]


def lenet(m: Any, _: float) -> list[Any]:
    """LeNet-5 with ReLU and max-pooling."""
    first = [
        m.Conv2d(1, 6, 5, padding=2),
        m.ReLU(),
        m.MaxPool2d(2),
        m.Conv2d(6, 16, 5),
        m.ReLU(),
        m.MaxPool2d(2),
        m.Flatten(),
    ]
    return [*first, m.Linear(400, 120), m.ReLU(), m.Linear(120, 84), m.ReLU(), m.Linear(84, 10)]


def small_kernels(m: Any, _: float) -> list[Any]:
    """Four 3x3 convolutions, 32-32-64-64."""
    layers = []
    for n_in, n_out in ((3, 32), (32, 32), (32, 64), (64, 64)):
        layers += [m.Conv2d(n_in, n_out, 3, padding=1), m.ReLU(), *([m.MaxPool2d(2)] if n_in == n_out else [])]
    return [*layers, m.Flatten(), m.Linear(4096, 10)]


def one(n_in: int, n_out: int, size: int, kernel: int, **args: Any) -> tuple[Layers, Shape]:
    """One convolution, with what makes a net of it."""

    def layers(m: Any, _: float) -> list[Any]:
        mean = m.GlobalAvgPool2d() if hasattr(m, "GlobalAvgPool2d") else m.AdaptiveAvgPool2d(1)
        return [m.Conv2d(1, n_in, 1), m.Conv2d(n_in, n_out, kernel, **args), mean, m.Flatten(), m.Linear(n_out, 10)]

    return layers, (1, size, size)


class Work(NamedTuple):
    """A net and its batch; optimizer None: inference."""

    title: str
    layers: Layers
    sample: Shape
    batch: int
    optimizer: str | None = None
    dtype: str = "float32"


COURSE, IMAGE, SMALL = (course, (1, 28, 28)), (lenet, (1, 28, 28)), (small_kernels, (3, 32, 32))
WORKS = {
    "cnn-sgd": Work("`mnist_cnn`, batch 50, SGD", *COURSE, 50, "SGD"),
    "cnn-adam": Work("`mnist_cnn`, batch 50, Adam", *COURSE, 50, "Adam"),
    "cnn-f64": Work("`mnist_cnn`, batch 50, SGD, float64", *COURSE, 50, "SGD", "float64"),
    "lenet": Work("LeNet-5, batch 50, SGD", *IMAGE, 50, "SGD"),
    "3x3": Work("3x3: 32-32-64-64 on 32x32, batch 64, SGD", *SMALL, 64, "SGD"),
    "3x3-f64": Work("3x3: 32-32-64-64 on 32x32, batch 64, SGD, float64", *SMALL, 64, "SGD", "float64"),
    "stride": Work("3x3, stride 2, 32-64 on 32x32, batch 32", *one(32, 64, 32, 3, stride=2, padding=1), 32, "SGD"),
    "stride-deep": Work(
        "3x3, stride 2, 64-128 on 16x16, batch 32", *one(64, 128, 16, 3, stride=2, padding=1), 32, "SGD"
    ),
    "dilation": Work(
        "3x3, dilation 2, 32-32 on 28x28, batch 32", *one(32, 32, 28, 3, dilation=2, padding=2), 32, "SGD"
    ),
    "groups": Work("3x3, 4 groups, 64-64 on 16x16, batch 32", *one(64, 64, 16, 3, groups=4, padding=1), 32, "SGD"),
    "depthwise": Work("3x3, depthwise, 64 on 16x16, batch 32", *one(64, 64, 16, 3, groups=64, padding=1), 32, "SGD"),
    "cnn-1": Work("`mnist_cnn`, inference of 1", *COURSE, 1),
    "cnn-256": Work("`mnist_cnn`, inference of 256", *COURSE, 256),
    "lenet-1": Work("LeNet-5, inference of 1", *IMAGE, 1),
    "3x3-1": Work("3x3: 32-32-64-64, inference of 1", *SMALL, 1),
    "3x3-256": Work("3x3: 32-32-64-64, inference of 256", *SMALL, 256),
}
