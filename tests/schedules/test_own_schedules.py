"""Schedules written in Python: a subclass of nc.Schedule with __call__."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import nncore as nc


class Zigzag(nc.Schedule):
    def __init__(self, low, high):
        self.low, self.high = low, high

    def __call__(self, step):
        return self.high if step % 2 else self.low


class ByEpoch(Zigzag):
    per = "epoch"


def test_it_sets_the_rates():
    path = nc.minimize("quadratic", [1.0], nc.SGD(lr=Zigzag(0.1, 0.2)), 4).path[:, 0]
    same = nc.minimize("quadratic", [1.0], nc.SGD(lr=lambda step: 0.2 if step % 2 else 0.1), 4).path[:, 0]
    np.testing.assert_array_equal(path, same)
    assert path[1] != path[0]


def test_it_may_count_epochs():
    X, y = nc.datasets.make_moons(32, noise=0.1, seed=0)
    trainer = nc.Trainer(nc.mlp([2, 4, 2], seed=0), nc.CrossEntropyLoss(), nc.SGD(lr=ByEpoch(0.1, 0.2)), batch_size=8)
    history = trainer.fit(X, y, epochs=2)
    assert list(history["lr"]) == [0.1, 0.2]


@pytest.mark.parametrize("again", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_are_the_same_schedule(again):
    optimizer = again(nc.SGD(lr=Zigzag(0.1, 0.2)))
    assert optimizer.lr == 0.1
    assert nc.minimize("quadratic", [1.0], optimizer, 2).path[2, 0] == pytest.approx(
        nc.minimize("quadratic", [1.0], nc.SGD(lr=Zigzag(0.1, 0.2)), 2).path[2, 0]
    )


def test_it_is_freed():
    schedule = Zigzag(0.1, 0.2)
    optimizer = nc.SGD(lr=schedule)
    gone = weakref.ref(schedule)
    del schedule, optimizer
    gc.collect()
    assert gone() is None


def test_without_a_rule_it_says_what_to_define():
    with pytest.raises(nc.ConfigError, match=r"\[Mine\] expected a method __call__"):
        nc.SGD(lr=type("Mine", (nc.Schedule,), {"__init__": lambda self: None})())


class Inverse(nc.Schedule):
    def __call__(self, step):
        return 0.1 / (1 + step)


def plain(self, lr):
    self.lr = lr


def begun_empty(self, lr):
    nc.Schedule.__init__(self)
    self.lr = lr


def begun_by_place(self, lr):
    nc.Schedule.__init__(self, lr)


def begun_by_name(self, lr):
    nc.Schedule.__init__(self, lr=lr)


def begun_by_epoch(self, lr):
    nc.Schedule.__init__(self, lr, per="epoch")


def set_by_epoch(self, lr):
    self.lr, self.per = lr, "epoch"


FORMS = [plain, begun_empty, begun_by_place, begun_by_name, begun_by_epoch, set_by_epoch]


@pytest.mark.parametrize("init", FORMS, ids=lambda f: f.__name__)
def test_every_way_to_begin_one(init):
    schedule = type("Mine", (Inverse,), {"__init__": init})(0.5)
    per = "epoch" if "epoch" in init.__name__ else "step"
    assert schedule.lr == 0.5 and schedule.per == per and schedule(3) == 0.025
    schedule.lr = 0.25
    assert schedule.lr == copy.copy(schedule).lr == 0.25
    X, y = nc.datasets.make_moons(32, noise=0.1, seed=0)
    trainer = nc.Trainer(nc.mlp([2, 4, 2], seed=0), nc.CrossEntropyLoss(), nc.SGD(lr=schedule), batch_size=8)
    rates = trainer.fit(X, y, epochs=2).steps["lr"]
    np.testing.assert_allclose(rates, 0.1 / (1 + np.arange(8) // (4 if per == "epoch" else 1)))


def test_wrong_beginnings_are_told():
    def made(*args, **kwargs):
        return type("Mine", (Inverse,), {"__init__": lambda self: nc.Schedule.__init__(self, *args, **kwargs)})()

    with pytest.raises(nc.ConfigError, match=r"\[Mine\] per: expected 'step' or 'epoch', got 'week'"):
        made(per="week")
    with pytest.raises(nc.ConfigError, match=r"\[Mine\] fn: expected none beside the method __call__"):
        made(0.1, abs)
    with pytest.raises(TypeError, match="Mine: got an unexpected keyword argument 'epochs'"):
        made(epochs=3)


def half(step):
    return 0.5**step


class Halving(nc.Schedule):
    def __init__(self, lr):
        super().__init__(lr, half, per="epoch")


class Slow(nc.StepLR):
    def __init__(self):
        super().__init__(0.5, 2, gamma=0.25)


@pytest.mark.parametrize(("schedule", "rates"), [(Halving(1.0), [1.0, 0.5, 0.25]), (Slow(), [0.5, 0.5, 0.125])])
@pytest.mark.parametrize("again", [lambda o: o, copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_a_subclass_may_give_the_arguments(schedule, rates, again):
    schedule = again(schedule)
    assert [schedule(i) for i in range(3)] == rates and schedule.per == "epoch"
    X, y = nc.datasets.make_moons(32, noise=0.1, seed=0)
    trainer = nc.Trainer(nc.mlp([2, 4, 2], seed=0), nc.CrossEntropyLoss(), nc.SGD(lr=schedule))
    assert list(trainer.fit(X, y, epochs=3)["lr"]) == rates


def test_names_of_the_base_that_a_schedule_does_not_have_are_not_listed():
    for schedule in (nc.StepLR(0.1, 3), nc.ReduceLROnPlateau(0.1), nc.LinearWarmup(0.1, 5), nc.Schedule(0.1, half)):
        listed = {name for name in dir(schedule) if name in ("lr", "fn", "per")}
        assert listed == {name for name in ("lr", "fn", "per") if hasattr(schedule, name)}
        assert "lr" in listed
