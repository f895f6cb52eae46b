"""Monitors, TensorBoard and other callbacks where users go wrong: shared, copied, doubled, odd names, bad
`observing`."""

import copy
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest

import nncore as nc
from support.programs import run_program

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 3)), RNG.integers(0, 2, 40)


def trainer(net=None, **options):
    net = net or nc.Sequential(nc.Linear(3, 4), nc.ReLU(), nc.Linear(4, 2), seed=0)
    return nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=10, **options)


class Twice(nc.Layer):
    def forward(self, x, training):
        return 2 * x

    def backward(self, dy):
        return 2 * dy


def block():
    return nc.Residual(nc.Linear(4, 4), nc.ReLU(), nc.Linear(4, 4))


def shared():
    layer = nc.Linear(3, 3)
    return layer, nc.ReLU(), layer


NETS = {
    "one layer": (lambda: [nc.Linear(3, 2)], ["0.weight", "0.bias", "0.output"]),
    "residual": (
        lambda: [nc.Linear(3, 4), block(), nc.Linear(4, 2)],
        ["0.weight", "0.bias", "0.output", "1.0.weight", "1.0.bias", "1.0.output", "1.1.output", "1.2.weight",
         "1.2.bias",
         "1.2.output", "1.output", "2.weight", "2.bias", "2.output"],
    ),
    "python": (lambda: [Twice(), nc.Linear(3, 2), Twice()], ["0.output", "1.weight", "1.bias", "1.output", "2.output"]),
    "shared": (lambda: shared(), ["0.weight", "0.bias", "0.output", "1.output", "2.output"]),
    "norm": (lambda: [nc.BatchNorm1d(3), nc.Linear(3, 2)],
             ["0.weight", "0.bias", "0.output", "1.weight", "1.bias", "1.output"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", NETS)
def test_every_kind_of_net_is_seen_without_a_change(kind, tmp_path):
    make, names = NETS[kind]
    plain, observed = (trainer(nc.Sequential(*make(), seed=0)) for _ in range(2))
    plain.fit(X, Y, 2)
    monitor = nc.Monitor(every=3)
    observed.fit(X, Y, 2, callbacks=[monitor, nc.TensorBoard(tmp_path, every=3)]).report(tmp_path / "run.html")
    assert plain.model.flat_parameters.tobytes() == observed.model.flat_parameters.tobytes()
    assert set(monitor) == {*names, *(f"{name}.grad" for name in names)}
    assert all(len(monitor[name]["mean"]) == 3 and np.isfinite(monitor[name]["norm"]).all() for name in monitor)


@pytest.mark.parametrize(
    "make", [lambda folder: nc.Monitor(every=1), nc.TensorBoard, lambda _: nc.EarlyStopping("loss")]
)
def test_two_fits_at_once_need_a_callback_each(make, tmp_path):
    callback, inner, seen = make(tmp_path), trainer(), []

    def other(record):
        with pytest.raises(
            nc.StateError, match=rf"\[{type(callback).__name__}\] it serves another fit, which is not over"
        ):
            inner.fit(X, Y, 1, callbacks=[callback])
        seen.append(inner.epoch)

    trainer().fit(X, Y, 2, callbacks=[callback, other])
    assert seen == [0, 0]
    inner.fit(X, Y, 1, callbacks=[callback])  # one after the other


def test_two_threads_cannot_share_a_monitor():
    monitor, told, inside, done = nc.Monitor(every=1), [], threading.Event(), threading.Event()

    def wait(record):
        inside.set()
        assert done.wait(60)

    thread = threading.Thread(target=lambda: trainer().fit(X, Y, 1, callbacks=[monitor, wait]))
    thread.start()
    assert inside.wait(60)
    try:
        trainer().fit(X, Y, 1, callbacks=[monitor])
    except nc.StateError as error:
        told.append(str(error))
    done.set()
    thread.join()
    assert len(told) == 1 and monitor.steps.tolist() == [0, 1, 2, 3]


def test_after_a_fit_that_raised_the_monitor_serves_another():
    def broken(record):
        raise RuntimeError("mine")

    monitor = nc.Monitor(every=1)
    with pytest.raises(RuntimeError, match="mine"):
        trainer().fit(X, Y, 2, callbacks=[monitor, broken])
    trainer().fit(X, Y, 1, callbacks=[monitor])
    assert monitor.steps.tolist() == [0, 1, 2, 3]


def test_one_callback_twice_in_a_list_is_refused():
    monitor, one = nc.Monitor(), trainer()
    with pytest.raises(nc.ConfigError, match=r"\[fit\] callbacks: expected each once, got Monitor.* twice"):
        one.fit(X, Y, 1, callbacks=[monitor, nc.Monitor(), monitor])
    assert one.epoch == 0 and not monitor
    calls = []
    one.fit(X, Y, 1, callbacks=[calls.append, calls.append])
    assert len(calls) == 2  # functions as often as one likes


def test_a_resumed_trainer_begins_a_monitor_anew_at_its_step(tmp_path):
    pytest.importorskip("safetensors")
    monitor, board, one = nc.Monitor(every=3), nc.TensorBoard(tmp_path / "runs"), trainer()
    one.fit(X, Y, 2, callbacks=[monitor, board])
    one.save(tmp_path / "checkpoint")
    nc.Trainer.resume(tmp_path / "checkpoint").fit(X, Y, 1, callbacks=[monitor, board])
    assert monitor.steps.tolist() == [9] and board.folder == str(tmp_path / "runs" / "run-2")


def test_monitors_are_told_apart_and_found_in_lists():
    a, b = nc.Monitor(every=1), nc.Monitor(every=1)
    for monitor in (a, b):
        assert "0.weight" not in monitor
        trainer().fit(X, Y, 1, callbacks=[monitor])
    assert a != b and b in [a, b] and a not in [b] and {a: 1}[a] == 1
    assert a.records[0] != b.records[0] and "0.weight" in a and "9.weight" not in a and 3 not in a


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_of_a_monitor_have_its_numbers(copied):
    monitor = nc.Monitor(every=1)
    trainer().fit(X, Y, 1, callbacks=[monitor])
    other = copied(monitor)
    for name in monitor:
        for key, values in monitor[name].items():
            np.testing.assert_array_equal(other[name][key], values)
    assert other.steps.tolist() == [0, 1, 2, 3] and "4 observations of" in repr(other)
    with pytest.raises(nc.StateError, match="model: expected a monitor that watched a fit here"):
        other.model  # noqa: B018
    trainer().fit(X, Y, 1, callbacks=[other])
    assert len(other.steps) == len(monitor.steps) == 4


def test_a_copy_of_a_board_writes_a_run_of_its_own(tmp_path):
    board, one = nc.TensorBoard(tmp_path), trainer()
    one.fit(X, Y, 1, callbacks=[board])
    other = pickle.loads(pickle.dumps(board))
    one.fit(X, Y, 1, callbacks=[other])
    assert (board.folder, other.folder) == (str(tmp_path / "run-1"), str(tmp_path / "run-2"))


class Looks(nc.callbacks.Callback):
    def __init__(self, observing):
        self.observing = observing


OBSERVING = [3, "abc", (1,), (0, "step", 0), (-1, "step", 0), (1.5, "step", 0), (2**70, "step", 1), (1, "batch", 2),
             (1, ["step"], 2), (1, "step", -1), (1, "step", 10**9), (1, "step", "x"), (1, "step", None)]  # fmt: skip


@pytest.mark.parametrize("observing", OBSERVING)
def test_a_callback_that_wants_to_look_in_an_impossible_way_is_told(observing):
    one = trainer()
    with pytest.raises(nc.ConfigError, match=r"\[fit\] (callbacks|every|per|bins): expected"):
        one.fit(X, Y, 1, callbacks=[Looks(observing)])
    assert one.epoch == 0
    one.fit(X, Y, 1, callbacks=[Looks((2, "step", 0)), Looks((1, "epoch", 4))])


@pytest.mark.parametrize("every", [0, -1, 1.0, 1.5, float("nan"), float("inf"), "3", None, True, 2**62 + 1, 2**70])
@pytest.mark.parametrize("make", [nc.Monitor, lambda every: nc.TensorBoard("runs", every)])
def test_every_is_a_count(make, every):
    with pytest.raises(nc.ConfigError, match=r"every: expected an integer in \[1, "):
        make(every)


def test_a_huge_every_observes_once():
    monitor = nc.Monitor(every=2**62)
    trainer().fit(X, Y, 3, callbacks=[monitor])
    assert monitor.steps.tolist() == [0] and "1 observation of 14 tensors" in repr(monitor)


def named(name):
    def metric(targets, outputs):
        return 1.0

    metric.__name__ = name
    return metric


def test_a_metric_whose_name_no_file_can_hold_is_told_before_training():
    one = trainer()
    with pytest.raises(nc.ConfigError, match=r"\[fit\] metrics: expected functions with names of whole characters"):
        one.fit(X, Y, 1, metrics=[named("\ud800")])
    assert one.epoch == 0


def test_without_matplotlib_all_that_draws_says_what_to_install():
    words = run_program(Path(__file__).parent / "programs" / "without_matplotlib.py", timeout=120)
    assert words[0].startswith("Monitor(every=1") and words[-2:] == ["True", "True"]
