"""Schedules at work: what they count, what they are told, what they say when something is wrong."""

import copy
import pickle
import traceback

import numpy as np
import pytest

import nncore as nc

X, Y = np.random.default_rng(0).normal(size=(12, 2)), np.zeros((12, 1))


def trainer_with(lr, batch_size=4, **options):
    net = nc.Sequential(nc.Linear(2, 1), seed=0)
    return nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=lr), batch_size=batch_size, **options)


def test_by_hand():
    assert [nc.MultiStepLR(8.0, [1, 3], 0.5)(i) for i in range(5)] == [8, 4, 4, 2, 2]
    assert [nc.LinearWarmup(4.0, 4)(i) for i in range(6)] == [1, 2, 3, 4, 4, 4]
    assert nc.CosineAnnealingLR(1.0, 2)(1) == pytest.approx(0.5) and nc.CosineAnnealingLR(1.0, 10**6)(10**6) == 0
    one = nc.OneCycleLR(1.0, 5, pct_start=0.6, anneal_strategy="linear", div_factor=4, final_div_factor=2)
    assert [one(i) for i in range(5)] == pytest.approx([0.25, 0.625, 1.0, 0.5625, 0.125])


@pytest.mark.parametrize("bad", [[], [3, 3], [3, 2], [-1], [1.5], [2**60], 3, "x", [[1]], [np.nan], None])
def test_milestones_are_whole_and_grow(bad):
    with pytest.raises(nc.ConfigError, match=r"^\[MultiStepLR\] milestones: expected integers >= 0, each larger"):
        nc.MultiStepLR(0.1, bad)
    assert repr(nc.MultiStepLR(0.1, [2, 5])) == "MultiStepLR(lr=0.1, milestones=(2, 5))"
    assert nc.MultiStepLR(0.1, np.array([2, 5]))(5) == pytest.approx(0.001)


def test_a_warm_up_by_steps_before_a_schedule_by_epochs():
    lr = nc.LinearWarmup(0.1, 4, then=nc.StepLR(0.1, 2, gamma=0.5))
    assert trainer_with(lr).fit(X, Y, epochs=5).steps["lr"] == pytest.approx(
        [0.025, 0.05, 0.075] + [0.1, 0.1, 0.1] + [0.05] * 6 + [0.025] * 3
    )


def test_a_warm_up_by_steps_before_another_by_steps():
    lr = nc.LinearWarmup(0.1, 4, then=nc.ExponentialLR(0.1, 0.5, per="step"))
    expected = [lr(i) for i in range(9)]
    assert expected[3:6] == pytest.approx([0.1, 0.1, 0.05])
    assert trainer_with(lr).fit(X, Y, epochs=3).steps["lr"] == pytest.approx(expected)


def test_a_warm_up_by_epochs_before_another_by_epochs():
    lr = nc.LinearWarmup(0.1, 2, then=nc.StepLR(0.1, 2, gamma=0.5), per="epoch")
    expected = np.repeat([0.05, 0.1, 0.1, 0.1, 0.05, 0.05, 0.025], 3)
    assert trainer_with(lr).fit(X, Y, epochs=7).steps["lr"] == pytest.approx(expected)


def test_a_plateau_after_a_warm_up():
    lr = nc.LinearWarmup(1e-12, 2, then=nc.ReduceLROnPlateau(1e-12, "loss", 0.5, 1, eps=0))
    rates = trainer_with(lr).fit(X, Y, epochs=6).steps["lr"]
    assert rates[:3] == pytest.approx([5e-13, 1e-12, 1e-12]) and rates[-1] < 1e-12


@pytest.mark.parametrize(("mode", "reductions"), [("auto", 0), ("max", 0), ("min", 3)])
def test_a_growing_accuracy_is_better(mode, reductions):
    """The model stays as it is; the labels it is compared with agree more and more."""
    net = nc.Sequential(nc.Linear(2, 2), seed=0)
    lr = nc.ReduceLROnPlateau(1e-12, "val_accuracy", 0.5, patience=0, eps=0, mode=mode)
    trainer, predicted = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=lr)), net.predict(X)
    for right in (3, 5, 8, 9):
        labels = np.where(np.arange(12) < right, predicted, 1 - predicted)
        history = trainer.fit(X, predicted, epochs=1, validation_data=(X, labels))
        assert history["val_accuracy"][0] == right / 12
    assert trainer.optimizer.lr == 1e-12 * 0.5**reductions


@pytest.mark.parametrize(("mode", "reductions"), [("auto", 0), ("min", 0), ("max", 3)])
def test_a_falling_loss_is_better(mode, reductions):
    lr = nc.ReduceLROnPlateau(0.01, "loss", 0.5, patience=0, mode=mode)
    trainer = trainer_with(lr)
    assert np.all(np.diff(trainer.fit(X, Y, epochs=4)["loss"]) < 0)
    assert trainer.optimizer.lr == 0.01 * 0.5**reductions


@pytest.mark.parametrize(
    ("monitor", "hint"),
    [("val_loss", r" \(give fit validation_data or validation_split\)"), ("test_loss", ""), ("los", "")],
)
def test_a_monitor_that_is_not_measured_is_found_before_the_training(monitor, hint):
    trainer = trainer_with(nc.LinearWarmup(0.1, 2, then=nc.ReduceLROnPlateau(0.1, monitor, mode="min")))
    before = trainer.model.flat_parameters.copy()
    with pytest.raises(nc.ConfigError, match=rf"^\[ReduceLROnPlateau\] monitor: .*, got '{monitor}'{hint}$"):
        trainer.fit(X, Y, epochs=2)
    assert np.array_equal(trainer.model.flat_parameters, before)
    trainer.optimizer.lr = 0.1  # no schedule any more
    assert len(trainer.fit(X, Y, epochs=2)["loss"]) == 2


def test_any_metric_can_be_followed():
    def spread(y_true, outputs):
        return float(np.std(outputs))

    for monitor in ("mse", "spread"):
        trainer = trainer_with(nc.ReduceLROnPlateau(1e-12, monitor, 0.5, patience=0, eps=0, mode="min"))
        trainer.fit(X, Y, epochs=4, metrics=["mse", spread])
        assert trainer.optimizer.lr == 1e-12 * 0.5**3


def test_the_state_of_a_plateau_is_saved_with_the_optimizer():
    def make():
        return trainer_with(nc.ReduceLROnPlateau(1e-3, "loss", 0.5, patience=1, threshold=0.5))

    whole, first, second = make(), make(), make()
    rates = whole.fit(X, Y, epochs=12).steps["lr"]
    assert len(set(rates)) > 2
    first.fit(X, Y, epochs=5)
    second.model.load_state_dict(first.model.state_dict())
    second.optimizer.load_state_dict(copy.deepcopy(first.optimizer.state_dict()))
    assert second.optimizer.lr == first.optimizer.lr
    again = first.fit(X, Y, epochs=7).steps["lr"]
    assert np.array_equal(np.concatenate([rates[:15], again]), rates)
    assert second.optimizer.state_dict()["schedule"].keys() == {"rate", "best", "bad_epochs", "cooldown"}


@pytest.mark.parametrize("finished", [False, True])
def test_a_plateau_goes_through_a_file(tmp_path, finished):
    def make():
        return trainer_with(nc.ReduceLROnPlateau(1e-3, "loss", 0.5, patience=1, threshold=0.5))

    whole, part = make(), make()
    rates = whole.fit(X, Y, epochs=12).steps["lr"]
    part.fit(X, Y, steps=15 if finished else 16)
    part.save(tmp_path / "run.nc")
    again = nc.Trainer.resume(tmp_path / "run.nc")
    rest = again.fit(X, Y, steps=36 - (15 if finished else 16)).steps["lr"]
    assert np.array_equal(rest[-20:], rates[-20:]) and len(set(rates[-20:])) > 1
    assert np.array_equal(again.model.flat_parameters, whole.model.flat_parameters)


def test_a_function_is_not_written_to_a_file(tmp_path):
    with pytest.raises(nc.ConfigError, match="cannot save .*Python code is not written to files"):
        trainer_with(nc.Schedule(0.1, constant_factor)).save(tmp_path / "run.nc")


@pytest.mark.parametrize(
    "bad",
    [
        None,
        {"rate": 1.0},
        {"rate": -1.0, "best": 0.0, "bad_epochs": 0, "cooldown": 0},
        {"rate": np.inf, "best": 0.0, "bad_epochs": 0, "cooldown": 0},
        {"rate": 1.0, "best": 0.0, "bad_epochs": 0.5, "cooldown": 0},
        {"rate": 1.0, "best": 0.0, "bad_epochs": 0, "cooldown": -1},
        {"rate": 1.0, "best": "x", "bad_epochs": 0, "cooldown": 0},
    ],
)
def test_a_bad_state_of_a_plateau_changes_nothing(bad):
    trainer = trainer_with(nc.ReduceLROnPlateau(0.1, "loss"))
    before = trainer.optimizer.state_dict()
    with pytest.raises(nc.ConfigError):
        trainer.optimizer.load_state_dict({"step": 7, "schedule": bad})
    after = trainer.optimizer.state_dict()
    assert after["schedule"] == before["schedule"] and after["step"] == 0
    plain = trainer_with(0.1)
    with pytest.raises(nc.ConfigError):
        plain.optimizer.load_state_dict({"schedule": before["schedule"]})


def test_a_function_gives_factors_and_is_called_once_for_each_index():
    calls = []

    def fn(i):
        calls.append(i)
        return 1 / (1 + i)

    history = trainer_with(nc.Schedule(0.5, fn)).fit(X, Y, epochs=2)
    assert history.steps["lr"].tolist() == [0.5 / (1 + i) for i in range(6)]
    assert calls == list(range(6))
    calls.clear()
    assert trainer_with(nc.Schedule(0.5, fn, per="epoch")).fit(X, Y, epochs=3)["lr"] == pytest.approx(
        [0.5, 0.25, 0.5 / 3]
    )
    assert sorted(set(calls)) == calls


@pytest.mark.parametrize("make", [int, np.float32, np.float64, np.int64], ids=str)
def test_a_function_may_return_any_real_number(make):
    assert nc.Schedule(0.5, lambda i: make(2))(3) == 1.0


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, None, "x", [1.0], 1j, np.zeros(2)], ids=str)
def test_a_function_that_returns_no_factor(bad):
    trainer = trainer_with(nc.Schedule(0.1, lambda i: 1.0 if i < 4 else bad))
    with pytest.raises(nc.ConfigError, match=r"^\[Schedule\] fn: expected a f"):
        trainer.fit(X, Y, epochs=3)
    assert np.isfinite(trainer.model.predict(X)).all()


def test_an_exception_in_the_function_arrives_with_its_traceback():
    def fn(i):
        if i == 4:
            raise LookupError("no rate for today")
        return 1.0

    trainer = trainer_with(nc.Schedule(0.1, fn))
    with pytest.raises(LookupError, match="no rate for today") as caught:
        trainer.fit(X, Y, epochs=3)
    assert "fn" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    four = trainer_with(0.1)
    for s in range(4):
        assert trainer.optimizer.state_dict()["step"] == 4, s
    assert np.isfinite(trainer.model(X)).all()
    trainer.optimizer.lr = 0.1
    trainer.fit(X, Y, epochs=1)
    four.fit(X, Y, epochs=1)
    with pytest.raises(LookupError):
        nc.minimize("rosenbrock", None, nc.SGD(lr=nc.Schedule(1e-4, fn)), 10)
    with pytest.raises(LookupError):
        nc.Schedule(0.1, fn)(4)


def constant_factor(i):
    return 0.5


def test_a_function_travels_with_its_schedule():
    schedule = nc.Schedule(0.1, constant_factor, per="epoch")
    for other in (copy.deepcopy(schedule), pickle.loads(pickle.dumps(schedule))):
        assert other(3) == 0.05 and other.config["fn"] is constant_factor
    assert isinstance(nc.StepLR(0.1, 1), nc.Schedule)


def test_a_schedule_after_a_break_by_numbers_that_are_not_finite():
    """The replay runs with the rate the epoch was trained with, also when the epoch's record has changed it since."""
    lr = nc.ReduceLROnPlateau(1e30, "loss", 1e-10, patience=0, mode="max")
    trainer = trainer_with(lr, batch_size=12)
    with pytest.raises(nc.NumericError, match=r"epoch 1, step 1|epoch 2, step"):
        trainer.fit(1e5 * X, Y, epochs=5)
    assert np.isfinite(trainer.model.flat_parameters).all()
