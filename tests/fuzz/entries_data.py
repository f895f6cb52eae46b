"""Entry points that read or make data: loaders on hostile files, generators, the split, the history's table."""

import csv
import gzip
import os

import numpy as np
import values
from entries import entry
from entries_train import X, Y, trainer
from verdict import agree

import nncore as nc
from files import idx, place, spoil


def _mnist(draw, name, where):
    split = draw.choice(["train", "test"])
    stem = {"train": "train", "test": "t10k"}[split]
    root = draw.folder()
    base = os.path.join(root, where) if draw.chance(0.7) else root
    n = draw.choice([3, 3, 3, 3, 0, 1, 2**31, 2**32 - 1])
    held = min(n, 3)
    images = idx((held, 28, 28), extents=(n, *draw.choice([(28, 28)] * 5 + [(0, 2**32 - 1), (2**31, 2**31)])))
    labels = idx((held,), extents=(draw.choice([n, n, n, 4]),))
    ending = draw.choice(["", "", ".gz"])
    for stuff, content in (("images-idx3", images), ("labels-idx1", labels)):
        path = os.path.join(base, f"{stem}-{stuff}-ubyte{ending}")
        place(draw, path, spoil(draw, content) if draw.chance(0.4) else content)
        if stuff == "images-idx3" and os.path.isfile(path) and draw.chance(0.1):
            os.truncate(path, 16 + n * 784)
    x, y = getattr(nc.datasets, name)(split, root=root)
    assert x.shape == (len(y), 1, 28, 28) and x.dtype == np.uint8


@entry("load_mnist", files=True)
def load_mnist(draw):
    _mnist(draw, "load_mnist", "mnist")


@entry("load_fashion_mnist", files=True)
def load_fashion_mnist(draw):
    _mnist(draw, "load_fashion_mnist", "fashion-mnist")


@entry("load_cifar10", files=True)
def load_cifar10(draw):
    root = draw.folder()
    split = draw.choice(["test", "test", "train"])
    names = ["test_batch.bin"] if split == "test" else [f"data_batch_{i}.bin" for i in range(1, 6)]
    for name in names:
        good = b"".join(bytes([draw.randrange(10)]) + bytes(3072) for _ in range(draw.choice([1, 3])))
        place(draw, os.path.join(root, "cifar-10-batches-bin", name), spoil(draw, good) if draw.chance(0.6) else good)
    x, y = nc.datasets.load_cifar10(split, root=root)
    assert len(x) == len(y) and 0 <= y.min() and y.max() <= 9


@entry("read_idx", files=True)
def read_idx(draw):
    """Small files of every kind: where a parser breaks."""
    from nncore.datasets._idx import read_idx

    item = draw.choice([(), (2,), (2, 3)])
    good = idx((draw.choice([1, 4]), *item), content=None)
    content = spoil(draw, good)
    path = os.path.join(draw.folder(), "file")
    place(draw, path, content)
    out = read_idx(type_path(path), item, where="fuzz", count=draw.choice([None, 4]))
    raw = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    assert out.tobytes() == raw[4 + 4 * (1 + len(item)) :], "other bytes than the file's"


def type_path(path):
    """As the loaders pass it."""
    from pathlib import Path

    return Path(path)


@entry("load arguments", files=True)
def load_arguments(draw):
    f = getattr(nc.datasets, draw.choice(["load_mnist", "load_fashion_mnist", "load_cifar10"]))
    options = {"split": values.anything(draw)} if draw.chance(0.5) else {}
    if draw.chance(0.3):
        options["download"] = draw.choice([None, 0, 1, "x", np.bool_(False), 1.0, []])
    f(**options, root=values.anything(draw) if draw.chance(0.7) else draw.folder())


GENERATORS = [name for name in nc.datasets.__all__ if name.startswith("make_")]
FIELDS = [
    "n",
    "noise",
    "seed",
    "random_state",
    "centers",
    "std",
    "factor",
    "classes",
    "turns",
    "n_features",
    "bias",
    "coef",
]


@entry("datasets.make")
def generate(draw):
    f = getattr(nc.datasets, draw.choice(GENERATORS))
    draw.note(f.__name__)
    if f.__name__ == "make_gaussians":
        means = values.array(draw, [(2, 2), (3, 1)]) if draw.chance(0.5) else [[0.0, 1.0], [2.0, 3.0]]
        covs = values.array(draw, [(2, 2, 2), (2, 2), (2,), ()]) if draw.chance(0.5) else 1.0
        args = [means, covs]
    else:
        args = [values.anything(draw)] if draw.chance(0.2) else []
    options = {key: values.anything(draw) for key in FIELDS if draw.chance(0.06)}
    if "n" not in options and not args:
        options["n"] = 20
    if draw.chance(0.8):
        f(*args, **{"seed": 0, **options})
    else:
        x, y = f(*args, **{"seed": 0, **options})[:2]
        assert np.isfinite(x).all() and len(x) == len(y)


@entry("train_test_split")
def split(draw):
    options = {
        key: values.anything(draw) for key in ("test_size", "stratify", "seed", "random_state") if draw.chance(0.15)
    }
    if draw.chance(0.3):
        plain, strange, verdict = values.numbers(draw, (5, 3))
        return agree(
            lambda x: [np.asarray(a, np.float64) for a in nc.datasets.train_test_split(x, Y, seed=0)],
            strange,
            plain,
            verdict,
        )
    if draw.chance(0.3):
        plain, strange, verdict = values.labels(draw, 5, 2)
        return agree(
            lambda y: [np.asarray(a, np.float64) for a in nc.datasets.train_test_split(X, y, seed=0)],
            strange,
            plain,
            verdict,
        )
    nc.datasets.train_test_split(values.array(draw, [(5, 3)]), values.array(draw, [(5,)]), **options)


@entry("History", files=True)
def history(draw):
    made = trainer(draw)
    h = made.fit(X, Y, epochs=draw.randrange(3), progress=False)
    path = os.path.join(draw.folder(), draw.choice(["h.csv", "no/h.csv", ".", "\ud800", "a" * 300]))
    h.to_csv(values.scalar_but_numbers(draw) if draw.chance(0.3) else path)
    with open(path, newline="", encoding="utf-8") as file:
        assert len(list(csv.reader(file))) == 1 + len(h["loss"])


@entry("plot")
def plot(draw):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    net = trainer(draw).model
    calls = [
        lambda: nc.plot.decision_boundary(values.anything(draw), X[:, :2], Y),
        lambda: nc.plot.decision_boundary(net, values.array(draw, [(5, 2)]), values.array(draw, [(5,)])),
        lambda: nc.plot.history(values.anything(draw)),
        lambda: nc.plot.contour_path(values.anything(draw), values.anything(draw)),
        lambda: nc.plot.contour_path("booth", {"a": values.anything(draw)}),
        lambda: nc.plot.error_curves({"a": values.anything(draw)}),
        lambda: nc.plot.error_curves(values.anything(draw), ax=values.anything(draw)),
        lambda: nc.plot.images(values.anything(draw), values.anything(draw), columns=values.anything(draw)),
        lambda: nc.plot.images(values.array(draw, [(2, 3, 3), (2, 3, 3, 3)])),
        lambda: nc.plot.filters(values.anything(draw), values.anything(draw)),
        lambda: nc.plot.filters(values.array(draw, [(4, 6), (2, 3, 2, 2)]), values.anything(draw)),
        lambda: nc.plot.confusion_matrix(values.anything(draw), values.anything(draw), values.anything(draw)),
        lambda: nc.plot.confusion_matrix(values.array(draw, [(5,)]), Y, names=values.anything(draw)),
        lambda: nc.plot.misclassified(net, values.anything(draw), values.anything(draw), shape=values.anything(draw)),
        lambda: nc.plot.misclassified(net, X, Y, count=values.anything(draw), shape=(1, X.shape[1])),
    ]
    try:
        draw.choice(calls)()
    finally:
        plt.close("all")


@entry("plot of models")
def plot_of_models(draw):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    made = trainer(draw)
    net, numbers = made.model, values.array(draw, [(5,), (5, 1)])
    names = {"class_names": values.anything(draw), "feature_names": values.anything(draw)}
    film = nc.Film(values.array(draw, [(5, 2), (5, 1)]), Y, resolution=5, **(names if draw.chance(0.5) else {}))
    calls = [
        lambda: nc.plot.roc_curve(values.anything(draw), values.anything(draw), values.anything(draw)),
        lambda: nc.plot.roc_curve(Y, numbers, class_names=values.anything(draw)),
        lambda: nc.plot.regression_fit(values.anything(draw), values.anything(draw), values.anything(draw)),
        lambda: nc.plot.regression_fit(lambda x: values.anything(draw), X[:, :1], numbers),
        lambda: nc.plot.regression_surface(net, values.array(draw, [(5, 2)]), numbers, resolution=5),
        lambda: nc.plot.predicted_vs_true(values.array(draw, [(5,)]), numbers, target_names=values.anything(draw)),
        lambda: nc.plot.residuals(values.anything(draw), values.anything(draw)),
        lambda: nc.plot.loss_surface(net, values.anything(draw), X, Y, resolution=3),
        lambda: nc.plot.loss_surface(net, made.loss, values.array(draw, [X.shape]), Y, resolution=3),
        lambda: nc.plot.network(net, input_shape=values.anything(draw), **names),
        lambda: nc.plot.network(values.anything(draw), max_units=values.anything(draw)),
        lambda: nc.plot.history(made.fit(X, Y, 1, progress=False), figsize=values.anything(draw)),
        lambda: nc.plot.confusion_matrix(Y, Y).save(os.path.join(draw.folder(), "a.png"), dpi=values.anything(draw)),
        lambda: nc.plot.confusion_matrix(Y, Y).save(values.scalar_but_numbers(draw)),
        lambda: made.fit(X, Y, epochs=draw.randrange(3), callbacks=[film], progress=False),
    ]
    try:
        draw.choice(calls)()
    finally:
        plt.close("all")
