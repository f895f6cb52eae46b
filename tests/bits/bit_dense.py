"""Dense nets: sizes from 1 to more than 1024 inputs, every activation, dropout, normalisation, bytes, tied layers."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from bit_cases import activations, net

import nncore as nc

ACTIVATIONS = activations()
#: Sizes of nets: which executor and which kernels run depends on them.
SIZES = [
    (1, 1), (1, 2), (2, 3, 2), (2, 20, 2), (3, 1, 2), (5, 4), (4, 4, 4, 4, 4, 3), (7, 9, 5, 3), (8, 16, 8), (9, 31, 5),
    (16, 16, 16), (17, 15, 33, 2), (20, 33, 17, 3), (31, 32, 33, 34), (60, 300, 7), (64, 64, 10), (100, 10),
    (150, 260, 100, 10), (257, 129, 65, 3), (784, 30, 10), (1023, 33, 4), (1024, 66, 5), (1030, 70, 5),
    (3, 1100, 70, 5),
    (2049, 20, 10), (600, 1030, 40, 2), (10,) + (12,) * 9 + (3,),
]  # fmt: skip
#: An activation with other arguments than the default ones.
SET = {
    "LeakyReLU(0.2)": lambda: nc.LeakyReLU(0.2), "ELU(0.5)": lambda: nc.ELU(0.5), "GELU(tanh)": lambda: nc.GELU("tanh"),
    "Softplus(2, 3)": lambda: nc.Softplus(beta=2.0, threshold=3.0), "LeakyReLU(0)": lambda: nc.LeakyReLU(0.0),
}  # fmt: skip


def chain(sizes: tuple[int, ...], between: Callable[[int], list[nc.Layer]], **config: Any) -> list[nc.Layer]:
    """Linear layers with `between(width)` after each but the last."""
    layers: list[nc.Layer] = []
    for index, (m, n) in enumerate(itertools.pairwise(sizes)):
        layers += [nc.Linear(m, n, **config), *(between(n) if index < len(sizes) - 2 else [])]
    return layers


PLAIN = [name for name in ("ReLU", "Tanh", "Sigmoid", "LeakyReLU") if name in ACTIVATIONS]
for number, sizes in enumerate(SIZES):
    kind = PLAIN[number % len(PLAIN)]
    text = "-".join(map(str, sizes)) if len(sizes) < 8 else f"{sizes[0]}-{len(sizes) - 2}x{sizes[1]}-{sizes[-1]}"
    loss = nc.CrossEntropyLoss if sizes[-1] > 1 else nc.MSELoss
    net(f"dense/{text} {kind}", lambda s=sizes, k=kind: chain(s, lambda n: [getattr(nc, k)()]), sizes[:1], loss=loss)
    if number % 3 == 0:
        net(
            f"dense/{text} {kind}, no bias, full batch",
            lambda s=sizes, k=kind: chain(s, lambda n: [getattr(nc, k)()], bias=False),
            sizes[:1],
            loss=loss,
            batch=None,
        )

MAKERS = {**{name: getattr(nc, name) for name in ACTIVATIONS}, **SET}
#: LogSoftmax puts out large numbers, with which the usual rate diverges.
GENTLE = {"LogSoftmax": {"optimizer": lambda: nc.SGD(lr=0.0005, momentum=0.9)}}
for name, make in MAKERS.items():
    gentle = GENTLE.get(name, {})
    net(f"activation/{name}, narrow", lambda make=make: chain((2, 7, 5, 2), lambda n: [make()]), (2,))
    net(f"activation/{name}, one sample a step", lambda make=make: chain((3, 9, 2), lambda n: [make()]), (3,), batch=1)
    net(
        f"activation/{name}, medium",
        lambda make=make: chain((60, 137, 20, 3), lambda n: [make()]),
        (60,),
        batch=33,
        **gentle,
    )
    net(f"activation/{name}, first", lambda make=make: [make(), nc.Linear(6, 8), make(), nc.Linear(8, 3)], (6,))
    net(
        f"activation/{name}, twice and last",
        lambda make=make: [nc.Linear(6, 18), make(), nc.Tanh(), nc.Linear(18, 3), make()],
        (6,),
        loss=nc.MSELoss,
    )
    net(
        f"activation/{name}, dropped, wide",
        lambda make=make: chain((70, 1030, 64, 5), lambda n: [make(), nc.Dropout(0.4)]),
        (70,),
        batch=64,
        **gentle,
    )


def tied(width: int, outputs: int) -> list[nc.Layer]:
    layer, activation = nc.Linear(width, width), nc.ReLU()
    return [layer, activation, layer, activation, nc.Linear(width, outputs)]


DENSE: dict[str, tuple[Callable[[], Any], tuple[int, ...], dict[str, Any]]] = {
    "dropout first": (
        lambda: [nc.Dropout(0.2), nc.Linear(10, 30), nc.ReLU(), nc.Dropout(0.5), nc.Linear(30, 4)], (10,), {},
    ),
    "dropout last": (lambda: [nc.Linear(7, 9), nc.Tanh(), nc.Dropout(0.3), nc.Linear(9, 5), nc.Dropout(0.1)], (7,), {}),
    "dropout twice": (lambda: [nc.Linear(7, 60), nc.Dropout(0.4), nc.Dropout(0.1), nc.Linear(60, 5)], (7,), {}),
    "dropout of all": (lambda: [nc.Linear(7, 30), nc.Dropout(1.0), nc.Linear(30, 5)], (7,), {}),
    "dropout of none": (lambda: [nc.Linear(7, 30), nc.Dropout(0.0), nc.Linear(30, 5)], (7,), {}),
    "dropout, one sample": (
        lambda: [nc.Linear(7, 30), nc.ReLU(), nc.Dropout(0.5), nc.Linear(30, 5)], (7,), {"batch": 1},
    ),
    "dropout, wide inputs": (lambda: [nc.Dropout(0.1), nc.Linear(1500, 64), nc.ReLU(), nc.Linear(64, 5)], (1500,), {}),
    "dropout, 300": (lambda: [nc.Linear(60, 300), nc.Tanh(), nc.Dropout(0.5), nc.Linear(300, 7)], (60,), {"batch": 48}),
    "batch norm": (lambda: chain((5, 40, 3), lambda n: [nc.BatchNorm1d(n), nc.ReLU()]), (5,), {}),
    "batch norm first": (lambda: [nc.BatchNorm1d(5), nc.Linear(5, 3)], (5,), {"batch": None}),
    "batch norm last": (lambda: [nc.Linear(5, 33), nc.Tanh(), nc.BatchNorm1d(33, momentum=0.3)], (5,), {}),
    "batch norm, not affine": (
        lambda: chain((5, 21, 3), lambda n: [nc.BatchNorm1d(n, affine=False, momentum=None), nc.ELU()]), (5,), {},
    ),
    "batch norm, no running statistics": (
        lambda: chain((5, 21, 3), lambda n: [nc.BatchNorm1d(n, track_running_stats=False), nc.ELU()]), (5,), {},
    ),
    "batch norm of sequences": (
        lambda: [nc.BatchNorm1d(4), nc.Linear(6, 5), nc.ReLU(), nc.BatchNorm1d(4), nc.Flatten(), nc.Linear(20, 3)],
        (4, 6), {},
    ),
    "batch norm, wide, dropped": (
        lambda: chain((60, 300, 7), lambda n: [nc.BatchNorm1d(n), nc.GELU(), nc.Dropout(0.3)]), (60,), {"batch": 48},
    ),
    "layer norm": (
        lambda: [nc.Linear(6, 37), nc.LayerNorm(37), nc.ReLU(), nc.Linear(37, 3), nc.LayerNorm(3)], (6,), {},
    ),
    "layer norm of 1030": (lambda: [nc.LayerNorm(1030), nc.Linear(1030, 65), nc.ReLU(), nc.Linear(65, 3)], (1030,), {}),
    "layer norm of two axes": (
        lambda: [nc.LayerNorm((3, 4), eps=0.1), nc.Linear(4, 6), nc.LayerNorm(6), nc.Flatten(), nc.Linear(18, 3)],
        (3, 4), {},
    ),
    "layer norm, one sample": (lambda: chain((4, 17, 3), lambda n: [nc.LayerNorm(n), nc.Tanh()]), (4,), {"batch": 1}),
    "both norms": (
        lambda: [nc.Linear(60, 300), nc.BatchNorm1d(300), nc.ELU(), nc.LayerNorm(300), nc.GELU(), nc.Linear(300, 7)],
        (60,), {"batch": 48},
    ),
    "softmax inside": (
        lambda: [nc.Linear(6, 8), nc.Softmax(), nc.Linear(8, 3), nc.LogSoftmax()], (6,), {"loss": nc.NLLLoss},
    ),
    "rows of a matrix": (lambda: [nc.Linear(4, 6), nc.Tanh(), nc.Flatten(), nc.Linear(18, 3)], (3, 4), {}),
    "identities": (lambda: [nc.Identity(), nc.Linear(4, 6), nc.Identity(), nc.Linear(6, 2), nc.Identity()], (4,), {}),
    "flatten only": (lambda: [nc.Flatten(), nc.Linear(12, 40), nc.LeakyReLU(0.2), nc.Linear(40, 4)], (3, 4), {}),
    "no activation": (lambda: [nc.Linear(9, 11), nc.Linear(11, 12), nc.Linear(12, 3)], (9,), {}),
    "tied": (lambda: tied(12, 3), (12,), {}),
    "tied, narrow": (lambda: tied(3, 2), (3,), {"batch": 1}),
    "tied, wide": (lambda: tied(120, 3), (120,), {"optimizer": lambda: nc.Adam(lr=1e-3), "samples": 260, "batch": 130}),
    "bytes": (
        lambda: [nc.Linear(50, 30), nc.Sigmoid(), nc.Linear(30, 10)], (50,),
        {"bytes": True, "input": nc.Normalize(127.0, 60.0)},
    ),
    "bytes, a mean for each": (
        lambda: [nc.Linear(50, 30), nc.ReLU(), nc.Linear(30, 10)], (50,),
        {"bytes": True, "input": nc.Normalize(np.linspace(90, 140, 50), np.linspace(40, 80, 50)), "batch": None},
    ),
    "bytes, one sample": (
        lambda: [nc.Linear(20, 12), nc.Tanh(), nc.Linear(12, 3)], (20,),
        {"bytes": True, "input": nc.Normalize(127.0, 60.0), "batch": 1},
    ),
    "bytes, wide": (
        lambda: [nc.Linear(1200, 64), nc.ReLU(), nc.Dropout(0.5), nc.Linear(64, 5)], (1200,),
        {"bytes": True, "input": nc.Normalize(0.0, 255.0), "batch": 64},
    ),
    "normalised": (
        lambda: chain((3, 9, 2), lambda n: [nc.Tanh()]), (3,), {"input": nc.Normalize([0.5, -1.0, 0.0], 2.0)},
    ),
    "mlp": (lambda: nc.mlp([11, 40, 30, 4], "silu", init="xavier", dropout=0.2, batch_norm=True, seed=0), (11,), {}),
}  # fmt: skip
for name, (layers, sample, settings) in DENSE.items():
    net(f"dense/{name}", layers, sample, **settings)

for number, initializer in enumerate(nc.init.__all__):
    if initializer == "Initializer":
        continue
    needed = {"constant": {"v": 0.25}, "sparse": {"sparsity": 0.5}}.get(initializer, {})
    net(
        f"initializer/{initializer}",
        lambda i=initializer, a=needed: [
            nc.Linear(13, 20, weight_init=getattr(nc.init, i)(**a)), nc.Tanh(), nc.Linear(20, 3),
        ],
        (13,),
        seed=10 + number % 2,
    )  # fmt: skip
