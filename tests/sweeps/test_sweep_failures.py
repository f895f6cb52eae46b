"""What fails for one point is a row of it: errors of build, of fits, layers, losses and metrics, alone and in lanes."""

import json
import re

import numpy as np
import pytest

import nncore as nc


def net(seed, layer=None):
    return nc.Sequential(nc.Linear(2, 4), layer or nc.ReLU(), nc.Linear(4, 2), seed=seed)


def trainer(seed, *, layer=None, loss=None, **options):
    return nc.Trainer(net(seed, layer), loss or nc.CrossEntropyLoss(), nc.SGD(lr=0.1), seed=seed, **options)


class BadLayer(nc.Layer):
    def forward(self, x, training):
        raise RuntimeError("the layer's own")

    def backward(self, dy):
        return dy


class BadLoss(nc.Loss):
    link = "softmax"

    def __call__(self, z, y):
        raise KeyError("the loss's own")


class BadSchedule:
    def __call__(self, step):
        raise ZeroDivisionError("the schedule's own")


def bad_build(seed):
    raise OSError(5, "the disk's own")


FAULTS = {
    "build": (bad_build, r"OSError: \[Errno 5\] the disk's own"),
    "setting": (lambda seed: nc.SGD(lr=-1.0), r"\[SGD\] lr: expected a number > 0"),
    "no trainer": (lambda seed: None, "expected a Trainer, got None"),
    "shapes": (lambda seed: nc.Trainer(nc.mlp([3, 2], seed=seed), nc.CrossEntropyLoss(), nc.SGD()), r"\[Linear"),
    "layer": (lambda seed: trainer(seed, layer=BadLayer()), "RuntimeError: the layer's own"),
    "loss": (lambda seed: trainer(seed, loss=BadLoss()), 'KeyError: "the loss\'s own"'),
    "targets": (lambda seed: trainer(seed, loss=nc.MSELoss()), r"\[MSELoss\] y: expected"),
    "schedule": (
        lambda seed: nc.Trainer(net(seed), nc.CrossEntropyLoss(), nc.SGD(lr=nc.Schedule(0.1, BadSchedule()))),
        "ZeroDivisionError: the schedule's own",
    ),
}


@pytest.fixture
def moons():
    return nc.datasets.make_moons(60, noise=0.1, seed=0)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("what", FAULTS)
def test_one_bad_point_costs_no_other(what, jobs, moons):
    make, message = FAULTS[what]

    def build(kind, seed):
        return make(seed) if kind == "bad" else trainer(seed)

    with pytest.warns(RuntimeWarning, match=r"\[sweep\] 2 of 6 runs failed, the first with kind='bad', seed=0: "):
        table = nc.sweep(build, {"kind": ["good", "bad", "fine"]}, *moons, epochs=2, seeds=2, n_jobs=jobs)
    assert [row["status"] for row in table] == ["ok", "ok", "failed", "failed", "ok", "ok"]
    alone = nc.sweep(build, {"kind": ["good", "fine"]}, *moons, epochs=2, seeds=2)
    assert [row["loss"] for row in table if row["status"] == "ok"] == [row["loss"] for row in alone]
    for row in table.where(kind="bad"):
        assert np.isnan(row["loss"]) and row["seconds"] >= 0
        assert re.search(message, row["message"])
    assert table.best()["kind"] != "bad" and table.summary().where(kind="bad")[0]["failed"] == 2


def test_a_layer_that_a_batch_of_one_sample_breaks(moons):
    """The block of the fault: 60 % 59 leaves one sample, of which BatchNorm has no variance."""

    def build(batch_size, seed):
        model = nc.mlp([2, 4, 2], batch_norm=True, seed=seed)
        return nc.Trainer(model, nc.CrossEntropyLoss(), nc.SGD(), batch_size=batch_size)

    with pytest.warns(RuntimeWarning, match="1 of 3 runs failed, the first with batch_size=59, seed=0: .*BatchNorm1d"):
        table = nc.sweep(build, {"batch_size": [16, 59, 32]}, *moons, epochs=2)
    assert [row["status"] for row in table] == ["ok", "failed", "ok"] and "BatchNorm1d" in table[1]["message"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_metric_that_fails_for_some_nets(jobs, moons):
    def fragile(y, z):
        if z.shape[1] == 3:
            raise IndexError("three outputs")
        return 1.0

    def build(outputs, seed):
        return nc.Trainer(nc.mlp([2, 4, outputs], seed=seed), nc.CrossEntropyLoss(), nc.SGD(), seed=seed)

    with pytest.warns(RuntimeWarning, match="1 of 2 runs failed"):
        table = nc.sweep(build, {"outputs": [3, 2]}, *moons, epochs=2, metrics=[fragile], n_jobs=jobs)
    assert [row["status"] for row in table] == ["failed", "ok"] and "three outputs" in table[0]["message"]
    assert table[1]["fragile"] == 1.0 and np.isnan(table[0]["fragile"])


def test_all_points_may_fail(moons):
    X, y = moons
    with pytest.warns(RuntimeWarning, match="4 of 4 runs failed, .*Linear"):
        table = nc.sweep(lambda seed: trainer(seed), {}, X[:, :1], y, epochs=1, seeds=4)  # in lanes
    assert [row["status"] for row in table] == ["failed"] * 4
    with pytest.raises(nc.StateError, match="none that ended well"):
        table.best()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_is_no_exception_ends_the_sweep(error, moons):
    def build(i, seed):
        if i == 1:
            raise error
        return trainer(seed)

    with pytest.raises(error):
        nc.sweep(build, {"i": [0, 1]}, *moons, epochs=1)


def test_failed_runs_are_tried_again(moons, tmp_path):
    state = {"broken": True}

    def build(lr, seed):
        if lr == 0.2 and state["broken"]:
            raise ValueError("not today")
        return nc.Trainer(net(seed), nc.CrossEntropyLoss(), nc.SGD(lr=lr), seed=seed)

    given = {"epochs": 2, "folder": tmp_path}
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match="1 of 2 runs failed"):
            first = nc.sweep(build, {"lr": [0.1, 0.2]}, *moons, **given)
        assert len(list(tmp_path.iterdir())) == 2
        loaded = nc.SweepTable.load(tmp_path)
        np.testing.assert_equal(list(loaded), list(first))
        assert loaded[1]["message"] == "ValueError: not today"
    state["broken"] = False
    table = nc.sweep(build, {"lr": [0.1, 0.2]}, *moons, **given)
    assert [row["status"] for row in table] == ["ok", "ok"] and table[0] == first[0]
    assert len(nc.SweepTable.load(tmp_path)) == 2


def test_processes_of_joblib(moons):
    joblib = pytest.importorskip("joblib")

    def build(lr, seed):
        if lr == 0.2:
            raise ValueError("not here")
        model = nc.mlp([3 if lr == 0.3 else 2, 4, 2], seed=seed)
        return nc.Trainer(model, nc.CrossEntropyLoss(), nc.SGD(lr=lr), seed=seed)

    with joblib.Parallel(2) as parallel, pytest.warns(RuntimeWarning, match="4 of 6 runs failed"):
        table = nc.sweep(build, {"lr": [0.1, 0.2, 0.3]}, *moons, epochs=1, seeds=2, n_jobs=parallel)
    assert [row["status"] for row in table] == ["ok"] * 2 + ["failed"] * 4
    assert "not here" in table[2]["message"] and "Linear" in table[5]["message"]


def test_the_file_of_a_failed_run_is_readable(moons, tmp_path):
    with pytest.warns(RuntimeWarning, match="failed"):
        nc.sweep(lambda seed: bad_build(seed), {}, *moons, epochs=1, folder=tmp_path)
    (path,) = tmp_path.iterdir()
    content = json.loads(path.read_text())
    assert (content["status"], content["seed"], content["numbers"]) == ("failed", 0, {})
