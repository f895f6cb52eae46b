"""The result of a sweep: a row for each point and seed."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from nncore._support import views
from nncore._support.checks import describe
from nncore.errors import ConfigError, StateError
from nncore.sweeps._folder import Folder
from nncore.sweeps._outcome import BEST, Entry
from nncore.sweeps._rows import Rows, is_number
from nncore.sweeps._summary import SweepSummary
from nncore.train._metrics import larger_is_better

_AFTER = ("seconds", "status", "message")  # the columns after the numbers
_ELSEWHERE = {
    "mean": "summary(metric) gives mean, standard deviation and 95 % interval over the seeds",
    "std": "summary(metric) gives mean, standard deviation and 95 % interval over the seeds",
    "groupby": "summary(metric, over=name) does this; to_pandas() gives a DataFrame",
    "describe": "summary(metric) does this; to_pandas() gives a DataFrame",
    "filter": "where(lr=0.1) and where(lambda row: …) give the rows that fit",
    "query": "where(lr=0.1) and where(lambda row: …) give the rows that fit",
    "head": "table[:5] gives the first rows",
    "sort_values": "sorted(name) gives the rows in order",
}


class SweepTable(Rows):
    """A row for each point and seed: a list of dicts that prints as a table.

    The columns: the point's arguments, "seed", the numbers after the last epoch ("loss", "accuracy", "val_loss", …; NaN
    where there is none), "best_epoch" (from 1) and the numbers of that epoch ("best_val_loss", …), "seconds", "status"
    ("ok", "diverged" or "failed") and "message" (what diverged or failed where, else ""). "seconds" is the duration of
    the fit; where small nets trained side by side, that of all of them divided by their number, the same in each row.

    Slices, masks and lists of positions give a SweepTable, the name of a column gives an array: `table[:3]`,
    `table[table["lr"] > 0.05]`.

    Examples
    --------
    >>> runs = [(lr, seed) for lr in (1.0, 2.0) for seed in (0, 1)]
    >>> table = nc.SweepTable({"lr": lr, "seed": s, "loss": lr + s, "seconds": 0.1, "status": "ok"} for lr, s in runs)
    >>> table.where(lr=2.0).summary("loss")[0]["mean"]
    2.5
    >>> table.best("loss", over="seed")["lr"]
    1.0
    """

    _hints: ClassVar[Mapping[str, str]] = {name: f"table.{instead}" for name, instead in _ELSEWHERE.items()}

    def __init__(self, rows: Iterable[dict[str, Any]] = ()) -> None:
        if isinstance(rows, (str, bytes, os.PathLike)):
            hint = f"nc.SweepTable.load({os.fspath(rows)!r}) reads the runs of a folder"
            raise ConfigError(f"[SweepTable] rows: expected dicts, got {describe(rows)} ({hint})")
        super().__init__(rows)

    @classmethod
    def load(cls, folder: Any) -> SweepTable:
        """The runs that sweeps kept in a folder, in the order of their sweeps, each value of its own type.

        Where the folder holds runs of several sweeps, of another build, length, metrics or data, a first column "sweep"
        numbers these from 1. A function or class among the values is found where its module has been imported; else
        its name stands for it. FileNotFoundError where there is no folder; a warning names files that are no runs.
        """
        return cls(rows_of(Folder(folder, create=False).entries()))

    @property
    def parameters(self) -> list[str]:
        """Names of the points' arguments."""
        return columns_of(checked_rows("sweep", self))[0]

    @property
    def metrics(self) -> list[str]:
        """Names of the numbers that were measured after the last epoch."""
        return [name for name in columns_of(checked_rows("sweep", self))[1] if not name.startswith(BEST)]

    def best(self, metric: str | None = None, *, mode: str = "auto", over: Any = None) -> dict[str, Any]:
        """The row with the best value of a metric.

        Parameters
        ----------
        metric : str or None, default None
            A column of numbers; None is "val_loss", or "loss" without validation data.
        mode : {"auto", "min", "max"}
            "max": larger is better; "auto": the metric's name tells, as of a loss or an accuracy, else a ConfigError.
        over : str, list of str or None, default None
            "seed": the best mean over the seeds, a row of `summary(metric, over=over)`. A point of which runs diverged
            or failed is best only if there is no other.

        Runs that diverged or failed do not count, nor NaN; of equals the first.
        """
        runs = checked_rows("sweep", self)
        name = metric_of("sweep", runs, metric)
        if over is not None:
            return self.summary(name, over=over).best(mode=mode)
        better = max if larger_is_better("sweep", name.removeprefix(BEST), mode) else min
        rows = [row for row in runs if row["status"] == "ok" and not math.isnan(row.get(name, math.nan))]
        if not rows:
            raise StateError(f"[sweep] best: expected a run with a {name}, got none that ended well")
        return better(rows, key=lambda row: row[name])

    def summary(self, metric: str | None = None, over: Any = "seed") -> SweepSummary:
        """Mean, standard deviation and 95 % interval of a metric for each point, over its seeds.

        Parameters
        ----------
        metric : str or None, default None
            A column of numbers; None is "val_loss", or "loss" without validation data.
        over : str or list of str, default "seed"
            What the numbers of a row are gathered over: "seed" or arguments of the points.

        Returns
        -------
        SweepSummary
            A row for each point with its arguments and "mean", "std" (that of a sample, division by n - 1), "low" and
            "high" (mean ± t std / √n with Student's t for n - 1 degrees of freedom; with std NaN for n = 1), "n" (the
            finite numbers), "diverged" and "failed" (so many runs), and "lost", which names these and those whose
            number is not finite.
        """
        runs = checked_rows("sweep", self)
        parameters = columns_of(runs)[0]
        given = [over] if isinstance(over, str) else list(over) if isinstance(over, (list, tuple)) else []
        if not given or not all(isinstance(name, str) and name in (*parameters, "seed") for name in given):
            raise ConfigError(f"[sweep] over: expected some of {[*parameters, 'seed']}, got {describe(over)}")
        return SweepSummary.of(runs, metric_of("sweep", runs, metric), parameters, given)

    def plot(
        self,
        metric: str | None = None,
        *,
        x: str | None = None,
        ax: Any = None,
        figsize: Any = None,
        title: str | None = None,
    ) -> Any:
        """`nc.plot.sweep` of this table."""
        return views.plot(self, metric, x=x, ax=ax, figsize=figsize, title=title)

    def _shown(self) -> list[str]:
        """Of the numbers in the best epoch those by which it is the best, the first two."""
        columns = super()._shown()
        best = [name for name in columns if isinstance(name, str) and name.startswith(BEST)]
        return [name for name in columns if name not in best[2:]]


def rows_of(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """A row for each run, with the same columns for all numbers."""
    longest = sorted(entries, key=lambda entry: -len(entry.outcome.numbers))
    found = dict.fromkeys(name for entry in longest for name in entry.outcome.numbers)
    names = sorted(dict.fromkeys(["loss", *found]), key=lambda name: name.startswith(BEST))
    return [
        {
            **entry.point,
            "seed": entry.seed,
            **{name: _number(name, entry.outcome.numbers.get(name, math.nan)) for name in names},
            "seconds": entry.outcome.seconds,
            "status": entry.outcome.status,
            "message": entry.outcome.message,
        }
        for entry in entries
    ]


def _number(name: str, value: float) -> float:
    return int(value) if name == "best_epoch" and math.isfinite(value) else value


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
    """(parameters, numbers): in each row the columns before "seed", and the numbers after it."""
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
