"""What all plot functions have in common: lazy matplotlib, given axes, new figures, refused axes."""

import subprocess
import sys

import matplotlib.pyplot as plt
import pytest

import nncore as nc
from support.plot_calls import CALLS

PICTURES = ("images", "filters", "misclassified", "network")
every_function = pytest.mark.parametrize("name", CALLS)


@every_function
def test_a_new_figure_is_pyplots_and_drawable(name):
    display = CALLS[name]()
    assert plt.get_fignums() == [display.figure_.number]
    assert display.ax_ is display.axes_[0] and display.ax_.figure is display.figure_
    display.figure_.canvas.draw()


@every_function
def test_given_axes_are_drawn_on_and_stay_the_only_ones(name):
    figure, (other, ax) = plt.subplots(1, 2)
    plt.sca(other)
    display = CALLS[name](ax=ax)
    assert display.ax_ is ax and display.axes_ == (ax,) and display.figure_ is figure
    assert plt.get_fignums() == [figure.number] and plt.gca() is other
    assert figure.axes == [other, ax]
    assert not other.has_data() and ax.has_data()
    figure.canvas.draw()


@every_function
@pytest.mark.parametrize("ax", ["left", 3, [None], []])
def test_what_is_not_axes_is_refused(name, ax):
    with pytest.raises(nc.ConfigError, match=rf"\[plot\.{name}\] ax: expected matplotlib Axes"):
        CALLS[name](ax=ax)


@every_function
def test_the_top_and_right_edges_are_open(name):
    ax = CALLS[name]().ax_
    seen = [side for side in ax.spines if ax.spines[side].get_visible() and ax.axison]
    assert seen == ([] if name in PICTURES else ["left", "bottom"])


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


def test_importing_leaves_matplotlib_alone():
    done = run_python("import nncore.plot, sys; sys.exit('matplotlib' in sys.modules)")
    assert done.returncode == 0, done.stderr


def test_without_matplotlib_the_error_says_what_to_install():
    done = run_python(
        "import sys; sys.modules['matplotlib'] = None\n"
        "import nncore as nc\n"
        "class R: path = [[1.0]]\n"
        "nc.plot.error_curves(R(), [0.0])"
    )
    assert "ImportError: [plot.error_curves] matplotlib is needed to draw: pip install nncore[plot]" in done.stderr


def test_names():
    kinds = (
        "Boundary",
        "Confusion",
        "Contour",
        "Curves",
        "",
        "Filters",
        "GradientFlow",
        "History",
        "Images",
        "Misclassified",
    )
    kinds += ("Activations", "Histograms", "Rates", "Statistics", "Sweep", "Network", "LossSurface", "Roc")
    kinds += ("LRFinder", "Regression", "RegressionSurface", "Prediction", "Residuals")
    assert set(nc.plot.__all__) == {f"{kind}Display" for kind in kinds} | {"BoundaryAnimation"} | set(CALLS)
