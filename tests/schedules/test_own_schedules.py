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
