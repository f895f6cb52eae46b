"""Moons, circles, XOR and spirals against their formulas."""

import numpy as np
import pytest
import sklearn.datasets

import nncore as nc

make_moons = nc.datasets.make_moons
make_circles = nc.datasets.make_circles
make_xor = nc.datasets.make_xor
make_spirals = nc.datasets.make_spirals


def by_angle(points):
    """Angles of the points in [0, 2π), sorted; those a rounding below 0 (or 2π) count as 0."""
    angles = np.arctan2(points[:, 1], points[:, 0]) % (2 * np.pi)
    return np.sort(np.where(angles > 2 * np.pi - 1e-9, 0.0, angles))


@pytest.mark.parametrize("make", [make_moons, make_circles, make_xor, make_spirals])
def test_types_defaults_and_shapes(make):
    X, y = make()
    assert X.shape == (100, 2) and X.dtype == np.float64
    assert y.shape == (100,) and y.dtype == np.int64
    assert np.bincount(y).tolist() == [50, 50]


@pytest.mark.parametrize("make", [make_moons, make_circles, make_xor, make_spirals])
def test_seed_decides_the_points(make):
    X, y = make(60, noise=0.1, seed=3)
    for again in (make(60, noise=0.1, seed=3), make(60, noise=0.1, random_state=3)):
        np.testing.assert_array_equal(again[0], X)
        np.testing.assert_array_equal(again[1], y)
    assert not np.array_equal(make(60, noise=0.1, seed=4)[0], X)
    assert not np.array_equal(make(60, noise=0.1)[0], make(60, noise=0.1)[0])


@pytest.mark.parametrize("make", [make_moons, make_circles, make_xor, make_spirals])
def test_points_come_shuffled(make):
    _, y = make(200, seed=0)
    changes = np.count_nonzero(np.diff(y))
    assert 70 < changes < 130  # 199/2 expected, standard deviation 7; class-sorted has 1, alternating 199


@pytest.mark.parametrize("make", [make_moons, make_circles, make_xor, make_spirals])
def test_noise_is_gaussian_of_the_given_deviation(make):
    """Same seed, same shuffle: the difference to the noiseless points is the noise itself."""
    n, sigma = 20000, 0.3
    clean, y = make(n, seed=5)
    noisy, y_noisy = make(n, noise=sigma, seed=5)
    np.testing.assert_array_equal(y, y_noisy)
    noise = (noisy - clean) / sigma
    assert abs(noise.mean()) < 5 / np.sqrt(2 * n)
    assert abs(noise.std() - 1) < 5 / np.sqrt(4 * n)
    assert abs(np.mean(noise**4) - 3) < 5 * np.sqrt(96 / (2 * n))  # 4th moment of a normal; 1.8 if uniform
    assert abs(np.mean(noise[:, 0] * noise[:, 1])) < 5 / np.sqrt(n)


@pytest.mark.parametrize("n, outer", [(100, 50), (7, 3), (1, 0)])
def test_moons_lie_on_two_half_circles(n, outer):
    X, y = make_moons(n, seed=1)
    upper, lower = X[y == 0], X[y == 1]
    assert len(upper) == outer and len(lower) == n - outer
    np.testing.assert_allclose(by_angle(upper), np.linspace(0, np.pi, outer), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(upper, axis=1), 1)
    mirrored = np.array([1.0, 0.5]) - lower  # the lower moon turned by 180° about (1/2, 1/4) is the upper one
    np.testing.assert_allclose(by_angle(mirrored), np.linspace(0, np.pi, n - outer), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(mirrored, axis=1), 1)


def test_moons_of_two_points_each_by_hand():
    X, y = make_moons(4, seed=0)
    np.testing.assert_allclose(sorted(X[y == 0].tolist()), [[-1, 0], [1, 0]], atol=1e-15)
    np.testing.assert_allclose(sorted(X[y == 1].tolist()), [[0, 0.5], [2, 0.5]], atol=1e-15)


@pytest.mark.parametrize("n, factor", [(100, 0.5), (9, 0.25), (30, 0.0), (1, 0.9)])
def test_circles_radii_and_even_spacing(n, factor):
    X, y = make_circles(n, factor=factor, seed=2)
    for label, count, radius in ((0, n // 2, 1.0), (1, n - n // 2, factor)):
        points = X[y == label]
        assert len(points) == count
        np.testing.assert_allclose(np.linalg.norm(points, axis=1), radius, atol=1e-15)
        if radius > 0:
            np.testing.assert_allclose(by_angle(points), 2 * np.pi * np.arange(count) / count, atol=1e-12)


@pytest.mark.parametrize("make", [make_moons, make_circles])
def test_same_noiseless_points_as_scikit_learn(make):
    arguments = {} if make is make_moons else {"factor": 0.3}
    theirs, labels = getattr(sklearn.datasets, make.__name__)(31, shuffle=False, **arguments)
    X, y = make(31, seed=0, **arguments)
    ours = sorted(map(tuple, np.column_stack([y, X.round(9) + 0.0]).tolist()))
    assert ours == sorted(map(tuple, np.column_stack([labels, theirs.round(9) + 0.0]).tolist()))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 101, 4000])
def test_xor_labels_quadrants(n):
    X, y = make_xor(n, seed=0)
    np.testing.assert_array_equal(y, ((X[:, 0] > 0) != (X[:, 1] > 0)).astype(int))
    assert (np.abs(X) <= 1).all() and (X != 0).all()
    quadrants = np.bincount(2 * (X[:, 0] > 0) + (X[:, 1] > 0), minlength=4)
    assert quadrants.max() - quadrants.min() <= 1


def test_xor_points_are_uniform():
    X, _ = make_xor(40000, seed=1)
    counts, _, _ = np.histogram2d(X[:, 0], X[:, 1], bins=4, range=[[-1, 1], [-1, 1]])
    assert np.abs(counts - 2500).max() < 5 * np.sqrt(2500)


@pytest.mark.parametrize("n, classes, turns", [(60, 2, 1.0), (50, 3, 1.75), (10, 1, 0.5), (4, 4, 2.0), (30, 2, 0.0)])
def test_spirals_angle_grows_with_the_radius(n, classes, turns):
    X, y = make_spirals(n, classes=classes, turns=turns, seed=0)
    sizes = [n // classes + (k < n % classes) for k in range(classes)]
    assert np.bincount(y, minlength=classes).tolist() == sizes
    for k, m in enumerate(sizes):
        arm = X[y == k]
        r = np.linalg.norm(arm, axis=1)
        np.testing.assert_allclose(np.sort(r), np.arange(1, m + 1) / m)
        angle = np.arctan2(arm[:, 1], arm[:, 0]) - 2 * np.pi * (turns * r + k / classes)
        np.testing.assert_allclose(np.exp(1j * angle), 1, atol=1e-9)  # equal up to whole turns


def test_spirals_of_one_point_per_arm_by_hand():
    X, y = make_spirals(2, turns=0.25, seed=0)
    np.testing.assert_allclose(X[np.argsort(y)], [[0, 1], [0, -1]], atol=1e-15)
