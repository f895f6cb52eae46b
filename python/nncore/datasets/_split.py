"""Splitting a data set into a part to train on and a part to test on."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore._support import checks
from nncore._support.names import keywords
from nncore.errors import ConfigError, ShapeError

_WHERE = "train_test_split"


@keywords(train_size="test_size=1 - train_size")
def train_test_split(
    X: ArrayLike,
    y: ArrayLike,
    test_size: float = 0.25,
    *,
    seed: int | None = None,
    stratify: ArrayLike | bool | None = None,
    random_state: int | None = None,
) -> tuple[Any, Any, Any, Any]:
    """Split samples at random into a training and a test part.

    Parameters
    ----------
    X : array (N, ...), N >= 2. Samples; any real dtype, which is kept.
    y : array (N, ...). Their targets.
    test_size : float in (0, 1) or int in [1, N - 1], default 0.25. Fraction of the samples (rounded up to a whole
        number) or number of samples that goes to the test part; the rest is for training.
    seed : int in [0, 2**64) or None, default None. The same seed gives the same split; None draws a fresh one.
    stratify : labels (N,), True (meaning y), False or None, default None. Give both parts the same mix of classes:
        class c with N_c samples puts test · N_c / N of them into the test part, rounded by largest remainder.
    random_state : scikit-learn's name for `seed`.

    Returns
    -------
    X_train, X_test, y_train, y_test : copies, each part in random order; of DataFrames and Series such

    Raises
    ------
    ShapeError
        X and y (or stratify) of different lengths, ragged, or fewer than two samples.
    ConfigError
        An argument of the wrong type or range, two seeds; with stratify, too few samples for the classes.

    Notes
    -----
    Order and sizes as `sklearn.model_selection.train_test_split`. Equal remainders go to the smaller label, where
    scikit-learn draws lots.

    Examples
    --------
    >>> X, y = nc.datasets.make_moons(100, noise=0.1, seed=0)
    >>> X, Xv, y, yv = nc.datasets.train_test_split(X, y, test_size=0.2, seed=0, stratify=True)
    >>> X.shape, Xv.shape, np.bincount(yv).tolist()
    ((80, 2), (20, 2), [10, 10])
    """
    samples = checks.real_array(_WHERE, "X", X)
    targets = checks.real_array(_WHERE, "y", y)
    if samples.ndim == 0 or len(samples) < 2:
        raise ShapeError(f"[{_WHERE}] X: expected (N, ...) with N >= 2, got shape {samples.shape}")
    n = len(samples)
    if targets.ndim == 0 or len(targets) != n:
        raise ShapeError(f"[{_WHERE}] y: expected length {n}, as X has, got shape {targets.shape}")
    n_test = _test_count(test_size, n)
    rng = checks.generator(_WHERE, seed, random_state)
    strata = _strata(stratify, targets, n)
    order = rng.permutation(n)
    in_test = np.arange(n) < n_test if strata is None else _stratified(strata[order], n_test)
    train, test = order[~in_test], order[in_test]
    rows, classes = _rows(X, samples), _rows(y, targets)
    return rows[train], rows[test], classes[train], classes[test]


def _rows(given: Any, array: NDArray[Any]) -> Any:
    """What gives rows by their places: a DataFrame or Series stays one, with its names of columns; else the array."""
    return given.iloc if hasattr(given, "iloc") else array


def _test_count(test_size: object, n: int) -> int:
    """The number of test samples, of n; both parts must get at least one."""
    count = 0
    if isinstance(test_size, numbers.Integral) and not isinstance(test_size, bool):
        count = int(test_size)
    elif isinstance(test_size, (float, np.floating)) and 0 < test_size < 1:
        count = math.ceil(test_size * n)
    if not 1 <= count < n:
        raise ConfigError(
            f"[{_WHERE}] test_size: expected a fraction in (0, 1) or a count in [1, {n - 1}], and a sample left "
            f"for training, got {checks.describe(test_size)}"
        )
    return count


def _strata(stratify: ArrayLike | bool | None, targets: NDArray[Any], n: int) -> NDArray[Any] | None:
    """The labels to stratify by, one per sample, or None."""
    if stratify is None or stratify is False:
        return None
    labels = targets if stratify is True else checks.real_array(_WHERE, "stratify", stratify)
    if labels.shape != (n,):
        raise ShapeError(f"[{_WHERE}] stratify: expected labels of shape ({n},), got shape {labels.shape}")
    if not np.isfinite(labels).all():
        raise ConfigError(f"[{_WHERE}] stratify: expected finite labels, got NaN or infinity")
    return labels


def _stratified(labels: NDArray[Any], n_test: int) -> NDArray[np.bool_]:
    """Which of the samples, already in random order, go to the test part: of each class its first ones."""
    n = len(labels)
    classes, sizes = np.unique(labels, return_counts=True)
    if sizes.min() < 2:
        rare = classes[sizes.argmin()]
        raise ConfigError(f"[{_WHERE}] stratify: expected 2 or more samples of each class, got 1 of class {rare}")
    if min(n_test, n - n_test) < len(classes):
        raise ConfigError(
            f"[{_WHERE}] test_size: expected a sample of each of the {len(classes)} classes in both parts, "
            f"got parts of {n - n_test} and {n_test} samples"
        )
    return _share_of_each(labels, n_test)


def held_out(n: int, count: int, seed: int, labels: NDArray[Any] | None) -> NDArray[np.bool_]:
    """Which `count` of n samples are held out; with labels as large a share of each class as can be."""
    order = np.random.Generator(np.random.PCG64(seed)).permutation(n)
    chosen = np.arange(n) < count if labels is None else _share_of_each(labels[order], count)
    held = np.zeros(n, dtype=np.bool_)
    held[order[chosen]] = True
    return held


def _share_of_each(labels: NDArray[Any], n_test: int) -> NDArray[np.bool_]:
    """The first samples of each class, n_test in all: of a class its share, rounded by largest remainder."""
    n = len(labels)
    _, index, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    shares = [divmod(n_test * int(size), n) for size in sizes]  # Python's integers: the product may pass 2**63
    quota = np.array([whole for whole, _ in shares])
    by_remainder = sorted(range(len(shares)), key=lambda c: -shares[c][1])
    quota[by_remainder[: n_test - int(quota.sum())]] += 1
    grouped = np.argsort(index, kind="stable")  # keeps the random order within a class
    rank = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    in_test = np.empty(n, dtype=np.bool_)
    in_test[grouped] = rank < np.repeat(quota, sizes)
    return in_test
