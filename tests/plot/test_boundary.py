"""decision_boundary: where the border runs, what colours mean, which answers of a model are understood."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from sklearn.linear_model import LogisticRegression

import nncore as nc

W, B = np.array([1.0, -2.0]), 0.3


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def score(x):
    return x @ W + B


def two(values):
    return np.stack([1 - values, values], axis=1)


@pytest.fixture
def samples():
    X = np.random.default_rng(0).normal(size=(60, 2))
    return X, (score(X) >= 0).astype(int)


def border(display):
    """All vertices of the drawn borders."""
    return np.concatenate([part for drawn in display.boundary_ for level in drawn.allsegs for part in level])


def tint(display, point):
    """Colour of the surface at a point."""
    image = display.surface_
    x0, x1, y0, y1 = image.get_extent()
    rows, columns, _ = image.get_array().shape
    return image.get_array()[int((point[1] - y0) / (y1 - y0) * rows), int((point[0] - x0) / (x1 - x0) * columns)]


def raw_output(to_labels):
    """A net with one output whose loss has no probabilities."""

    class Net:
        def __call__(self, x):
            return to_labels(score(x))[:, None]

        def predict(self, x):
            return self(x)

        def predict_proba(self, x):
            raise nc.StateError("no probabilities")

    return Net()


LINEAR_MODELS = {
    "two columns": (SimpleNamespace(predict=None, predict_proba=lambda x: two(sigmoid(score(x)))), 0, 1),
    "one column": (SimpleNamespace(predict=None, predict_proba=lambda x: sigmoid(score(x))[:, None]), 0, 1),
    "flat": (SimpleNamespace(predict=None, predict_proba=lambda x: sigmoid(score(x))), 0, 1),
    "decision function": (SimpleNamespace(predict=None, decision_function=score), -1, 1),
    "raw output": (raw_output(np.tanh), -1, 1),
    "raw output on 0, 1": (raw_output(lambda z: 0.5 + z), 0, 1),
}


@pytest.mark.parametrize("model, low, high", LINEAR_MODELS.values(), ids=LINEAR_MODELS)
def test_border_and_tints_of_a_linear_model(samples, model, low, high):
    X, positive = samples
    display = nc.plot.decision_boundary(model, X, np.where(positive, high, low))
    line = border(display)
    cell = np.ptp(display.ax_.get_xlim()) / 299
    assert len(display.boundary_) == 1 and len(line) > 100
    assert np.abs(score(line)).max() < 0.1 * cell
    assert line[:, 0].min() == pytest.approx(display.ax_.get_xlim()[0])  # all the way through the window
    for z, label in ((-1.5, low), (1.5, high)):
        point = (z - B) / (W @ W) * W
        face = display.points_[label].get_facecolor()[0, :3]
        near, far = np.abs(tint(display, point) - 1), np.abs(face - 1)
        np.testing.assert_allclose(near / np.linalg.norm(near), far / np.linalg.norm(far), atol=1e-6)
        between = tint(display, point * 0.1 - 0.9 * B / (W @ W) * W)
        assert np.linalg.norm(between - 1) < 0.8 * np.linalg.norm(near)  # lighter where the model is less certain


def test_labels_alone_give_even_regions(samples):
    X, y = samples
    display = nc.plot.decision_boundary(SimpleNamespace(predict=lambda x: (score(x) >= 0) + 4), X, y + 4)
    assert np.abs(score(border(display))).max() < 3 * np.ptp(display.ax_.get_ylim()) / 299
    assert len(np.unique(display.surface_.get_array().reshape(-1, 3), axis=0)) == 2


@pytest.mark.parametrize("seed", [0, 1])
def test_three_classes_meet_where_the_model_says(seed):
    X, y = nc.datasets.make_gaussians([[0, 4], [-4, -2], [4, -2]], [0.5] * 3, 30, seed=seed)
    model = LogisticRegression().fit(X, y)
    display = nc.plot.decision_boundary(model, X, y)
    line = border(display)
    p = np.sort(model.predict_proba(line), axis=1)
    assert len(display.boundary_) == 3
    assert np.median(p[:, 2] - p[:, 1]) < 1e-3
    for label, mean in enumerate([[0, 4], [-4, -2], [4, -2]]):
        face = np.array(to_rgb(display.points_[label].get_facecolor()[0]))
        assert np.argmin(tint(display, mean)) == np.argmin(face)


def test_samples_and_legend(samples, legend_of):
    X, y = samples
    display = nc.plot.decision_boundary(
        SimpleNamespace(predict=lambda x: np.where(score(x) >= 0, 1, -1)), X, 2 * y - 1, title="A line"
    )
    assert legend_of(display) == ["class -1", "class 1"]
    assert display.ax_.get_title() == "A line"
    for label in (-1, 1):
        np.testing.assert_array_equal(display.points_[label].get_offsets(), X[2 * y - 1 == label])
    low, high = np.array([display.ax_.get_xlim(), display.ax_.get_ylim()]).T
    margins = np.array([X.min(axis=0) - low, high - X.max(axis=0)])
    np.testing.assert_allclose(margins, margins[0, 0])


def test_a_label_the_model_does_not_know_is_shown(samples, legend_of):
    X, y = samples
    model = LogisticRegression().fit(X, y)
    display = nc.plot.decision_boundary(model, X, np.where(np.arange(60) < 5, 7, y))
    assert legend_of(display) == ["class 0", "class 1", "class 7"]


def test_models_of_nncore():
    X, y = nc.datasets.make_gaussians([[2, 2], [-2, -2]], [0.2, 0.2], 40, labels=[1, -1], seed=0)
    perceptron = nc.Perceptron().fit(X, y)
    line = border(nc.plot.decision_boundary(perceptron, X, y))
    assert np.abs(line @ perceptron.weights + perceptron.bias).max() < 1e-2 * np.linalg.norm(perceptron.weights)
    net = nc.Sequential(nc.Linear(2, 2), seed=0)
    nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1)).fit(X, (y + 1) // 2, epochs=3, progress=False)
    line = border(nc.plot.decision_boundary(net, X, (y + 1) // 2))
    np.testing.assert_allclose(net.predict_proba(line), 0.5, atol=1e-3)


def test_the_model_is_asked_in_slices_of_the_grid(samples):
    sizes = []

    def predict(x):
        sizes.append(len(x))
        return (score(x) >= 0).astype(int)

    nc.plot.decision_boundary(SimpleNamespace(predict=predict), *samples, resolution=200)
    assert sum(sizes) == 200**2 and max(sizes) <= 16384


def test_one_sample_and_one_class():
    display = nc.plot.decision_boundary(SimpleNamespace(predict=lambda x: np.zeros(len(x), int)), [[3.0, 4.0]], [0])
    assert display.boundary_ == []
    display.figure_.canvas.draw()


def test_features_of_very_different_range_both_get_a_margin():
    X = np.array([[0.0, 0.0], [1.0, 1000.0]])
    display = nc.plot.decision_boundary(SimpleNamespace(predict=lambda x: (x[:, 0] > 0.5).astype(int)), X, [0, 1])
    assert display.ax_.get_xlim() == pytest.approx((-0.5, 1.5))
    assert display.ax_.get_ylim() == pytest.approx((-80, 1080))


@pytest.mark.parametrize(
    "X, y, error, message",
    [
        (np.zeros((8, 3)), np.zeros(8, int), nc.ShapeError, r"X: expected \(N, 2\), got \(8, 3\)"),
        (np.zeros(2), [0], nc.ShapeError, r"X: expected \(N, 2\), got \(2,\)"),
        (np.zeros((0, 2)), [], nc.ShapeError, r"X: expected \(N, 2\), got \(0, 2\)"),
        (np.zeros((4, 2)), [0, 1, 0], nc.ShapeError, r"y: expected \(4,\), got \(3,\)"),
        (np.zeros((4, 2)), np.zeros((4, 1), int), nc.ShapeError, r"y: expected \(4,\), got \(4, 1\); use y\.ravel\(\)"),
        (np.zeros((2, 2)), [0.0, 1.0], nc.ConfigError, "y: expected integers, got dtype float64"),
        ([[0.0, np.nan]], [0], nc.ConfigError, "X: expected finite numbers, got 1 others"),
        ([["a", "b"]], [0], nc.ConfigError, "X: expected real numbers"),
    ],
)
def test_wrong_samples(X, y, error, message):
    with pytest.raises(error, match=r"\[plot\.decision_boundary\] " + message):
        nc.plot.decision_boundary(SimpleNamespace(predict=lambda x: np.zeros(len(x), int)), X, y)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    "model, error, message",
    [
        (object(), nc.ConfigError, "model: expected an object with predict"),
        (
            SimpleNamespace(predict=lambda x: x[:, 0]),
            nc.ConfigError,
            "model: expected predict to return integer labels",
        ),
        (SimpleNamespace(predict=lambda x: 0), nc.ShapeError, "model: expected an answer"),
        (SimpleNamespace(predict=lambda x: np.zeros((5, 2))), nc.ShapeError, "model: expected an answer"),
        (
            SimpleNamespace(predict=None, predict_proba=lambda x: np.full((len(x), 2), np.nan)),
            nc.NumericError,
            "model: expected finite answers, got 800 others",
        ),
        (
            SimpleNamespace(predict=None, predict_proba=lambda x: np.full((len(x), 4), 0.25)),
            nc.ConfigError,
            r"y: expected labels 0 … 3 for the model's 4 classes, got \[0, 9\]",
        ),
    ],
)
def test_wrong_models(model, error, message):
    with pytest.raises(error, match=r"\[plot\.decision_boundary\] " + message):
        nc.plot.decision_boundary(model, np.eye(2), [0, 9], resolution=20)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("resolution", [1, 2001, 10.5, True, "fine"])
def test_wrong_resolution(samples, resolution):
    with pytest.raises(nc.ConfigError, match=r"resolution: expected an integer in \[2, 2000\]"):
        nc.plot.decision_boundary(SimpleNamespace(predict=None), *samples, resolution=resolution)
