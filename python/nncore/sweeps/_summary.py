"""Statistics of a sweep's runs over the seeds: mean, standard deviation and interval of each point."""

from __future__ import annotations

import functools
import math
import types
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np

from nncore._registry.registered import traits_of
from nncore.errors import StateError
from nncore.nn._layer import Layer
from nncore.sweeps._grid import to_text
from nncore.sweeps._outcome import BEST
from nncore.sweeps._rows import Rows, is_number
from nncore.train._metrics import larger_is_better

_MAX_NAMED = 5  # runs that "lost" names


class SweepSummary(Rows):
    """A row for each point of a sweep, as `SweepTable.summary` explains them.

    Attributes
    ----------
    metric : str
        The number that "mean" and the others are of.
    """

    metric: str = ""

    @classmethod
    def of(cls, runs: Sequence[dict[str, Any]], metric: str, parameters: Sequence[str], over: Sequence[str]) -> Self:
        """The statistics of checked rows, gathered over some of the columns."""
        kept = [name for name in (*parameters, "seed") if name not in over]
        groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in runs:
            groups.setdefault(tuple(value_key(row[name]) if name in row else None for name in kept), []).append(row)
        summary = cls(_statistics(members, metric, kept, over) for members in groups.values())
        summary.metric = metric
        return summary

    def best(self, *, mode: str = "auto") -> dict[str, Any]:
        """The row with the best mean; one of which runs diverged or failed only if there is no other.

        mode : {"auto", "min", "max"}, as in SweepTable.best.
        """
        sign = -1.0 if larger_is_better("sweep", self.metric.removeprefix(BEST), mode) else 1.0
        rows = [row for row in self if not math.isnan(row["mean"])]
        if not rows:
            raise StateError(f"[sweep] best: expected a point with a mean {self.metric}, got none that ended well")
        return min(rows, key=lambda row: (bool(row["lost"]), sign * row["mean"]))

    def _like(self, rows: Iterable[dict[str, Any]]) -> Self:
        other = super()._like(rows)
        other.metric = self.metric
        return other

    def _caption(self) -> str:
        return self.metric

    def __repr__(self) -> str:
        return f"{self.metric}\n{super().__repr__()}" if self else super().__repr__()

    __str__ = __repr__


def _statistics(rows: list[dict[str, Any]], metric: str, kept: Sequence[str], over: Sequence[str]) -> dict[str, Any]:
    """The row of one point."""
    there = [row for row in rows if row["status"] == "ok" and math.isfinite(row.get(metric, math.nan))]
    lost = [row for row in rows if not any(row is one for one in there)]
    mean, std, half = interval([row[metric] for row in there])
    named = [f"{', '.join(f'{n} {to_text(row.get(n))}' for n in over)}: {_reason(row)}" for row in lost[:_MAX_NAMED]]
    return {
        **{name: rows[0][name] for name in kept if name in rows[0]},
        "mean": mean,
        "std": std,
        "low": mean - half,
        "high": mean + half,
        "n": len(there),
        "diverged": sum(row["status"] == "diverged" for row in rows),
        "failed": sum(row["status"] == "failed" for row in rows),
        "lost": "; ".join([*named, *(["…"] if len(lost) > _MAX_NAMED else [])]),
    }


def _reason(row: dict[str, Any]) -> str:
    return str(row["status"]) if row["status"] != "ok" else "not finite"


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """(mean, standard deviation, half the 95 % interval of the mean); NaN where there are too few values."""
    n = len(values)
    if n == 0:
        return math.nan, math.nan, math.nan
    array = np.asarray(values, np.float64)
    mean = float(array.mean())
    if n == 1:
        return mean, math.nan, math.nan
    std = float(array.std(ddof=1))
    return mean, std, student_t(n - 1) * std / math.sqrt(n)


@functools.lru_cache(maxsize=256)
def student_t(freedom: int, share: float = 0.95) -> float:
    """The t for which Student's distribution has `share` of its mass in [-t, t].

    With t = √ν tan θ that mass is a finite sum of cosines (Abramowitz and Stegun, 26.7.3 and 26.7.4), which grows
    with θ: bisection.
    """
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _mass(middle, freedom) < share else (low, middle)
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _mass(angle: float, freedom: int) -> float:
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term, total = (cosine if odd else 1.0), 0.0
    for k in range(1 + odd, freedom, 2):  # cos θ + 2/3 cos³ θ + …, or 1 + 1/2 cos² θ + …
        total += term
        term *= k / (k + 1) * cosine * cosine
    if not odd:
        return sine * total
    return 2 / math.pi * (angle + sine * total)


def value_key(value: Any) -> Any:
    """Hashable, and equal for values of a point that are the same, of whatever type."""
    if is_number(value):
        return float(value)
    if isinstance(value, (list, tuple)):
        return tuple(map(value_key, value))
    if isinstance(value, np.ndarray):
        return value.shape, value.tobytes()
    if isinstance(value, Layer) and not traits_of(value).get("activation"):
        return id(value)  # layers that look the same may have other parameters
    if value is None or isinstance(value, (bool, str, type, types.FunctionType)):
        return type(value), value
    try:
        return repr(value)
    except Exception:  # of a __repr__ that users wrote
        return id(value)
