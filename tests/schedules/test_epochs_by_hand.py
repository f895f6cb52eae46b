"""Schedules that count epochs where nobody else does: loops of steps say when one is over, minimize refuses them."""

import copy
import pickle
import warnings

import numpy as np
import pytest

import nncore as nc

X, Y = nc.datasets.make_moons(64, noise=0.2, seed=0)
BY_EPOCH = {
    "StepLR": lambda: nc.StepLR(0.1, 1, gamma=0.5),
    "MultiStepLR": lambda: nc.MultiStepLR(0.1, milestones=[1, 2], gamma=0.5),
    "ExponentialLR": lambda: nc.ExponentialLR(0.1, 0.5),
    "CosineAnnealingLR": lambda: nc.CosineAnnealingLR(0.1, 4),
    "OneCycleLR": lambda: nc.OneCycleLR(0.1, 5, per="epoch"),
    "LinearWarmup": lambda: nc.LinearWarmup(0.1, 3, per="epoch"),
    "Schedule": lambda: nc.Schedule(0.1, lambda i: 1 / (1 + i), per="epoch"),
}
INSIDE = {"StepLR": lambda: nc.LinearWarmup(0.1, 1, then=nc.StepLR(0.1, 1, gamma=0.5))}
BY_STEP = [
    lambda: 0.1,
    lambda: nc.StepLR(0.1, 1, gamma=0.5, per="step"),
    lambda: nc.CosineAnnealingLR(0.1, 4, per="step"),
    lambda: nc.OneCycleLR(0.1, 5),
    lambda: nc.LinearWarmup(0.1, 3, then=nc.ExponentialLR(0.1, 0.5, per="step")),
    lambda: nc.Schedule(0.1, lambda i: 1 / (1 + i)),
]


def loops():
    """A step of a Trainer, and one by hand."""

    def trainer_step(optimizer):
        trainer = nc.Trainer(nc.mlp([2, 4, 2], seed=0), nc.CrossEntropyLoss(), optimizer)
        return lambda: trainer.step(X, Y)

    def own_step(optimizer):
        net, loss = nc.mlp([2, 4, 2], seed=0), nc.CrossEntropyLoss()

        def step():
            net.zero_grad()
            net.backward(loss(net.forward(X), Y)[1])
            optimizer.step(net)

        return step

    return [trainer_step, own_step]


@pytest.mark.parametrize("loop", loops())
@pytest.mark.parametrize("name", BY_EPOCH)
def test_an_epoch_is_what_the_user_says(name, loop):
    schedule = BY_EPOCH[name]()
    optimizer = nc.SGD(lr=schedule)
    step = loop(optimizer)
    rates = []
    for _ in range(4):
        for _ in range(3):
            step()
            rates.append(optimizer.lr)
        optimizer.end_epoch()
    assert rates == pytest.approx([schedule(i) for i in range(4) for _ in range(3)])
    assert optimizer.lr == pytest.approx(schedule(4)) and optimizer.state_dict()["epoch"] == 4


@pytest.mark.parametrize("loop", loops())
def test_a_plateau_follows_the_record(loop):
    for give in (lambda v: v, lambda v: {"val_loss": v, "loss": 0.0}, np.float32):
        optimizer = nc.SGD(lr=nc.ReduceLROnPlateau(0.1, factor=0.5, patience=0, eps=0))
        step, rates = loop(optimizer), []
        for value in (1.0, 0.9, 0.95, float("nan"), 0.5):
            step()
            optimizer.end_epoch(give(value))
            rates.append(optimizer.lr)
        assert rates == pytest.approx([0.1, 0.1, 0.05, 0.025, 0.025])
    for given, message in ((None, r"\(the schedule follows 'val_loss'"), ({"loss": 1.0}, "a record with 'val_loss'")):
        with pytest.raises(nc.ConfigError, match=r"\[SGD\] end_epoch: expected .*" + message):
            optimizer.end_epoch(given)
    assert optimizer.lr == pytest.approx(0.025)
    with pytest.raises(nc.StateError, match="end_epoch: expected a step before it"):
        nc.SGD(lr=nc.ReduceLROnPlateau(0.1)).end_epoch(1.0)


@pytest.mark.parametrize("loop", loops())
@pytest.mark.parametrize("name", [*BY_EPOCH, "inside", "ReduceLROnPlateau"])
def test_a_hundred_steps_without_it_warn_once(name, loop):
    made = {**BY_EPOCH, "inside": INSIDE["StepLR"], "ReduceLROnPlateau": lambda: nc.ReduceLROnPlateau(0.1)}[name]()
    step = loop(nc.SGD(lr=made))
    told = "StepLR" if name == "inside" else name
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(250):
            step()
    assert [str(w.message) for w in caught if "counts epochs" in str(w.message)] == [str(caught[0].message)]
    assert f"[SGD] lr: {told} counts epochs" in str(caught[0].message) and "end_epoch()" in str(caught[0].message)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("loop", loops())
@pytest.mark.parametrize("make", BY_STEP)
def test_what_counts_steps_is_left_alone(make, loop):
    step = loop(nc.SGD(lr=make()))
    for _ in range(120):  # warnings are errors
        step()


@pytest.mark.parametrize("loop", loops())
def test_who_counts_is_not_told(loop):
    optimizer = nc.SGD(lr=nc.StepLR(0.1, 1))
    step = loop(optimizer)
    optimizer.end_epoch()
    for _ in range(250):
        step()


@pytest.mark.parametrize("name", [*BY_EPOCH, "inside", "ReduceLROnPlateau"])
def test_minimize_refuses_them(name):
    made = {**BY_EPOCH, "inside": INSIDE["StepLR"], "ReduceLROnPlateau": lambda: nc.ReduceLROnPlateau(0.1)}[name]()
    optimizer = nc.SGD(lr=made)
    told = "StepLR" if name == "inside" else name
    hint = "follows a number" if name == "ReduceLROnPlateau" else 'per="step"'
    with pytest.raises(nc.ConfigError, match=rf"\[minimize\] optimizer: .* got {told}, which counts epochs \(.*{hint}"):
        nc.minimize("quadratic", [1.0, 1.0], optimizer, 4)
    optimizer.lr = 0.1  # no schedule any more
    assert nc.minimize("quadratic", [1.0, 1.0], optimizer, 4).nit == 4


@pytest.mark.parametrize("make", BY_STEP)
def test_minimize_takes_the_others(make):
    path = nc.minimize("quadratic", [1.0, 1.0], nc.SGD(lr=make()), 4).path[:, 0]
    rate = make()
    wanted = [rate if isinstance(rate, float) else rate(i) for i in range(4)]
    assert 1 - path[1:] / path[:-1] == pytest.approx(wanted)


def test_a_fit_goes_on_from_the_epochs_counted_by_hand(tmp_path):
    """And so do copies and files."""
    schedule = nc.StepLR(0.1, 1, gamma=0.5)

    def trained(reborn):
        trainer = nc.Trainer(nc.mlp([2, 4, 2], seed=0), nc.CrossEntropyLoss(), nc.SGD(lr=schedule))
        for _ in range(2):
            trainer.step(X, Y)
            trainer.optimizer.end_epoch()
        return reborn(trainer).fit(X, Y, epochs=3)["lr"]

    def through_a_file(trainer):
        trainer.save(tmp_path / "run")
        return nc.Trainer.resume(tmp_path / "run")

    for reborn in (lambda t: t, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t)), through_a_file):
        assert trained(reborn) == pytest.approx([schedule(i) for i in (2, 3, 4)])


def test_before_the_first_step_it_counts_too():
    optimizer = nc.SGD(lr=nc.StepLR(0.1, 1, gamma=0.5))
    optimizer.end_epoch()
    assert optimizer.lr == pytest.approx(0.05)
    loops()[1](optimizer)()
    assert optimizer.lr == pytest.approx(0.05)
