"""Classes drawn from normal distributions: blobs, and Gaussians of given means and covariances."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from nncore._support import checks
from nncore._support.names import keywords
from nncore.datasets._common import MAX_VALUES, Floats, Labels, class_labels, parameter, shuffled
from nncore.errors import ConfigError, ShapeError

# tolerance for rounding errors in a covariance, relative to its largest entry
_SLACK = 1e-8


@keywords(n_samples="did you mean n?", n_features="centers=, an array (K, features)")
def make_blobs(
    n: int = 100,
    *,
    centers: ArrayLike = 3,
    n_features: int = 2,
    cluster_std: ArrayLike = 1.0,
    center_box: tuple[float, float] = (-10.0, 10.0),
    seed: int | None = None,
    random_state: int | None = None,
) -> tuple[Floats, Labels]:
    """Round clusters, one per class.

        x = center_k + cluster_std_k · z,   z ~ N(0, I)

    Parameters
    ----------
    n : int >= number of centers, default 100. Points in all; the first n % K classes have one more than the others.
    centers : int >= 1 or array (K, d), default 3. How many centers to draw, or the centers themselves.
    n_features : int >= 1, default 2. Dimensions d; an array of centers overrides it.
    cluster_std : float >= 0 or array (K,), default 1.0. Standard deviation, one for all clusters or one each.
    center_box : (low, high), default (-10.0, 10.0). Drawn centers are uniform in this interval, each coordinate.
    seed : int in [0, 2**64) or None, default None. The same seed gives the same points; None draws fresh ones.
    random_state : scikit-learn's name for `seed`.

    Returns
    -------
    X : float64 (n, d), in random order
    y : int64 (n,), 0…K-1

    Raises
    ------
    ConfigError
        An argument of the wrong type or range, or both seed and random_state.
    ShapeError
        centers not (K, d), or cluster_std neither a number nor (K,).

    Notes
    -----
    Meaning and counts as `sklearn.datasets.make_blobs`.

    Examples
    --------
    >>> X, y = nc.datasets.make_blobs(90, centers=[[0, 0], [5, 5], [0, 5]], cluster_std=0.5, seed=0)
    >>> X.shape, np.bincount(y).tolist()
    ((90, 2), [30, 30, 30])
    """
    rng = checks.generator("make_blobs", seed, random_state)
    low, high = _interval("make_blobs", "center_box", center_box)
    if np.ndim(checks.real_array("make_blobs", "centers", centers)) == 0:
        d = checks.integer("make_blobs", "n_features", n_features, 1, MAX_VALUES)
        count = checks.integer("make_blobs", "centers", centers, 1, MAX_VALUES // d)
        points = rng.uniform(low, high, size=(count, d))
    else:
        points = _points("make_blobs", "centers", centers)
    count, d = points.shape
    n = checks.integer("make_blobs", "n", n, count, MAX_VALUES // d)
    std = _spreads("make_blobs", "cluster_std", cluster_std, count)
    y = class_labels(n, count)
    return shuffled("make_blobs", _round_clusters(points, std, y, rng), y, rng)


@keywords(n_samples="did you mean n?")
def make_gaussians(
    means: ArrayLike,
    covs: ArrayLike,
    n: int = 100,
    *,
    labels: ArrayLike | None = None,
    seed: int | None = None,
    random_state: int | None = None,
) -> tuple[Floats, Labels]:
    """n points per class from the normal distributions N(mean_k, cov_k).

        x = mean_k + cov_k^(1/2) z,   z ~ N(0, I)            (symmetric square root; a number c means c · I)

    Parameters
    ----------
    means : array (K, d). One mean per class.
    covs : number >= 0, (K,), (d, d) or (K, d, d). One covariance for all classes or one each; a number c means c · I.
    n : int >= 1, default 100. Points per class.
    labels : K integers or None, default None. Label of each class, such as [1, -1]; None means 0…K-1.
    seed : int in [0, 2**64) or None, default None. The same seed gives the same points; None draws fresh ones.
    random_state : scikit-learn's name for `seed`.

    Returns
    -------
    X : float64 (K · n, d), in random order
    y : int64 (K · n,)

    Raises
    ------
    ConfigError
        A covariance not symmetric positive semidefinite, an argument of the wrong type or range, or two seeds.
    ShapeError
        means, covs or labels of another shape than above.

    Notes
    -----
    A number in `covs` is a variance, the square of a standard deviation.

    Examples
    --------
    >>> X, y = nc.datasets.make_gaussians([[2, 2], [-2, -2]], 0.5, n=100, labels=[1, -1], seed=0)
    >>> X.shape, np.unique(y).tolist()
    ((200, 2), [-1, 1])
    """
    centers = _points("make_gaussians", "means", means)
    count, d = centers.shape
    n = checks.integer("make_gaussians", "n", n, 1, MAX_VALUES // (count * d))
    names = _class_names(labels, count)
    rng = checks.generator("make_gaussians", seed, random_state)
    y = class_labels(n * count, count)
    if np.ndim(checks.real_array("make_gaussians", "covs", covs)) < 2:
        std = np.sqrt(_spreads("make_gaussians", "covs", covs, count))
        return shuffled("make_gaussians", _round_clusters(centers, std, y, rng), names[y], rng)
    roots = _square_roots(covs, count, d)
    X = np.repeat(centers, n, axis=0)
    for k in range(count):
        X[k * n : (k + 1) * n] += rng.standard_normal((n, d)) @ roots[k % len(roots)]
    return shuffled("make_gaussians", X, names[y], rng)


def _interval(where: str, name: str, value: ArrayLike) -> tuple[float, float]:
    ends: list[float] = parameter(where, name, value).ravel().tolist()
    if len(ends) != 2 or not 0 <= ends[1] - ends[0] < np.inf:
        got = checks.describe(value)
        raise ConfigError(f"[{where}] {name}: expected (low, high) with low <= high, got {got}")
    return ends[0], ends[1]


def _round_clusters(centers: Floats, std: Floats, y: Labels, rng: np.random.Generator) -> Floats:
    """x = center_y + std_y · z."""
    z = rng.standard_normal((len(y), centers.shape[1]))
    with np.errstate(over="ignore", invalid="ignore"):  # shuffled() refuses an overflow by name
        return centers[y] + std[y, None] * z


def _points(where: str, name: str, value: ArrayLike) -> Floats:
    points = parameter(where, name, value)
    if points.ndim != 2 or points.size == 0:
        raise ShapeError(f"[{where}] {name}: expected (K, d), one row per class, got shape {points.shape}")
    return points


def _spreads(where: str, name: str, value: ArrayLike, count: int) -> Floats:
    """A number or one per class, >= 0, as an array of one per class."""
    spreads = parameter(where, name, value)
    if spreads.ndim > 0 and spreads.shape != (count,):
        raise ShapeError(f"[{where}] {name}: expected a number or {count} of them, got shape {spreads.shape}")
    if (spreads < 0).any():
        raise ConfigError(f"[{where}] {name}: expected numbers >= 0, got {spreads.min():g}")
    return np.broadcast_to(spreads, (count,))


def _class_names(labels: ArrayLike | None, count: int) -> Labels:
    if labels is None:
        return np.arange(count, dtype=np.int64)
    names = checks.real_array("make_gaussians", "labels", labels, kinds="iu")
    if names.shape != (count,):
        raise ShapeError(f"[make_gaussians] labels: expected {count}, one per mean, got shape {names.shape}")
    if names.dtype.kind == "u" and names.max() > np.iinfo(np.int64).max:
        raise ConfigError(f"[make_gaussians] labels: expected integers below 2**63, got {names.max()}")
    return names.astype(np.int64)


def _square_roots(covs: ArrayLike, count: int, d: int) -> Floats:
    """The symmetric square root of each covariance: unlike a factor of eigenvectors, it has no free signs.

    V diag(sqrt(λ)) Vᵀ with cov = V diag(λ) Vᵀ; eigenvalues within rounding of 0 count as 0.
    """
    matrices = parameter("make_gaussians", "covs", covs)
    if matrices.shape not in ((d, d), (count, d, d)):
        raise ShapeError(
            f"[make_gaussians] covs: expected a number, ({count},), ({d}, {d}) or ({count}, {d}, {d}), "
            f"got shape {matrices.shape}"
        )
    matrices = matrices.reshape(-1, d, d)
    largest = np.abs(matrices).max(axis=(1, 2))
    scaled = matrices / np.where(largest > 0, largest, 1.0)[:, None, None]  # so that no product below overflows
    if not (np.abs(scaled - scaled.transpose(0, 2, 1)) <= _SLACK).all():
        raise ConfigError("[make_gaussians] covs: expected symmetric matrices, got one that differs from its transpose")
    values, vectors = np.linalg.eigh(scaled)
    if values.min() < -_SLACK:
        k = int(values.min(axis=1).argmin())
        raise ConfigError(
            f"[make_gaussians] covs: expected positive semidefinite matrices, "
            f"got one with the eigenvalue {values[k].min() * largest[k]:g}"
        )
    roots = np.sqrt(np.maximum(values, 0.0)) * np.sqrt(largest)[:, None]
    return np.asarray((vectors * roots[:, None, :]) @ vectors.transpose(0, 2, 1))
