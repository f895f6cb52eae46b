"""plot.sweep: means over seeds, lines by setting, crosses for what diverged."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import nncore as nc


def row(loss, *, seed=0, status="ok", accuracy=0.5, **point):
    return {**point, "seed": seed, "loss": loss, "accuracy": accuracy, "seconds": 0.1, "status": status, "message": ""}


def test_a_line_is_the_mean_over_the_seeds():
    rows = [row(1.0, lr=0.1), row(3.0, lr=0.1, seed=1), row(5.0, lr=0.2), row(7.0, lr=0.2, seed=1)]
    for table in (rows, nc.SweepTable(rows)):
        display = nc.plot.sweep(table)
        np.testing.assert_array_equal(display.lines_[""].get_xdata(), [0.1, 0.2])
        np.testing.assert_array_equal(display.lines_[""].get_ydata(), [2.0, 6.0])
        assert (display.x_, display.metric_) == ("lr", "loss")
        assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("lr", "loss")
        dots = [line for line in display.ax_.lines if line.get_linestyle() == "None"]
        np.testing.assert_array_equal(np.sort(dots[0].get_ydata()), [1.0, 3.0, 5.0, 7.0])
        assert display.ax_.get_legend() is None
    assert nc.SweepTable(rows).plot("accuracy", x="seed").x_ == "seed"


def test_a_line_for_each_other_setting():
    rows = [
        row(10.0 * h + lr, name="same", kind=kind, hidden=h, lr=lr)
        for kind in "ab"
        for h in (1, 2)
        for lr in (0.1, 0.2)
    ]
    display = nc.plot.sweep(rows)
    assert list(display.lines_) == ["kind a, lr 0.1", "kind a, lr 0.2", "kind b, lr 0.1", "kind b, lr 0.2"]
    np.testing.assert_allclose(display.lines_["kind b, lr 0.2"].get_ydata(), [10.2, 20.2])
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == list(display.lines_)
    other = nc.plot.sweep(rows, "accuracy", x="kind")
    assert (other.x_, other.metric_, len(other.lines_)) == ("kind", "accuracy", 4)


def test_what_is_no_number_stands_in_the_order_of_the_table():
    display = nc.plot.sweep([row(1.0, act=nc.Tanh), row(2.0, act=nc.ReLU), row(3.0, act="none")])
    assert [text.get_text() for text in display.ax_.get_xticklabels()] == ["Tanh", "ReLU", "none"]
    np.testing.assert_array_equal(display.lines_[""].get_xdata(), [0, 1, 2])


def test_runs_that_diverged_are_crosses_at_the_worse_edge():
    rows = [row(1.0, lr=0.1), row(np.nan, lr=10.0, status="diverged"), row(2.0, lr=10.0, seed=1)]
    for metric, edge, means in (("loss", 1.0, [1.0, 2.0]), ("accuracy", 0.0, [0.5, 0.5])):
        display = nc.plot.sweep(rows, metric)
        np.testing.assert_array_equal(display.lines_[""].get_ydata(), means)
        (cross,) = [line for line in display.ax_.lines if line.get_marker() == "X"]
        assert (list(cross.get_xdata()), list(cross.get_ydata())) == ([10.0], [edge])
    everything = nc.plot.sweep([row(np.nan, lr=0.1, status="diverged")])
    everything.figure_.canvas.draw()


def test_scales_follow_the_decades():
    display = nc.plot.sweep([row(10.0**-i, lr=10.0**-i) for i in range(5)])
    assert (display.ax_.get_xscale(), display.ax_.get_yscale()) == ("log", "log")
    display = nc.plot.sweep([row(1.0 + i, lr=1.0 + i) for i in range(5)])
    assert (display.ax_.get_xscale(), display.ax_.get_yscale()) == ("linear", "linear")


def test_points_without_arguments_are_drawn_over_the_seed():
    display = nc.plot.sweep([row(1.0, seed=4), row(2.0, seed=9)])
    assert display.x_ == "seed" and list(display.lines_[""].get_xdata()) == [4, 9]


@pytest.mark.parametrize("table", [[], 3, None, [{}], [{"seed": 0}], {"loss": 1}, [3]])
def test_what_is_no_table(table):
    with pytest.raises(nc.ConfigError, match=r"\[plot\.sweep\] table: expected the runs of a sweep"):
        nc.plot.sweep(table)
    assert plt.get_fignums() == []


def test_wrong_columns():
    for options, match in (
        ({"metric": "lr"}, "metric: expected one of"),
        ({"x": "loss"}, r"x: expected one of \['lr', 'seed'\]"),
    ):
        with pytest.raises(nc.ConfigError, match=rf"\[plot\.sweep\] {match}"):
            nc.plot.sweep([row(1.0, lr=0.1)], **options)
