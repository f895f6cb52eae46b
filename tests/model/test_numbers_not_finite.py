"""NaN and infinity in what a model is given to predict, and in its outputs: never a label, a right answer or a rank."""

import warnings

import numpy as np
import pytest

import nncore as nc

BAD = [np.nan, np.inf, -np.inf]
LOSSES = {  # loss, outputs, targets of labels 0 and 1, the label of a row without one
    "softmax": (nc.CrossEntropyLoss, 2, lambda y: y, -1),
    "sigmoid, one": (nc.BCEWithLogitsLoss, 1, lambda y: y[:, None].astype(float), -1),
    "sigmoid, three": (nc.BCEWithLogitsLoss, 3, lambda y: np.eye(3)[y], -1),
    "sign": (nc.HingeLoss, 1, lambda y: 2 * y - 1, 0),
}


def trained(name, graph=False, normalize=None):
    loss, outputs, targets, _ = LOSSES[name]
    layers = [nc.Linear(3, 4), nc.Sigmoid(), nc.Linear(4, outputs)]  # infinity saturates and leaves no trace
    if graph:
        x = z = nc.Input(3)
        for layer in layers:
            z = layer(z)
        net = nc.Graph(x, z, seed=0, input=normalize)
    else:
        net = nc.Sequential(*layers, seed=0, input=normalize)
    trainer = nc.Trainer(net, loss(), nc.SGD(lr=0.1), on_nonfinite="ignore")
    X = np.random.default_rng(0).normal(size=(30, 3))
    trainer.fit(X, targets((X[:, 0] > 0).astype(int)), epochs=5)
    return trainer, X


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("normalize", [None, nc.Normalize(np.zeros(3), np.ones(3))])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_such_numbers_are_refused_with_their_place(bad, graph, normalize, dtype):
    trainer, X = trained("softmax", graph, normalize)
    y = (X[:, 0] > 0).astype(int)
    X = X.astype(dtype)
    X[7, 2] = bad
    for name, call in (
        ("predict", lambda: trainer.model.predict(X)),
        ("predict_proba", lambda: trainer.model.predict_proba(X)),
        ("evaluate", lambda: trainer.evaluate(X, y)),
    ):
        with pytest.raises(nc.ConfigError, match=rf"\[{name}\] [xX]: .* got {bad} at \[7, 2\] \(allow_nan=True"):
            call()
    assert trainer.model(X).shape == (30, 2)  # computes what it is given


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", LOSSES)
def test_allowed_they_have_no_label(bad, name):
    trainer, X = trained(name)
    plain = trainer.model.predict(X)
    broken = X.copy()
    broken[[3, 8], [0, 2]] = bad
    with pytest.warns(RuntimeWarning, match=r"\[predict\] 2 of 30 rows get -?[01], no label"):
        said = trainer.model.predict(broken, allow_nan=True)
    assert np.all(said[[3, 8]] == LOSSES[name][3]) and said.dtype == plain.dtype
    others = np.delete(np.arange(30), [3, 8])
    assert np.array_equal(said[others], plain[others])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(trainer.model.predict(X, allow_nan=True), plain)
    if name != "sign":
        p = trainer.model.predict_proba(broken, allow_nan=True)
        assert np.array_equal(p[others], trainer.model.predict_proba(X)[others])
        assert np.isnan(p[3]).all() == np.isnan(bad)


@pytest.mark.parametrize("name", LOSSES)
def test_a_sample_whose_outputs_are_nan_is_wrong(name):
    trainer, X = trained(name)
    y = (X[:, 0] > 0).astype(int)
    targets = LOSSES[name][2](y)
    right = trainer.evaluate(X, targets)["accuracy"]
    broken = X.copy()
    broken[:] = np.nan
    assert trainer.evaluate(broken, targets, allow_nan=True)["accuracy"] == 0.0 < right
    assert np.isnan(trainer.evaluate(broken, targets, allow_nan=True)["loss"])
    half = np.where(np.arange(30)[:, None] < 15, X, np.nan)
    expected = trainer.evaluate(X[:15], targets[:15])["accuracy"] / 2
    assert trainer.evaluate(half, targets, allow_nan=True)["accuracy"] == pytest.approx(expected)


def test_top5_of_nan_is_wrong(rng):
    trainer = nc.Trainer(nc.Sequential(nc.Identity()), nc.CrossEntropyLoss(), nc.SGD())
    z, y = rng.normal(size=(12, 8)), np.arange(12) % 8
    z[::2, 3] = np.nan
    found = trainer.evaluate(z, y, ["top5"], allow_nan=True)["top5"]
    assert found == pytest.approx(trainer.evaluate(z[1::2], y[1::2], ["top5"])["top5"] / 2)


@pytest.mark.parametrize("name", LOSSES)
def test_parameters_that_are_nan_give_no_labels(name):
    trainer, X = trained(name)
    trainer.model.flat_parameters[:] = np.nan
    with pytest.warns(RuntimeWarning, match="30 of 30 rows"):
        assert np.all(trainer.model.predict(X) == LOSSES[name][3])
    y = LOSSES[name][2](np.zeros(30, int))
    assert trainer.evaluate(X, y)["accuracy"] == 0.0
    if trainer.loss.link != "sign":
        assert trainer.fit(X, y, epochs=1)["accuracy"][0] == 0.0  # on_nonfinite="ignore"


def test_a_column_of_a_table_is_named():
    class Table:  # as a pandas.DataFrame
        columns = ("area", "year", "rooms")

        def __array__(self, dtype=None, copy=None):
            return np.array(broken, dtype)

    trainer, X = trained("softmax")
    table, broken = Table(), X.copy()
    broken[4, 1] = np.nan
    y = (X[:, 0] > 0).astype(int)
    trainer = nc.Trainer(trainer.model.copy(), nc.CrossEntropyLoss(), nc.SGD())
    for call in (trainer.model.predict, lambda x: trainer.fit(x, y), lambda x: trainer.evaluate(x, y)):
        with pytest.raises(nc.ConfigError, match=r"got nan at \[4, 1\], column 'year'"):
            call(table)


@pytest.mark.parametrize("flag", [None, 1, "yes"])
def test_what_is_no_flag(flag):
    trainer, X = trained("softmax")
    for call in (trainer.model.predict, trainer.model.predict_proba):
        with pytest.raises(nc.ConfigError, match="allow_nan: expected True or False"):
            call(X, allow_nan=flag)
    with pytest.raises(nc.ConfigError, match=r"\[evaluate\] allow_nan: expected True or False"):
        trainer.evaluate(X, np.zeros(30, int), allow_nan=flag)


def test_values_are_what_the_layers_make_of_them():
    net = nc.Sequential(nc.Linear(1, 1), seed=0)
    nc.Trainer(net, nc.MSELoss(), nc.SGD()).fit(np.ones((4, 1)), np.ones((4, 1)), epochs=1)
    assert np.isnan(net.predict([[np.nan], [1.0]], allow_nan=True)).ravel().tolist() == [True, False]
