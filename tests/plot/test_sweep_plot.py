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


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([10.0**-i for i in range(5)], "log"), ([0.01, 0.03, 0.1], "log"), ([0.001, 0.1], "log"), ([8, 16, 128], "log"),
        ([1, 2, 3, 4, 5], "linear"), (range(1, 21), "linear"), ([0.0, 0.001, 0.1], "linear"), ([-1, 10, 100], "linear"),
        ([0.1], "linear"), ([0.02, 0.1], "linear"),
    ],
)  # fmt: skip
def test_the_axis_of_the_argument_is_logarithmic_where_its_values_say_so(values, scale):
    assert nc.plot.sweep([row(1.0, lr=value) for value in values], x="lr").ax_.get_xscale() == scale
    assert nc.plot.sweep([row(1.0, lr=1.0, seed=seed) for seed in (1, 10, 100)]).ax_.get_xscale() == "linear"


def test_the_axis_of_the_metric():
    for losses, scale in (([0.01, 0.5], "log"), ([1.0, 5.0], "linear"), ([0.0, 5.0], "linear")):
        rows = [row(loss, lr=i, accuracy=loss / 10) for i, loss in enumerate(losses)]
        rows.append(row(1e9, lr=1, seed=1, status="diverged"))
        assert nc.plot.sweep(rows).ax_.get_yscale() == scale
        assert nc.plot.sweep(rows, "accuracy").ax_.get_yscale() == "linear"


def test_a_band_is_the_standard_deviation_over_the_seeds():
    values = {0.1: [1.0, 2.0, 6.0], 0.2: [3.0, 3.5, 4.0], 0.3: [5.0]}
    rows = [row(loss, lr=lr, seed=seed) for lr, losses in values.items() for seed, loss in enumerate(losses)]
    display = nc.plot.sweep(rows)
    (path,) = display.bands_[""].get_paths()
    edges = {lr: sorted(y for x, y in path.vertices if x == lr) for lr in values}
    std = np.sqrt((4 + 1 + 9) / 2)  # 3 - std is above 0
    assert (edges[0.1][0], edges[0.1][-1]) == (pytest.approx(3 - std), pytest.approx(3 + std))
    assert (edges[0.2][0], edges[0.2][-1]) == (3.0, 4.0) and set(edges[0.3]) == {5.0}
    assert display.ax_.get_title() == "loss: mean ± standard deviation over 3 seeds"
    single = nc.plot.sweep([row(1.0, lr=0.1), row(2.0, lr=0.2)])
    assert single.bands_ == {} and single.ax_.get_title() == "loss over lr"
    assert nc.plot.sweep(rows, title="own").ax_.get_title() == "own"


def test_a_band_of_losses_stays_above_0():
    display = nc.plot.sweep([row(loss, lr=lr, seed=seed) for lr in (1, 2) for seed, loss in enumerate([0.1, 0.1, 9.0])])
    (path,) = display.bands_[""].get_paths()
    assert path.vertices[:, 1].min() == pytest.approx(0.1)


def test_hundreds_of_runs_are_a_band_without_dots():
    rows = [row(1.0 + seed, lr=lr, seed=seed) for lr in (0.1, 0.2) for seed in range(200)]
    display = nc.plot.sweep(rows)
    assert [line.get_linestyle() for line in display.ax_.lines] == ["-"] and list(display.bands_) == [""]


def test_categories_are_points_with_bars_side_by_side():
    rows = [
        row(10.0 * width + i + seed, optimizer=kind, width=width, seed=seed)
        for i, kind in enumerate((nc.SGD, nc.Adam, nc.RMSprop))
        for width in (4, 8)
        for seed in (0, 2)
    ]
    display = nc.plot.sweep(rows, x="optimizer")
    assert all(line.get_linestyle() == "None" for line in display.lines_.values())
    four, eight = (display.lines_[label].get_xdata() for label in ("width 4", "width 8"))
    assert np.all(four < [0, 1, 2]) and np.all(eight > [0, 1, 2]) and np.all(np.abs(eight - [0, 1, 2]) < 0.5)
    (bar,) = display.bands_["width 4"].lines[2]
    (low, high), *_ = [segment[:, 1] for segment in bar.get_segments()]
    assert (low, high) == (pytest.approx(41 - np.sqrt(2)), pytest.approx(41 + np.sqrt(2)))
    assert [text.get_text() for text in display.ax_.get_xticklabels()] == ["SGD", "Adam", "RMSprop"]


def test_the_validation_loss_is_drawn_if_there_is_one():
    assert nc.plot.sweep([{**row(1.0, lr=0.1), "val_loss": 2.0}]).metric_ == "val_loss"


def test_objects_that_look_alike_are_lines_of_their_own():
    long = [nc.SGD(lr=0.1, momentum=m, weight_decay=0.001, nesterov=True) for m in (0.8, 0.9)]
    display = nc.plot.sweep([row(float(i), o=o, lr=lr) for i, o in enumerate(long) for lr in (1, 2)], x="lr")
    assert [list(line.get_ydata()) for line in display.lines_.values()] == [[0.0, 0.0], [1.0, 1.0]]


def test_the_sweeps_of_a_folder_are_lines():
    display = nc.plot.sweep([row(float(n), sweep=n, lr=lr) for n in (1, 2) for lr in (0.1, 0.2)])
    assert display.x_ == "lr" and list(display.lines_) == ["sweep 1", "sweep 2"]


def test_failed_runs_are_crosses():
    display = nc.plot.sweep([row(1.0, lr=0.1), row(np.nan, lr=0.2, status="failed")])
    (cross,) = [line for line in display.ax_.lines if line.get_marker() == "X"]
    assert list(cross.get_xdata()) == [0.2]


def test_names_with_dollars_are_no_formulas():
    nc.plot.sweep([row(1.0, **{"a$b$_": kind, "c$": i}) for i, kind in enumerate("x$ $y")]).figure_.canvas.draw()


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
