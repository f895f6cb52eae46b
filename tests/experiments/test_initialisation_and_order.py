"""Document 003 on small nets: what E3 says of initial weights, dead units, sizes and Dropout nets."""

import numpy as np
import pytest

import nncore as nc
from nncore.cli.experiments import _e3


def test_a_unit_is_dead_when_no_sample_makes_it_positive():
    net = nc.Sequential(nc.Linear(1, 4), nc.ReLU(), nc.Linear(4, 2), nc.ReLU(), seed=0)
    zeros = {"0.weight": [[1.0], [-1.0], [0.0], [0.0]], "0.bias": [0.0, 0.0, -1.0, 1.0]}
    net.load_state_dict({**zeros, "2.weight": [[1.0, 1.0, 1.0, 1.0], [-1.0, -1.0, -1.0, -1.0]], "2.bias": [0.0, 0.0]})
    # first layer: x > 0, x < 0, never, always; second: always, never
    assert _e3.dead_share(net, np.array([[-1.0], [2.0]], np.float32)) == pytest.approx(2 / 6)
    assert _e3.dead_share(net, np.array([[2.0]], np.float32)) == pytest.approx(3 / 6)


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_poor_weights_stay_at_a_half_where_good_ones_learn(activation):
    figures = {}
    for kind in ("good", "poor"):
        outcome = _e3._initialisation(activation, kind, quick=False)(0)
        (figures[kind],) = outcome.values.values()
        assert len(outcome.curves["gradient_norms"]) == 4
    assert figures["good"]["test_loss"] < 0.01 and figures["good"]["test_accuracy"] > 0.99
    assert figures["poor"]["test_loss"] > 0.3


def test_weights_are_of_their_size():
    for activation in ("relu", "sigmoid"):
        weights = [p.value for p in _e3.make_small_net(activation, "poor", 1).parameters() if p.name.endswith("weight")]
        assert np.concatenate([w.ravel() for w in weights]).std() == pytest.approx(0.01, rel=0.3)
    weights = [p.value for p in _e3.make_small_net("relu", "good", 1).parameters() if p.name.endswith("weight")]
    assert np.concatenate([w.ravel() for w in weights[1:3]]).std() == pytest.approx((2 / 8) ** 0.5, rel=0.3)


def test_sorted_samples_learn_more_slowly():
    (even,) = _e3._order(False, 0.1, 3)(0).values.values()
    (odd,) = _e3._order(True, 0.1, 3)(0).values.values()
    assert even["dead_share_at_start"] == odd["dead_share_at_start"]  # the same net on the same points
    assert even["train_accuracy"] > 0.95 and odd["train_accuracy"] < 0.8


def test_sizes_of_a_convolution():
    valid, same = _e3._conv(0).values.values()
    assert list(valid.values()) == [1216, 28, 28, 16]
    assert list(same.values()) == [1216, 32, 32, 16]


def test_the_dropout_net():
    net = _e3.make_dropout_net(0.3, 0)
    assert sum(isinstance(layer, nc.Dropout) for layer in net) == 3 == repr(net).count("0.3")
    weights = 16 * 9 + 32 * 16 * 9 + 64 * 32 * 49 + 10 * 64
    assert net.summary((1, 28, 28)).parameters == weights + 16 + 32 + 64 + 10 + 2 * (16 + 32)
