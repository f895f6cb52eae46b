"""Shared by the generators: the size limit, class sizes, the final shuffle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nncore._support import checks
from nncore.errors import ConfigError

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

MAX_VALUES = 2**27  # of X: 1 GiB of float64; a mistyped n is refused, not allocated


def parameter(where: str, name: str, value: object) -> Floats:
    """`value` as a finite float64 array of at most MAX_VALUES elements."""
    array = checks.real_array(where, name, value, kinds="iuf")
    if array.size > MAX_VALUES:
        raise ConfigError(f"[{where}] {name}: expected at most {MAX_VALUES} values, got {array.size}")
    with np.errstate(over="ignore"):  # a long double beyond float64 becomes inf and is refused below
        result = array.astype(np.float64)
    if not np.isfinite(result).all():
        raise ConfigError(f"[{where}] {name}: expected finite numbers, got {checks.describe(value)}")
    return result


def class_labels(n: int, classes: int) -> Labels:
    """n sorted labels 0…classes-1; the first n % classes classes have one more, as in scikit-learn."""
    sizes = np.full(classes, n // classes)
    sizes[: n % classes] += 1
    return np.repeat(np.arange(classes, dtype=np.int64), sizes)


def shuffled(where: str, X: Floats, y: Labels, rng: np.random.Generator, noise: float = 0.0) -> tuple[Floats, Labels]:
    """X and y in one random order, with N(0, noise²) added to X; refuses points that overflowed."""
    order = rng.permutation(len(X))
    X, y = X[order], y[order]
    if noise > 0:
        with np.errstate(over="ignore"):
            X += rng.normal(scale=noise, size=X.shape)
    if not np.isfinite(X).all():
        raise ConfigError(f"[{where}] X: expected finite points, got an overflow; use a smaller spread")
    return X, y
