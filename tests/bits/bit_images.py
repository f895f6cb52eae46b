"""Convolutional nets: kernels, strides, padding, dilation, groups, pools, BatchNorm2d; blocked channels and not."""

from collections.abc import Callable
from typing import Any

import numpy as np
from bit_cases import activations, net

import nncore as nc

Layers = Callable[[], list[nc.Layer]]

#: Conv2d's (in, out, kernel, settings): 3x3 of stride 1 may go by Winograd, multiples of 16 channels by blocks.
CONVOLUTIONS: list[tuple[int, int, Any, dict[str, Any]]] = [
    (1, 4, 1, {}), (3, 8, 3, {}), (3, 16, 3, {"padding": 1}), (2, 5, 5, {"padding": "same"}),
    (1, 32, 7, {"padding": 3}),
    (16, 16, 3, {"padding": 1}), (16, 32, 3, {"padding": "same"}), (32, 32, 3, {"padding": 1}), (32, 16, 1, {}),
    (16, 16, 5, {"padding": 2}), (16, 16, 7, {"padding": 3, "stride": 2}), (16, 32, 3, {"stride": 2, "padding": 1}),
    (16, 16, 1, {"stride": 2}), (16, 48, 3, {"dilation": 2, "padding": 2}),
    (4, 6, (2, 3), {"stride": (2, 1), "padding": (1, 2)}),
    (4, 6, (2, 3), {"groups": 2, "dilation": (1, 2)}), (3, 3, 2, {"groups": 3, "bias": False, "padding": "same"}),
    (32, 32, 3, {"groups": 2, "padding": 1}), (16, 16, 3, {"groups": 16, "padding": 1}), (8, 24, 3, {"padding": 1}),
    (17, 19, 3, {"padding": 1, "bias": False}), (5, 33, 1, {"bias": False}), (16, 16, (3, 1), {"padding": (1, 0)}),
    (64, 16, 3, {"padding": 1}), (3, 32, 5, {"stride": 3}),
]  # fmt: skip
POOLS: dict[str, Callable[[], nc.Layer]] = {
    "max 2": lambda: nc.MaxPool2d(2),
    "max 3, stride 2": lambda: nc.MaxPool2d(3, stride=2),
    "max 3, stride 2, padded": lambda: nc.MaxPool2d(3, stride=2, padding=1),
    "max 2, stride 3, ceil": lambda: nc.MaxPool2d(2, stride=3, ceil_mode=True),
    "max (3, 2)": lambda: nc.MaxPool2d((3, 2), stride=(1, 2), padding=1),
    "mean 2": lambda: nc.AvgPool2d(2),
    "mean 3, stride 2, ceil": lambda: nc.AvgPool2d(3, stride=2, padding=1, ceil_mode=True),
    "mean (3, 2), padding not counted": lambda: nc.AvgPool2d((3, 2), stride=(1, 2), padding=1, count_include_pad=False),
    "global": lambda: nc.GlobalAvgPool2d(),
}


def ended(layers: Layers, sample: tuple[int, ...], classes: int = 4) -> Layers:
    """The layers with Flatten and a Linear layer of the size that they leave."""
    size = nc.Sequential(*layers(), seed=0)(np.zeros((1, *sample))).size
    return lambda: [*layers(), nc.Flatten(), nc.Linear(size, classes)]


def image(name: str, layers: Layers, sample: tuple[int, ...], **settings: Any) -> None:
    """Enters a net of images: 40 samples in batches of 16, 16 and 8."""
    net(f"images/{name}", ended(layers, sample), sample, **{"samples": 40, **settings})


for cin, cout, kernel, config in CONVOLUTIONS:
    text = f"{cin}-{cout} {kernel}" + "".join(f" {key}={value}" for key, value in config.items())
    sample = (cin, 9, 10)
    image(text, lambda a=cin, b=cout, k=kernel, c=config: [nc.Conv2d(a, b, k, **c), nc.ReLU()], sample)
    image(
        f"{text}, after another, one sample a step",
        lambda a=cin, b=cout, k=kernel, c=config: [
            nc.Conv2d(2, a, 3, padding=1),
            nc.Tanh(),
            nc.Conv2d(a, b, k, **c),
            nc.ReLU(),
        ],
        (2, 9, 10),
        batch=1 if cin < 16 else 5,
    )

for name, pool in POOLS.items():
    for channels in (3, 16):
        image(
            f"{channels} channels, pool {name}",
            lambda p=pool, c=channels: [nc.Conv2d(2, c, 3, padding=1), nc.ReLU(), p()],
            (2, 8, 11),
        )
        image(
            f"{channels} channels, pool {name}, BatchNorm2d and no activation",
            lambda p=pool, c=channels: [nc.Conv2d(2, c, 3, padding=1), nc.BatchNorm2d(c), p()],
            (2, 7, 9),
            batch=8,
        )
    image(f"pool {name} first", lambda p=pool: [p()], (3, 8, 11))

for activation in activations():
    for channels in (5, 16):
        image(
            f"{channels} channels, {activation}, max 2",
            lambda a=activation, c=channels: [
                nc.Conv2d(1, c, 3), getattr(nc, a)(), nc.MaxPool2d(2),
                nc.Conv2d(c, 16, 3, padding=1), nc.BatchNorm2d(16),
                getattr(nc, a)(), nc.AvgPool2d(2),
            ],
            (1, 10, 10),
        )  # fmt: skip

IMAGES: dict[str, tuple[Layers, tuple[int, ...], dict[str, Any]]] = {
    "dropout of maps": (
        lambda: [nc.Conv2d(2, 16, 3, padding=1), nc.ReLU(), nc.Dropout(0.3), nc.Conv2d(16, 16, 3), nc.Dropout(0.2)],
        (2, 8, 8), {},
    ),
    "batch norm first": (lambda: [nc.BatchNorm2d(3), nc.Conv2d(3, 8, 3)], (3, 8, 8), {}),
    "batch norm, not affine": (
        lambda: [nc.Conv2d(3, 16, 3), nc.BatchNorm2d(16, affine=False, momentum=None), nc.ReLU(), nc.MaxPool2d(2)],
        (3, 8, 8), {},
    ),
    "batch norm, no running statistics": (
        lambda: [nc.Conv2d(3, 16, 3), nc.BatchNorm2d(16, track_running_stats=False), nc.SiLU()], (3, 8, 8), {},
    ),
    "four convolutions": (
        lambda: [
            layer
            for a, b in ((3, 16), (16, 16), (16, 32), (32, 32))
            for layer in (nc.Conv2d(a, b, 3, padding=1), nc.BatchNorm2d(b), nc.ReLU(), *[nc.MaxPool2d(2)] * (a == b))
        ],
        (3, 12, 12), {"batch": 20, "optimizer": lambda: nc.Adam(lr=1e-3)},
    ),
    "bytes": (
        lambda: [nc.Conv2d(1, 16, 5, padding=2), nc.ReLU(), nc.MaxPool2d(2)], (1, 12, 12),
        {"bytes": True, "input": nc.Normalize(127.0, 60.0)},
    ),
    "bytes, a mean for each pixel": (
        lambda: [nc.Conv2d(3, 16, 3), nc.ReLU(), nc.AvgPool2d(2)], (3, 10, 10),
        {"bytes": True, "input": nc.Normalize(np.linspace(90, 140, 300).reshape(3, 10, 10), 60.0)},
    ),
    "moved images": (
        lambda: [nc.Conv2d(3, 16, 3), nc.ReLU(), nc.MaxPool2d(2)], (3, 10, 10), {"options": {"augment": nc.Augment(2)}},
    ),
    "moved bytes": (
        lambda: [nc.Conv2d(3, 8, 3), nc.ReLU(), nc.MaxPool2d(2)], (3, 10, 10),
        {"bytes": True, "input": nc.Normalize(127.0, 60.0), "options": {"augment": nc.Augment(0, flip=True)}},
    ),
    "layer norm of maps": (lambda: [nc.Conv2d(2, 6, 3), nc.LayerNorm((6, 6, 6)), nc.GELU()], (2, 8, 8), {}),
    "softmax over columns": (lambda: [nc.Conv2d(2, 16, 3), nc.Softmax(), nc.Conv2d(16, 3, 1)], (2, 8, 8), {}),
    "clipped, penalised": (
        lambda: [nc.Conv2d(2, 16, 3), nc.ReLU(), nc.MaxPool2d(2)], (2, 8, 8),
        {"options": {"clip_grad_norm": 0.1, "l2": 0.01, "l1": 0.001}},
    ),
    "Linear on maps": (lambda: [nc.Conv2d(2, 16, 3), nc.Linear(6, 5), nc.ReLU()], (2, 8, 8), {}),
    "large images": (
        lambda: [nc.Conv2d(1, 16, 3), nc.ReLU(), nc.MaxPool2d(3)], (1, 61, 67), {"samples": 6, "batch": 3},
    ),
    "one pixel": (lambda: [nc.Conv2d(16, 16, 3, padding=1), nc.ReLU(), nc.Conv2d(16, 16, 1)], (16, 1, 1), {}),
}  # fmt: skip
for name, (layers, sample, settings) in IMAGES.items():
    image(name, layers, sample, **settings)


def tied() -> list[nc.Layer]:
    layer = nc.Conv2d(16, 16, 3, padding=1)
    return [nc.Conv2d(2, 16, 1), layer, nc.ReLU(), layer, nc.ReLU()]


image("tied", tied, (2, 6, 6))
net("images/mnist_cnn", lambda: nc.mnist_cnn(seed=0), (1, 28, 28), samples=10, batch=4, steps=3)
