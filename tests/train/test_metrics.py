"""Metrics by hand and by scikit-learn, and validation_split."""

import numpy as np
import pytest

import nncore as nc


def classifier(rng, C=8, n=60):
    X, y = rng.normal(size=(n, 3)), rng.integers(0, C, n)
    net = nc.Sequential(nc.Linear(3, C), dtype="float64", seed=0)
    return nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=20), X, y


def test_top5_by_hand():
    net = nc.Sequential(nc.Linear(6, 6, bias=False), dtype="float64")
    net.flat_parameters[:] = np.eye(6).ravel()
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(ignore_index=-1), nc.SGD())
    z = np.array([[6.0, 5, 4, 3, 2, 1], [6, 5, 4, 3, 2, 1], [1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 9]])
    assert trainer.evaluate(z, np.array([4, 5, 4, 5, 5]), ["top5"])["top5"] == 3 / 5
    assert trainer.evaluate(z, np.array([4, 5, -1, -1, -1]), ["top5"])["top5"] == 1 / 2


def test_against_scikit_learn(rng):
    measures = pytest.importorskip("sklearn.metrics")
    trainer, X, y = classifier(rng)
    z = trainer.model(X)
    result = trainer.evaluate(X, y, ["accuracy", "top5"])
    assert result["accuracy"] == measures.accuracy_score(y, z.argmax(1))
    assert result["top5"] == pytest.approx(measures.top_k_accuracy_score(y, z, k=5, labels=range(8)))
    net = nc.Sequential(nc.Linear(3, 4), dtype="float64", seed=0)
    trainer = nc.Trainer(net, nc.MSELoss(), nc.SGD())
    for t in (rng.normal(size=(60, 4)), np.hstack([np.ones((60, 1)), rng.normal(size=(60, 3))])):
        result = trainer.evaluate(X, t, ["mse", "mae", "r2"])
        assert result["mse"] == pytest.approx(measures.mean_squared_error(t, net(X)), rel=1e-12)
        assert result["mae"] == pytest.approx(measures.mean_absolute_error(t, net(X)), rel=1e-12)
        assert result["r2"] == pytest.approx(measures.r2_score(t, net(X)), rel=1e-12)
    assert trainer.evaluate(X, net(X), ["r2"])["r2"] == 1


def test_columns_of_history_records_and_evaluate(rng):
    trainer, X, y = classifier(rng)

    def share_of_zero(y_true, outputs):
        assert y_true.dtype == np.int64 and outputs.shape == (len(y_true), 8)
        return (y_true == 0).mean()

    records = []
    history = trainer.fit(
        X,
        y,
        3,
        validation_data=(X[:10], y[:10]),
        test_data=(X[10:30], y[10:30]),
        metrics=["top5", share_of_zero, "accuracy"],
        callbacks=[records.append],
    )
    names = ["loss", "accuracy", "top5", "share_of_zero"]
    expected = ["epoch", *names, *("val_" + n for n in names), *("test_" + n for n in names), "lr", "seconds"]
    assert list(history.epochs) == list(records[0]) == expected
    for i, record in enumerate(records):
        assert record == {key: values[i] for key, values in history.epochs.items()}
    assert (history["val_share_of_zero"] == (y[:10] == 0).mean()).all()
    assert (history["test_share_of_zero"] == (y[10:30] == 0).mean()).all()
    last = trainer.evaluate(X, y)
    assert list(last) == names and last["top5"] == history["top5"][-1]
    assert trainer.evaluate(X[:10], y[:10])["top5"] == history["val_top5"][-1]
    assert list(trainer.evaluate(X, y, ())) == ["loss"]


def test_measuring_does_not_change_training(rng):
    runs = []
    for metrics in (("accuracy",), ("accuracy", "top5", lambda y, z: 0)):
        trainer, X, y = classifier(np.random.default_rng(0))
        history = trainer.fit(X, y, 4, metrics=metrics)
        runs.append((trainer.model.flat_parameters.tobytes(), history["loss"].tobytes(), history["accuracy"].tobytes()))
    assert runs[0] == runs[1]


def test_regression_has_none_by_default(rng):
    X = rng.normal(size=(20, 3))
    trainer = nc.Trainer(nc.Sequential(nc.Linear(3, 1)), nc.MSELoss(), nc.SGD())
    assert list(trainer.fit(X, X[:, :1], 1, validation_split=0.2).epochs) == [
        "epoch",
        "loss",
        "val_loss",
        "lr",
        "seconds",
    ]
    assert list(trainer.evaluate(X, X[:, :1])) == ["loss"]


def test_metrics_that_do_not_fit_are_refused_before_anything_changes(rng):
    trainer, X, y = classifier(rng)
    before = trainer.model.flat_parameters.copy()

    def lambda_like(y, z):
        return 0.0

    for metrics, match in [
        (["mse"], r"\[fit\] metrics: 'mse': expected targets of the outputs' shape \(60, 8\), got labels \(60,\)"),
        (["no"], r"\[fit\] metrics: expected names of"),
        (["accuracy", "accuracy"], "expected different names, got 'accuracy' again"),
        ([lambda_like, lambda_like], "expected different names"),
        ([float], "expected names of"),
        ("top5", "expected a list"),
        (3, "expected a list"),
        ([lambda y, z: 0.0, lambda y, z: 1.0], r"got '<lambda>' again \(a dict gives names: metrics="),
        ({"loss": lambda_like}, "expected different names, got 'loss' again"),
        ({"val_loss": lambda_like}, "expected different names, got 'val_loss' again"),
        ([{"f": lambda_like}, {"val_f": lambda_like}], "expected different names, got 'val_f' again"),
        (["accuracy", {"test_accuracy": lambda_like}], "expected different names, got 'test_accuracy' again"),
        ({"share": "accuracy"}, "expected names of"),
        ({"f": 3}, "expected names of"),
        ({3: lambda_like}, "names of whole characters, got 3"),
    ]:
        with pytest.raises(nc.ConfigError, match=match):
            trainer.fit(X, y, metrics=metrics)
    regression = nc.Trainer(nc.Sequential(nc.Linear(3, 8)), nc.MSELoss(), nc.SGD())
    with pytest.raises(nc.ConfigError, match=r"'top5': expected a loss with classes"):
        regression.fit(X, rng.normal(size=(60, 8)), metrics=["top5"])
    np.testing.assert_array_equal(trainer.model.flat_parameters, before)


def test_what_a_function_raises_arrives_and_what_is_no_number_is_refused(rng):
    trainer, X, y = classifier(rng)

    def breaks(y_true, outputs):
        raise KeyError("mine")

    def words(y_true, outputs):
        return "good"

    with pytest.raises(KeyError, match="mine"):
        trainer.fit(X, y, 2, metrics=[breaks])
    with pytest.raises(nc.ConfigError, match="metrics: words: expected a number, got 'good'"):
        trainer.fit(X, y, 2, metrics=[words])
    assert trainer.epoch == 2, "the epoch was done when it was measured"
    assert trainer.fit(X, y, 1)["epoch"].tolist() == [3]


# ---- validation_split -------------------------------------------------------------------------------------------


class Sees(nc.Loss):
    """Remembers the targets it meets."""

    link = "identity"

    def __init__(self):
        self.seen = []

    def __call__(self, z, y):
        self.seen.append(y.copy())
        return 0.0, np.zeros_like(z)


def held_out(y, share, seed=0, fits=1):
    """(training targets, validation targets) that a fit used, sorted."""
    loss = Sees()
    trainer = nc.Trainer(
        nc.Sequential(nc.Linear(1, 3), dtype="float64", seed=0), loss, nc.SGD(), batch_size=None, seed=seed
    )
    for _ in range(fits):
        trainer.fit(np.arange(len(y))[:, None], y, 1, validation_split=share)
    return loss.seen


def test_the_split_is_seeded_whole_and_the_same_in_each_fit():
    y = np.arange(50.0)[:, None] * np.ones((1, 3))
    train, val, train2, val2 = held_out(y, 0.2, fits=2)
    assert val.shape == (10, 3) and train.shape == (40, 3)
    assert sorted([*train[:, 0], *val[:, 0]]) == list(range(50))
    np.testing.assert_array_equal(val, val2)
    np.testing.assert_array_equal(train, train2)
    np.testing.assert_array_equal(val, held_out(y, 0.2)[1])
    assert not np.array_equal(val, held_out(y, 0.2, seed=1)[1])


def test_labels_are_split_class_by_class():
    y = np.repeat([0, 1, 2], [60, 30, 10])
    train, val = held_out(y, 0.1)
    assert np.bincount(val).tolist() == [6, 3, 1] and np.bincount(train).tolist() == [54, 27, 9]
    rare = np.repeat([0, 1], [99, 1])
    assert len(held_out(rare, 0.1)[1]) == 10, "a class of one sample goes where it falls"


@pytest.mark.parametrize("share", [-0.1, 1.0, 1.5, float("nan"), "half", True])
def test_shares_outside_the_range_are_refused(share):
    with pytest.raises(nc.ConfigError, match=r"\[fit\] validation_split: expected"):
        held_out(np.arange(10), share)


def test_parts_without_samples_and_two_validation_sets_are_refused(rng):
    with pytest.raises(nc.ConfigError, match=r"\[fit\] validation_split: expected a share of the 4 samples"):
        held_out(np.arange(4), 0.1)
    with pytest.raises(nc.ConfigError, match=r"\[fit\] validation_split: expected a share of the 4 samples"):
        held_out(np.arange(4), 0.9)
    trainer, X, y = classifier(rng)
    with pytest.raises(nc.ConfigError, match=r"\[fit\] validation_split: expected 0 beside validation_data"):
        trainer.fit(X, y, validation_data=(X, y), validation_split=0.1)
    with pytest.raises(nc.ShapeError, match=r"\[fit\] y: expected as many"):
        trainer.fit(X, y[:-1], validation_split=0.1)


@pytest.mark.parametrize("given", ["dict", "dict in a list", "beside names"])
def test_a_dict_names_functions(given, data_of_two_classes):
    X, y = data_of_two_classes
    functions = {"ones": lambda y, z: 1.0, "twos": lambda y, z: 2.0}
    metrics = {"dict": functions, "dict in a list": [functions], "beside names": ["accuracy", functions]}[given]
    trainer = nc.Trainer(nc.mlp([2, 4, 2], seed=0), nc.CrossEntropyLoss(), nc.SGD())
    history = trainer.fit(X, y, epochs=2, metrics=metrics, validation_split=0.25, progress=False)
    assert list(history["ones"]) == [1.0, 1.0] and list(history["val_twos"]) == [2.0, 2.0]
    assert ("accuracy" in history) == (given == "beside names")
    assert trainer.evaluate(X, y, metrics)["twos"] == 2.0


@pytest.fixture
def data_of_two_classes():
    return nc.datasets.make_moons(40, noise=0.1, seed=0)
