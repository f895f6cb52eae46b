"""Residual nets, dense and of images, and nets with layers and losses written in Python."""

from collections.abc import Callable
from typing import Any

import numpy as np
from bit_cases import activations, net

import nncore as nc

R = nc.Residual


class Scale(nc.Layer):
    """y = w x with a weight for each feature: a layer written in Python."""

    def __init__(self, n: int) -> None:
        self.weight = self.add_parameter("weight", np.linspace(0.5, 1.5, n).reshape(1, n))

    def forward(self, x: Any, training: bool) -> Any:
        self.x = x
        return x * self.weight.value

    def backward(self, dy: Any) -> Any:
        self.weight.grad += (dy * self.x).sum(axis=0, keepdims=True)
        return dy * self.weight.value


class Quadratic(nc.Loss):
    """Mean of squares: a loss written in Python."""

    def forward(self, z: Any, y: Any) -> float:
        self.error = z - y
        return float((self.error**2).mean())

    def backward(self) -> Any:
        return 2 * self.error / self.error.size


def conv(a: int, b: int, kernel: int = 3, **settings: Any) -> nc.Layer:
    return nc.Conv2d(a, b, kernel, padding=kernel // 2, **settings)


def end(size: int) -> list[nc.Layer]:
    return [nc.Flatten(), nc.Linear(size, 4)]


NETS: dict[str, tuple[Callable[[], list[nc.Layer]], tuple[int, ...], dict[str, Any]]] = {
    "of one Linear": (lambda: [R(nc.Linear(5, 5)), nc.Linear(5, 3)], (5,), {}),
    "narrow": (lambda: [nc.Linear(2, 8), R(nc.Linear(8, 8), nc.Tanh()), nc.ReLU(), nc.Linear(8, 2)], (2,), {}),
    "one sample a step": (
        lambda: [nc.Linear(2, 8), R(nc.Linear(8, 8), nc.Tanh()), nc.Linear(8, 2)], (2,), {"batch": 1},
    ),
    "bottleneck": (lambda: [R(nc.Linear(20, 7), nc.ReLU(), nc.Linear(7, 20)), nc.ReLU(), nc.Linear(20, 3)], (20,), {}),
    "first and last": (lambda: [R(nc.Linear(6, 6), nc.SiLU())], (6,), {"loss": nc.MSELoss}),
    "batch norm inside": (
        lambda: [nc.Linear(9, 33), R(nc.BatchNorm1d(33), nc.ReLU(), nc.Linear(33, 33)), nc.Linear(33, 3)], (9,), {},
    ),
    "batch norm after": (
        lambda: [nc.Linear(9, 33), R(nc.Linear(33, 33)), nc.BatchNorm1d(33), nc.ReLU(), nc.Linear(33, 3)], (9,), {},
    ),
    "layer norm before, dropout inside": (
        lambda: [nc.Linear(9, 40),
                 R(nc.LayerNorm(40), nc.Linear(40, 80), nc.GELU(), nc.Dropout(0.2), nc.Linear(80, 40)),
                 nc.LayerNorm(40), nc.Linear(40, 3)], (9,), {},
    ),
    "dropout after": (lambda: [R(nc.Linear(12, 12), nc.ReLU()), nc.Dropout(0.3), nc.Linear(12, 3)], (12,), {}),
    "of an identity": (lambda: [nc.Linear(4, 6), R(nc.Identity()), nc.Linear(6, 2)], (4,), {}),
    "of an activation": (lambda: [nc.Linear(4, 6), R(nc.Tanh()), nc.Linear(6, 2)], (4,), {}),
    "one after another": (
        lambda: [R(nc.Linear(7, 7), nc.ReLU()), R(nc.Linear(7, 7), nc.ReLU()), nc.Linear(7, 3)], (7,), {},
    ),
    "nested": (
        lambda: [R(nc.Linear(7, 7), nc.ReLU(), R(nc.Linear(7, 7), nc.Tanh()), nc.Linear(7, 7)), nc.Linear(7, 3)],
        (7,), {},
    ),
    "nested, nothing else": (lambda: [R(R(R(nc.Linear(7, 7)))), nc.Linear(7, 3)], (7,), {}),
    "nested at both ends": (
        lambda: [R(R(nc.Linear(6, 6)), nc.ReLU(), R(nc.Linear(6, 6), nc.BatchNorm1d(6))), nc.ReLU(), nc.Linear(6, 3)],
        (6,), {},
    ),
    "wide": (
        lambda: [nc.Linear(60, 1030),
                 R(nc.Linear(1030, 70), nc.ReLU(), nc.Dropout(0.5), nc.Linear(70, 1030)), nc.ReLU(),
                 nc.Linear(1030, 5)], (60,), {"batch": 64},
    ),
    "of bytes": (
        lambda: [R(nc.Linear(30, 30), nc.ReLU()), nc.Linear(30, 4)],
        (30,), {"bytes": True, "input": nc.Normalize(127.0, 60.0)},
    ),
    "with Adam, clipped": (
        lambda: [nc.Linear(9, 33), R(nc.Linear(33, 33), nc.ReLU()), nc.Linear(33, 3)], (9,),
        {"optimizer": lambda: nc.Adam(lr=0.01), "options": {"clip_grad_norm": 0.5, "l2": 0.01}},
    ),
    "tied": (lambda: tied_residual(), (8,), {}),
    "tied inside and outside": (lambda: tied_inside(), (8,), {}),
    "images": (
        lambda: [conv(2, 16), R(conv(16, 16), nc.ReLU(), conv(16, 16)), nc.ReLU(), *end(16 * 48)], (2, 6, 8), {},
    ),
    "images, five channels": (
        lambda: [conv(2, 5), R(conv(5, 5), nc.ReLU(), conv(5, 5)), nc.ReLU(), *end(5 * 48)], (2, 6, 8), {},
    ),
    "images, batch norm": (
        lambda: [conv(2, 16), nc.BatchNorm2d(16), nc.ReLU(),
                 R(conv(16, 16, bias=False), nc.BatchNorm2d(16), nc.ReLU(), conv(16, 16), nc.BatchNorm2d(16)),
                 nc.ReLU(), nc.MaxPool2d(2), *end(16 * 12)], (2, 6, 8), {},
    ),
    "images, batch norm before": (
        lambda: [conv(2, 16), R(nc.BatchNorm2d(16), nc.ReLU(), conv(16, 16)), nc.BatchNorm2d(16), nc.ReLU(),
                 nc.GlobalAvgPool2d(), nc.Linear(16, 4)], (2, 6, 8), {},
    ),
    "images, pool after": (
        lambda: [conv(2, 16), R(conv(16, 16), nc.ReLU()), nc.MaxPool2d(2), *end(16 * 12)], (2, 6, 8), {},
    ),
    "images, mean after": (
        lambda: [conv(2, 6), R(conv(6, 6), nc.ReLU()), nc.AvgPool2d(2), *end(6 * 12)], (2, 6, 8), {},
    ),
    "images, pool inside": (
        lambda: [conv(2, 16), R(nc.MaxPool2d(3, stride=1, padding=1), conv(16, 16)), nc.ReLU(), *end(16 * 48)],
        (2, 6, 8), {},
    ),
    "images, 1x1": (
        lambda: [conv(2, 32), R(conv(32, 16, 1), nc.ReLU(), conv(16, 32, 1)), nc.ReLU(), *end(32 * 20)], (2, 4, 5), {},
    ),
    "images, groups": (lambda: [conv(2, 16), R(conv(16, 16, groups=2), nc.ELU()), *end(16 * 20)], (2, 4, 5), {}),
    "images, nested": (
        lambda: [conv(2, 16), R(conv(16, 16), nc.ReLU(), R(conv(16, 16), nc.BatchNorm2d(16)), nc.ReLU()),
                 *end(16 * 20)],
        (2, 4, 5), {},
    ),
    "images, one sample a step": (
        lambda: [conv(2, 16), R(conv(16, 16), nc.ReLU()), nc.ReLU(), *end(16 * 20)],
        (2, 4, 5), {"batch": 1, "samples": 40},
    ),
    "images, first": (lambda: [R(conv(3, 3), nc.ReLU()), *end(3 * 20)], (3, 4, 5), {}),
    "images, dropped": (
        lambda: [conv(2, 16), R(conv(16, 16), nc.ReLU(), nc.Dropout(0.3)), nc.Dropout(0.2), *end(16 * 20)],
        (2, 4, 5), {},
    ),
    "images, two blocks": (
        lambda: [conv(3, 16),
                 R(conv(16, 16), nc.BatchNorm2d(16), nc.ReLU(), conv(16, 16), nc.BatchNorm2d(16)), nc.ReLU(),
                 conv(16, 32, stride=2), nc.BatchNorm2d(32), nc.ReLU(),
                 R(conv(32, 32), nc.BatchNorm2d(32), nc.ReLU(), conv(32, 32), nc.BatchNorm2d(32)), nc.ReLU(),
                 nc.GlobalAvgPool2d(), nc.Linear(32, 4)],
        (3, 8, 8), {"optimizer": lambda: nc.AdamW(lr=0.01), "samples": 40, "options": {"augment": nc.Augment(1)}},
    ),
    "Python inside": (lambda: [nc.Linear(4, 9), R(nc.Linear(9, 9), Scale(9), nc.ReLU()), nc.Linear(9, 3)], (4,), {}),
    "Python inside alone": (lambda: [nc.Linear(4, 9), R(Scale(9)), nc.Tanh(), nc.Linear(9, 3)], (4,), {}),
    "Python after": (lambda: [nc.Linear(4, 9), R(nc.Linear(9, 9), nc.ReLU()), Scale(9), nc.Linear(9, 3)], (4,), {}),
    "Python inside, one sample": (lambda: [R(nc.Linear(9, 9), Scale(9)), nc.Linear(9, 3)], (9,), {"batch": 1}),
    "Python nested": (lambda: [R(R(Scale(9), nc.Linear(9, 9)), nc.ReLU()), nc.Linear(9, 3)], (9,), {}),
}  # fmt: skip


def tied_residual() -> list[nc.Layer]:
    block = R(nc.Linear(8, 8), nc.ReLU())
    return [block, nc.Tanh(), block, nc.Linear(8, 3)]


def tied_inside() -> list[nc.Layer]:
    layer = nc.Linear(8, 8)
    return [layer, R(nc.ReLU(), layer), nc.ReLU(), layer, nc.Linear(8, 3)]


for name, (layers, sample, settings) in NETS.items():
    net(f"residual/{name}", layers, sample, **settings)

for activation in activations():
    net(
        f"residual/{activation}",
        lambda a=activation: [
            nc.Linear(6, 18),
            R(nc.Linear(18, 18), getattr(nc, a)()),
            getattr(nc, a)(),
            nc.Linear(18, 3),
        ],
        (6,),
    )
    net(
        f"residual/images, {activation}",
        lambda a=activation: [conv(2, 16), R(conv(16, 16), getattr(nc, a)()), getattr(nc, a)(), *end(16 * 20)],
        (2, 4, 5),
        samples=40,
    )

net("python/layer", lambda: [nc.Linear(4, 9), Scale(9), nc.ReLU(), nc.Linear(9, 3)], (4,))
net("python/layer first, one sample", lambda: [Scale(4), nc.Linear(4, 9), nc.ReLU(), nc.Linear(9, 3)], (4,), batch=1)
net("python/layer, wide", lambda: [nc.Linear(60, 300), Scale(300), nc.ReLU(), nc.Linear(300, 3)], (60,), batch=64)
net("python/loss", lambda: [nc.Linear(4, 9), nc.ReLU(), nc.Linear(9, 3)], (4,), loss=Quadratic)
net("python/loss, one sample", lambda: [nc.Linear(4, 9), nc.ReLU(), nc.Linear(9, 1)], (4,), loss=Quadratic, batch=1)
