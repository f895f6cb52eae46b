"""make_regression against its formula and distributions."""

import numpy as np
import pytest

import nncore as nc

make_regression = nc.datasets.make_regression


def test_noiseless_targets_are_linear():
    X, y, w = make_regression(40, 5, bias=-3.0, coef=True, seed=0)
    assert X.shape == (40, 5) and y.shape == (40,) and w.shape == (5,)
    assert X.dtype == y.dtype == w.dtype == np.float64
    np.testing.assert_allclose(y, X @ w - 3.0, rtol=1e-12, atol=1e-9)
    assert (w >= 0).all() and (w < 100).all()


def test_coef_changes_only_what_is_returned():
    X, y, _ = make_regression(coef=True, noise=1.0, seed=0)
    plain = make_regression(noise=1.0, seed=0)
    assert len(plain) == 2
    np.testing.assert_array_equal(plain[0], X)
    np.testing.assert_array_equal(plain[1], y)
    assert X.shape == (100, 1)


def test_distributions():
    n, d = 2000, 40
    X, y, w = make_regression(n, d, noise=3.0, coef=True, seed=1)
    assert abs(X.mean()) < 5 / np.sqrt(n * d)
    assert abs(X.std() - 1) < 5 / np.sqrt(2 * n * d)
    assert abs(w.mean() - 50) < 5 * 100 / np.sqrt(12 * d)
    assert w.min() < 25 and w.max() > 75
    residual = y - X @ w
    assert abs(residual.mean()) < 5 * 3 / np.sqrt(n)
    assert abs(residual.std() - 3) < 5 * 3 / np.sqrt(2 * n)


def test_seed_decides_the_samples():
    X, y = make_regression(20, 2, noise=1.0, seed=5)
    again = make_regression(20, 2, noise=1.0, random_state=5)
    np.testing.assert_array_equal(again[0], X)
    np.testing.assert_array_equal(again[1], y)
    assert not np.array_equal(make_regression(20, 2, seed=6)[0], X)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"n_features": 0}, r"\[make_regression\] n_features: expected an integer in \[1,"),
        ({"n_features": 2**62}, "n_features: expected an integer"),
        ({"n": 2**20, "n_features": 2**10}, r"n: expected an integer in \[1, 131072\]"),
        ({"bias": np.nan}, "bias: expected a finite number, got nan"),
        ({"coef": 1}, "coef: expected True or False, got 1"),
        ({"noise": 1e308}, "y: expected finite values"),
        ({"bias": 10**400}, "bias: expected a finite number"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(nc.ConfigError, match=message):
        make_regression(**arguments, seed=0)
