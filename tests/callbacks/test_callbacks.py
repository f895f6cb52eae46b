"""Callbacks: when they are called, what they may do, and the ones that come along."""

import csv

import numpy as np
import pytest

import nncore as nc


def make(rng, **options):
    X, y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    net = nc.Sequential(nc.Linear(3, 4), nc.Tanh(), nc.Linear(4, 2), seed=0)
    return nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=10, **options), X, y


def scripted(stop, key, numbers, trainer, X, y):
    """Runs a fit in which a callback meets the numbers of a script instead of the real ones; the epochs done."""
    script = iter(numbers)
    weights = []

    def play(record):
        weights.append(trainer.model.flat_parameters.copy())
        return stop.on_epoch_end({**record, key: next(script)})

    watch = nc.LambdaCallback(on_fit_begin=stop.on_fit_begin, on_epoch_end=play, on_fit_end=stop.on_fit_end)
    history = trainer.fit(X, y, epochs=len(numbers), callbacks=[watch])
    return len(history["loss"]), weights


@pytest.mark.parametrize(
    "key, settings, numbers, epochs, best",
    [
        ("val_loss", {"patience": 2}, [5, 4, 4.5, 4.2, 3], 4, 2),
        ("val_loss", {"patience": 2}, [5, 4, 4, 4, 3], 4, 2),
        ("val_loss", {"patience": 2}, [5, 4, 3, 2, 1], 5, 5),
        ("val_loss", {"patience": 1, "min_delta": 0.5}, [5, 4, 3.6, 1], 3, 2),
        ("val_loss", {"patience": 2}, [float("nan"), 4, float("nan"), float("nan"), 1], 4, 2),
        ("val_accuracy", {"patience": 2}, [0.5, 0.6, 0.6, 0.55, 0.9], 4, 2),
        ("val_top5", {"patience": 2}, [0.5, 0.4, 0.3, 0.9], 3, 1),
        ("val_r2", {"patience": 2}, [-3, -2, -2.5, -2.6, 0], 4, 2),
        ("val_mse", {"patience": 2, "mode": "max"}, [1, 2, 1, 1, 5], 4, 2),
        ("val_accuracy", {"patience": 2, "mode": "min"}, [0.5, 0.4, 0.6, 0.7, 0.1], 4, 2),
    ],
)
@pytest.mark.parametrize("restore", [True, False])
def test_early_stopping_by_hand(key, settings, numbers, epochs, best, restore, rng):
    trainer, X, y = make(rng)
    stop = nc.EarlyStopping(key, restore_best=restore, **settings)
    done, weights = scripted(stop, key, numbers, trainer, X, y)
    assert (done, stop.best_epoch, stop.best) == (epochs, best, numbers[best - 1])
    assert stop.stopped_epoch == (0 if epochs == best else epochs)
    kept = weights[best - 1] if restore else weights[-1]
    np.testing.assert_array_equal(trainer.model.flat_parameters, kept)
    if best < epochs:
        assert not np.array_equal(weights[best - 1], weights[-1])


def test_early_stopping_without_its_number_is_told_before_anything_changes(rng):
    trainer, X, y = make(rng)
    before = trainer.model.flat_parameters.copy()
    with pytest.raises(
        nc.ConfigError,
        match=r"\[EarlyStopping\] monitor: expected one of \['loss', 'accuracy', 'lr', 'seconds'\], got 'val_loss' "
        r"\(give fit validation_data",
    ):
        trainer.fit(X, y, callbacks=[nc.EarlyStopping()])
    with pytest.raises(nc.ConfigError, match="got 'val_los'"):
        trainer.fit(X, y, validation_data=(X, y), callbacks=[nc.EarlyStopping("val_los", mode="min")])
    np.testing.assert_array_equal(trainer.model.flat_parameters, before)
    regression = nc.Trainer(nc.Sequential(nc.Linear(3, 1)), nc.MSELoss(), nc.SGD())
    with pytest.raises(
        nc.ConfigError, match=r"expected one of \['loss', 'mse', 'val_loss', 'val_mse', 'lr', 'seconds'\]"
    ):
        regression.fit(X, X[:, :1], validation_split=0.5, metrics=["mse"], callbacks=[nc.EarlyStopping("accuracy")])
    stop = nc.EarlyStopping("val_accuracy", patience=1)
    trainer.fit(X, y, validation_split=0.5, epochs=50, callbacks=[stop])
    assert 0 < stop.best_epoch < stop.stopped_epoch == trainer.epoch


def test_a_fit_starts_afresh(rng):
    trainer, X, y = make(rng)
    stop = nc.EarlyStopping("loss", patience=1, restore_best=False)
    assert scripted(stop, "loss", [1, 2, 3], trainer, X, y)[0] == 2
    assert scripted(stop, "loss", [9, 8, 8], trainer, X, y)[0] == 3
    assert stop.best == 8


def test_callbacks_are_called_in_their_order(rng):
    trainer, X, y = make(rng)
    calls = []

    class Watch(nc.Callback):
        def on_fit_begin(self, given):
            assert given is trainer
            calls.append("begin")

        def on_epoch_end(self, record):
            calls.append(record["epoch"])
            record.clear()  # its own copy

        def on_fit_end(self, history):
            calls.append(len(history["loss"]))

    history = trainer.fit(X, y, epochs=5, callbacks=[Watch(), lambda record: record["epoch"] == 2, nc.LambdaCallback()])
    assert calls == ["begin", 1, 2, 2] and len(history["loss"]) == 2
    assert [trainer.fit(X, y, epochs=0, callbacks=[Watch()]).n_steps, calls[4:]] == [0, ["begin", 0]]


@pytest.mark.parametrize("method", ["on_fit_begin", "on_epoch_end", "on_fit_end"])
def test_what_a_callback_raises_arrives_at_the_end_of_the_epoch(method, rng):
    trainer, X, y = make(rng)
    reference, _, _ = make(rng)
    count = []

    def fail(_):
        count.append(1)
        if method != "on_epoch_end" or len(count) == 2:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        trainer.fit(X, y, epochs=3, callbacks=[nc.LambdaCallback(**{method: fail})])
    done = {"on_fit_begin": 0, "on_epoch_end": 2, "on_fit_end": 3}[method]
    assert trainer.epoch == done
    if done:
        reference.fit(X, y, epochs=done)
    np.testing.assert_array_equal(trainer.model.flat_parameters, reference.model.flat_parameters)
    assert trainer.fit(X, y, epochs=1)["epoch"].tolist() == [done + 1]


def test_a_callback_may_use_the_model_but_not_train_it(rng):
    trainer, X, y = make(rng)
    seen = []

    def after_epoch(record):
        seen.append(trainer.evaluate(X, y)["loss"])
        trainer.model.forward(X)
        with pytest.raises(nc.StateError, match="under way"):
            trainer.fit(X, y)

    trainer.fit(X, y, epochs=2, callbacks=[after_epoch])
    reference, _, _ = make(rng)
    reference.fit(X, y, epochs=2)
    assert len(seen) == 2
    np.testing.assert_array_equal(trainer.model.flat_parameters, reference.model.flat_parameters)


def test_checkpoints_are_saved_each_epoch_or_when_best(rng, monkeypatch, tmp_path):
    trainer, X, y = make(rng)
    saved = []
    monkeypatch.setattr(nc.Sequential, "save", lambda net, path: saved.append(path), raising=False)
    every = nc.ModelCheckpoint(tmp_path / "net-{epoch}.safetensors")
    trainer.fit(X, y, epochs=2, callbacks=[every])
    assert saved == every.saved == [str(tmp_path / f"net-{i}.safetensors") for i in (1, 2)]
    saved.clear()
    best = nc.ModelCheckpoint("{val_accuracy:.1f}", monitor="val_accuracy")
    scripted(best, "val_accuracy", [0.5, 0.4, 0.7, 0.7, 0.8], trainer, X, y)
    scripted(best, "val_accuracy", [0.6, 0.9], trainer, X, y)
    assert saved == ["0.5", "0.7", "0.8", "0.9"]
    with pytest.raises(nc.ConfigError, match=r"\[ModelCheckpoint\] path: expected names in braces"):
        trainer.fit(X, y, epochs=1, callbacks=[nc.ModelCheckpoint("{no_such}")])
    with pytest.raises(nc.ConfigError, match=r"\[ModelCheckpoint\] monitor: expected one of"):
        trainer.fit(X, y, epochs=1, callbacks=[nc.ModelCheckpoint("x", monitor="val_loss")])


def test_the_logger_writes_each_epoch_at_once_and_appends(rng, tmp_path):
    trainer, X, y = make(rng)
    path = tmp_path / "log.csv"
    path.write_text("what was here before")
    lines = []
    first = nc.CSVLogger(path)
    h1 = trainer.fit(X, y, epochs=2, callbacks=[first, lambda record: lines.append(len(path.read_text().splitlines()))])
    assert lines == [2, 3], "the line is in the file when the next callback is called"
    h2 = trainer.fit(X, y, epochs=1, callbacks=[nc.CSVLogger(path)])
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"] and list(rows[0]) == list(h1.epochs)
    assert [float(row["loss"]) for row in rows] == [*h1["loss"], *h2["loss"]]
    with pytest.raises(nc.ConfigError, match=r"\[CSVLogger\] .*expected the columns"):
        trainer.fit(X, y, epochs=1, validation_split=0.5, callbacks=[first])
    make(rng)[0].fit(X, y, epochs=1, callbacks=[first])
    assert len(path.read_text().splitlines()) == 2, "a first fit writes a new file"


@pytest.mark.parametrize(
    "call, match",
    [
        (lambda: nc.EarlyStopping(monitor=3), r"\[EarlyStopping\] monitor: expected the name"),
        (lambda: nc.EarlyStopping(patience=0), r"\[EarlyStopping\] patience: expected"),
        (lambda: nc.EarlyStopping(min_delta=-1), r"\[EarlyStopping\] min_delta: expected"),
        (lambda: nc.EarlyStopping(restore_best=1), r"\[EarlyStopping\] restore_best: expected"),
        (lambda: nc.EarlyStopping(mode="up"), r"\[EarlyStopping\] mode: expected"),
        (lambda: nc.ModelCheckpoint(3), r"\[ModelCheckpoint\] path: expected"),
        (lambda: nc.CSVLogger(None), r"\[CSVLogger\] path: expected"),
        (lambda: nc.LambdaCallback(on_fit_begin=3), r"\[LambdaCallback\] on_fit_begin: expected"),
    ],
)
def test_hostile_arguments(call, match):
    with pytest.raises(nc.ConfigError, match=match):
        call()


def test_a_class_instead_of_an_object_is_told(rng):
    trainer, X, y = make(rng)
    with pytest.raises(nc.ConfigError, match=r"\[fit\] callbacks: expected functions, got .*write EarlyStopping\(…\)"):
        trainer.fit(X, y, callbacks=[nc.EarlyStopping])
