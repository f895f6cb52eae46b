"""Blobs and Gaussians: sample moments within five standard errors of the given ones."""

import numpy as np
import pytest

import nncore as nc

make_blobs = nc.datasets.make_blobs
make_gaussians = nc.datasets.make_gaussians


def check_moments(points, mean, cov):
    """Sample mean and covariance against N(mean, cov); a standard error of S_ij is sqrt((c_ii c_jj + c_ij²) / n)."""
    n = len(points)
    mean, cov = np.asarray(mean, float), np.asarray(cov, float)
    variances = np.diag(cov)
    assert (np.abs(points.mean(axis=0) - mean) <= 5 * np.sqrt(variances / n) + 1e-12).all()
    sample = np.cov(points, rowvar=False).reshape(cov.shape)
    assert (np.abs(sample - cov) <= 5 * np.sqrt((np.outer(variances, variances) + cov**2) / n) + 1e-12).all()


def test_blobs_around_given_centers():
    centers = [[0, 0, 1], [5, -5, 0]]
    X, y = make_blobs(40000, centers=centers, cluster_std=[0.5, 2.0], seed=0)
    assert X.shape == (40000, 3) and X.dtype == np.float64 and y.dtype == np.int64
    for k, std in enumerate([0.5, 2.0]):
        assert (y == k).sum() == 20000
        check_moments(X[y == k], centers[k], std**2 * np.eye(3))


def test_blobs_drawn_centers_are_uniform_in_the_box():
    X, y = make_blobs(4000, centers=4000, n_features=3, cluster_std=0.0, center_box=(2.0, 6.0), seed=1)
    assert X.shape == (4000, 3) and np.array_equal(np.sort(y), np.arange(4000))
    assert (X >= 2).all() and (X < 6).all()
    assert (np.abs(X.mean(axis=0) - 4) < 5 * 4 / np.sqrt(12 * 4000)).all()
    counts = np.histogram(X, bins=8, range=(2, 6))[0]
    assert np.abs(counts - 1500).max() < 5 * np.sqrt(1500)


def test_blobs_defaults_and_uneven_counts():
    X, y = make_blobs()
    assert X.shape == (100, 2) and np.bincount(y).tolist() == [34, 33, 33]
    X, y = make_blobs(3, centers=3, cluster_std=0.0, n_features=1, seed=0)
    assert X.shape == (3, 1) and len(np.unique(X)) == 3


@pytest.mark.parametrize(
    "covs, full",
    [
        (0.5, [0.5 * np.eye(2)] * 2),
        ([0.5, 8.0], [0.5 * np.eye(2), 8 * np.eye(2)]),
        ([[2.0, 1.2], [1.2, 1.0]], [[[2, 1.2], [1.2, 1]]] * 2),
        ([[[1, -0.9], [-0.9, 1]], [[4, 0], [0, 0.25]]], [[[1, -0.9], [-0.9, 1]], [[4, 0], [0, 0.25]]]),
    ],
    ids=["number", "number each", "matrix", "matrix each"],
)
def test_gaussians_have_the_given_mean_and_covariance(covs, full):
    means = [[2.0, 2.0], [-2.0, 3.0]]
    X, y = make_gaussians(means, covs, n=30000, seed=4)
    assert X.shape == (60000, 2) and X.dtype == np.float64 and y.dtype == np.int64
    assert np.bincount(y).tolist() == [30000, 30000]
    for k in range(2):
        check_moments(X[y == k], means[k], full[k])


def test_gaussians_in_three_dimensions_and_one():
    cov = np.array([[3.0, 1.0, 0.5], [1.0, 2.0, -0.4], [0.5, -0.4, 1.0]])
    X, _ = make_gaussians([[0, 1, 2]], cov, n=50000, seed=0)
    check_moments(X, [0, 1, 2], cov)
    X, y = make_gaussians([[0], [9]], [[4.0]], n=20000, seed=0)
    check_moments(X[y == 1], [9], [[4.0]])


def test_a_singular_covariance_fills_a_line():
    X, _ = make_gaussians([[1, 1]], [[1, 2], [2, 4]], n=1000, seed=0)
    np.testing.assert_allclose(X[:, 1] - 1, 2 * (X[:, 0] - 1), atol=1e-6)
    assert 0.8 < X[:, 0].std() < 1.2


def test_zero_covariance_gives_the_means():
    for cov in (0, np.zeros((2, 2))):
        X, y = make_gaussians([[1, 2], [3, 4]], cov, n=2, seed=0)
        np.testing.assert_array_equal(X[np.argsort(y, kind="stable")], [[1, 2], [1, 2], [3, 4], [3, 4]])


def test_labels_name_the_classes():
    X, y = make_gaussians([[50, 0], [-50, 0], [50, 0]], 0.1, n=20, labels=[1, -1, 1], seed=0)
    np.testing.assert_array_equal(y, np.sign(X[:, 0]))
    assert y.dtype == np.int64 and (y == 1).sum() == 40
    _, y = make_gaussians([[0, 0], [1, 1]], 1.0, n=5, seed=0)
    assert sorted(y) == [0] * 5 + [1] * 5


@pytest.mark.parametrize(
    "make",
    [
        lambda **seed: make_blobs(90, cluster_std=2.0, **seed),
        lambda **seed: make_gaussians([[0, 0], [1, 1]], [[1, 0.5], [0.5, 1]], n=45, **seed),
    ],
    ids=["blobs", "gaussians"],
)
def test_seed_decides_the_points_and_they_are_shuffled(make):
    X, y = make(seed=11)
    for again in (make(seed=11), make(random_state=11)):
        np.testing.assert_array_equal(again[0], X)
        np.testing.assert_array_equal(again[1], y)
    assert not np.array_equal(make(seed=12)[0], X)
    assert not np.array_equal(make()[0], make()[0])
    assert np.count_nonzero(np.diff(y)) > 20  # class-sorted has 1 or 2


def test_arguments_are_not_changed():
    centers, cov = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[1.0, 0.5], [0.5, 1.0]])
    make_blobs(10, centers=centers, seed=0)
    make_gaussians(centers, cov, n=5, seed=0)
    np.testing.assert_array_equal(centers, [[0, 0], [1, 1]])
    np.testing.assert_array_equal(cov, [[1, 0.5], [0.5, 1]])


@pytest.mark.parametrize(
    "covs, error, message",
    [
        (-1, "ConfigError", r"\[make_gaussians\] covs: expected numbers >= 0, got -1"),
        ([[1, 2], [2, 1]], "ConfigError", "positive semidefinite matrices, got one with the eigenvalue -1"),
        ([[1, 0.5], [0.4, 1]], "ConfigError", "expected symmetric matrices"),
        ([[-1, 0], [0, -1]], "ConfigError", "positive semidefinite"),
        (np.nan, "ConfigError", "expected finite numbers"),
        ([[1, np.inf], [np.inf, 1]], "ConfigError", "expected finite numbers"),
        ("wide", "ConfigError", "expected real numbers, got 'wide'"),
        ([1, 2, 3], "ShapeError", r"expected a number or 2 of them, got shape \(3,\)"),
        (np.eye(3), "ShapeError", r"\(2, 2\) or \(2, 2, 2\), got shape \(3, 3\)"),
        (np.ones((3, 2, 2)), "ShapeError", r"got shape \(3, 2, 2\)"),
        ([[1, 0], [0]], "ShapeError", "expected a rectangular array"),
    ],
)
def test_bad_covariances(covs, error, message):
    with pytest.raises(getattr(nc, error), match=message):
        make_gaussians([[0, 0], [1, 1]], covs, seed=0)


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"means": [0, 1]}, "ShapeError", r"\[make_gaussians\] means: expected \(K, d\), one row per class"),
        ({"means": []}, "ShapeError", "means: expected"),
        ({"means": np.ones((2, 0))}, "ShapeError", "means: expected"),
        ({"means": [[0, 1], [2]]}, "ShapeError", "means: expected a rectangular array"),
        ({"means": [[0, np.nan]]}, "ConfigError", "means: expected finite numbers"),
        ({"means": [["a", "b"]]}, "ConfigError", "means: expected real numbers"),
        ({"means": [[1j, 0]]}, "ConfigError", "means: expected real numbers, got dtype complex128"),
        ({"labels": [1]}, "ShapeError", r"labels: expected 2, one per mean, got shape \(1,\)"),
        ({"labels": [0.5, 1.5]}, "ConfigError", "labels: expected integers"),
        ({"labels": [True, False]}, "ConfigError", "labels: expected integers"),
        ({"labels": np.array([0, 2**63], dtype=np.uint64)}, "ConfigError", r"labels: .* below 2\*\*63"),
    ],
)
def test_bad_means_and_labels(arguments, error, message):
    with pytest.raises(getattr(nc, error), match=message):
        make_gaussians(**{"means": [[0, 0], [1, 1]], "covs": 1.0, "seed": 0, **arguments})


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        ({"centers": 0}, "ConfigError", r"\[make_blobs\] centers: expected an integer in \[1,"),
        ({"centers": 2.5}, "ConfigError", "centers: expected an integer"),
        ({"centers": True}, "ConfigError", "centers: expected an integer"),
        ({"centers": None}, "ConfigError", "centers: expected real numbers, got None"),
        ({"centers": 2**40}, "ConfigError", "centers: expected an integer"),
        ({"centers": [1.0, 2.0]}, "ShapeError", r"centers: expected \(K, d\)"),
        ({"centers": [[0, 0], [1]]}, "ShapeError", "centers: expected a rectangular array"),
        ({"centers": np.broadcast_to(1.0, (2**40, 2))}, "ConfigError", "centers: expected at most"),
        ({"n": 4, "centers": 5}, "ConfigError", r"n: expected an integer in \[5,"),
        ({"n_features": 0}, "ConfigError", "n_features: expected an integer"),
        ({"n_features": 2**62}, "ConfigError", "n_features: expected an integer"),
        ({"cluster_std": -0.1}, "ConfigError", "cluster_std: expected numbers >= 0, got -0.1"),
        ({"cluster_std": [1, 2]}, "ShapeError", "cluster_std: expected a number or 3 of them"),
        ({"center_box": (1, -1)}, "ConfigError", "center_box: expected .low, high. with low <= high"),
        ({"center_box": (0, 1, 2)}, "ConfigError", "center_box: expected"),
        ({"center_box": (-1e308, 1e308)}, "ConfigError", "center_box: expected"),
        ({"center_box": 3}, "ConfigError", "center_box: expected"),
    ],
)
def test_bad_blob_arguments(arguments, error, message):
    with pytest.raises(getattr(nc, error), match=message):
        make_blobs(**arguments, seed=0)


def test_a_spread_beyond_the_floats_is_refused():
    with pytest.raises(nc.ConfigError, match=r"\[make_blobs\] X: expected finite points"):
        make_blobs(100, cluster_std=1e308, seed=0)


def test_a_huge_covariance_keeps_its_shape():
    X, _ = make_gaussians([[0, 0]], [[1e308, 5e307], [5e307, 1e308]], n=30000, seed=0)
    check_moments(X / 1e154, [0, 0], [[1, 0.5], [0.5, 1]])
