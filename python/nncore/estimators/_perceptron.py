"""Perceptron: Rosenblatt's linear classifier."""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore import _core
from nncore._support.checks import LARGEST_SEED, cast, describe, integer, positive, real_array
from nncore._support.strict import Setting, Strict
from nncore._support.tables import Names, check_columns, columns_of, holes
from nncore.errors import ConfigError, ShapeError, StateError


def _rule(where: str, name: str, value: object) -> str:
    if not isinstance(value, str) or value not in ("batch", "online"):
        raise ConfigError(f"[{where}] {name}: expected 'batch' or 'online', got {describe(value)}")
    return value


def _seed(where: str, name: str, value: object) -> int | None:
    return None if value is None else integer(where, name, value, 0, LARGEST_SEED)


class Perceptron(Strict):
    """Rosenblatt's perceptron for labels -1 and 1.

        z = w·x + b,   predicted = 1 if z >= 0 else -1
        batch:   w = w + lr · mean of y x over the misclassified samples
        online:  w = w + lr y x after each misclassified sample

    Parameters
    ----------
    lr : float, default 0.01
    max_epochs : int, default 100
    rule : {"batch", "online"}
        The online rule goes through the samples in a new random order each epoch.
    seed : int, optional
        Of that order.

    Attributes
    ----------
    weights : ndarray (D,)
    bias : float
    converged_ : bool
        An epoch without an error was reached.
    n_epochs_ : int
        The epoch, counted from 0, at which no error was found; max_epochs if there always was one.
    history_ : dict
        "errors": misclassified samples in each epoch.
    columns : list or None
        The names of the columns of the table (a DataFrame) that it was fitted to; tables with others are refused.

    Notes
    -----
    Weights start at 0. Source: Rosenblatt, The Perceptron, 1958.

    Examples
    --------
    >>> X, y = nc.datasets.make_gaussians([[2, 2], [-2, -2]], 0.5, labels=[1, -1], seed=0)
    >>> nc.Perceptron().fit(X, y).score(X, y)
    1.0
    """

    lr = Setting(positive, "The rate.")
    max_epochs = Setting(lambda where, name, value: integer(where, name, value, 1, 2**40), "Epochs at most.")
    rule = Setting(_rule, "'batch' or 'online'.")
    seed = Setting(_seed, "Of the order of the online rule.")
    weights: NDArray[np.float64]
    bias: float
    converged_: bool
    n_epochs_: int
    history_: dict[str, NDArray[np.int64]]
    _columns: Names | None = None

    def __init__(
        self, lr: float = 0.01, max_epochs: int = 100, *, rule: str = "batch", seed: int | None = None
    ) -> None:
        self.lr = lr
        self.max_epochs = max_epochs
        self.rule = rule
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> Perceptron:
        """Learns from X (N, D) and labels y (N,) of -1 and 1; returns itself."""
        x = self._samples(X)
        labels = _labels(y, len(x))
        if len(x) == 0 or x.shape[1] == 0:
            raise ShapeError(f"[Perceptron] X: expected at least one sample and one feature, got {x.shape}")
        seed = secrets.randbits(32) if self.seed is None else self.seed
        fit = _core.fit_perceptron(x, labels, self.lr, self.max_epochs, self.rule == "online", seed)
        self.weights, self.bias = fit["weights"][:-1], float(fit["weights"][-1])
        self.converged_, self.n_epochs_ = fit["converged"], fit["epochs"]
        self.history_ = {"errors": fit["errors"]}
        self._columns = columns_of(X)
        return self

    @property
    def columns(self) -> list[Any] | None:
        """The names of the columns that it was fitted to."""
        return None if self._columns is None else list(self._columns)

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """z = w·x + b for each row of X."""
        if not hasattr(self, "weights"):
            raise StateError("[Perceptron] is not fitted; call fit first")
        if self._columns is not None:
            check_columns("[Perceptron]", X, self._columns, "X[perceptron.columns]")
        x = self._samples(X)
        if x.shape[1] != len(self.weights):
            raise ShapeError(f"[Perceptron] X: expected (N, {len(self.weights)}), got {x.shape}")
        return _core.product(x, self.weights[:, None])[:, 0] + self.bias  # type: ignore[no-any-return]

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """1 where z >= 0, else -1."""
        return np.where(self.decision_function(X) >= 0, 1, -1)

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """The fraction of right predictions."""
        predicted = self.predict(X)
        return float(np.mean(predicted == _labels(y, len(predicted))))

    def _samples(self, X: ArrayLike) -> NDArray[np.float64]:
        array = real_array("Perceptron", "X", X)
        if array.ndim != 2:
            raise ShapeError(f"[Perceptron] X: expected (N, D), got {array.shape}")
        x = cast(array, np.float64)
        if not np.isfinite(x).all():
            row, column = map(int, np.argwhere(~np.isfinite(x))[0])
            got = f"{x[row, column]} at [{row}, {column}]{holes(X)}"
            raise ConfigError(f"[Perceptron] X: expected finite numbers, got {got}")
        return x

    def __repr__(self) -> str:
        return f"Perceptron(lr={self.lr}, max_epochs={self.max_epochs}, rule={self.rule!r}, seed={self.seed})"


def _labels(y: Any, n: int) -> NDArray[np.float64]:
    array = real_array("Perceptron", "y", y)
    if array.shape != (n,):
        hint = " (use y.ravel())" if array.shape == (n, 1) else ""
        raise ShapeError(f"[Perceptron] y: expected ({n},), got {array.shape}{hint}")
    labels = cast(array, np.float64)
    if not np.isin(labels, (-1.0, 1.0)).all():
        found = np.unique(labels)[:5].tolist()
        hint = " (for labels 0 and 1 use 2 * y - 1)" if set(found) <= {0.0, 1.0} else ""
        raise ConfigError(f"[Perceptron] y: expected labels -1 and 1, got {found}{hint}")
    return labels
