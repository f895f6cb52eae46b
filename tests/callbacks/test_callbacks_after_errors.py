"""Whatever ends a fit, its callbacks are told: the best weights come back, files are whole, other callbacks have their
turn."""

import csv
import os
import signal

import numpy as np
import pytest

import nncore as nc
from nncore._support import interrupt as guards


class Fails(Exception):
    pass


def data(n=60):
    rng = np.random.default_rng(3)
    return rng.normal(size=(n, 3)), rng.integers(0, 2, n)


def interrupt(times):
    guards._last_interrupt = -10.0  # of another test, which may be less than a second ago
    for _ in range(times):
        signal.raise_signal(signal.SIGINT)


class Layer(nc.Layer):
    """The identity, until it has been called so many times."""

    def __init__(self, calls):
        self.left = calls

    def forward(self, x, training):
        self.left -= training
        if training and self.left < 0:
            raise Fails("layer")
        return x

    def backward(self, dy):
        return dy


def raising(calls):
    def function(*given):
        calls[0] -= 1
        if calls[0] < 0:
            raise Fails("function")
        return 0.0

    return function


#: What ends a fit in its fourth epoch: name -> (exception or None, function of the trainer's and fit's arguments).
ENDS = {
    "numbers": nc.NumericError,
    "numbers, stop": None,
    "callback": Fails,
    "callback's answer": nc.ConfigError,
    "metric": Fails,
    "layer": Fails,
    "schedule": Fails,
    "loss": Fails,
    "Ctrl-C": None,
    "Ctrl-C twice": KeyboardInterrupt,
    "on_fit_end of another": Fails,
}


class Loss(nc.Loss):
    link = "softmax"

    def __init__(self, calls):
        self.left, self.inner = calls, nc.CrossEntropyLoss()

    def __call__(self, z, y):
        self.left -= 1
        if self.left < 0:
            raise Fails("loss")
        return self.inner(z, y)

    def value(self, z, y):
        return self.inner.value(z, y)


def ended(name, callbacks):
    """(trainer, what fit raised) of a fit of six steps an epoch that ends in or after epoch 4."""
    layers = [Layer(6 * 4 + 1)] if name == "layer" else []
    net = nc.Sequential(nc.Linear(3, 4), *layers, nc.ReLU(), nc.Linear(4, 2), seed=0)
    rate = 0.1
    if name.startswith("numbers"):
        rate = nc.Schedule(0.1, lambda i: 1.0 if i < 21 else 1e38)
    if name == "schedule":

        def factor(i):
            if i > 22:
                raise Fails("schedule")
            return 1.0

        rate = nc.Schedule(0.1, factor)
    loss = Loss(6 * 4 + 1) if name == "loss" else nc.CrossEntropyLoss()
    options = {"on_nonfinite": "stop"} if name == "numbers, stop" else {}
    trainer = nc.Trainer(net, loss, nc.SGD(lr=rate), batch_size=10, **options)

    def at_four(record):
        if record["epoch"] == 4:
            if name == "callback":
                raise Fails("callback")
            if name == "callback's answer":
                return 3
            if name.startswith("Ctrl-C"):
                interrupt(2 if "twice" in name else 1)
        return None

    def at_end(history):
        if name == "on_fit_end of another":
            raise Fails("end")

    metrics = [raising([2 * 3])] if name == "metric" else []
    every = [nc.LambdaCallback(on_epoch_end=at_four, on_fit_end=at_end)]
    X, y = data()
    try:
        trainer.fit(X, y, epochs=5, validation_data=data(20), metrics=metrics, callbacks=[*callbacks, *every])
    except BaseException as error:
        return trainer, error
    return trainer, None


class Scripted(nc.EarlyStopping):
    """Meets other numbers than the real ones: the second epoch is the best."""

    def on_epoch_end(self, record):
        return super().on_epoch_end({**record, "val_loss": [3.0, 1.0, 2.0, 2.0, 2.0][record["epoch"] - 1]})


class Best(nc.Callback):
    """Keeps the weights of each epoch."""

    def on_fit_begin(self, trainer):
        self.trainer, self.seen = trainer, []

    def on_epoch_end(self, record):
        self.seen.append(self.trainer.model.flat_parameters.copy())


@pytest.mark.filterwarnings("ignore:training stopped")
@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize("restore", [True, False])
def test_the_best_weights_come_back_whatever_ended_the_fit(name, restore):
    best, stop = Best(), Scripted("val_loss", patience=50, restore_best=restore)
    trainer, error = ended(name, [best, stop])
    wanted = ENDS[name]
    assert (error is None) if wanted is None else isinstance(error, wanted), error
    assert stop.best_epoch == 2 and len(best.seen) >= 3
    same = np.array_equal(trainer.model.flat_parameters, best.seen[1])
    assert same == restore
    assert stop._trainer is None
    trainer.evaluate(*data(), metrics=[])  # the trainer is usable
    assert not trainer.fitting


@pytest.mark.filterwarnings("ignore:training stopped")
@pytest.mark.parametrize("name", ENDS)
def test_what_is_written_is_whole_whatever_ended_the_fit(name, tmp_path):
    pytest.importorskip("safetensors") if name not in ("layer", "loss", "schedule") else None
    log, board = nc.CSVLogger(tmp_path / "log.csv"), nc.TensorBoard(tmp_path / "runs", every=5)
    ends = []
    watch = nc.LambdaCallback(on_fit_end=lambda h: ends.append("end"), on_fit_error=lambda e: ends.append("error"))
    trainer, error = ended(name, [log, board, nc.Monitor(every=5), watch])
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(1, trainer.epoch + 1))
    assert [float(row["loss"]) for row in rows] == trainer.history["loss"].tolist()
    assert len(os.listdir(board.folder)) == 1
    assert len(ends) == 1 and (ends[0] == "end") == (error is None or name == "on_fit_end of another")
    assert log._trainer is None


def every_callback(folder):
    """One of each public class."""
    return {
        "CSVLogger": nc.CSVLogger(folder / "log.csv"),
        "EarlyStopping": nc.EarlyStopping("loss"),
        "Film": nc.Film(*points(), every=2, resolution=10),
        "LambdaCallback": nc.LambdaCallback(),
        "LivePlot": nc.LivePlot(),
        "ModelCheckpoint": nc.ModelCheckpoint(folder / "{epoch}"),
        "Monitor": nc.Monitor(every=5),
        "TensorBoard": nc.TensorBoard(folder / "runs", every=5),
    }


def points():
    return nc.datasets.make_moons(60, noise=0.3, seed=0)


def test_every_public_callback_is_tried(tmp_path):
    pytest.importorskip("matplotlib")
    public = {name for name in nc.callbacks.__all__ if issubclass(getattr(nc.callbacks, name), nc.Callback)}
    assert set(every_callback(tmp_path)) == public - {"Callback"}


@pytest.mark.parametrize("end", ["exception", "Ctrl-C", "Ctrl-C twice"])
@pytest.mark.parametrize("name", ["CSVLogger", "EarlyStopping", "Film", "LambdaCallback", "LivePlot", "ModelCheckpoint",
                                  "Monitor", "TensorBoard"])  # fmt: skip
def test_every_callback_serves_the_next_fit_and_another_trainer(name, end, tmp_path):
    if name in ("Film", "LivePlot"):
        pytest.importorskip("matplotlib")
    if name == "ModelCheckpoint":
        pytest.importorskip("safetensors")
    callback = every_callback(tmp_path)[name]
    trainers = [nc.Trainer(nc.mlp([2, 4, 2], seed=0), nc.CrossEntropyLoss(), nc.SGD()) for _ in range(2)]

    def at_three(record):
        if record["epoch"] == 3:
            if end == "exception":
                raise Fails
            interrupt(1 + end.endswith("twice"))

    try:
        assert trainers[0].fit(*points(), epochs=5, callbacks=[callback, at_three]).interrupted and end == "Ctrl-C"
    except (Fails, KeyboardInterrupt):
        assert end != "Ctrl-C"
    assert trainers[0].epoch == 3 and not trainers[0].fitting
    assert trainers[0].fit(*points(), epochs=1, callbacks=[callback])["epoch"].tolist() == [4]
    assert trainers[1].fit(*points(), epochs=2, callbacks=[callback])["epoch"].tolist() == [1, 2]


def test_later_callbacks_have_the_epoch_in_which_an_earlier_one_failed(tmp_path):
    X, y = data()
    seen = []

    def fail(record):
        seen.append(("first", record["epoch"]))
        if record["epoch"] == 2:
            raise Fails("mine")

    trainer = nc.Trainer(nc.mlp([3, 4, 2], seed=0), nc.CrossEntropyLoss(), nc.SGD())
    with pytest.raises(Fails, match="mine"):
        trainer.fit(X, y, epochs=4, callbacks=[fail, lambda record: seen.append(("second", record["epoch"]))])
    assert seen == [("first", 1), ("second", 1), ("first", 2), ("second", 2)]


def test_each_callback_that_began_ends_once(rng):
    X, y = data()
    calls = []

    class Watch(nc.Callback):
        def __init__(self, name, fails=None):
            self.name, self.fails = name, fails

        def note(self, hook):
            calls.append((self.name, hook))
            if self.fails == hook:
                raise Fails(self.name)

        def on_fit_begin(self, trainer):
            self.note("begin")

        def on_fit_end(self, history):
            self.note("end")

        def on_fit_error(self, error):
            self.note("error")

    def run(*fails):
        calls.clear()
        trainer = nc.Trainer(nc.mlp([3, 4, 2], seed=0), nc.CrossEntropyLoss(), nc.SGD())
        with pytest.raises(Fails) as error:
            trainer.fit(X, y, epochs=1, callbacks=[Watch(name, f) for name, f in zip("ABC", fails, strict=True)])
        return error.value

    run(None, "begin", None)
    assert calls == [("A", "begin"), ("B", "begin"), ("A", "error")]
    error = run("end", None, "end")
    assert calls[3:] == [("A", "end"), ("B", "end"), ("C", "end")] and str(error) == "A"
    assert any("on_fit_end failed as well" in note for note in error.__notes__)
    error = run("error", "begin", None)
    assert str(error) == "B" and any("[Watch] on_fit_error failed as well" in note for note in error.__notes__)


def test_bad_data_change_nothing_and_close_the_callbacks():
    X, y = data()
    trainer = nc.Trainer(nc.mlp([3, 4, 2], seed=0), nc.CrossEntropyLoss(), nc.SGD(lr=0.5))
    stop, ends = nc.EarlyStopping("loss"), []
    trainer.fit(X, y, epochs=2, callbacks=[stop])
    trainer.model.flat_parameters[...] = 0.25
    with pytest.raises(nc.ShapeError):
        trainer.fit(X[:, :2], y, callbacks=[stop, nc.LambdaCallback(on_fit_error=ends.append)])
    assert (trainer.model.flat_parameters == 0.25).all() and len(ends) == 1
