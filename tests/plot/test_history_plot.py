"""history: which curves are drawn, where steps lie on the epoch axis, scales, several runs."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

import nncore as nc


def fit(epochs=20, per_epoch=10, first=1, leftover=0, **columns):
    """A History-like object whose step losses fall as 1/t."""
    steps = 1 / np.arange(1, epochs * per_epoch + leftover + 1)
    mean = steps[: epochs * per_epoch].reshape(epochs, per_epoch).mean(axis=1)
    return SimpleNamespace(
        epochs={"epoch": np.arange(first, first + epochs), "lr": np.ones(epochs)} | {"loss": mean} | columns,
        steps={"loss": steps, "lr": np.ones_like(steps)},
    )


def test_one_run_with_everything(legend_of):
    values = {
        key: np.linspace(0, 1, 20) for key in ("accuracy", "val_loss", "val_accuracy", "test_loss", "test_accuracy")
    }
    h = fit(**values)
    display = nc.plot.history(h)
    keys = [(ax, prefix + key) for ax, key in enumerate(("loss", "accuracy")) for prefix in ("", "val_", "test_")]
    for ax, key in keys:
        line = display.lines_["", key]
        assert line.axes is display.axes_[ax]
        np.testing.assert_array_equal(line.get_xdata(), h.epochs["epoch"])
        np.testing.assert_array_equal(line.get_ydata(), h.epochs[key])
    assert legend_of(display) == ["training", "validation", "test", "single steps"]
    assert [ax.get_ylabel() for ax in display.axes_] == ["loss", "accuracy"]
    assert [ax.get_xlabel() for ax in display.axes_] == ["epoch", "epoch"]
    colours = {display.lines_["", key].get_color() for key in ("loss", "val_loss", "test_loss")}
    assert len(colours) == 3


@pytest.mark.parametrize("first, leftover", [(1, 0), (11, 0), (1, 6)])
def test_the_last_step_of_an_epoch_lies_at_that_epoch(first, leftover):
    display = nc.plot.history(fit(first=first, leftover=leftover))
    line = display.lines_["", "steps"]
    x, y = line.get_data()
    np.testing.assert_allclose(x[9::10][:20], np.arange(first, first + 20))
    np.testing.assert_array_equal(y, 1 / np.arange(1, len(y) + 1))
    assert line.get_zorder() < display.lines_["", "loss"].get_zorder() and line.get_alpha() < 0.5


def test_full_batch_and_very_many_steps_are_not_drawn_behind():
    assert ("", "steps") not in nc.plot.history(fit(per_epoch=1)).lines_
    assert ("", "steps") in nc.plot.history(fit(per_epoch=1000)).lines_
    assert ("", "steps") not in nc.plot.history(fit(per_epoch=1001)).lines_


def test_many_steps_are_thinned_to_their_extremes():
    h = fit(per_epoch=1000)
    h.steps["loss"] = np.random.default_rng(0).random(20_000)
    h.steps["loss"][[7777, 12345, 17000]] = -3.0, 9.0, np.nan
    x, y = nc.plot.history(h).lines_["", "steps"].get_data()
    assert x[np.isnan(y)] == pytest.approx([17.001])
    x, y = x[~np.isnan(y)], y[~np.isnan(y)]
    assert len(x) <= 4002 and (np.diff(x) > 0).all()
    assert x[y.argmin()] == pytest.approx(7.778) and x[y.argmax()] == pytest.approx(12.346)
    assert y.min() == -3.0 and y.max() == 9.0


@pytest.mark.parametrize("last, scale", [(0.02, "linear"), (0.009, "log")])
def test_log_scale_beyond_two_decades(last, scale):
    display = nc.plot.history(fit(accuracy=np.linspace(0.001, 1, 20), loss=np.geomspace(1, last, 20)))
    assert [ax.get_yscale() for ax in display.axes_] == [scale, "linear"]


def test_on_a_log_scale_a_few_tiny_step_losses_do_not_set_the_limits():
    h = fit(val_loss=np.geomspace(1, 1e-3, 20))
    h.steps["loss"][50] = 1e-30
    display = nc.plot.history(h)
    assert 1e-4 < display.ax_.get_ylim()[0] < 1e-3


def test_columns_of_nan_are_left_out_and_single_ones_are_gaps(legend_of):
    gap = np.where(np.arange(20) == 5, np.nan, 0.5)
    display = nc.plot.history(fit(val_loss=gap, test_loss=np.full(20, np.nan), accuracy=np.full(20, np.nan)))
    assert len(display.axes_) == 1
    assert legend_of(display) == ["training", "validation", "single steps"]
    np.testing.assert_array_equal(np.isnan(display.lines_["", "val_loss"].get_ydata()), np.isnan(gap))
    display.figure_.canvas.draw()


def test_without_accuracy_another_metric_is_shown():
    display = nc.plot.history(fit(r2=np.linspace(0, 1, 20), val_r2=np.linspace(0, 0.9, 20), seconds=np.ones(20)))
    assert display.axes_[1].get_ylabel() == "r2"
    assert ("", "val_r2") in display.lines_


@pytest.mark.parametrize("as_dict", [True, False])
def test_several_runs_have_a_colour_each(as_dict, legend_of):
    columns = {key: np.linspace(0.1, 1, 20) for key in ("accuracy", "val_loss", "test_loss")}
    runs = [fit(**columns), fit(epochs=20, per_epoch=3, **columns), fit(epochs=5)]
    names = ["a", "b", "c"] if as_dict else ["1", "2", "3"]
    display = nc.plot.history(dict(zip(names, runs, strict=True)) if as_dict else runs)
    assert legend_of(display) == [*names, "", "training", "validation"]
    expected = {(name, key) for name in names[:2] for key in ("loss", "val_loss", "accuracy")} | {(names[2], "loss")}
    assert set(display.lines_) == expected
    for name in names[:2]:
        lines = [display.lines_[name, key] for key in ("loss", "val_loss", "accuracy")]
        assert len({line.get_color() for line in lines}) == 1
        assert [line.get_linestyle() for line in lines] == ["-", "--", "-"]
    assert len({display.lines_[name, "loss"].get_color() for name in names}) == 3


def test_several_runs_with_test_data_only(legend_of):
    runs = {"a": fit(test_loss=np.ones(20)), "b": fit()}
    assert legend_of(nc.plot.history(runs)) == ["a", "b", "", "training", "test"]


def test_a_fit_without_a_whole_epoch_shows_its_steps():
    h = SimpleNamespace(epochs={}, steps={"loss": np.array([3.0, 2.0, 1.0])})
    display = nc.plot.history(h)
    np.testing.assert_array_equal(display.lines_["", "steps"].get_data(), [[1, 2, 3], [3, 2, 1]])
    assert display.ax_.get_xlabel() == "step"


def test_two_given_axes_and_one():
    figure, axes = plt.subplots(1, 2)
    assert nc.plot.history(fit(accuracy=np.ones(20)), ax=axes).axes_ == tuple(axes)
    assert nc.plot.history(fit(accuracy=np.ones(20)), ax=[axes[0]]).axes_ == (axes[0],)
    assert plt.get_fignums() == [figure.number]
    with pytest.raises(
        nc.ConfigError, match=r"\[plot\.history\] ax: expected matplotlib Axes or a sequence of at most 2"
    ):
        nc.plot.history(fit(), ax=[*axes, axes[0]])


def test_a_real_history():
    X, y = nc.datasets.make_moons(60, seed=0)
    net = nc.Sequential(nc.Linear(2, 2), seed=0)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=16)
    trainer.fit(X, y, epochs=2, progress=False)
    h = trainer.fit(X, y, epochs=3, validation_data=(X, y), progress=False)
    display = h.plot()
    assert set(display.lines_) == {("", k) for k in ("loss", "val_loss", "accuracy", "val_accuracy", "steps")}
    np.testing.assert_array_equal(display.lines_["", "loss"].get_xdata(), [3, 4, 5])
    np.testing.assert_allclose(display.lines_["", "steps"].get_xdata(), 2 + np.arange(1, 13) / 4)


@pytest.mark.parametrize("h", [None, 3, [], {}, [fit(), 3], {"a": "b"}])
def test_what_is_not_a_history(h):
    with pytest.raises(nc.ConfigError, match=r"\[plot\.history\] h: expected a History, a dict or a list of them, got"):
        nc.plot.history(h)


def test_columns_of_different_length():
    with pytest.raises(
        nc.ConfigError, match=r"\[plot\.history\] h: expected columns as long as epoch, got \['val_loss'\]"
    ):
        nc.plot.history(fit(val_loss=np.ones(3)))
    assert plt.get_fignums() == []


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_single_steps_do_not_rule_the_loss_axis(scale):
    """MNIST: the axis went to 2.8, and two curves between 0.2 and 0.4 could not be told apart."""
    curve = np.geomspace(0.4, 0.2 if scale == "linear" else 0.002, 20)
    h = fit(per_epoch=100, loss=curve, val_loss=0.9 * curve)
    steps = np.repeat(curve, 100) * (1 + 0.2 * np.random.default_rng(0).normal(size=2000))
    steps[:20], steps[500] = 2.8, 1e-9
    h.steps["loss"] = steps
    ax = nc.plot.history(h).ax_
    low, high = ax.get_ylim()
    assert ax.get_yscale() == scale
    assert 0.4 < high < 0.75 and low < 0.9 * curve[-1]
    assert low > (0.1 if scale == "linear" else 5e-4)


def test_the_curves_are_shown_whole_and_constant_ones_too():
    h = fit(loss=np.full(20, 0.5), val_loss=np.where(np.arange(20) == 3, 7.0, 0.4))
    low, high = nc.plot.history(h).ax_.get_ylim()
    assert low < 0.4 and high > 7.0
    h = fit(loss=np.full(20, 0.5))
    h.steps["loss"] = np.full(200, 0.5)
    low, high = nc.plot.history(h).ax_.get_ylim()
    assert low < 0.5 < high


def test_a_title_stands_above_all():
    display = nc.plot.history(fit(accuracy=np.ones(20)), title="moons")
    assert (
        display.figure_.get_suptitle() == "moons" and repr(display) == "HistoryDisplay: loss and accuracy of 20 epochs"
    )
    assert repr(nc.plot.history([fit(), fit()])) == "HistoryDisplay: loss of 2 fits"
