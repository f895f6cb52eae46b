"""Layers on numbers worked by hand. Gradients, dtypes, copies and hostile arguments are covered by tests/contract."""

import numpy as np
import pytest

import nncore as nc


def check(layer, x, y, dy, dx):
    np.testing.assert_allclose(layer.forward(np.array(x)), y, rtol=1e-14)
    np.testing.assert_allclose(layer.backward(np.array(dy)), dx, rtol=1e-14)


def test_relu():
    check(nc.ReLU(), [[-2.0, 0.0, 3.0]], [[0.0, 0.0, 3.0]], [[5.0, 6.0, 7.0]], [[0.0, 0.0, 7.0]])


def test_leaky_relu():
    check(nc.LeakyReLU(0.1), [[-2.0, 0.0, 3.0]], [[-0.2, 0.0, 3.0]], [[1.0, 1.0, 1.0]], [[0.1, 0.1, 1.0]])


def test_sigmoid():
    check(nc.Sigmoid(), [[0.0, np.log(3.0)]], [[0.5, 0.75]], [[4.0, 16.0]], [[1.0, 3.0]])


def test_tanh():
    check(nc.Tanh(), [[0.0, np.log(2.0)]], [[0.0, 0.6]], [[2.0, 1.0]], [[2.0, 0.64]])


def test_elu():
    # e^(ln 1/2) = 1/2: 4 (1/2 - 1) and 4 · 1/2; the derivative at 0 is alpha
    check(nc.ELU(4.0), [[np.log(0.5), 0.0, 3.0]], [[-2.0, 0.0, 3.0]], [[1.0, 1.0, 1.0]], [[2.0, 4.0, 1.0]])


def test_softplus():
    # beta x = ln 3: log(1 + 3) / 2 and 3 / (1 + 3); beyond the threshold the line
    layer = nc.Softplus(beta=2.0, threshold=3.0)
    check(layer, [[np.log(3) / 2, 1.6]], [[np.log(2.0), 1.6]], [[4.0, 5.0]], [[3.0, 5.0]])


def test_silu():
    # s = 3/4 at ln 3: y = s ln 3, dx = s + ln 3 s (1 - s)
    check(nc.SiLU(), [[0.0, np.log(3)]], [[0.0, 0.75 * np.log(3)]], [[4.0, 16.0]], [[2.0, 12.0 + 3 * np.log(3)]])


def test_gelu():
    # P(X <= 1) = 0.841344746068542948585…; the density at 1 is e^(-1/2) / sqrt(2 pi) = 0.241970724519143349…
    y, slope = 0.8413447460685429486, 0.8413447460685429486 + 0.2419707245191433498
    check(nc.GELU(), [[1.0, 0.0, -1.0]], [[y, 0.0, y - 1]], [[1.0, 2.0, 1.0]], [[slope, 1.0, 1 - slope]])


def test_gelu_with_tanh():
    # x = 1: t = tanh(sqrt(2/pi) 1.044715), dx = (1 + t) / 2 + (1 - t²) / 2 · sqrt(2/pi) (1 + 0.134145)
    t = np.tanh(np.sqrt(2 / np.pi) * 1.044715)
    dx = (1 + t) / 2 + (1 - t**2) / 2 * np.sqrt(2 / np.pi) * 1.134145
    check(nc.GELU("tanh"), [[1.0, 0.0]], [[(1 + t) / 2, 0.0]], [[1.0, 1.0]], [[dx, 0.5]])


def test_identity():
    check(nc.Identity(), [[-1.0, 2.0]], [[-1.0, 2.0]], [[3.0, 4.0]], [[3.0, 4.0]])


def test_softmax():
    # p = (1/4, 3/4); dx = p (dy - Σ dy p) = (1/4 (4 - 1), 3/4 (0 - 1))
    check(nc.Softmax(), [[0.0, np.log(3.0)]], [[0.25, 0.75]], [[4.0, 0.0]], [[0.75, -0.75]])


def test_log_softmax():
    # dx = dy - p Σ dy = (4 - 1, 0 - 3)
    y = [[np.log(0.25), np.log(0.75)]]
    check(nc.LogSoftmax(), [[0.0, np.log(3.0)]], y, [[4.0, 0.0]], [[3.0, -3.0]])


def test_flatten():
    x = np.arange(12.0).reshape(2, 3, 2)
    check(nc.Flatten(), x, x.reshape(2, 6), x.reshape(2, 6), x)


def test_linear():
    layer = nc.Linear(2, 3)
    weight, bias = layer.parameters()
    weight.value, bias.value = [[1, 2], [3, 4], [5, 6]], [0.5, 0.0, -0.5]
    check(
        layer,
        [[1.0, -1.0], [0.0, 2.0]],
        [[-0.5, -1, -1.5], [4.5, 8, 11.5]],
        [[1, 0, 0], [0, 1, 1.0]],
        [[1, 2], [8, 10.0]],
    )
    assert weight.grad.tolist() == [[1, -1], [0, 2], [0, 2]] and bias.grad.tolist() == [1, 1, 1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_inputs_stay_finite(dtype):
    huge = np.finfo(dtype).max
    x = np.array([[-huge, -1000.0, -100.0, -1e-30, 0.0, 1e-30, 100.0, 1000.0, huge]], dtype=dtype)
    limits = {
        nc.Sigmoid: (0.0, 1.0),
        nc.Tanh: (-1.0, 1.0),
        nc.Softmax: (0.0, 1.0),
        nc.ReLU: (0.0, huge),
        nc.LeakyReLU: (-huge, huge),
    }
    for cls, (low, high) in limits.items():
        net = nc.Sequential(cls(), dtype=dtype, seed=0)
        y = net.forward(x)
        assert np.isfinite(y).all() and y.min() >= low and y.max() <= high, cls
        assert np.isfinite(net.backward(np.ones_like(x))).all(), cls
    tanh = nc.Sequential(nc.Tanh(), dtype=dtype, seed=0)(x)
    assert tanh[0, 3] == x[0, 3] and tanh[0, 5] == x[0, 5], "tanh x is x for tiny x"
    sums = nc.Sequential(nc.Softmax(), dtype=dtype, seed=0)(x[:, 1:-1]).sum(axis=1)
    assert sums == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layer", [nc.ReLU, nc.LeakyReLU, nc.Sigmoid, nc.Tanh, nc.Softmax, nc.LogSoftmax, nc.Identity])
def test_what_is_not_a_number_is_not_hidden(layer, dtype):
    x = np.array([[1.0, np.nan, -1.0]], dtype=dtype)
    y = nc.Sequential(layer(), dtype=dtype, seed=0)(x)
    assert np.isnan(y[0, 1]), layer


@pytest.mark.parametrize(
    ("K", "C", "N"), [(1, 1, 1), (1, 33, 5), (31, 1, 57), (64, 65, 56), (129, 127, 113), (3, 260, 2)]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_linear_of_odd_sizes(K, C, N, dtype, rng):
    """Sizes around the edges of panels, tiles and row blocks against NumPy."""
    net = nc.Sequential(nc.Linear(K, C), dtype=dtype, seed=1)
    x, dy = rng.normal(size=(N, K)), rng.normal(size=(N, C))
    w, b = (p.value.astype(np.float64) for p in net.parameters())
    x, dy = x.astype(dtype), dy.astype(dtype)
    tolerance = {"rtol": 1e-12, "atol": 1e-12} if dtype == "float64" else {"rtol": 1e-4, "atol": 2e-5}
    np.testing.assert_allclose(net.forward(x), x.astype(np.float64) @ w.T + b, **tolerance)
    np.testing.assert_allclose(net.backward(dy), dy.astype(np.float64) @ w, **tolerance)
    weight, bias = net.parameters()
    np.testing.assert_allclose(weight.grad, dy.astype(np.float64).T @ x.astype(np.float64), **tolerance)
    np.testing.assert_allclose(bias.grad, dy.astype(np.float64).sum(axis=0), **tolerance)


def test_a_sample_does_not_depend_on_the_batch_around_it(rng):
    net = nc.Sequential(nc.Linear(70, 90), nc.Tanh(), nc.Linear(90, 7), nc.LogSoftmax(), seed=1)
    x = rng.normal(size=(130, 70))
    whole = net(x)
    for start, stop in ((0, 1), (7, 8), (55, 58), (100, 130)):
        np.testing.assert_allclose(net(x[start:stop]), whole[start:stop], rtol=1e-5, atol=1e-6)


def test_dropout_of_a_million_drops_its_share():
    x = np.ones((1, 2**20 + 3))
    y = nc.Dropout(0.3).forward(x, True, 7)
    assert set(np.unique(y)) == {0.0, 1 / 0.7}
    assert abs((y == 0).mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / x.size)
