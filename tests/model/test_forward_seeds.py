"""Random numbers of forward: fixed by a seed, new at each call without one, the same in each run of a program."""

import numpy as np
import pytest

import nncore as nc
from support.philox import dropout_mask


def net(p=0.5, seed=7):
    return nc.Sequential(nc.Identity(), nc.Dropout(p), dtype="float64", seed=seed)


def test_a_seed_fixes_the_mask():
    model, x = net(), np.ones((4, 50))
    assert np.array_equal(model.forward(x, seed=1), model.forward(x, seed=1))
    assert not np.array_equal(model.forward(x, seed=1), model.forward(x, seed=2))


def test_without_a_seed_calls_differ_and_runs_do_not():
    first, second, x = net(), net(), np.ones((4, 50))
    a, b = first.forward(x), first.forward(x)
    assert not np.array_equal(a, b)
    assert np.array_equal(second.forward(x), a) and np.array_equal(second.forward(x), b)
    assert not np.array_equal(net(seed=8).forward(x), a)


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_kept_fraction_mean_and_mask_in_backward(p):
    model, x = net(p), np.ones((200, 500))
    y = model.forward(x, seed=3)
    n = x.size
    assert np.mean(y > 0) == pytest.approx(1 - p, abs=5 * np.sqrt(p * (1 - p) / n))
    scale = 1 / (1 - p) if p < 1 else 0.0
    assert set(np.unique(y)) <= {0.0, scale}
    assert np.array_equal(model.backward(np.ones_like(x)), y)
    assert np.array_equal(model(x), x)
    assert np.array_equal(model.forward(x, training=False, seed=3), x)


def test_the_mask_is_that_of_the_layers_name_and_the_elements_index():
    model = nc.Sequential({"drop": nc.Dropout(0.3)}, dtype="float64", seed=0)
    x = np.ones((3, 2, 5, 7))
    assert np.array_equal(model.forward(x, seed=9), dropout_mask(0.3, 9, "drop", x.shape))


def test_the_mask_of_a_sample_does_not_depend_on_those_after_it():
    model = net()
    whole = model.forward(np.ones((8, 30)), seed=2)
    assert np.array_equal(model.forward(np.ones((3, 30)), seed=2), whole[:3])


def test_neighbouring_masks_are_independent():
    model, x = net(), np.ones((100, 1000))
    y = model.forward(x, seed=3) > 0
    for other in (model.forward(x, seed=4) > 0, np.roll(y, 1, axis=1), np.roll(y, 1, axis=0)):
        assert np.mean(y == other) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "x", True])
def test_a_seed_that_is_none_is_refused(seed):
    x = np.ones((1, 2))
    with pytest.raises(nc.ConfigError, match="seed"):
        net().forward(x, seed=seed)
    with pytest.raises(nc.ConfigError, match="seed"):
        nc.Dropout(0.5).forward(x, seed=seed)


@pytest.mark.parametrize("training", ["yes", 1, None, np.ones(2)], ids=repr)
def test_training_is_true_or_false(training):
    for model in (net(), nc.Dropout(0.5)):
        with pytest.raises(nc.ConfigError, match="training"):
            model.forward(np.ones((1, 2)), training=training)
