"""A hint where features or targets have scales that gradient descent does not bear, and none elsewhere."""

import warnings

import numpy as np
import pytest

import nncore as nc


def data(sizes=(1.0, 1.0, 1.0), target=1.0):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 3))
    return X * sizes, target * X[:, :1]


def fit(X, y, *before, loss=None, **facts):
    net = nc.Sequential(*before, nc.Linear(X.shape[1], 1), seed=0, **facts)
    trainer = nc.Trainer(net, loss or nc.MSELoss(), nc.SGD(lr=1e-12))
    trainer.fit(X, y, epochs=1, progress=False)
    return trainer


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
@pytest.mark.parametrize("sizes", [(1.0, 1.0, 1e5), (1e3, 1.0, 3e4), (1e6, 1e2, 1e1)])
def test_features_of_other_scales_are_told_once(sizes, dtype):
    X, y = data(sizes)
    X = np.ceil(X + 1).astype(dtype) if dtype == "int64" else X.astype(dtype)
    with pytest.warns(RuntimeWarning, match=r"\[fit\] X: column \d up to .*nc.Normalize.from_data\(X\)") as found:
        trainer = fit(X, y)
        trainer.fit(X, y, epochs=1, progress=False)
    assert len(found) == 1 and found[0].filename == __file__


@pytest.mark.parametrize("target", [3e4, 1e7])
@pytest.mark.parametrize("loss", [nc.MSELoss, nc.L1Loss, nc.HuberLoss])
def test_large_targets_are_told(loss, target):
    with pytest.warns(RuntimeWarning, match=r"\[fit\] y: numbers up to .*y.std\(\)"):
        fit(*data(target=target), loss=loss())


def test_the_hint_helps():
    """Rates that suit features of size 1: without Normalize the loss is not finite, with it the fit is good."""
    X, y = data((1.0, 1.0, 1e5))
    with pytest.warns(RuntimeWarning, match="Normalize"), pytest.raises(nc.NumericError):
        net = nc.Sequential(nc.Linear(3, 1), seed=0)
        nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=0.1)).fit(X, y, epochs=50)
    net = nc.Sequential(nc.Linear(3, 1), seed=0, input=nc.Normalize.from_data(X))
    assert nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=0.1)).fit(X, y, epochs=50)["loss"][-1] < 1e-3


def test_usual_data_are_not_told():
    rng = np.random.default_rng(1)
    usual = {
        "normal": rng.normal(size=(200, 500)),
        "bytes as numbers": rng.integers(0, 256, (200, 64)).astype(float),
        "pixels": rng.integers(0, 2, (200, 64)) * rng.random((200, 64)),
        "one-hot": np.eye(50)[rng.integers(0, 50, 200)],
        "years and counts": np.column_stack([rng.integers(1950, 2020, 200), rng.integers(3, 9, 200)]).astype(float),
        "small and unequal": rng.normal(size=(200, 2)) * [1e-6, 1.0],
        "zeros": np.zeros((200, 3)),
        "far off": 1e6 + rng.normal(size=(200, 2)),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for X in usual.values():
            fit(X, X[:, :1] / 1e6)
        fit(*data((1.0, 1.0, 1e5)), input=nc.Normalize.from_data(data((1.0, 1.0, 1e5))[0]))
        fit(*data((1.0, 1.0, 1e5)), nc.BatchNorm1d(3))
        images = rng.random((20, 1, 4, 4)) * 255
        net = nc.Sequential(nc.Conv2d(1, 2, 3), nc.Flatten(), nc.Linear(8, 2), seed=0)
        nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=1e-9)).fit(images, rng.integers(0, 2, 20), epochs=1)


def test_sweeps_do_not_warn():
    X, y = data((1.0, 1.0, 1e5))

    def build(lr, seed):
        return nc.Trainer(nc.Sequential(nc.Linear(3, 1), seed=seed), nc.MSELoss(), nc.SGD(lr=lr))

    assert [row["status"] for row in nc.sweep(build, {"lr": [1e-13, 1e-12]}, X, y, epochs=1, progress=False)] == [
        "ok",
        "ok",
    ]


def test_columns_of_tables_are_named():
    pd = pytest.importorskip("pandas")
    X, y = data((1.0, 1.0, 1e5))
    with pytest.warns(RuntimeWarning, match="column 'price' up to .*column '(age|size)' up to"):
        fit(pd.DataFrame(X, columns=["age", "size", "price"]), pd.Series(y[:, 0]))
