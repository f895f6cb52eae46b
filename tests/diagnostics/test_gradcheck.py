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


def images(rng):
    """A black border: the inputs of ReLU are 0 there, and the four of a pool are equal."""
    X = np.zeros((4, 1, 12, 12))
    X[:, :, 4:8, 4:8] = rng.random((4, 1, 4, 4))
    return X


KINKS = {  # layers, loss, X, y, what has kinks
    "ReLU": ([nc.ReLU()], nc.MSELoss(), np.zeros((2, 3)), np.ones((2, 3)), ["x"]),
    "ReLU, beside": ([nc.ReLU()], nc.MSELoss(), np.array([[1e-6, 1.0]]), np.array([[1.0, 0.0]]), ["x"]),
    "LeakyReLU": ([nc.LeakyReLU()], nc.MSELoss(), np.zeros((2, 3)), np.ones((2, 3)), ["x"]),
    "ELU": ([nc.ELU(2.0)], nc.MSELoss(), np.zeros((2, 3)), np.ones((2, 3)), ["x"]),
    "MaxPool2d": ([nc.MaxPool2d(2)], nc.MSELoss(), np.ones((1, 1, 4, 4)), np.zeros((1, 1, 2, 2)), ["x"]),
    "L1Loss": ([nc.Identity()], nc.L1Loss(), np.ones((2, 3)), np.ones((2, 3)), ["x"]),
    "QuantileLoss": ([nc.Identity()], nc.QuantileLoss(0.9), np.ones((2, 3)), np.ones((2, 3)), ["x"]),
    "HingeLoss": ([nc.Identity()], nc.HingeLoss(), np.ones((2, 1)), np.ones(2), ["x"]),
    "mlp": (None, nc.CrossEntropyLoss(), np.zeros((2, 3)), np.array([0, 1]), ["0.bias", "x"]),
    "cnn": (None, nc.CrossEntropyLoss(), None, np.array([0, 1, 2, 0]), ["0.bias", "x"]),
}


@pytest.mark.parametrize("case", KINKS)
def test_kinks_are_told_from_faults(case, rng):
    layers, loss, X, y, where = KINKS[case]
    X = images(rng) if X is None else X
    if case == "mlp":
        net = nc.mlp([3, 4, 2], init="kaiming", seed=0)
    elif case == "cnn":
        convolution = nc.Conv2d(1, 3, 3, padding=1, weight_init="kaiming")
        net = nc.Sequential(convolution, nc.ReLU(), nc.MaxPool2d(2), nc.Flatten(), nc.Linear(108, 3), seed=0)
    else:
        net = nc.Sequential(*layers, seed=0)
    report = nc.gradcheck(net, loss, X, y)
    assert report.ok, report
    assert [name for name, entry in report.per_parameter.items() if entry.kinks] == where
    assert report.kinks == sum(entry.kinks for entry in report.per_parameter.values()) > 0
    assert "kink" in str(report) and f"{report.kinks} kink" in report._repr_html_()


class WrongReLU(nc.Layer):
    """Its gradient is a tenth too large."""

    def forward(self, x, training):
        self.x = x
        return np.maximum(x, 0)

    def backward(self, dy):
        return 1.1 * dy * (self.x > 0)


@pytest.mark.parametrize("x", [1e-6, 1e-3, 1.0])
def test_a_fault_beside_a_kink_is_a_fault(x):
    report = nc.gradcheck(nc.Sequential(WrongReLU()), nc.MSELoss(), np.array([[0.0, x]]), np.full((1, 2), 2.0))
    worst = report.per_parameter["x"]
    assert not report.ok and worst.position == 1 and worst.kinks == 1 and "NOT ok" in str(report)


def test_a_report_without_kinks_does_not_name_them(rng):
    net, X, y = case(rng)
    report = nc.gradcheck(net, nc.CrossEntropyLoss(), X, y)
    assert report.kinks == 0 and "kink" not in str(report) and "kink" not in report._repr_html_()


class Table(nc.Layer):
    """An embedding of the first column, beside the second as it is."""

    def __init__(self):
        self.rows = self.add_parameter("rows", np.arange(6.0).reshape(3, 2))

    def build(self, shape):
        return (3,)

    def forward(self, x, training):
        self.x = x
        self.at = np.rint(x[:, 0]).astype(int)
        return np.hstack([self.rows.value[self.at], x[:, 1:]])

    def backward(self, dy):
        np.add.at(self.rows.grad, self.at, dy[:, :2])
        return np.hstack([np.zeros((len(dy), 1)), dy[:, 2:]])


def test_inputs_without_a_gradient_are_left_out():
    X, y = np.array([[0, 3], [2, 5]]), np.array([0, 1])
    linear = nc.Sequential(nc.Linear(2, 2), seed=0)
    assert "x" not in nc.gradcheck(linear, nc.CrossEntropyLoss(), X, y).per_parameter
    assert "x" in nc.gradcheck(linear, nc.CrossEntropyLoss(), X, y, inputs=True).per_parameter
    net = nc.Sequential(Table(), nc.Linear(3, 2), seed=0)
    report = nc.gradcheck(net, nc.CrossEntropyLoss(), X.astype(float), y, inputs=False)
    assert report.ok and set(report.per_parameter) == {"0.rows", "1.weight", "1.bias"}
    with pytest.raises(nc.ConfigError, match=r"\[gradcheck\] inputs: expected True or False"):
        nc.gradcheck(net, nc.CrossEntropyLoss(), X, y, inputs=1)


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
