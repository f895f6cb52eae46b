"""Linear with many inputs leaves out gradients that are zero: the numbers of the formula all the same."""

import numpy as np
import pytest

import nncore as nc

SIZES = [(1, 1024, 1), (5, 1100, 70), (64, 1025, 64), (130, 1151, 65), (200, 1536, 10), (0, 1024, 20), (3, 4096, 129)]
TOLERANCE = {"float64": 1e-13, "float32": 1e-5}


def gradients(x, w, b, dy, dtype):
    net = nc.Sequential(nc.Linear(w.shape[1], w.shape[0]), dtype=dtype, seed=0)
    for parameter, value in zip(net.parameters(), (w, b), strict=True):
        parameter.value = value
    y = net.forward(x)
    return [y, net.backward(dy), *(parameter.grad for parameter in net.parameters())]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kept", [1.0, 0.5, 0.02, 0.0])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_equals_the_formula(size, kept, dtype, rng):
    N, K, C = size
    x, w, b, dy = (rng.normal(size=shape).astype(dtype) for shape in ((N, K), (C, K), C, (N, C)))
    dy *= rng.random(size=dy.shape) < kept
    exact = [a.astype(np.float64) for a in (x, w, b, dy)]
    expected = (exact[0] @ exact[1].T + exact[2], exact[3] @ exact[1], exact[3].T @ exact[0], exact[3].sum(axis=0))
    for found, wanted in zip(gradients(x, w, b, dy, dtype), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=TOLERANCE[dtype] * np.abs(wanted).max(initial=0))


def test_nan_is_not_left_out(rng):
    x, w, b, dy = rng.normal(size=(4, 1024)), rng.normal(size=(3, 1024)), rng.normal(size=3), np.zeros((4, 3))
    dy[2, 1] = np.nan
    _, dx, dw, db = gradients(x, w, b, dy, "float64")
    assert np.isnan(dx[2]).all() and (dx[[0, 1, 3]] == 0).all()
    assert np.isnan(dw[1]).all() and (dw[[0, 2]] == 0).all() and np.isnan(db[1])


def test_gradcheck(rng):
    net = nc.Sequential(nc.Linear(1024, 3), nc.ReLU(), nc.Linear(3, 2), seed=0)
    assert nc.gradcheck(net, nc.MSELoss(), rng.normal(size=(2, 1024)), rng.normal(size=(2, 2))).ok


def test_rows_have_the_same_bits_alone_and_in_training(rng):
    net, x = nc.Sequential(nc.Linear(1200, 131), seed=0), rng.normal(size=(61, 1200))
    together = net(x)
    assert np.array_equal(net.forward(x), together)
    for n in (0, 30, 60):
        assert np.array_equal(net(x[n : n + 1])[0], together[n])
