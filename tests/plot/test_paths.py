"""contour_path and error_curves: windows, marks, divergence, thinning, distances."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

import nncore as nc


def result(path, values=None, nit=None, message="all steps done"):
    path = np.asarray(path, dtype=float)
    values = (path**2).sum(axis=1) if values is None else values
    return SimpleNamespace(path=path, values=values, nit=len(path) - 1 if nit is None else nit, message=message)


def bowl(x):
    return x @ x


STRAIGHT = result(np.linspace([4.0, -2.0], [0.0, 0.0], 9))
EXPLODING = result([[1.0, 0.0], [-2.0, 0.5], [40.0, 3.0], [-1e90, 1e60], [np.nan, 0.0]], message="diverged at step 4")


def marks(display, label):
    return [line for line in display.ax_.lines if line.get_label() == label]


def crosses(display):
    return [line for line in display.ax_.lines if line.get_marker() == "X"]


def inside(display, points):
    low, high = np.array([display.ax_.get_xlim(), display.ax_.get_ylim()]).T
    return (np.asarray(points) >= low).all() and (np.asarray(points) <= high).all()


def test_path_and_marks(legend_of):
    display = nc.plot.contour_path(bowl, {"straight": STRAIGHT}, minimum=[0, 0], title="A bowl")
    np.testing.assert_array_equal(display.lines_["straight"].get_xydata(), STRAIGHT.path)
    np.testing.assert_array_equal(marks(display, "start")[0].get_xydata(), [[4, -2]])
    np.testing.assert_array_equal(marks(display, "minimum")[0].get_xydata(), [[0, 0]])
    assert legend_of(display) == ["straight", "start", "minimum"]
    assert display.ax_.get_title() == "A bowl"
    assert inside(display, STRAIGHT.path)
    assert not crosses(display)


def test_contours_are_level_sets_evenly_spaced_in_log10():
    display = nc.plot.contour_path(bowl, STRAIGHT, minimum=[0, 0])
    levels = display.contours_.levels
    np.testing.assert_allclose(np.diff(levels), np.diff(levels)[0])
    for level, parts in zip(levels[9:12], display.contours_.allsegs[9:12], strict=True):
        heights = np.log10((np.concatenate(parts) ** 2).sum(axis=1))
        assert (heights > level - 1e-2).all()
    corner = np.array([display.ax_.get_xlim()[1], display.ax_.get_ylim()[0]])
    assert levels[-1] == pytest.approx(np.log10(corner @ corner))


def test_a_function_with_gradient_and_one_without_are_the_same():
    with_gradient = nc.plot.contour_path(lambda x: (bowl(x), 2 * x), STRAIGHT, resolution=30)
    without = nc.plot.contour_path(bowl, STRAIGHT, resolution=30)
    for a, b in zip(with_gradient.contours_.allsegs, without.contours_.allsegs, strict=True):
        np.testing.assert_array_equal(np.concatenate(a), np.concatenate(b))


@pytest.mark.parametrize("name", nc.objectives.names)
def test_named_objectives(name, legend_of):
    objective = nc.objectives.get(name)
    found = nc.minimize(name, None, nc.SGD(lr=1e-4), 50)
    display = nc.plot.contour_path(name, found, resolution=40)
    assert legend_of(display) == ["start", "saddle point" if name == "saddle" else "minimum"]
    assert inside(display, [*found.path, objective.minimum])
    display.figure_.canvas.draw()


def test_a_saddle_has_contours_on_both_sides_of_it():
    display = nc.plot.contour_path("saddle", nc.minimize("saddle", None, nc.SGD(lr=0.02), 150), resolution=60)
    assert display.contours_.levels[0] < -0.5 and display.contours_.levels[-1] > 0.5


def test_a_diverged_path_ends_with_a_cross_at_the_edge(legend_of):
    runs = {"good": STRAIGHT, "bad": EXPLODING}
    display = nc.plot.contour_path(bowl, runs, minimum=[0, 0])
    assert legend_of(display) == ["good", "bad (diverged)", "start", "minimum"]
    assert inside(display, STRAIGHT.path)
    width, height = np.ptp(display.ax_.get_xlim()), np.ptp(display.ax_.get_ylim())
    assert width < 20 and height < 20
    (cross,) = crosses(display)
    x, y = cross.get_xydata()[0]
    assert x == pytest.approx(display.ax_.get_xlim()[1])
    assert y == pytest.approx(0.5 + (x + 2) / 42 * 2.5)  # on the segment from (-2, 0.5) to (40, 3)
    drawn = display.lines_["bad"].get_xydata()
    np.testing.assert_allclose(drawn[:2], EXPLODING.path[:2])
    assert np.isfinite(drawn).all() and np.abs(drawn).max() < 1e3
    display.figure_.canvas.draw()


def test_minimize_that_diverges_is_drawn(legend_of):
    found = nc.minimize("rosenbrock", [-4.0, -2.0], nc.SGD(lr=1e-3, momentum=0.9), 100)
    assert legend_of(nc.plot.contour_path("rosenbrock", found)) == ["diverged", "start", "minimum"]
    display = nc.plot.error_curves(found, "rosenbrock")
    assert legend_of(display) == ["diverged"] and len(crosses(display)) == 1
    for drawn in plt.get_fignums():
        plt.figure(drawn).canvas.draw()


def test_a_long_path_is_thinned_without_visible_change():
    t = np.linspace(0, 12 * np.pi, 100_000)
    spiral = np.exp(-t / 12)[:, None] * np.column_stack([np.cos(t), np.sin(t)])
    cycle = np.resize([[0.02, 0.02], [0.0, -0.03], [-0.03, 0.0]], (50_000, 2))
    path = np.concatenate([spiral, cycle])
    display = nc.plot.contour_path(bowl, result(path), resolution=40)
    drawn = display.lines_[""].get_xydata()
    assert len(drawn) < 20_000
    cell = np.ptp(display.ax_.get_xlim()) / 2000
    drawn = drawn[np.isfinite(drawn).all(axis=1)]
    for point in path[::997]:
        assert np.abs(drawn - point).max(axis=1).min() < 2 * cell
    np.testing.assert_array_equal(drawn[0], path[0])


def test_a_move_drawn_before_is_not_drawn_again():
    path = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0 + 1e-9]])
    drawn = nc.plot.contour_path(bowl, result(path), resolution=20).lines_[""].get_xydata()
    gap = [np.nan, np.nan]
    np.testing.assert_array_equal(drawn, [path[0], path[1], gap, path[3], path[4], path[5]])


def test_limits_hide_what_lies_outside(legend_of):
    display = nc.plot.contour_path(bowl, STRAIGHT, minimum=[0, 0], limits=((-1, 1), (-1, 0.5)), resolution=30)
    assert (display.ax_.get_xlim(), display.ax_.get_ylim()) == ((-1, 1), (-1, 0.5))
    assert legend_of(display) == ["minimum"]


@pytest.mark.parametrize("value", [1.0, np.nan])
def test_flat_and_partly_undefined_functions(value):
    display = nc.plot.contour_path(lambda x: value if x[0] > 0 else 1.0, STRAIGHT, resolution=20)
    display.figure_.canvas.draw()


def test_a_start_that_is_the_minimum():
    display = nc.plot.contour_path(bowl, result([[0.0, 0.0]]), minimum=[0, 0], resolution=20)
    assert inside(display, [0, 0]) and np.ptp(display.ax_.get_xlim()) > 0.5


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ((3, STRAIGHT), nc.ConfigError, "objective: expected a name or a callable, got 3"),
        ((bowl, None), nc.ConfigError, "results: expected an OptimizeResult, a dict or a list of them, got None"),
        ((bowl, {"a": 3}), nc.ConfigError, "results: expected an OptimizeResult"),
        ((bowl, result(np.zeros((4, 3)))), nc.ShapeError, r"results: expected paths \(steps \+ 1, 2\), got \(4, 3\)"),
        ((bowl, result(np.zeros((0, 2)))), nc.ConfigError, 'got none; minimize with record="all"'),
        ((bowl, result([[np.nan, 0.0]])), nc.ConfigError, "results: expected a path with a finite start"),
        ((lambda x: np.nan, STRAIGHT), nc.ConfigError, "objective: expected finite values in the window"),
    ],
)
def test_wrong_arguments_of_contour_path(arguments, error, message):
    with pytest.raises(error, match=r"\[plot\.contour_path\] .*" + message):
        nc.plot.contour_path(*arguments, resolution=5)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"minimum": [1, 2, 3]}, nc.ShapeError, r"minimum: expected \(2,\), got \(3,\)"),
        ({"minimum": [1, np.inf]}, nc.ConfigError, "minimum: expected finite numbers"),
        ({"limits": [0, 1]}, nc.ShapeError, r"limits: expected \(\(x low, x high\), \(y low, y high\)\)"),
        ({"limits": [[0, 1], [1, 1]]}, nc.ConfigError, r"limits: expected finite pairs \(low, high\)"),
        ({"resolution": 1}, nc.ConfigError, "resolution: expected an integer"),
    ],
)
def test_wrong_options_of_contour_path(options, error, message):
    with pytest.raises(error, match=r"\[plot\.contour_path\] " + message):
        nc.plot.contour_path(bowl, STRAIGHT, **options)


def test_an_unknown_objective():
    with pytest.raises(nc.ConfigError, match="rosenbrok"):
        nc.plot.contour_path("rosenbrok", STRAIGHT)
    with pytest.raises(nc.ConfigError, match="rosenbrok"):
        nc.plot.error_curves(STRAIGHT, "rosenbrok")


def test_distances(legend_of):
    runs = {"a": result([[4.0, 1.0], [1.0, 5.0], [1.0, 1.0]]), "b": STRAIGHT}
    display = nc.plot.error_curves(runs, "rosenbrock", title="Errors")
    np.testing.assert_allclose(display.lines_["a"].get_xydata(), [[0, 3], [1, 4], [2, 1e-16]])
    assert display.ax_.get_yscale() == "log" and display.ax_.get_xscale() == "linear"
    assert legend_of(display) == ["a", "b"]
    assert display.ax_.get_title() == "Errors"


def test_without_minimum_the_values_are_shown():
    display = nc.plot.error_curves(STRAIGHT)
    np.testing.assert_array_equal(display.lines_[""].get_ydata(), STRAIGHT.values)
    assert display.ax_.get_ylabel() == "$f(x_t)$" and display.ax_.get_legend() is None
    assert display.ax_.get_yscale() == "linear"  # f reaches 0
    assert nc.plot.error_curves(result([[4.0], [0.01]])).ax_.get_yscale() == "log"
    assert nc.plot.error_curves(result([[4.0], [1.0]])).ax_.get_yscale() == "linear"


@pytest.mark.parametrize("log_x", [False, True])
def test_a_diverged_curve_ends_with_a_cross_where_it_leaves(log_x):
    display = nc.plot.error_curves([STRAIGHT, EXPLODING], [0, 0], log_x=log_x)
    (cross,) = crosses(display)
    x, y = cross.get_xydata()[0]
    assert y == pytest.approx(30 * np.hypot(4, 2)) and y == display.ax_.get_ylim()[1]
    near, far = np.log(np.hypot([40.0, 1e90], [3.0, 1e60]))
    assert x == pytest.approx(2 + (np.log(y) - near) / (far - near))  # straight on the logarithmic scale
    np.testing.assert_allclose(display.lines_["2"].get_xydata()[-1], [x, y])
    assert display.ax_.get_xscale() == ("symlog" if log_x else "linear")
    display.figure_.canvas.draw()


def test_a_mildly_diverged_curve_is_drawn_to_its_end():
    display = nc.plot.error_curves(result([[1.0], [2.0], [8.0]], nit=3, message="diverged at step 3"), [0.0])
    np.testing.assert_array_equal(crosses(display)[0].get_xydata(), [[2, 8]])


@pytest.mark.parametrize("log_x", [False, True])
def test_long_curves_keep_their_extremes(log_x):
    distance = np.random.default_rng(0).uniform(1, 2, 100_001)
    distance[[400, 70_000]] = 0.01, 99.0
    display = nc.plot.error_curves(result(distance[:, None]), [0.0], log_x=log_x)
    x, y = display.lines_[""].get_data()
    assert len(x) <= 4002 and (np.diff(x) > 0).all() and x[0] == 0 and x[-1] == 100_000
    assert x[y.argmin()] == 400 and x[y.argmax()] == 70_000


def test_steps_of_a_path_with_every_tenth_point():
    found = nc.minimize("booth", None, nc.SGD(lr=0.01), 100, record=10)
    np.testing.assert_array_equal(nc.plot.error_curves(found, "booth").lines_[""].get_xdata(), np.arange(0, 101, 10))


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ((3,), nc.ConfigError, "results: expected an OptimizeResult"),
        ((result(np.zeros(4), np.zeros(4)),), nc.ShapeError, r"results: expected paths \(steps \+ 1, d\), got \(4,\)"),
        (([result(np.zeros((4, 2))), result(np.zeros((4, 3)))],), nc.ShapeError, r"\(steps \+ 1, 2\), got \(4, 3\)"),
        ((result(np.zeros((4, 2)), np.zeros(3)),), nc.ShapeError, r"results: expected values \(4,\), got \(3,\)"),
        ((SimpleNamespace(path=[[1.0]]),), nc.ConfigError, "results: expected values beside the path, or a minimum"),
        ((STRAIGHT, [1.0]), nc.ShapeError, r"minimum: expected \(2,\), got \(1,\)"),
        ((STRAIGHT, ["a", "b"]), nc.ConfigError, "minimum: expected real numbers"),
    ],
)
def test_wrong_arguments_of_error_curves(arguments, error, message):
    with pytest.raises(error, match=r"\[plot\.error_curves\] .*" + message):
        nc.plot.error_curves(*arguments)
    assert plt.get_fignums() == []


def test_log_x_is_a_flag():
    with pytest.raises(nc.ConfigError, match=r"log_x: expected True or False, got 1"):
        nc.plot.error_curves(STRAIGHT, log_x=1)
