"""What all plot functions have in common: lazy matplotlib, given axes, new figures, refused axes."""

import subprocess
import sys
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

import nncore as nc
from support.observed import observed

POINTS = np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
MODEL = SimpleNamespace(predict=lambda x: (x[:, 0] > 0.5).astype(int))
FIT = SimpleNamespace(epochs={"epoch": [1, 2], "loss": [2.0, 1.0]}, steps={"loss": [2.0, 1.0]})
RUNS = [{"lr": lr, "seed": 0, "loss": 1.0, "seconds": 0.1, "status": "ok"} for lr in (0.1, 0.2)]
RESULT = SimpleNamespace(path=np.array([[2.0, 2.0], [1.0, 1.0], [0.5, 0.5]]), values=np.array([8.0, 2.0, 0.5]))
NET = nc.Sequential(nc.Linear(2, 3), nc.ReLU(), seed=0)
MONITOR = observed(NET, dead=lambda name: 0.5, update_ratio=lambda name: 1e-3)

CALLS = {
    "decision_boundary": lambda ax: nc.plot.decision_boundary(MODEL, POINTS, [0, 1, 1, 0], ax=ax, resolution=20),
    "history": lambda ax: nc.plot.history(FIT, ax=ax),
    "contour_path": lambda ax: nc.plot.contour_path(lambda x: x @ x, RESULT, ax=ax, resolution=20),
    "gradient_flow": lambda ax: nc.plot.gradient_flow(nc.GradientFlow({"0": 1.0, "2": 10.0}), ax=ax),
    "statistics": lambda ax: nc.plot.statistics(MONITOR, ax=ax),
    "histograms": lambda ax: nc.plot.histograms(MONITOR, ax=ax),
    "dead_units": lambda ax: nc.plot.dead_units(MONITOR, ax=ax),
    "update_ratios": lambda ax: nc.plot.update_ratios(MONITOR, ax=ax),
    "activations": lambda ax: nc.plot.activations(NET, [0.5, 1.0], ["1"], ax=ax),
    "boundary_animation": lambda ax: nc.plot.boundary_animation([MODEL], POINTS, [0, 1, 1, 0], ax=ax, resolution=20),
    "sweep": lambda ax: nc.plot.sweep(RUNS, ax=ax),
    "error_curves": lambda ax: nc.plot.error_curves(RESULT, [0.0, 0.0], ax=ax),
    "images": lambda ax: nc.plot.images(np.eye(6).reshape(2, 3, 6), ["a", "b"], ax=ax),
    "filters": lambda ax: nc.plot.filters(nc.Conv2d(3, 4, 2), ax=ax),
    "confusion_matrix": lambda ax: nc.plot.confusion_matrix([0, 1, 1], [0, 1, 0], ax=ax),
    "misclassified": lambda ax: nc.plot.misclassified(MODEL, POINTS, [1, 1, 0, 0], shape=(1, 2), ax=ax),
}
PICTURES = ("images", "filters", "misclassified")
every_function = pytest.mark.parametrize("name", CALLS)


@every_function
def test_a_new_figure_is_pyplots_and_drawable(name):
    display = CALLS[name](None)
    assert plt.get_fignums() == [display.figure_.number]
    assert display.ax_ is display.axes_[0] and display.ax_.figure is display.figure_
    display.figure_.canvas.draw()


@every_function
def test_given_axes_are_drawn_on_and_stay_the_only_ones(name):
    figure, (other, ax) = plt.subplots(1, 2)
    plt.sca(other)
    display = CALLS[name](ax)
    assert display.ax_ is ax and display.axes_ == (ax,) and display.figure_ is figure
    assert plt.get_fignums() == [figure.number] and plt.gca() is other
    assert figure.axes == [other, ax]
    assert not other.has_data() and ax.has_data()
    figure.canvas.draw()


@every_function
@pytest.mark.parametrize("ax", ["left", 3, [None], []])
def test_what_is_not_axes_is_refused(name, ax):
    with pytest.raises(nc.ConfigError, match=rf"\[plot\.{name}\] ax: expected matplotlib Axes"):
        CALLS[name](ax)


@every_function
def test_the_top_and_right_edges_are_open(name):
    spines = CALLS[name](None).ax_.spines
    seen = [side for side in spines if spines[side].get_visible()]
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
    kinds += ("Activations", "Histograms", "Rates", "Statistics", "Sweep")
    assert set(nc.plot.__all__) == {f"{kind}Display" for kind in kinds} | {"BoundaryAnimation"} | set(CALLS)
