"""plot.lr_finder draws what nc.lr_finder found."""

import numpy as np
import pytest

import nncore as nc

X, Y = nc.datasets.make_moons(200, noise=0.2, seed=0)


def found(optimizer, lr_max=10.0):
    net = nc.Sequential(nc.Linear(2, 16), nc.ReLU(), nc.Linear(16, 2), seed=0)
    return nc.lr_finder(nc.Trainer(net, nc.CrossEntropyLoss(), optimizer, batch_size=16), X, Y, 1e-5, lr_max)


def test_the_curves_and_the_suggestion():
    result = found(nc.SGD())
    display = result.plot()
    np.testing.assert_array_equal(display.lines_[""].get_xdata(), result.lrs)
    np.testing.assert_array_equal(display.lines_[""].get_ydata(), result.smoothed)
    raw, smooth, dot = display.ax_.lines
    np.testing.assert_array_equal(raw.get_ydata(), result.losses)
    assert smooth is display.lines_[""] and raw.get_alpha() < 1
    assert dot.get_xdata()[0] == result.suggestion and result.smoothed.min() < dot.get_ydata()[0] < result.smoothed[0]
    assert display.ax_.get_xscale() == "log"
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["of each batch", "smoothed", f"suggestion {result.suggestion:.2g}"]
    assert repr(display) == f"LRFinderDisplay: loss over {len(result.lrs)} learning rates"


def test_several_results_by_name():
    results = {"SGD": found(nc.SGD()), "Adam": found(nc.Adam())}
    display = nc.plot.lr_finder(results)
    assert list(display.lines_) == ["SGD", "Adam"]
    assert display.lines_["SGD"].get_color() != display.lines_["Adam"].get_color()
    assert {text.get_text().split(":")[0] for text in display.ax_.get_legend().get_texts()} == {"SGD", "Adam"}


def test_a_divergence_does_not_flatten_what_was_before():
    result = found(nc.SGD(), 1e4)
    low, high = result.plot().ax_.get_ylim()
    assert result.smoothed.max() > high > result.smoothed[0] and low < result.losses.min()


def test_without_a_suggestion():
    rising = nc.LRFinderResult(np.array([1.0, 2.0]), np.array([1.0, 9.0]), np.array([1.0, 5.0]), "diverged")
    assert len(rising.plot().ax_.lines) == 2


@pytest.mark.parametrize("results", [3, [], {}, [3], nc.SGD()])
def test_what_is_no_result_is_refused(results):
    with pytest.raises(nc.ConfigError, match=r"\[plot.lr_finder\] results: expected"):
        nc.plot.lr_finder(results)
