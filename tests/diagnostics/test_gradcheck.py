"""gradcheck and numeric_gradient."""

import numpy as np
import pytest

import nncore as nc


def case(rng, dtype="float32"):
    layers = [nc.Linear(3, 5), nc.Sigmoid(), nc.Dropout(0.3), nc.Linear(5, 4), nc.LeakyReLU(), nc.Linear(4, 2)]
    return nc.Sequential(*layers, dtype=dtype, seed=1), rng.normal(size=(6, 3)), rng.integers(0, 2, 6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_right_model_passes_and_is_left_alone(dtype, rng):
    net, X, y = case(rng, dtype)
    net.flat_gradients[:] = 3.0
    before = net.flat_parameters.copy()
    report = nc.gradcheck(net, nc.CrossEntropyLoss(), X, y)
    assert report.ok and report.max_relative_error < 1e-6
    assert set(report.per_parameter) == {"x", *(p.name for p in net.parameters())}
    assert net.dtype == dtype and np.array_equal(net.flat_parameters, before) and np.all(net.flat_gradients == 3.0)
    assert str(report).endswith("limit 1e-06") and "2.weight" not in str(report) and "3.weight" in str(report)


def test_what_it_reports_is_what_numpy_finds(rng):
    net, X, y = case(rng, "float64")
    net = nc.Sequential(*[layer for layer in net if not isinstance(layer, nc.Dropout)], dtype="float64", seed=1)
    loss = nc.CrossEntropyLoss()
    report = nc.gradcheck(net, loss, X, y)
    net.backward(loss(net.forward(X), y)[1])
    weight = net.parameters()[0]

    def value(w):
        kept = weight.value.copy()
        weight.value = w
        result = loss.value(net(X), y)
        weight.value = kept
        return result

    numeric = nc.numeric_gradient(value, weight.value)
    error = np.abs(weight.grad - numeric) / np.maximum(1e-8, np.abs(weight.grad) + np.abs(numeric))
    worst = report.per_parameter["0.weight"]
    assert worst.max_relative_error < 1e-7 and error.max() < 1e-7
    assert worst.analytic == pytest.approx(weight.grad.ravel()[worst.position], rel=1e-12)
    assert worst.numeric == pytest.approx(numeric.ravel()[worst.position], rel=1e-7)


def test_a_kink_between_the_two_points_is_found():
    net = nc.Sequential(nc.ReLU(), dtype="float64", seed=0)
    report = nc.gradcheck(net, nc.MSELoss(), np.array([[1e-6, 1.0]]), np.array([[1.0, 0.0]]), eps=1e-5)
    assert not report.ok and report.per_parameter["x"].position == 0 and "NOT ok" in str(report)


def test_a_single_layer_can_be_checked(rng):
    layer = nc.Linear(3, 2)
    report = nc.gradcheck(layer, nc.MSELoss(), rng.normal(size=(4, 3)), rng.normal(size=(4, 2)))
    assert report.ok and set(report.per_parameter) == {"x", "0.weight", "0.bias"}


@pytest.mark.parametrize(
    "change",
    [
        {"model": None},
        {"loss": "x"},
        {"X": np.ones((6, 4))},
        {"X": np.full((6, 3), np.nan)},
        {"X": np.ones((0, 3))},
        {"y": np.zeros(5, int)},
        {"y": None},
        {"eps": 0},
        {"eps": -1e-5},
        {"eps": np.nan},
        {"eps": "x"},
        {"seed": -1},
        {"seed": 1.5},
    ],
    ids=str,
)
def test_wrong_arguments_are_refused(change, rng):
    net, X, y = case(rng)
    with pytest.raises((nc.ConfigError, nc.ShapeError)):
        nc.gradcheck(**{"model": net, "loss": nc.CrossEntropyLoss(), "X": X, "y": y, **change})


def test_numeric_gradient_by_hand():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_allclose(nc.numeric_gradient(lambda a: (a**3).sum(), x), 3 * x**2, rtol=1e-9)
    assert x.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    for bad in ((3, x), (lambda a: 0.0, "x"), (lambda a: 0.0, x, 0.0), (lambda a: 0.0, x, "x")):
        with pytest.raises(nc.ConfigError):
            nc.numeric_gradient(*bad)
