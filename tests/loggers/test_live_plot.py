"""LivePlot: one picture that is drawn anew; what a notebook would do is noted down instead."""

import subprocess
import sys
from types import SimpleNamespace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

import nncore as nc
from support import windows

matplotlib.use("Agg")
X = np.random.default_rng(0).normal(size=(40, 2))
Y = (X[:, 0] > 0).astype(int)


@pytest.fixture
def shown(monkeypatch):
    """What is displayed: (a new picture or not, titles of its axes, points of its first line)."""
    seen = []

    def note(new, figure):
        figure.canvas.draw()
        lines = figure.axes[0].lines
        seen.append((new, [ax.get_title() for ax in figure.axes], len(lines[0].get_xdata()) if lines else 0))

    def display(figure, *, display_id):
        assert display_id is True
        note(True, figure)
        return SimpleNamespace(update=lambda figure: note(False, figure))

    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr("nncore.loggers._live_plot.in_notebook", lambda: True)
    yield seen
    assert plt.get_fignums() == []


def trainer():
    return nc.Trainer(nc.Sequential(nc.Linear(2, 2), seed=0), nc.CrossEntropyLoss(), nc.SGD(lr=0.1))


def test_every_other_epoch_and_the_last(shown):
    trainer().fit(X, Y, 5, callbacks=[nc.LivePlot(every=2)])
    assert shown == [(True, ["", ""], 2), (False, ["", ""], 4), (False, ["", ""], 5)]


def test_the_boundary_from_before_the_first_epoch(shown):
    live = nc.callbacks.LivePlot(X, Y)
    one = trainer()
    one.fit(X, Y, 2, callbacks=[live], metrics=())
    titles = [["before the first epoch"], ["", "epoch 1"], ["", "epoch 2"]]
    assert [(new, names) for new, names, _ in shown] == [(i == 0, names) for i, names in enumerate(titles)]
    one.fit(X, Y, 1, callbacks=[live], metrics=())
    assert [(new, names) for new, names, _ in shown[3:]] == [(True, titles[0]), (False, ["", "epoch 3"])]


def test_training_has_the_same_bits(shown):
    a, b = trainer(), trainer()
    a.fit(X, Y, 3)
    b.fit(X, Y, 3, callbacks=[nc.LivePlot(X, Y)])
    np.testing.assert_array_equal(a.model.flat_parameters, b.model.flat_parameters)


def test_wrong_arguments_are_refused(shown):
    with pytest.raises(nc.ConfigError, match=r"\[LivePlot\] y: expected X and y or neither"):
        nc.LivePlot(X)
    with pytest.raises(nc.ConfigError, match=r"\[LivePlot\] every: expected an integer"):
        nc.LivePlot(every=0)
    one = trainer()
    with pytest.raises(nc.ShapeError, match=r"X: expected \(N, 2\)"):
        one.fit(X, Y, 2, callbacks=[nc.LivePlot(np.ones((4, 3)), [0, 1, 0, 1])])
    assert one.epoch == 0 and shown == []


def test_without_matplotlib_it_says_so_before_the_training(shown, monkeypatch):
    monkeypatch.setattr("nncore.loggers._live_plot.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"\[LivePlot\] matplotlib is needed to draw: pip install nncore\[plot\]"):
        nc.LivePlot()


def test_a_notebook_that_cannot_show_it_ends_the_fit_after_that_epoch(monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("no screen")

    monkeypatch.setattr("IPython.display.display", broken)
    monkeypatch.setattr("nncore.loggers._live_plot.in_notebook", lambda: True)
    one, other = trainer(), trainer()
    with pytest.raises(RuntimeError, match="no screen"):
        one.fit(X, Y, 3, callbacks=[nc.LivePlot()])
    assert one.epoch == 1 and plt.get_fignums() == []
    one.fit(X, Y, 1)
    other.fit(X, Y, 2)
    np.testing.assert_array_equal(one.model.flat_parameters, other.model.flat_parameters)


SCRIPT = """
import sys
sys.modules["IPython"] = None
import matplotlib, numpy as np, nncore as nc
matplotlib.use("Agg")
net = nc.Sequential(nc.Linear(2, 2), seed=0)
X = np.random.default_rng(0).normal(size=(40, 2))
live = nc.LivePlot(X, (X[:, 0] > 0).astype(int))
nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1)).fit(X, (X[:, 0] > 0).astype(int), 3, callbacks=[live])
import matplotlib.pyplot as plt
assert plt.get_fignums() == []
"""


def test_a_script_without_windows_says_so_once():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert (
        done.stderr == 'LivePlot: matplotlib\'s backend "agg" opens no window here; training goes on without pictures\n'
    )


@pytest.fixture
def window():
    """A backend with windows that note down when they are drawn."""
    plt.switch_backend("module://support.windows")
    windows.log.clear()
    yield windows.log
    plt.close("all")
    plt.switch_backend("Agg")


def test_a_script_draws_in_one_window(window):
    live = nc.LivePlot(X, Y, every=2)
    trainer().fit(X, Y, 4, callbacks=[live])
    assert window == ["shown", "drawn", "drawn", "drawn"]  # before the first epoch, after 2 and 4
    figure = plt.figure(plt.get_fignums()[0])
    assert len(plt.get_fignums()) == 1 and [ax.get_title() for ax in figure.axes] == ["", "", "epoch 4"]
    assert len(figure.axes[0].lines[0].get_xdata()) == 4


def test_a_window_that_was_closed_opens_again(window):
    live = nc.LivePlot()
    trainer().fit(X, Y, 3, callbacks=[live, lambda record: plt.close("all") if record["epoch"] == 1 else None])
    assert window.count("shown") == 2 and len(plt.get_fignums()) == 1


def test_names_are_shown_and_refused_without_points(shown):
    trainer().fit(X, Y, 1, callbacks=[nc.LivePlot(X, Y, class_names=["a", "b"], feature_names=["u", "v"])])
    with pytest.raises(nc.ConfigError, match=r"\[LivePlot\] class_names: expected None without X and y"):
        nc.LivePlot(class_names=["a", "b"])
    with pytest.raises(nc.ConfigError, match=r"class_names: expected 2 texts"):
        trainer().fit(X, Y, 1, callbacks=[nc.LivePlot(X, Y, class_names=["a"])])
