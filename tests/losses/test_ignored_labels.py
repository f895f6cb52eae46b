"""Labels that are ignored: in losses, in batches that have no other, in every number and picture that takes labels."""

import numpy as np
import pytest

import nncore as nc

LOSSES = {"CrossEntropyLoss": [], "NLLLoss": [nc.LogSoftmax()]}


def loss_of(name, **settings):
    return getattr(nc, name)(**settings)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_no_label_is_nan_with_a_gradient_of_0(name, dtype, rng):
    z = rng.normal(size=(3, 4)).astype(dtype)
    for settings, y in (
        ({}, [-100] * 3),
        ({"ignore_index": 2}, [2] * 3),
        ({"weight": [0, 1, 1, 1]}, [0] * 3),
        ({"weight": [0, 1, 1, 1]}, [0, -100, 0]),
    ):
        loss = loss_of(name, **settings)
        value, dz = loss(z, np.array(y))
        assert np.isnan(value) and np.isnan(loss.value(z, np.array(y)))
        assert dz.shape == z.shape and dz.dtype == dtype and np.all(dz == 0)
        value, dz = loss_of(name, reduction="sum", **settings)(z, np.array(y))
        assert value == 0 and np.all(dz == 0)


def trainer_of(name, hidden=8, optimizer=None, seed=0, loss=None, **options):
    net = nc.Sequential(nc.Linear(3, hidden), nc.Tanh(), nc.Linear(hidden, 3), *LOSSES[name], seed=seed)
    return nc.Trainer(net, loss or loss_of(name), optimizer or nc.SGD(lr=0.1), shuffle=False, **options)


@pytest.mark.parametrize("batch", [1, 4, 16])
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("make", [lambda: nc.SGD(lr=0.1), lambda: nc.Adam(lr=0.01)])
def test_batches_without_a_label_are_steps_that_change_nothing(name, batch, make, rng):
    """40 of 64 samples first, in a row: training is that on the others, but for the steps."""
    X, y = rng.normal(size=(64, 3)), rng.integers(0, 3, 64)
    y[:32] = -100
    mine = trainer_of(name, optimizer=make(), batch_size=batch)
    history = mine.fit(X, y, epochs=1)
    assert history.n_steps == 64 // batch and np.all(history.steps["loss"][: 32 // batch] == 0)
    right = trainer_of(name, optimizer=make(), batch_size=batch)
    expected = right.fit(X[32:], y[32:], epochs=1)
    close = {"rtol": 1e-5, "atol": 1e-6} if isinstance(mine.optimizer, nc.SGD) else {"rtol": 0.02, "atol": 0.1}
    np.testing.assert_allclose(history["loss"], expected["loss"], **close)  # Adam's corrections count the steps
    np.testing.assert_allclose(mine.model.flat_parameters, right.model.flat_parameters, **close)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("batch", [1, 5])
def test_weights_of_0_are_no_labels_either(name, batch, rng):
    X, y = rng.normal(size=(20, 3)), np.repeat([0, 1], 10)
    trainer = trainer_of(name, loss=loss_of(name, weight=[0.0, 1.0, 1.0]), batch_size=batch)
    history = trainer.fit(X, y, epochs=1)
    assert np.all(history.steps["loss"][: 10 // batch] == 0) and np.all(history.steps["loss"][10 // batch :] > 0)
    assert history["loss"][0] == pytest.approx(history.steps["loss"][10 // batch :].mean())


def test_penalties_act_in_a_batch_without_labels(rng):
    X, y = rng.normal(size=(4, 3)), np.full(4, -100)
    trainer = trainer_of("CrossEntropyLoss", l2=0.5)
    weights = [p.value.copy() for p in trainer.model.parameters()]
    assert trainer.step(X, y) == pytest.approx(0.25 * sum((w**2).sum() for w in weights[::2]), rel=1e-5)
    for before, after in zip(weights, trainer.model.parameters(), strict=True):
        np.testing.assert_allclose(after.value, before * (0.95 if before.ndim == 2 else 1.0), rtol=1e-5)


def test_an_epoch_without_labels_has_no_loss():
    """NaN, not 0, which would be the best."""
    trainer = trainer_of("CrossEntropyLoss")
    history = trainer.fit(np.ones((4, 3)), np.full(4, -100), epochs=2)
    assert np.isnan(history["loss"]).all() and np.isnan(history["accuracy"]).all() and trainer.step is not None
    measured = trainer.evaluate(np.ones((4, 3)), np.full(4, -100))
    assert np.isnan(measured["loss"]) and np.isnan(measured["accuracy"])


def test_outputs_that_are_nan_are_still_found(rng):
    trainer = trainer_of("CrossEntropyLoss", batch_size=4)
    trainer.model.flat_parameters[:] = np.nan
    with pytest.raises(nc.NumericError):
        trainer.fit(rng.normal(size=(8, 3)), np.array([-100, 1, 2, 0, 1, 2, 0, 1]))


def seen(y_true, outputs):
    assert len(y_true) == len(outputs)
    return float(len(y_true))


@pytest.mark.parametrize("ignored", [-100, 255, -1, 0, 2])
@pytest.mark.parametrize("name", LOSSES)
def test_numbers_of_ignored_labels_are_those_without_them(name, ignored, rng):
    """Accuracy, top5, functions of one's own, in fit, its validation and evaluate; a class may be ignored, too."""
    X, y = rng.normal(size=(90, 3)), rng.integers(0, 3, 90)
    y[::4] = ignored
    there = y != ignored
    metrics = ["accuracy", "top5", seen]

    def trainer():
        return trainer_of(name, loss=loss_of(name, ignore_index=ignored), batch_size=90)

    one = trainer()
    history = one.fit(X, y, epochs=3, metrics=metrics, validation_data=(X, y))
    assert history["seen"][-1] == history["val_seen"][-1] == there.sum()
    for found, wanted in (
        (one.evaluate(X, y), one.evaluate(X[there], y[there])),
        (one.evaluate(X, y), {"accuracy": (one.model.predict(X)[there] == y[there]).mean()}),
        ({key: history["val_" + key][-1] for key in ("loss", "accuracy", "top5")}, one.evaluate(X[there], y[there])),
    ):
        for key in found.keys() & wanted.keys():
            assert found[key] == pytest.approx(wanted[key], rel=1e-6), key
    other = trainer().fit(X[there], y[there], epochs=3)
    np.testing.assert_allclose(history["accuracy"], other["accuracy"])


def test_a_loss_of_ones_own_ignores_by_an_attribute(rng):
    class Own(nc.Loss):
        link = "softmax"
        ignore_index = 7

        def __call__(self, z, y):
            return 0.0, np.zeros_like(z)

    X, y = rng.normal(size=(20, 3)), rng.integers(0, 3, 20)
    y[:5] = 7
    net = nc.Sequential(nc.Linear(3, 3), seed=0)
    result = nc.Trainer(net, Own(), nc.SGD()).evaluate(X, y, ["accuracy", seen])
    assert result == {"loss": 0.0, "accuracy": (net.predict(X)[5:] == y[5:]).mean(), "seen": 15.0}


@pytest.mark.parametrize("loss", [nc.CrossEntropyLoss(), nc.CrossEntropyLoss(ignore_index=1), nc.MSELoss()])
def test_files_keep_which_label_is_ignored(loss, tmp_path):
    from nncore.nn._model import ignored_of

    pytest.importorskip("safetensors")
    net = nc.Sequential(nc.Linear(2, 3), seed=0)
    nc.Trainer(net, loss, nc.SGD())
    net.save(tmp_path / "net.safetensors")
    loaded = nc.load(tmp_path / "net.safetensors")
    assert ignored_of(loaded) == ignored_of(net) == {"MSELoss": None}.get(
        type(loss).__name__, loss.config.get("ignore_index", -100)
    )
