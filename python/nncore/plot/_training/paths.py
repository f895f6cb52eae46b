"""Shared by contour_path and error_curves: objectives by name, paths as arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nncore._support import checks
from nncore.errors import ConfigError, ShapeError
from nncore.optim import objectives
from nncore.plot._style import Floats, runs_of

Function = Callable[[Floats], Any]


@dataclass(frozen=True)
class Path:
    """Points (rows, d), all finite; values (rows,) of f there or None; step (rows,) of each row."""

    points: Floats
    values: Floats | None
    step: Floats
    diverged: bool

    def named(self, label: str) -> str:
        """Its label in the legend; a single path has none."""
        if self.diverged:
            return f"{label} (diverged)" if label else "diverged"
        return label or "_nolegend_"


def objective_named(name: str) -> Any:
    """The objective registered under this name: called, it gives f(x); `minimum` is a list."""
    return objectives.get(name)


def minimum_of(where: str, minimum: Any, dimension: int) -> Floats | None:
    """A point (dimension,) from a point, the name of an objective, or None."""
    if minimum is None:
        return None
    value = objective_named(minimum).minimum if isinstance(minimum, str) else minimum
    point = checks.real_array(where, "minimum", value).astype(np.float64)
    if point.shape != (dimension,):
        raise ShapeError(f"[{where}] minimum: expected ({dimension},), got {point.shape}")
    if not np.isfinite(point).all():
        raise ConfigError(f"[{where}] minimum: expected finite numbers, got {point.tolist()}")
    return point


def paths_of(where: str, results: Any, dimension: int | None) -> dict[str, Path]:
    """label -> path of one result, a list or a dict of them; `dimension` None: any, but the same for all."""
    paths = {}
    for label, result in runs_of(where, "results", results, "path", "an OptimizeResult").items():
        if result.path is None or np.size(result.path) == 0:
            raise ConfigError(f'[{where}] results: expected paths, got none; minimize with record="all"')
        points = checks.real_array(where, "results", result.path).astype(np.float64)
        if points.ndim != 2 or points.shape[1] != (dimension or points.shape[1]):
            raise ShapeError(f"[{where}] results: expected paths (steps + 1, {dimension or 'd'}), got {points.shape}")
        dimension = dimension or points.shape[1]
        paths[label] = _path(where, result, points)
    return paths


def _path(where: str, result: Any, points: Floats) -> Path:
    """The rows of the path up to the first that is not finite."""
    whole = np.isfinite(points).all(axis=1)
    rows = len(points) if whole.all() else int(whole.argmin())
    if rows == 0:
        raise ConfigError(f"[{where}] results: expected a path with a finite start, got {points[0].tolist()}")
    values = getattr(result, "values", None)
    if values is not None:
        values = np.asarray(values, dtype=np.float64)
        if values.shape != (len(points),):
            raise ShapeError(f"[{where}] results: expected values ({len(points)},), got {values.shape}")
        values = values[:rows]
    diverged = rows < len(points) or "diverged" in str(getattr(result, "message", ""))
    return Path(points[:rows], values, _steps(result, len(points))[:rows], diverged)


def _steps(result: Any, rows: int) -> Floats:
    """The step after which each row was recorded: `result.steps`, else every k-th from 0, and the last."""
    steps = getattr(result, "steps", None)
    if steps is not None and np.shape(steps) == (rows,):
        return np.asarray(steps, dtype=np.float64)
    last = int(getattr(result, "nit", rows - 1))
    apart = 1 if rows >= last else -(-last // max(1, rows - 1))
    return np.minimum(np.arange(rows, dtype=np.float64) * apart, max(last, rows - 1))
