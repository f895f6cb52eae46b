"""Copies and pickles of trainers and optimizers × (copy, deepcopy, pickle, joblib): what goes on has the same bits."""

import copy

import numpy as np
import pytest

import nncore as nc
from support.copies import COPIES, OPTIMIZERS, RATES, X, Y, copied, plain, state_of, train, trainer


@copied
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_copied_trainer_goes_on_to_the_same_bits(optimizer, rate, how):
    original = trainer(optimizer, rate)
    train(original, 13)  # into the third epoch
    if rate == "set":
        original.optimizer.lr = 0.01
    other = COPIES[how](original)
    assert other is not original and other.model is not original.model and other.optimizer is not original.optimizer
    assert state_of(other) == state_of(original) and other.optimizer.lr == original.optimizer.lr
    assert other.options == original.options and repr(other) == repr(original)
    train(original, 12)
    assert other.history.n_steps == 13, "the copy does not see what the original does"
    train(other, 12)
    assert state_of(other) == state_of(original)
    assert other.evaluate(X, Y) == original.evaluate(X, Y)


@copied
@pytest.mark.parametrize("options", [{}, {"l2": 0.1, "clip_grad_norm": 0.5, "batch_size": None, "num_threads": 2}])
def test_a_trainer_with_parts_of_ones_own(how, options):
    original = trainer(own=True, **options)
    for steps in (0, 7):
        train(original, steps)
        other = COPIES[how](original)
        assert state_of(other) == state_of(original) and other.model[0].calls == original.model[0].calls
        np.testing.assert_array_equal(other.model.predict(X), original.model.predict(X))
    train(original, 6), train(other, 6)
    assert state_of(other) == state_of(original)


@copied
def test_a_trainer_copied_in_a_callback_has_the_epochs_so_far(how):
    original, found = trainer(), []
    train(original, 25, callbacks=[lambda record: found.append(COPIES[how](original))])
    assert [each.epoch for each in found] == [1, 2, 3, 4, 5]
    assert [len(each.history["loss"]) for each in found] == [1, 2, 3, 4, 5] and not found[0].fitting
    train(found[1], 15)
    assert state_of(found[1]) == state_of(original)


@copied
def test_a_trainer_with_callbacks_goes_on(how):
    original, stop = trainer(), nc.EarlyStopping("val_loss", patience=3)
    train(original, 15, callbacks=[stop])
    other, again = COPIES[how](original), nc.EarlyStopping("val_loss", patience=3)
    for each, own in ((original, stop), (other, again)):
        train(each, 500, callbacks=[own])
    assert (again.best, again.best_epoch, again.stopped_epoch) == (stop.best, stop.best_epoch, stop.stopped_epoch)
    np.testing.assert_array_equal(other.model.flat_parameters, original.model.flat_parameters)


@copied
def test_settings_that_were_changed_between_fits_are_kept(how):
    original = trainer("SGD")
    train(original, 7)
    original.optimizer.momentum, original.optimizer.lr = 0.9, 0.02
    original.batch_size, original.l2, original.model[4].p = 7, 0.01, 0.4
    other = COPIES[how](original)
    assert [repr(each) for each in (other, other.optimizer, other.model)] == [
        repr(each) for each in (original, original.optimizer, original.model)
    ]
    for each in (original, other):
        train(each, 9)
    assert state_of(other) == state_of(original)
    original.optimizer = nc.Adam(lr=0.01)
    other = COPIES[how](original)
    for each in (original, other):
        train(each, 9)
    assert state_of(other) == state_of(original) and type(other.optimizer) is nc.Adam


def test_what_was_one_object_stays_one():
    original = trainer()
    train(original, 3)
    for how in ("deepcopy", "pickle"):
        other, net, optimizer = COPIES[how]([original, original.model, original.optimizer])
        assert other.model is net and other.optimizer is optimizer


class Noted(nc.Trainer):
    """A Trainer with attributes of its own."""


def test_a_subclass_and_attributes_of_ones_own():
    one = trainer()
    original = Noted(one.model, one.loss, one.optimizer)
    original.note = "mine"
    for make_copy in COPIES.values():
        copied = make_copy(original)
        assert type(copied) is Noted and copied.note == "mine"


@copied
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_copied_optimizer_goes_on_to_the_same_bits(optimizer, rate, how):
    original = trainer(optimizer, rate)
    assert COPIES[how](original.optimizer).lr == original.optimizer.lr
    train(original, 13)
    if rate == "set":
        original.optimizer.lr = 0.01
    other = COPIES[how](COPIES[how](original.optimizer))
    assert other.lr == original.optimizer.lr and repr(other) == repr(original.optimizer)
    assert repr(plain(other.state_dict())) == repr(plain(original.optimizer.state_dict()))
    net = original.model.copy()
    for model, own in ((original.model, original.optimizer), (net, other)):
        for step in range(3):
            model.zero_grad()
            _, dz = original.loss(model.forward(X, seed=step), Y)
            model.backward(dz)
            own.step(model)
    np.testing.assert_array_equal(net.flat_parameters, original.model.flat_parameters)
    assert other.lr == original.optimizer.lr


def test_a_rate_set_on_a_copy_counts():
    original = trainer(rate="by step")
    train(original, 7)
    other = copy.deepcopy(original.optimizer)
    other.lr = 0.7
    assert other.lr == 0.7
    nc.Trainer(original.model.copy(), nc.CrossEntropyLoss(), other)
    assert other.lr == 0.7 and original.optimizer.lr != 0.7


def test_joblib_and_processes(tmp_path):
    joblib = pytest.importorskip("joblib")
    original = trainer()
    train(original, 7)
    joblib.dump({"trainer": original, "opt": original.optimizer}, tmp_path / "both")
    other = joblib.load(tmp_path / "both")
    assert other["trainer"].optimizer is other["opt"] and state_of(other["trainer"]) == state_of(original)
