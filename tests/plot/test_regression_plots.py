"""regression_fit, regression_surface, predicted_vs_true, residuals: what is drawn is what the model says."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score, root_mean_squared_error

import nncore as nc

RNG = np.random.default_rng(0)
X1, NOISE = np.sort(RNG.uniform(-2, 3, (50, 1)), axis=0), RNG.normal(0, 0.1, 50)
Y1 = X1[:, 0] ** 2 + NOISE
X2 = RNG.normal(size=(60, 2))
Y2 = X2 @ [1.0, -2.0] + RNG.normal(0, 0.3, 60)


def square(x):
    return x[:, 0] ** 2


def test_the_curve_is_the_models_and_covers_the_data(legend_of):
    display = nc.plot.regression_fit(SimpleNamespace(predict=square), X1, Y1, title="square")
    x, y = display.lines_[""].get_data()
    np.testing.assert_allclose(y, np.asarray(x) ** 2)
    assert x[0] < X1.min() and x[-1] > X1.max() and len(x) == 400
    np.testing.assert_array_equal(display.points_[0].get_offsets(), np.column_stack([X1[:, 0], Y1]))
    assert legend_of(display) == ["data", "prediction"] and display.ax_.get_title() == "square"
    assert repr(display) == "RegressionDisplay: prediction over one input, 50 samples"


def test_models_of_nncore_of_scikit_learn_and_functions(legend_of):
    net = nc.Sequential(nc.Linear(1, 1), seed=0)
    nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=0.01)).fit(X1, Y1[:, None], 3, progress=False)
    models = {"net": net, "line": LinearRegression().fit(X1, Y1), "twice": SimpleNamespace(predict=lambda x: 2 * x)}
    display = nc.plot.regression_fit(models, X1[:, 0], Y1[:, None])
    for label, model in models.items():
        x, y = display.lines_[label].get_data()
        np.testing.assert_allclose(y, np.ravel(model.predict(np.asarray(x)[:, None])), rtol=1e-5)
    assert legend_of(display) == ["data", "net", "line", "twice"]
    assert len({line.get_color() for line in display.lines_.values()}) == 3
    x, y = nc.plot.regression_fit(square, X1, Y1).lines_[""].get_data()
    np.testing.assert_allclose(y, np.asarray(x) ** 2)
    x, y = nc.plot.regression_fit({"a": square, "b": lambda x: x}, X1, Y1).lines_["b"].get_data()
    np.testing.assert_allclose(y, x)


def test_several_outputs_have_a_colour_each(legend_of):
    both = np.column_stack([X1[:, 0], -X1[:, 0]])
    display = nc.plot.regression_fit(lambda x: np.hstack([x, -x]), X1, both, target_names=["up", "down"])
    assert legend_of(display) == ["up", "down"]
    for k, name in enumerate(["up", "down"]):
        x, y = display.lines_[name].get_data()
        np.testing.assert_allclose(y, (1, -1)[k] * np.asarray(x))
        np.testing.assert_array_equal(display.points_[k].get_offsets()[:, 1], both[:, k])


def test_names_come_from_a_data_frame_or_are_given():
    pd = pytest.importorskip("pandas")
    frame, target = pd.DataFrame(X1, columns=["time"]), pd.Series(Y1, name="height")
    model = LinearRegression().fit(frame, target)  # warns of arrays without names
    ax = nc.plot.regression_fit(model, frame, target).ax_
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time", "height")
    ax = nc.plot.regression_fit(model, frame, target, feature_names="t in s", target_names=["$h$ in m"]).ax_
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("t in s", r"\$h\$ in m")
    plane = pd.DataFrame(X2, columns=["a", "b"])
    display = nc.plot.regression_surface(
        LinearRegression().fit(plane, Y2), plane, pd.Series(Y2, name="c"), resolution=9
    )
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("a", "b")
    assert display.figure_.axes[1].get_ylabel() == "c"
    display = nc.plot.predicted_vs_true(LinearRegression().fit(plane, Y2), plane, pd.Series(Y2, name="c"))
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("true c", "predicted c")


def test_the_surface_is_the_models():
    model = SimpleNamespace(predict=lambda x: x[:, 0] - 3 * x[:, 1])
    display = nc.plot.regression_surface(model, X2, Y2, resolution=7)
    (x0, x1), (y0, y1) = display.ax_.get_xlim(), display.ax_.get_ylim()
    expected = np.linspace(x0, x1, 7)[None, :] - 3 * np.linspace(y0, y1, 7)[:, None]
    np.testing.assert_allclose(display.values_, expected, atol=1e-12)
    np.testing.assert_array_equal(display.points_.get_array(), Y2)
    low, high = display.contours_.get_clim()
    assert display.points_.get_clim() == (low, high)  # one scale for both
    assert low <= min(expected.min(), Y2.min()) and high >= max(expected.max(), Y2.max())
    assert len(display.figure_.axes) == 2  # a bar of the colours


def test_predictions_against_the_truth():
    said = Y2 + NOISE.mean() + RNG.normal(0, 0.5, 60)
    display = nc.plot.predicted_vs_true(Y2, said)
    assert display.r2_ == pytest.approx(r2_score(Y2, said)) and display.rmse_ == pytest.approx(
        root_mean_squared_error(Y2, said)
    )
    np.testing.assert_array_equal(display.points_[0].get_offsets(), np.column_stack([Y2, said]))
    assert display.ax_.get_title() == f"R² {display.r2_:.3f}, RMSE {display.rmse_:.3g}"
    assert display.ax_.get_xlim() == display.ax_.get_ylim()  # a diagonal is one
    two = nc.plot.predicted_vs_true(np.column_stack([Y2, -Y2]), np.column_stack([said, -Y2]), title="")
    assert two.r2_ == pytest.approx((r2_score(Y2, said) + 1) / 2) and len(two.points_) == 2
    model = SimpleNamespace(predict=lambda x: x @ [1.0, -2.0])
    assert nc.plot.predicted_vs_true(model, X2, Y2).r2_ == pytest.approx(r2_score(Y2, X2 @ [1.0, -2.0]))


def test_residuals_are_truth_minus_prediction(legend_of):
    model = SimpleNamespace(predict=lambda x: (x @ [1.0, -2.0])[:, None])
    display = nc.plot.residuals(model, X2, Y2)
    left = Y2 - X2 @ [1.0, -2.0]
    np.testing.assert_allclose(display.residuals_[:, 0], left)
    np.testing.assert_allclose(display.points_[0].get_offsets(), np.column_stack([X2 @ [1.0, -2.0], left]))
    levels = sorted(line.get_ydata()[0] for line in display.ax_.lines)
    np.testing.assert_allclose(levels, sorted([0.0, left.mean() - left.std(), left.mean() + left.std()]))
    assert legend_of(display) == ["mean ± std"]


def test_constant_truths_have_no_r2():
    assert np.isnan(nc.plot.predicted_vs_true([1.0, 1.0], [1.0, 2.0]).r2_)
    nc.plot.regression_fit(square, [[1.0]], [1.0]).figure_.canvas.draw()
    nc.plot.regression_surface(lambda x: 0 * x[:, 0], [[1.0, 2.0]], [0.0], resolution=3).figure_.canvas.draw()


def classifier():
    net = nc.Sequential(nc.Linear(2, 3), seed=0)
    nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD()).fit(X2, np.arange(60) % 3, 1, progress=False)
    return net


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: nc.plot.regression_fit(square, X2, Y2), nc.ShapeError,
         r"regression_fit\] X: expected \(N, 1\) or \(N,\), got \(60, 2\); two inputs: regression_surface"),
        (lambda: nc.plot.regression_fit(square, X1, Y1[:9]), nc.ShapeError,
         r"y: expected \(50,\) or \(50, K\), got \(9,\)"),
        (lambda: nc.plot.regression_fit(square, X1 * np.nan, Y1), nc.ConfigError, "X: expected finite numbers, got 50"),
        (lambda: nc.plot.regression_fit(3, X1, Y1), nc.ConfigError,
         "model: expected a model with predict, or a function"),
        (lambda: nc.plot.regression_fit(lambda x: np.hstack([x, x]), X1, Y1), nc.ShapeError,
         r"model: expected answers \(400, 1\)"),
        (lambda: nc.plot.regression_fit(lambda x: x * np.nan, X1, Y1), nc.NumericError, "expected finite answers"),
        (lambda: nc.plot.regression_fit(square, X1, Y1, resolution=1), nc.ConfigError,
         "resolution: expected an integer"),
        (lambda: nc.plot.regression_fit(square, X1, Y1, feature_names=["a", "b"]), nc.ConfigError,
         "feature_names: expected 1 texts"),
        (lambda: nc.plot.regression_surface(square, X1, Y1), nc.ShapeError, r"X: expected \(N, 2\), got \(50, 1\)"),
        (lambda: nc.plot.regression_surface(classifier(), X2, Y2), nc.ConfigError, "predicts numbers, got labels"),
        (lambda: nc.plot.residuals(classifier(), X2, Y2), nc.ConfigError, "predicts numbers, got labels"),
        (lambda: nc.plot.residuals(square, X2[:7], Y2), nc.ShapeError,
         "X: expected 60 samples, as many as y has, got 7"),
        (lambda: nc.plot.predicted_vs_true([1.0, 2.0], [1.0]), nc.ShapeError, r"y_pred: expected \(2,\)"),
        (lambda: nc.plot.predicted_vs_true([], []), nc.ShapeError, "y_true: expected"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
    assert plt.get_fignums() == []
