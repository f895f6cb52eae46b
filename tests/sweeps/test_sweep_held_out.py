"""Held-out data of a sweep: validation_split, test_data and the best epoch, the same alone and in lanes."""

import numpy as np
import pytest

import nncore as nc
from nncore.sweeps._sweeper import best_epoch


@pytest.fixture
def data():
    X, y = nc.datasets.make_moons(120, noise=0.3, seed=0)
    return X, y, nc.datasets.make_moons(37, noise=0.3, seed=1), nc.datasets.make_moons(29, noise=0.3, seed=2)


def build(lr, seed, *, alone=False, loss=None, dtype="float64", **options):
    net = nc.Sequential(nc.Linear(2, 8), nc.Tanh(), nc.Linear(8, 2), seed=seed, dtype=dtype)
    if alone:
        options["clip_grad_norm"] = 1e6  # changes nothing, but such trainers fit alone
    return nc.Trainer(net, loss or nc.CrossEntropyLoss(), nc.SGD(lr=lr), batch_size=16, seed=seed, **options)


def expected(row, X, y, *, metrics=("accuracy",), **given):
    """The row of a fit of one's own."""
    trainer = build(row["lr"], row["seed"])
    history = trainer.fit(X, y, 12, metrics=metrics, progress=False, **given)
    last = {name: values[-1] for name, values in history.epochs.items() if name not in ("epoch", "lr", "seconds")}
    monitor = "val_loss" if "val_loss" in history else "loss"
    at = int(np.nanargmin(history[monitor]))
    best = {f"best_{name}": history[name][at] for name in last if name == monitor or name.startswith(("val_", "test_"))}
    return {**last, "best_epoch": at + 1, **best}


def agree(row, wanted):
    numbers = {k: v for k, v in row.items() if k not in ("lr", "seed", "seconds", "status", "message")}
    assert set(numbers) == set(wanted)
    for name, value in wanted.items():
        assert numbers[name] == pytest.approx(value, rel=1e-8, abs=1e-12), name


HELD = {
    "nothing": lambda held, apart: {},
    "validation": lambda held, apart: {"validation_data": held},
    "test": lambda held, apart: {"test_data": apart},
    "both": lambda held, apart: {"validation_data": held, "test_data": apart},
    "split": lambda held, apart: {"validation_split": 0.25},
    "split and test": lambda held, apart: {"validation_split": 0.2, "test_data": apart},
}


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("metrics", [("accuracy",), ()])
@pytest.mark.parametrize("what", HELD)
def test_rows_are_the_fits_of_ones_own(what, metrics, alone, data, monkeypatch):
    X, y, held, apart = data
    given = HELD[what](held, apart)
    calls = []
    fit = nc.Trainer.fit
    wanted = []
    rates = [3.0, 0.3]  # with the first the best epoch is seldom the last
    for lr in rates:
        for seed in range(3):
            wanted.append(expected({"lr": lr, "seed": seed}, X, y, metrics=metrics, **given))
    monkeypatch.setattr(nc.Trainer, "fit", lambda *a, **k: calls.append(1) or fit(*a, **k))
    table = nc.sweep(
        lambda lr, seed: build(lr, seed, alone=alone), {"lr": rates}, X, y, epochs=12, seeds=3, metrics=metrics, **given
    )
    assert len(calls) == (6 if alone else 0)
    for row, numbers in zip(table, wanted, strict=True):
        agree(row, numbers)
    assert any(row["best_epoch"] < 12 for row in table) and all(type(row["best_epoch"]) is int for row in table)


def test_metrics_and_targets_without_a_kernel(data):
    """Measured one by one: named metrics, and validation labels that do not count."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(60, 2)), rng.normal(size=(60, 2))
    held = rng.normal(size=(20, 2)), rng.normal(size=(20, 2))

    def regression(lr, seed, **options):
        net = nc.Sequential(nc.Linear(2, 6), nc.ReLU(), nc.Linear(6, 2), seed=seed, dtype="float64")
        return nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=lr), batch_size=16, seed=seed)

    table = nc.sweep(regression, {"lr": [0.5]}, X, Y, epochs=9, seeds=3, validation_data=held, metrics=["mae", "r2"])
    for row in table:
        history = regression(0.5, row["seed"]).fit(X, Y, 9, validation_data=held, metrics=["mae", "r2"], progress=False)
        at = int(np.argmin(history["val_loss"]))
        assert (row["best_epoch"], row["mae"]) == (at + 1, pytest.approx(history["mae"][-1], rel=1e-9))
        for name in ("val_loss", "val_mae", "val_r2"):
            assert row[f"best_{name}"] == pytest.approx(history[name][at], rel=1e-9)
    X, y, (Xv, yv), _ = data
    yv = yv.copy()
    yv[::3] = -100
    (row,) = nc.sweep(lambda lr, seed: build(lr, seed), {"lr": [3.0]}, X, y, epochs=12, validation_data=(Xv, yv))
    agree(row, expected(row, X, y, validation_data=(Xv, yv)))


def test_histories_of_a_model_batch_have_every_epoch(data):
    X, y, held, apart = data
    made = []
    given = {"validation_data": held, "test_data": apart}
    nc.sweep(lambda seed: made.append(build(0.5, seed)) or made[-1], {}, X, y, epochs=5, seeds=3, **given)
    for seed, trainer in enumerate(made):
        own = build(0.5, seed).fit(X, y, 5, progress=False, **given)
        for name in ("val_loss", "val_accuracy", "test_loss", "test_accuracy"):
            np.testing.assert_allclose(trainer.history[name], own[name], rtol=1e-8, err_msg=name)


def test_a_net_that_breaks_in_a_later_epoch_leaves_its_neighbours_and_itself_alone(data):
    """Measuring puts parameters into the models for a moment; one that is fitted anew starts from the first ones."""
    X, y, held, _ = data

    def wild(lr, seed):
        net = nc.Sequential(nc.Linear(2, 8), nc.ReLU(), nc.Linear(8, 2), seed=seed)
        return nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=lr), batch_size=16, seed=seed)

    Y = np.eye(2)[y]
    given = {"validation_data": (held[0], np.eye(2)[held[1]]), "metrics": ["mae"]}
    table = nc.sweep(wild, {"lr": [0.1, 4.0, 0.2]}, X, Y, epochs=40, **given)
    assert [row["status"] for row in table] == ["ok", "diverged", "ok"]
    with pytest.raises(nc.NumericError) as caught:
        wild(4.0, 0).fit(X, Y, 40, progress=False, **given)
    assert table[1]["message"] == str(caught.value)
    assert table[0]["best_val_mae"] == nc.sweep(wild, {"lr": [0.1]}, X, Y, epochs=40, **given)[0]["best_val_mae"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_split_is_that_of_each_trainers_seed(jobs, data):
    X, y, _, _ = data
    table = nc.sweep(build, {"lr": [0.1, 0.5]}, X, y, epochs=2, seeds=4, validation_split=0.3, n_jobs=jobs)
    one = nc.sweep(build, {"lr": [0.5]}, X, y, epochs=2, seeds=[2], validation_split=0.3)
    assert {k: v for k, v in table.where(lr=0.5, seed=2)[0].items() if k != "seconds"} == {
        k: v for k, v in one[0].items() if k != "seconds"
    }
    assert len({row["val_loss"] for row in table}) == 8


def test_steps_measure_at_the_end_and_best_is_of_whole_epochs(data):
    X, y, held, apart = data  # 120 samples: 8 steps an epoch
    (row,) = nc.sweep(build, {"lr": [0.5]}, X, y, steps=20, validation_data=held, test_data=apart)
    trainer = build(0.5, 0)
    history = trainer.fit(X, y, steps=20, validation_data=held, progress=False)
    assert row["val_loss"] == pytest.approx(trainer.evaluate(*held)["loss"], rel=1e-5)
    assert row["test_loss"] == pytest.approx(trainer.evaluate(*apart)["loss"], rel=1e-5)
    assert row["best_epoch"] == int(np.argmin(history["val_loss"])) + 1
    assert row["best_val_loss"] == pytest.approx(history["val_loss"].min(), rel=1e-5)
    (short,) = nc.sweep(build, {"lr": [0.5]}, X, y, steps=3, validation_data=held)
    assert "best_epoch" not in short


def test_nan_is_never_the_best_epoch():
    history = nc.History()
    history.epochs = {
        "epoch": np.array([1, 2, 3]),
        "loss": np.array([0.3, 0.2, 0.1]),
        "val_loss": np.array([np.nan, 0.5, 0.6]),
        "val_accuracy": np.array([0.1, 0.2, 0.3]),
    }
    assert best_epoch(history, "val_loss") == {"best_epoch": 2.0, "best_val_loss": 0.5, "best_val_accuracy": 0.2}
    assert best_epoch(history, "loss") == {
        "best_epoch": 3.0, "best_loss": 0.1, "best_val_loss": 0.6, "best_val_accuracy": 0.3
    }  # fmt: skip
    history.epochs["val_loss"][:] = np.nan
    assert best_epoch(history, "val_loss") == {}


@pytest.mark.parametrize("change", ["validation_split", "test_data", "test data themselves"])
def test_they_are_in_the_key(change, data, tmp_path):
    X, y, held, apart = data
    first, other = {
        "validation_split": ({"validation_split": 0.2}, {"validation_split": 0.25}),
        "test_data": ({}, {"test_data": apart}),
        "test data themselves": ({"test_data": apart}, {"test_data": held}),
    }[change]
    for number, given in enumerate((first, first, other)):
        nc.sweep(build, {"lr": [0.1]}, X, y, epochs=1, folder=tmp_path, **given)
        assert len(list(tmp_path.iterdir())) == (2 if number == 2 else 1)


def test_names_of_points_that_are_columns(data):
    X, y, held, _ = data
    for name, given in (("test_loss", {"test_data": held}), ("best_epoch", {}), ("best_loss", {})):
        with pytest.raises(nc.ConfigError, match="a column of the result has this name"):
            nc.sweep(lambda seed, **point: build(0.1, seed), {name: [1]}, X, y, epochs=1, **given)


def test_validation_data_without_labels_have_no_loss_and_are_no_divergence(data):
    X, y, (Xv, _), _ = data
    (row,) = nc.sweep(build, {"lr": [0.1]}, X, y, epochs=2, validation_data=(Xv, np.full(len(Xv), -100)))
    assert row["status"] == "ok" and np.isnan(row["val_loss"]) and "best_epoch" not in row


def test_what_is_not_finite_is_said(data):
    def wild(lr, seed):
        net = nc.mlp([2, 8, 2], seed=seed)
        return nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=lr), batch_size=16, on_nonfinite="ignore")

    (row,) = nc.sweep(wild, {"lr": [1e39]}, *data[:2], epochs=3)
    assert (row["status"], row["message"]) == ("diverged", "loss is not finite at the end")
