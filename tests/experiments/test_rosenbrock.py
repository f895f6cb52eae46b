"""Document 004: six optimizers on Rosenbrock's function, 100 000 steps from (-4, -2)."""

import numpy as np
import pytest

import nncore as nc


def run(optimizer):
    return nc.minimize("rosenbrock", [-4.0, -2.0], optimizer, 100_000)


def test_gradient_descent_ends_where_reported():
    result = run(nc.SGD(lr=1e-4))
    np.testing.assert_allclose(result.x, [0.99433318, 0.98867571], atol=5e-9, rtol=0)
    assert f"{result.fun:.10e}" == "3.2164658549e-05"  # eleven digits of 3.216465854863436e-05
    assert result.path.shape == (100_001, 2)


def test_momentum_reaches_the_minimum():
    result = run(nc.SGD(lr=1e-4, momentum=0.9))
    np.testing.assert_allclose(result.x, [1.0, 1.0], atol=1e-12, rtol=0)
    assert result.fun < 1e-25


def test_momentum_with_a_larger_rate_diverges_at_step_7():
    result = run(nc.SGD(lr=1e-3, momentum=0.9))
    assert not result.success
    assert result.message == "diverged at step 7"
    assert np.isfinite(result.path).all()


@pytest.mark.parametrize(
    ("lr", "median", "largest", "reported"),
    [
        (1e-4, 1e-8, 1e-6, 2.4411637529060323e-08),
        (1e-3, 1e-6, 1e-4, 3.1256313541136063e-07),
        (1e-2, 1e-4, 1e-2, 9.230096545900223e-06),
    ],
)
def test_adam_ends_in_a_small_cycle_that_holds_the_reported_value(lr, median, largest, reported):
    result = run(nc.Adam(lr=lr, betas=(0.9, 0.99), eps=1e-8, eps_inside_sqrt=True))
    last = result.values[-5000:]
    assert result.success
    assert np.median(last) <= median
    assert last.max() <= largest
    assert last.min() < reported < last.max()


def test_python_function_takes_the_same_path():
    def rosenbrock(x):
        u, v = 1 - x[0], x[1] - x[0] * x[0]
        return u * u + 100 * v * v, np.array([-2 * u - 400 * x[0] * v, 200 * v])

    optimizer = nc.SGD(lr=1e-4)
    paths = [nc.minimize(f, [-4.0, -2.0], optimizer, 5000).path for f in (rosenbrock, "rosenbrock")]
    np.testing.assert_allclose(paths[0], paths[1], rtol=1e-9)
