"""Square kernels of 3 and 5 over many channels take fewer multiplications than the formula: the same numbers within
rounding."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import nncore as nc

SHAPES = [  # N, C, K, H, W, kernel, padding
    (3, 16, 16, 8, 8, 3, 1), (2, 32, 64, 14, 14, 5, 2), (5, 17, 33, 9, 11, 3, 1), (2, 64, 20, 12, 7, 5, 2),
    (1, 16, 16, 32, 32, 3, 1),
    (3, 16, 18, 10, 10, 5, 0), (4, 20, 24, 6, 6, 3, 2), (2, 16, 16, 40, 33, 5, 3), (70, 16, 16, 8, 8, 3, 1),
    (2, 16, 16, 4, 4, 5, 2),
    (0, 16, 16, 8, 8, 3, 1),
]  # fmt: skip


def reference(x, w, b, dy, padding):
    """y, dx, dw, db from the sums of the definition."""
    k = w.shape[2]
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = sliding_window_view(padded, (k, k), axis=(2, 3))
    y = np.einsum("nchwij,kcij->nkhw", windows, w, optimize=True) + b[:, None, None]
    dw = np.einsum("nchwij,nkhw->kcij", windows, dy, optimize=True)
    dx = np.zeros_like(padded)
    for i in range(k):
        for j in range(k):
            dx[:, :, i : i + y.shape[2], j : j + y.shape[3]] += np.einsum(
                "nkhw,kc->nchw", dy, w[:, :, i, j], optimize=True
            )
    return y, dx[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]], dw, dy.sum(axis=(0, 2, 3))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-13), ("float32", 2e-5)])
def test_equals_the_definition(shape, dtype, tolerance, rng):
    N, C, K, H, W, k, padding = shape
    net = nc.Sequential(nc.Conv2d(C, K, k, padding=padding), dtype=dtype, seed=0)
    w, b = net.parameters()
    x = rng.normal(size=(N, C, H, W)).astype(dtype)
    y = net.forward(x)
    dy = rng.normal(size=y.shape).astype(dtype)
    dx = net.backward(dy)
    expected = reference(*(a.astype(np.float64) for a in (x, w.value, b.value, dy)), padding)
    for found, wanted in zip((y, dx, w.grad, b.grad), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * np.abs(wanted).max(initial=0))


@pytest.mark.parametrize("kernel", [3, 5])
def test_gradcheck(kernel, rng):
    net = nc.Sequential(nc.Conv2d(16, 16, kernel, padding=1), nc.GlobalAvgPool2d(), seed=0)
    assert nc.gradcheck(net, nc.MSELoss(), rng.normal(size=(2, 16, 6, 7)), rng.normal(size=(2, 16))).ok


def test_an_image_has_the_same_bits_alone(rng):
    net = nc.Sequential(nc.Conv2d(16, 24, 3, padding=1), nc.ReLU(), nc.Conv2d(24, 16, 5), seed=0)
    x = rng.normal(size=(13, 16, 18, 13))
    together = net(x)
    for n in (0, 5, 12):
        assert np.array_equal(net(x[n : n + 1])[0], together[n])


def test_the_same_bits_for_any_number_of_threads(rng):
    X, y = rng.normal(size=(40, 16, 12, 9)), rng.integers(0, 3, 40)
    found = []
    for threads in (1, 2, 3, 5):
        layers = [
            nc.Conv2d(16, 32, 3, padding=1),
            nc.ReLU(),
            nc.Conv2d(32, 16, 5),
            nc.Tanh(),
            nc.Flatten(),
            nc.Linear(640, 3),
        ]
        net = nc.Sequential(*layers, seed=0)
        nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(), batch_size=16, seed=1, num_threads=threads).fit(
            X, y, epochs=2
        )
        found.append(net.flat_parameters.copy())
    assert all(np.array_equal(found[0], other) for other in found[1:])


@pytest.mark.parametrize("channels", [1, 16])
def test_predictions_follow_every_weight(channels, rng):
    """What is prepared from the weights is prepared again when one of them changes."""
    net = nc.Sequential(nc.Conv2d(channels, 16, 3, padding=1), nc.ReLU(), nc.Conv2d(16, 20, 5, padding=2), seed=0)
    x = rng.normal(size=(1, channels, 12, 12))
    before = net(x)
    for parameter in net.parameters():
        value = parameter.value.copy()
        value.flat[-1] += 0.5
        parameter.value = value
        after = net(x)
        assert not np.array_equal(after, before)
        assert np.array_equal(after, net.copy()(x))
        before = after
