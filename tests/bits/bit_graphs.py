"""Models that are no chain, in builds that have Graph: branches added, multiplied and joined, dense and of images."""

from collections.abc import Callable

from bit_cases import net

import nncore as nc


def diamond() -> "nc.Graph":
    x = nc.Input(5)
    h = nc.Tanh()(nc.Linear(5, 7)(x))
    a, b = nc.ReLU()(nc.Linear(7, 6)(h)), nc.Linear(7, 6)(nc.Sigmoid()(h))
    return nc.Graph(x, nc.Linear(6, 4)(nc.GELU()(nc.Add()(a, b))), seed=1)


def read_twice() -> "nc.Graph":
    x = nc.Input(5)
    h = nc.Linear(5, 6)(x)
    return nc.Graph(x, nc.Linear(12, 4)(nc.Concat()(nc.Multiply()(h, h), nc.Add()(h, h))), seed=1)


def tied() -> "nc.Graph":
    x, same = nc.Input(5), nc.Linear(5, 5)
    return nc.Graph(x, nc.Linear(5, 4)(nc.Add()(same(nc.ReLU()(same(x))), x)), seed=1)


def wide() -> "nc.Graph":
    """Skips over a layer with more than 1024 inputs, with dropout and a residual block in the branch."""
    x = nc.Input(60)
    h = nc.Dropout(0.3)(nc.ReLU()(nc.Linear(60, 1030)(x)))
    branch = nc.Residual(nc.Linear(60, 60), nc.BatchNorm1d(60), nc.Tanh())(nc.Linear(1030, 60)(h))
    return nc.Graph(x, nc.Linear(120, 5)(nc.Concat()(x, branch)), seed=1)


def dense_block() -> "nc.Graph":
    x = nc.Input((3, 6, 6))
    h = nc.ReLU()(nc.Conv2d(3, 16, 3, padding=1)(x))
    for channels in (16, 32):
        h = nc.Concat()(h, nc.ReLU()(nc.BatchNorm2d(16)(nc.Conv2d(channels, 16, 3, padding=1)(h))))
    return nc.Graph(x, nc.Linear(48, 4)(nc.GlobalAvgPool2d()(h)), seed=1)


def squeeze_and_excite() -> "nc.Graph":
    x = nc.Input((3, 6, 6))
    h = nc.ReLU()(nc.Conv2d(3, 20, 3, padding=1)(x))
    scale = nc.Sigmoid()(nc.Linear(4, 20)(nc.ReLU()(nc.Linear(20, 4)(nc.GlobalAvgPool2d()(h)))))
    h = nc.Add()(h, nc.Multiply()(h, scale))
    return nc.Graph(x, nc.Linear(180, 4)(nc.Flatten()(nc.MaxPool2d(2)(h))), seed=1)


def branches() -> "nc.Graph":
    """Blocked channels beside channels that are not, pooled in two ways."""
    x = nc.Input((3, 6, 6))
    h, strange = nc.Conv2d(3, 16, 3, padding=1)(x), nc.Conv2d(3, 16, 3, padding=1, dilation=1, bias=False)(x)
    joined = nc.Tanh()(nc.Add()(nc.LeakyReLU()(h), nc.Conv2d(16, 16, 1, groups=4)(strange)))
    pooled = nc.Concat()(nc.MaxPool2d(2)(joined), nc.AvgPool2d(2)(nc.Multiply()(h, joined)))
    return nc.Graph(x, nc.Linear(32, 4)(nc.Dropout(0.3)(nc.GlobalAvgPool2d()(pooled))), seed=1)


DENSE: list[Callable[[], "nc.Graph"]] = [diamond, read_twice, tied]
IMAGES: list[Callable[[], "nc.Graph"]] = [dense_block, squeeze_and_excite, branches]

if hasattr(nc, "Graph"):
    for make in DENSE:
        for batch in (1, 16, None):
            net(f"graph/{make.__name__}, batch {batch}", make, (5,), batch=batch)
        net(
            f"graph/{make.__name__}, Adam",
            make,
            (5,),
            optimizer=lambda: nc.Adam(lr=0.01),
            options={"clip_grad_norm": 1.0},
        )
    net("graph/wide", wide, (60,), batch=40)
    for make in IMAGES:
        net(f"graph/{make.__name__}", make, (3, 6, 6), samples=40)
        net(
            f"graph/{make.__name__}, one sample a step",
            make,
            (3, 6, 6),
            samples=30,
            batch=1 if make is not dense_block else 2,
        )
