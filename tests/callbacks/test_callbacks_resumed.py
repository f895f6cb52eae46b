"""What callbacks write beside a training goes on with it: after several fits, after an error, in another process."""

import csv
import os
import pickle
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import nncore as nc

sys.path.insert(0, str(Path(__file__).parent.parent / "loggers"))
pytest.importorskip("safetensors")


class Fails(Exception):
    pass


def data(seed=0, n=60):
    return nc.datasets.make_moons(n, noise=0.4, seed=seed)


def make(lr=2.0):
    return nc.Trainer(nc.mlp([2, 16, 2], seed=0), nc.CrossEntropyLoss(), nc.SGD(lr=lr), batch_size=10)


def fit(trainer, epochs, *callbacks):
    return trainer.fit(*data(), epochs=epochs, validation_data=data(1), callbacks=callbacks)


def saving(trainer, path, epoch):
    def save(record):
        if record["epoch"] == epoch:
            trainer.save(path)

    return save


def resumed_with(trainer, path, how):
    if how == "file":
        trainer.save(path)
        return nc.Trainer.resume(path)
    other = make()
    other.load_state_dict(trainer.state_dict())
    return other


def stopping(restore=True, patience=4):
    return nc.EarlyStopping("val_loss", patience=patience, restore_best=restore)


def whole_run():
    trainer, stop = make(), stopping()
    history = fit(trainer, 100, stop)
    assert 3 < stop.best_epoch and stop.stopped_epoch == stop.best_epoch + 4 < 100
    return trainer, stop, history


@pytest.mark.parametrize("after", range(1, 10))
@pytest.mark.parametrize("first", [True, False], ids=["saved before the callback", "saved after it"])
def test_early_stopping_resumed_ends_after_the_same_epoch_with_the_same_weights(after, first, tmp_path):
    whole, wanted, history = whole_run()
    trainer = make()
    save, stop = saving(trainer, tmp_path / "run", after), stopping()
    fit(trainer, 100, *((save, stop) if first else (stop, save)))
    assert after <= wanted.stopped_epoch == 9
    resumed, stop = nc.Trainer.resume(tmp_path / "run"), stopping()
    assert resumed.epoch == after
    ended = after == wanted.stopped_epoch and not first  # this checkpoint knows that the fit is over
    if not ended:
        fit(resumed, 100 - after, stop)
    if after < wanted.stopped_epoch:
        assert (stop.stopped_epoch, stop.best_epoch, stop.best) == (
            wanted.stopped_epoch,
            wanted.best_epoch,
            wanted.best,
        )
        np.testing.assert_array_equal(resumed.model.flat_parameters, whole.model.flat_parameters)
        assert resumed.history["val_loss"].tolist() == history["val_loss"].tolist()


@pytest.mark.parametrize("how", ["same object", "new object", "file", "state_dict", "no callback before"])
@pytest.mark.parametrize("after", [1, 3, 6])
def test_early_stopping_counts_over_several_fits(how, after, tmp_path):
    _, wanted, _ = whole_run()
    trainer, stop = make(), stopping(restore=False)
    fit(trainer, after, *([] if how == "no callback before" else [stop]))
    if how in ("file", "state_dict"):
        trainer = resumed_with(trainer, tmp_path / "run", how)
    if how != "same object":
        stop = stopping(restore=False)
    fit(trainer, 100, stop)
    assert (stop.stopped_epoch, stop.best_epoch, stop.best) == (wanted.stopped_epoch, wanted.best_epoch, wanted.best)


def test_after_an_error_it_goes_on_too():
    _, wanted, _ = whole_run()
    trainer, stop = make(), stopping(restore=False)

    def fail(record):
        if record["epoch"] == 5:
            raise Fails

    with pytest.raises(Fails):
        fit(trainer, 100, stop, fail)
    fit(trainer, 100, stopping(restore=False), stop)
    assert (stop.stopped_epoch, stop.best_epoch) == (wanted.stopped_epoch, wanted.best_epoch)


def test_after_the_fit_that_it_ended_it_begins_anew():
    trainer, stop, _ = whole_run()
    ended = stop.stopped_epoch
    fit(trainer, 1, stop)
    assert stop.best_epoch == ended + 1 and stop.stopped_epoch == 0
    other = stopping()
    fit(trainer, 1, other)
    assert other.best_epoch >= ended + 1


def test_for_another_trainer_it_begins_anew():
    _, stop, history = whole_run()
    other = make(lr=0.001)
    fit(other, 2, stop)
    assert stop.best_epoch == 2 and stop.best == other.history["val_loss"].min() > history["val_loss"].min()


def test_best_weights_that_are_not_known_are_told(tmp_path):
    _, wanted, _ = whole_run()
    trainer = make()
    fit(trainer, wanted.best_epoch + 1)
    kept = []
    stop, keep = stopping(), lambda record: kept.append(trainer.model.flat_parameters.copy())
    with pytest.warns(RuntimeWarning, match=rf"best epoch, {wanted.best_epoch}, are not known.*the best since"):
        fit(trainer, 100, stop, keep)
    later = trainer.history["val_loss"][wanted.best_epoch + 1 :]
    np.testing.assert_array_equal(trainer.model.flat_parameters, kept[int(later.argmin())])


def test_a_model_with_other_layers_does_not_get_the_old_weights():
    trainer, stop = make(), stopping()
    fit(trainer, 3, stop)
    trainer.model.append(nc.Linear(2, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit(trainer, 2, stop)
    assert len(trainer.model) == 4


@pytest.mark.parametrize("how", ["file", "state_dict", "same object", "new object"])
def test_the_best_checkpoint_is_the_best_ever(how, tmp_path):
    trainer, best = make(), nc.ModelCheckpoint(tmp_path / "best", monitor="val_loss")
    fit(trainer, 20, best)
    if how in ("file", "state_dict"):
        trainer = resumed_with(trainer, tmp_path / "run", how)
    if how != "same object":
        best = nc.ModelCheckpoint(tmp_path / "best", monitor="val_loss")
    trainer.optimizer.lr = 50.0
    before = len(best.saved)
    fit(trainer, 3, best)
    assert len(best.saved) == before and best.best == trainer.history["val_loss"].min()
    X, y = data(1)
    assert nc.CrossEntropyLoss().value(nc.load(tmp_path / "best")(X), y) == pytest.approx(best.best, rel=1e-6)


def test_one_checkpoint_for_two_trainers_begins_anew(tmp_path):
    best = nc.ModelCheckpoint(tmp_path / "{epoch}-{val_loss}", monitor="val_loss")
    fit(make(), 5, best)
    saved = len(best.saved)
    worse = make(lr=1e-4)
    fit(worse, 2, best)
    assert len(best.saved) == saved + 2 and best.best == worse.history["val_loss"].min()


def test_a_first_best_is_given(tmp_path):
    def saved(**options):
        best = nc.ModelCheckpoint(tmp_path / "net", **{"monitor": "val_loss", **options})
        fit(trainer, 2, best)
        return len(best.saved)

    trainer = make(lr=1e-3)
    fit(trainer, 3)
    assert saved(initial_best=0.1) == 0
    assert saved(initial_best=np.inf) == 2
    assert saved(monitor="val_accuracy", initial_best=-np.inf) >= 1
    assert saved(monitor="val_accuracy", initial_best=1) == 0
    for wrong in (np.nan, "1", True, 1j):
        with pytest.raises(nc.ConfigError, match=r"\[ModelCheckpoint\] initial_best: expected a number or None"):
            nc.ModelCheckpoint("x", "val_loss", initial_best=wrong)
    with pytest.raises(nc.ConfigError, match="expected it beside monitor"):
        nc.ModelCheckpoint("x", initial_best=0.1)


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def check_table(path, trainer):
    rows = rows_of(path)
    history = trainer.history
    assert [int(row["epoch"]) for row in rows] == history["epoch"].tolist() == list(range(1, len(rows) + 1))
    for key in rows[0]:
        np.testing.assert_array_equal([float(row[key]) for row in rows], history[key])


def test_the_table_has_each_epoch_once(tmp_path):
    path, log = tmp_path / "log.csv", None
    trainer = make()
    fit(trainer, 6, log := nc.CSVLogger(path), saving(trainer, tmp_path / "run", 4))
    check_table(path, trainer)
    resumed = nc.Trainer.resume(tmp_path / "run")
    resumed.optimizer.lr = 0.01
    fit(resumed, 3, nc.CSVLogger(path))  # epochs 5 and 6 once more
    check_table(path, resumed)
    assert resumed.epoch == 7
    fit(resumed, 2)  # without the logger
    fit(resumed, 1, nc.CSVLogger(path))
    check_table(path, resumed)
    fit(resumed, 1, nc.CSVLogger(tmp_path / "new.csv"))
    check_table(tmp_path / "new.csv", resumed)
    fit(other := make(), 2, log)
    check_table(path, other)


def test_a_callback_that_fails_leaves_no_gap_in_the_table(tmp_path):
    trainer = make()

    def fail(record):
        if record["epoch"] == 3:
            raise Fails

    with pytest.raises(Fails):
        fit(trainer, 6, fail, nc.CSVLogger(tmp_path / "log.csv"))
    check_table(tmp_path / "log.csv", trainer)
    fit(trainer, 2, nc.CSVLogger(tmp_path / "log.csv"))
    check_table(tmp_path / "log.csv", trainer)


@pytest.mark.parametrize("run", [None, "mine"])
def test_tensorboard_goes_on_in_the_same_run(run, tmp_path):
    from event_reader import fields, records

    trainer = make()
    board = nc.TensorBoard(tmp_path, every=6, run=run)
    fit(trainer, 4, board, saving(trainer, tmp_path / "checkpoint", 2))
    resumed = nc.Trainer.resume(tmp_path / "checkpoint")
    again = nc.TensorBoard(tmp_path, every=6, run=run)
    fit(resumed, 3, again)
    assert again.folder == board.folder and os.listdir(tmp_path / (run or "run-1"))
    old, new = sorted(os.listdir(board.folder))
    events = [fields(content) for content in records(Path(board.folder, new))]
    start = events[1]
    assert start[2] == [13] and fields(start[7][0])[1] == [1], "steps from 13 on of the older file give way"
    assert [event[2][0] for event in events[2:] if event[2]] == sorted(event[2][0] for event in events[2:])
    assert events[-1][2] == [30], "the steps go on"
    fresh = make()
    if run:
        with pytest.raises(nc.ConfigError, match="event files"):
            fit(fresh, 1, nc.TensorBoard(tmp_path, run=run))
    else:
        fit(fresh, 1, other := nc.TensorBoard(tmp_path))
        assert other.folder != board.folder
    assert old < new


def test_tensorboard_after_an_earlier_state_was_loaded(tmp_path):
    from event_reader import fields, records

    trainer, board = make(), nc.TensorBoard(tmp_path, every=6)
    fit(trainer, 1, board)
    state = trainer.state_dict()
    fit(trainer, 2, board)
    trainer.load_state_dict(state)
    fit(trainer, 1, board)
    (name,) = os.listdir(board.folder)
    events = [fields(content) for content in records(Path(board.folder, name))]
    starts = [at for at, event in enumerate(events) if event[7]]
    assert len(starts) == 1 and events[starts[0]][2] == [7]
    assert max(event[2][0] for event in events[starts[0] :] if event[2]) == 12


def test_a_pickled_monitor_goes_on_beside_a_resumed_trainer(tmp_path):
    trainer, monitor = make(), nc.Monitor(every=4)
    fit(trainer, 2, monitor)
    trainer.save(tmp_path / "run")
    fit(trainer, 1, monitor)
    text = pickle.dumps(monitor)
    resumed, again = nc.Trainer.resume(tmp_path / "run"), pickle.loads(text)
    fit(resumed, 2, again)
    assert again.steps.tolist() == [0, 4, 8, 12, 16, 20]
    np.testing.assert_array_equal(again.loss[:5], monitor.loss)
    fit(make(), 1, other := pickle.loads(text))
    assert other.steps.tolist() == [0, 4]
    trainer.load_state_dict(resumed.state_dict())
    fit(trainer, 1, monitor)
    assert monitor.steps.tolist() == [0, 4, 8, 12, 16, 24, 28]


class Counts(nc.Callback):
    """A callback of one's own, with numbers, texts and arrays."""

    def __init__(self):
        self.state = {}

    def on_epoch_end(self, record):
        n = self.state.get("n", 0) + 1
        self.state = {"n": n, "name": "ä", "x": np.full(3, n, "f4"), "sums": {"a": np.arange(n), "b": np.zeros((0, 2))}}

    def state_dict(self):
        return self.state

    def load_state_dict(self, state):
        self.state = dict(state)


@pytest.mark.parametrize("how", ["file", "state_dict"])
def test_callbacks_of_ones_own_go_on(how, tmp_path):
    trainer, first = make(), Counts()
    fit(trainer, 2, first, Counts())
    fit(trainer, 1, first)
    resumed, later = resumed_with(trainer, tmp_path / "run", how), [Counts(), Counts()]
    fit(resumed, 0, *later)
    assert [each.state["n"] for each in later] == [3, 2]
    assert later[0].state["name"] == "ä" and later[0].state["x"].tolist() == [3, 3, 3]
    assert later[0].state["sums"]["a"].tolist() == [0, 1, 2] and later[0].state["sums"]["b"].shape == (0, 2)
    fit(resumed, 1, *later)
    assert [each.state["n"] for each in later] == [4, 3]


@pytest.mark.parametrize("change", [{"epoch": -1}, {"best": "x"}, {"kept": 3}, {"more": 1}, {"waited": None}], ids=str)
def test_a_wrong_state_changes_nothing(change):
    trainer, stop = make(), stopping()
    fit(trainer, 3, stop)
    before = repr(stop.state_dict())
    with pytest.raises((nc.ConfigError, nc.ShapeError), match=r"\[EarlyStopping\]"):
        stop.load_state_dict({**stop.state_dict(), **change})
    with pytest.raises(nc.ConfigError, match=r"\[EarlyStopping\] state_dict"):
        stop.load_state_dict({})
    assert repr(stop.state_dict()) == before


def test_a_state_that_no_file_holds_is_told(tmp_path):
    trainer, counts = make(), Counts()
    fit(trainer, 1, counts)
    counts.state = {"f": print}
    fit(trainer, 0, counts)
    with pytest.raises(nc.ConfigError, match=r"\[save\] cannot save"):
        trainer.save(tmp_path / "run")
    counts.state = {"f": np.zeros(2, bool)}
    fit(trainer, 0, counts)
    with pytest.raises(nc.ConfigError, match=r"\[save\] Counts: expected arrays of .* or int64, got bool"):
        trainer.save(tmp_path / "run")
