"""The result of a sweep: a list of rows that prints as a table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nncore._support import views
from nncore._support.checks import describe
from nncore._support.html import table as html_table
from nncore.errors import ConfigError, StateError
from nncore.sweeps._grid import to_text
from nncore.train._metrics import larger_is_better

_AFTER = ("seconds", "status", "message")  # the columns after the numbers
_MAX_ROWS = 60
_MAX_WIDTH = 50  # characters of a cell


class SweepTable(list[dict[str, Any]]):
    """A row for each point and seed: a list of dicts that prints as a table.

    The columns: the point's arguments, "seed", the numbers ("loss", "accuracy", "val_loss", …; NaN where there is
    none), "seconds" of the fit, "status" ("ok" or "diverged") and "message" (what diverged where, else "").
    """

    @property
    def parameters(self) -> list[str]:
        """Names of the points' arguments."""
        return columns_of(checked_rows("sweep", self))[0]

    @property
    def metrics(self) -> list[str]:
        """Names of the measured numbers."""
        return columns_of(checked_rows("sweep", self))[1]

    def best(self, metric: str | None = None, mode: str = "auto") -> dict[str, Any]:
        """The row with the best value of a metric; None: "val_loss", or "loss" without validation data.

        mode: "min", "max", or "auto": what the metric's name tells, as in EarlyStopping; ConfigError if it does not.
        Runs that diverged do not count, nor does NaN; of equals the first.
        """
        runs = checked_rows("sweep", self)
        name = metric_of("sweep", runs, metric)
        better = max if larger_is_better("sweep", name, mode) else min
        rows = [row for row in runs if row["status"] == "ok" and not math.isnan(row.get(name, math.nan))]
        if not rows:
            raise StateError(f"[sweep] best: expected a run with a {name}, got none that ended well")
        return better(rows, key=lambda row: row[name])

    def to_pandas(self) -> Any:
        """A pandas.DataFrame of the rows."""
        try:
            import pandas  # type: ignore[import-untyped,import-not-found,unused-ignore]
        except ImportError:
            raise ImportError("[sweep] to_pandas needs pandas: pip install pandas") from None
        return pandas.DataFrame(list(self))

    def plot(self, metric: str | None = None, *, x: str | None = None, ax: Any = None) -> Any:
        """`nc.plot.sweep` of this table."""
        return views.plot(self, metric, x=x, ax=ax)

    def _cells(self) -> list[list[str]]:
        """Header and rows as text; only those at both ends when there are many."""
        given: list[Any] = list(self)
        rows = [row if isinstance(row, dict) else {"": row} for row in given]  # users may have changed the list
        says = any(to_text(row.get("message", "")) for row in rows)
        columns = [name for name in _union(rows) if name != "message" or says]
        cells = [list(map(to_text, columns)), *([_cell(name, row.get(name, "")) for name in columns] for row in rows)]
        if len(rows) > _MAX_ROWS:
            half = _MAX_ROWS // 2
            cells[half + 1 : -half] = [["…"] * len(columns)]
        return cells

    def __repr__(self) -> str:
        if not self:
            return "SweepTable: no runs"
        cells = self._cells()
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        left = {i for i, name in enumerate(cells[0]) if name in ("status", "message")}
        lines = [
            "  ".join(
                f"{text:<{w}}" if i in left else f"{text:>{w}}"
                for i, (text, w) in enumerate(zip(row, widths, strict=True))
            )
            for row in cells
        ]
        lines.insert(1, "-" * len(lines[0]))
        return "\n".join(line.rstrip() for line in lines)

    __str__ = __repr__

    def _repr_html_(self) -> str:
        head, *rows = self._cells() if self else [["no runs"]]
        return html_table(head, rows)


def _cell(name: str, value: Any) -> str:
    if name == "seconds" and is_number(value):
        return f"{value:.3g}"
    text = to_text(value)
    return text if len(text) <= _MAX_WIDTH else text[: _MAX_WIDTH - 1] + "…"


def _union(rows: Iterable[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def is_number(value: Any) -> bool:
    """A real number that a float holds."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def checked_rows(where: str, table: Any) -> list[dict[str, Any]]:
    """The rows of a table, which users may have changed; ConfigError if one is not a run."""
    if not isinstance(table, (list, tuple)) or not all(map(_is_run, table)):
        raise ConfigError(f"[{where}] table: expected the runs of a sweep, got {describe(table)}")
    return list(table)


def _is_run(row: Any) -> bool:
    if not isinstance(row, dict) or not isinstance(row.get("status"), str) or "seed" not in row:
        return False
    return all(isinstance(name, str) for name in row) and all(is_number(row[name]) for name in columns_of([row])[1])


def columns_of(rows: Sequence[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """(parameters, metrics): in each row the columns before "seed", and the numbers after it."""
    parameters: dict[str, None] = {}
    metrics: dict[str, None] = {}
    for row in rows:
        names = list(row)
        at = names.index("seed")
        parameters.update(dict.fromkeys(names[:at]))
        metrics.update(dict.fromkeys(name for name in names[at + 1 :] if name not in _AFTER))
    return list(parameters), list(metrics)


def metric_of(where: str, rows: Sequence[dict[str, Any]], metric: Any) -> str:
    """The metric, checked; None: "val_loss", or "loss" if there is none."""
    metrics = columns_of(rows)[1]
    if metric is None:
        return "val_loss" if "val_loss" in metrics else "loss"
    if not isinstance(metric, str) or metric not in metrics:
        raise ConfigError(f"[{where}] metric: expected one of {metrics}, got {describe(metric)}")
    return metric
