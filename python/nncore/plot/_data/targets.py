"""Checks of real targets, and of what a regressor answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._support import checks
from nncore.errors import ConfigError, NumericError, ShapeError
from nncore.plot._data.boundary import ROWS_AT_ONCE
from nncore.plot._style import Floats, dot, paper

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Answers = Floats  # (M, K)


def real(where: str, name: str, value: Any) -> Floats:
    """`value` as finite float64."""
    with np.errstate(over="ignore"):  # of long doubles, which become infinite
        array = checks.real_array(where, name, value).astype(np.float64)
    if not np.isfinite(array).all():
        others = np.count_nonzero(~np.isfinite(array))
        raise ConfigError(f"[{where}] {name}: expected finite numbers, got {others} others")
    return array


def outputs(where: str, name: str, value: Any, count: int | None, width: int | None = None) -> Floats:
    """Targets (N,) or (N, K) as (N, K), K = `width` if given: `count` of them, or at least one."""
    array = checks.real_array(where, name, value)
    columns = array[:, None] if array.ndim == 1 else array
    fits = columns.ndim == 2 and columns.shape[1] > 0 and (width is None or columns.shape[1] == width)
    if not fits or (len(columns) == 0 if count is None else len(columns) != count):
        n = "N" if count is None else count
        expected = f"({n},)" if width == 1 else f"({n},) or ({n}, K)" if width is None else f"({n}, {width})"
        raise ShapeError(f"[{where}] {name}: expected {expected}, got {array.shape}")
    return real(where, name, columns)


def answers_of(where: str, model: Any, X: Any, count: int, width: int) -> Answers:
    """What the model predicts for the samples, (count, width); asked in slices."""
    ask = getattr(model, "predict", model)
    if not callable(ask) or isinstance(model, type):
        raise ConfigError(
            f"[{where}] model: expected an object with predict, or a function, got {checks.describe(model)}"
        )
    rows = getattr(X, "iloc", X if isinstance(X, np.ndarray) else np.asarray(X))
    if len(rows[:]) != count:
        raise ShapeError(f"[{where}] X: expected {count} samples, as many as y has, got {len(rows[:])}")
    parts = [np.asarray(ask(rows[i : i + ROWS_AT_ONCE])) for i in range(0, count, ROWS_AT_ONCE)]
    values = np.concatenate([np.atleast_1d(part) for part in parts])
    if values.dtype.kind in "biu" and ask is not model and hasattr(model, "predict_proba"):
        raise ConfigError(f"[{where}] model: expected one that predicts numbers, got labels (use confusion_matrix)")
    values = values[:, None] if values.ndim == 1 else values
    if values.dtype.kind not in "biuf" or values.shape != (count, width):
        raise ShapeError(f"[{where}] model: expected answers ({count}, {width}), got {checks.describe(values)}")
    if not np.isfinite(values).all():
        others = np.count_nonzero(~np.isfinite(values))
        raise NumericError(f"[{where}] model: expected finite answers, got {others} others")
    return values.astype(np.float64)


def r2_of(truth: Floats, said: Floats) -> float:
    """The coefficient of determination, the mean over the outputs; NaN for constant truths."""
    spread = ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.where(spread > 0, 1 - ((truth - said) ** 2).sum(axis=0) / spread, np.nan).mean())


def rmse_of(truth: Floats, said: Floats) -> float:
    """The root of the mean squared error, the mean over the outputs."""
    return float(np.sqrt(((truth - said) ** 2).mean(axis=0)).mean())


def dots(ax: Axes, count: int) -> dict[str, Any]:
    """The style of so many samples."""
    size = float(np.clip(12000 / count, 4, 26)) * dot(1.0) ** 2
    return {"s": size, "edgecolors": [paper(ax)], "linewidths": 0.08 * size**0.5}
