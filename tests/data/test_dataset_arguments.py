"""Hostile values of the arguments all generators share; each must be refused by name, before any allocation."""

import tracemalloc

import numpy as np
import pytest

import nncore as nc

GENERATORS = {
    "make_moons": nc.datasets.make_moons,
    "make_circles": nc.datasets.make_circles,
    "make_blobs": nc.datasets.make_blobs,
    "make_gaussians": lambda n=100, **kw: nc.datasets.make_gaussians([[0, 0], [1, 1]], 1.0, n, **kw),
    "make_xor": nc.datasets.make_xor,
    "make_spirals": nc.datasets.make_spirals,
    "make_regression": nc.datasets.make_regression,
}
NOISY = ["make_moons", "make_circles", "make_xor", "make_spirals", "make_regression"]
NOT_A_COUNT = [0, -1, 2**31, 2**63, 2**64, 10**5000, 1.0, 10.5, np.nan, np.inf, "10", None, True, [10], (5, 5), 3j]
NOT_A_DEVIATION = [-1, -1e-300, np.nan, np.inf, -np.inf, 10**400, "0.1", None, True, [0.1], np.array([0.1]), 1j]
NOT_A_SEED = [-1, 2**64, 1.0, np.nan, "0", True, [0], np.random.default_rng(0), np.random.RandomState(0)]


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("n", NOT_A_COUNT, ids=lambda n: repr(n)[:20] if not isinstance(n, int) else f"int{n % 97}")
def test_bad_n(name, n):
    tracemalloc.start()
    try:
        message = rf"^\[{name}\] n: expected an integer in \[\d+, \d+\], got "
        with pytest.raises(nc.ConfigError, match=message) as caught:
            GENERATORS[name](n)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", NOISY)
@pytest.mark.parametrize("noise", NOT_A_DEVIATION, ids=lambda noise: type(noise).__name__)
def test_bad_noise(name, noise):
    with pytest.raises(nc.ConfigError, match=rf"^\[{name}\] noise: expected a number >= 0, got "):
        GENERATORS[name](noise=noise, seed=0)


def test_message_form():
    with pytest.raises(nc.ConfigError) as caught:
        nc.datasets.make_moons(noise=-1)
    assert str(caught.value) == "[make_moons] noise: expected a number >= 0, got -1"


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("argument", ["seed", "random_state"])
@pytest.mark.parametrize("seed", NOT_A_SEED, ids=lambda seed: type(seed).__name__)
def test_bad_seed(name, argument, seed):
    message = rf"^\[{name}\] {argument}: expected an integer in \[0, \d+\] or None, got "
    with pytest.raises(nc.ConfigError, match=message):
        GENERATORS[name](**{argument: seed})


@pytest.mark.parametrize("name", GENERATORS)
def test_both_seeds_are_refused(name):
    with pytest.raises(nc.ConfigError, match=rf"^\[{name}\] random_state: expected seed or random_state, got both"):
        GENERATORS[name](seed=0, random_state=0)


@pytest.mark.parametrize("name", GENERATORS)
def test_numpy_scalars_and_the_largest_seed_are_accepted(name):
    make = GENERATORS[name]
    np.testing.assert_array_equal(make(np.int32(10), seed=np.uint64(2**64 - 1))[0], make(10, seed=2**64 - 1)[0])


@pytest.mark.parametrize("name", NOISY)
def test_numpy_noise_is_accepted(name):
    make = GENERATORS[name]
    np.testing.assert_array_equal(make(noise=np.float32(0.5), seed=1)[0], make(noise=0.5, seed=1)[0])


@pytest.mark.parametrize("name", ["make_moons", "make_circles", "make_xor", "make_spirals"])
def test_points_that_overflow_are_refused(name):
    with pytest.raises(nc.ConfigError, match=rf"^\[{name}\] X: expected finite points, got an overflow"):
        GENERATORS[name](noise=1.7e308, seed=0)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: nc.datasets.make_circles(factor=1.0), r"\[make_circles\] factor: expected .* \[0, 1\), got 1"),
        (lambda: nc.datasets.make_circles(factor=-0.1), r"factor: expected a number in \[0, 1\), got -0.1"),
        (lambda: nc.datasets.make_circles(factor=np.nan), "factor: expected a number"),
        (lambda: nc.datasets.make_spirals(classes=0), r"\[make_spirals\] classes: expected an integer in \[1,"),
        (lambda: nc.datasets.make_spirals(classes=2**62), "classes: expected an integer"),
        (lambda: nc.datasets.make_spirals(3, classes=4), r"n: expected an integer in \[4,"),
        (lambda: nc.datasets.make_spirals(turns=-1), r"turns: expected a number in \[0, 1e\+06\), got -1"),
        (lambda: nc.datasets.make_spirals(turns=np.inf), "turns: expected a number"),
    ],
)
def test_bad_factor_classes_and_turns(call, message):
    with pytest.raises(nc.ConfigError, match=message):
        call()


def test_namespace():
    names = {*GENERATORS, "load_cifar10", "load_digits", "load_fashion_mnist", "load_mnist", "train_test_split"}
    assert names <= set(nc.datasets.__all__)
    assert all(callable(getattr(nc.datasets, name)) for name in nc.datasets.__all__)
