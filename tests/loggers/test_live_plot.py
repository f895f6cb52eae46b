"""LivePlot: one picture that is drawn anew; what a notebook would do is noted down instead."""

import subprocess
import sys
from types import SimpleNamespace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

import nncore as nc

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
    one, other = trainer(), trainer()
    with pytest.raises(RuntimeError, match="no screen"):
        one.fit(X, Y, 3, callbacks=[nc.LivePlot()])
    assert one.epoch == 1 and plt.get_fignums() == []
    one.fit(X, Y, 1)
    other.fit(X, Y, 2)
    np.testing.assert_array_equal(one.model.flat_parameters, other.model.flat_parameters)


def test_without_ipython_it_says_so():
    code = "import sys; sys.modules['IPython'] = None; import nncore as nc; nc.LivePlot()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "ImportError: [LivePlot] it shows pictures in notebooks, which need IPython" in done.stderr
