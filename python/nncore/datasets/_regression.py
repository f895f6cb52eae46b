"""A linear model with noise."""

from __future__ import annotations

from typing import Literal, overload

import numpy as np

from nncore._support import checks
from nncore._support.names import keywords
from nncore.datasets._common import MAX_VALUES, Floats
from nncore.errors import ConfigError


@overload
def make_regression(
    n: int = ...,
    n_features: int = ...,
    *,
    noise: float = ...,
    bias: float = ...,
    coef: Literal[False] = ...,
    seed: int | None = ...,
    random_state: int | None = ...,
) -> tuple[Floats, Floats]: ...


@overload
def make_regression(
    n: int = ...,
    n_features: int = ...,
    *,
    noise: float = ...,
    bias: float = ...,
    coef: Literal[True],
    seed: int | None = ...,
    random_state: int | None = ...,
) -> tuple[Floats, Floats, Floats]: ...


@keywords(n_samples="did you mean n?")
@keywords(n_samples="did you mean n?")
def make_regression(
    n: int = 100,
    n_features: int = 1,
    *,
    noise: float = 0.0,
    bias: float = 0.0,
    coef: bool = False,
    seed: int | None = None,
    random_state: int | None = None,
) -> tuple[Floats, Floats] | tuple[Floats, Floats, Floats]:
    """A random linear model.

        y = X w + bias + noise · ε,   X ~ N(0, I),   w ~ U(0, 100),   ε ~ N(0, 1)

    Parameters
    ----------
    n : int >= 1, default 100. Samples.
    n_features : int >= 1, default 1. Dimensions d.
    noise : float >= 0, default 0.0. Standard deviation of the noise in y.
    bias : float, default 0.0. Value of the noiseless model at x = 0.
    coef : bool, default False. Return w as well.
    seed : int in [0, 2**64) or None, default None. The same seed gives the same samples; None draws fresh ones.
    random_state : scikit-learn's name for `seed`.

    Returns
    -------
    X : float64 (n, d)
    y : float64 (n,)
    w : float64 (d,), only with coef=True

    Raises
    ------
    ConfigError
        An argument of the wrong type or range, or both seed and random_state.

    Notes
    -----
    Meaning as `sklearn.datasets.make_regression` with every feature informative; there n_features defaults to 100.

    Examples
    --------
    >>> X, y, w = nc.datasets.make_regression(50, 3, bias=2.0, coef=True, seed=0)
    >>> bool(np.allclose(y, X @ w + 2.0))
    True
    """
    d = checks.integer("make_regression", "n_features", n_features, 1, MAX_VALUES)
    n = checks.integer("make_regression", "n", n, 1, MAX_VALUES // d)
    noise = checks.number("make_regression", "noise", noise, low=0.0)
    bias = checks.number("make_regression", "bias", bias)
    with_coef = checks.flag("make_regression", "coef", coef)
    rng = checks.generator("make_regression", seed, random_state)
    X = rng.standard_normal((n, d))
    w = rng.uniform(0.0, 100.0, size=d)
    with np.errstate(over="ignore", invalid="ignore"):
        y = X @ w + bias + rng.normal(scale=noise, size=n)
    if not np.isfinite(y).all():
        raise ConfigError("[make_regression] y: expected finite values, got an overflow; use a smaller noise or bias")
    return (X, y, w) if with_coef else (X, y)
