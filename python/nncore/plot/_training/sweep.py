"""sweep: a metric of the runs over one of the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._support import checks, views
from nncore.errors import ConfigError
from nncore.plot._display import Display
from nncore.plot._style import Floats, canvas, colour, counted, dot, finish, paper, spans_decades, tidy
from nncore.sweeps._grid import to_text
from nncore.sweeps._table import SweepTable, checked_rows, columns_of, is_number, metric_of
from nncore.train._metrics import known_direction

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_WHERE = "plot.sweep"


@dataclass(frozen=True, repr=False)
class SweepDisplay(Display):
    """The plot of `sweep`.

    Attributes
    ----------
    x_, metric_ : str, what the axes show.
    lines_ : dict label -> Line2D, the mean over the seeds; a single one has the label "".
    """

    x_: str
    metric_: str
    lines_: dict[str, Line2D]


def sweep(
    table: Any,
    metric: str | None = None,
    *,
    x: str | None = None,
    ax: Any = None,
    figsize: Any = None,
    title: str | None = None,
) -> SweepDisplay:
    """A metric over one argument of the points: the mean over the seeds, each run a dot, a line for each other setting.

    Parameters
    ----------
    table : SweepTable, or a list of its rows
    metric : str or None, default None
        A column of numbers; None is "val_loss", or "loss" without validation data.
    x : str or None, default None
        An argument of the points; None is the first with several numbers, else with several values, else the seed.
        What is no number stands in the order of the table.
    ax : matplotlib Axes or None, default None
        Draw here instead of in a new figure.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.
    title : str or None, default None

    Returns
    -------
    SweepDisplay
        `ax_`, `figure_`, `lines_`; `.save(path)`, `.show()`. A cross at the edge stands for each run that diverged.

    Raises
    ------
    ConfigError
        Not a sweep's table, or no such column.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> rows = [{"lr": lr, "seed": 0, "loss": 1 / lr, "seconds": 0.1, "status": "ok"} for lr in (1.0, 2.0, 4.0)]
    >>> nc.plot.sweep(rows).lines_[""].get_ydata()
    array([1.  , 0.5 , 0.25])
    """
    rows = _rows(table)
    name = metric_of(_WHERE, rows, metric)
    parameters = columns_of(rows)[0]
    across = _across(rows, parameters, x)
    given: list[Any] = list({_key(row.get(across)): row.get(across) for row in rows}.values())
    numeric = all(is_number(value) for value in given)
    places = [float(value) for value in given] if numeric else [float(i) for i in range(len(given))]
    place = {_key(value): at for value, at in zip(given, places, strict=True)}
    lines: dict[str, Line2D] = {}
    with canvas(_WHERE, ax, (6.4, 3.8), figsize=figsize) as (on,):
        for label, members in _lines(rows, [p for p in parameters if p != across]).items():
            at = np.array([place[_key(row.get(across))] for row in members])
            values = np.array(
                [row.get(name, np.nan) if row["status"] == "ok" else np.nan for row in members], np.float64
            )
            lines[label] = _draw(on, at, values, colour(len(lines)), label, name)
        if numeric and spans_decades(np.array(places)):
            on.set_xscale("log")
        if spans_decades(np.array([row.get(name, np.nan) for row in rows], np.float64)):
            on.set_yscale("log")
        if not numeric:
            on.set_xticks(places, [to_text(value) for value in given])
        on.set(xlabel=across, ylabel=name)
        tidy(on)
        finish(on, ax is None, title)
    return SweepDisplay((on,), across, name, lines, about_=f"{name} over {across}, {counted(len(rows), 'run')}")


def _draw(ax: Axes, at: Floats, values: Floats, tint: str, label: str, metric: str) -> Line2D:
    """The means as a line, the runs as dots, those without a finite number as crosses at the worse edge."""
    places = np.unique(at)
    there = np.isfinite(values)
    groups = [values[there & (at == place)] for place in places]
    means = np.array([group.mean() if group.size else np.nan for group in groups])
    if any(group.size > 1 for group in groups):
        ax.plot(at[there], values[there], "o", color=tint, markersize=dot(3), alpha=0.5, markeredgewidth=0)
    if not there.all():
        edge = 0.0 if known_direction(metric) else 1.0
        style: Any = {
            "marker": "X",
            "linestyle": "none",
            "color": tint,
            "markeredgecolor": paper(ax),
            "markersize": dot(10),
        }
        lost = at[~there]
        ax.plot(lost, np.full(len(lost), edge), transform=ax.get_xaxis_transform(), clip_on=False, zorder=6, **style)
    return ax.plot(places, means, marker="o", color=tint, label=label or "_nolegend_")[0]


def _rows(table: Any) -> list[dict[str, Any]]:
    rows = checked_rows(_WHERE, table)
    if not rows or not all("loss" in row for row in rows):
        raise ConfigError(f"[{_WHERE}] table: expected the runs of a sweep, got {checks.describe(table)}")
    return rows


def _across(rows: list[dict[str, Any]], parameters: list[str], x: Any) -> str:
    """The argument on the horizontal axis."""
    if x is not None:
        if not isinstance(x, str) or x not in (*parameters, "seed"):
            raise ConfigError(f"[{_WHERE}] x: expected one of {[*parameters, 'seed']}, got {checks.describe(x)}")
        return x
    several = [name for name in parameters if len({_key(row.get(name)) for row in rows}) > 1]
    numbers = [name for name in several if all(is_number(row.get(name)) for row in rows)]
    return next(iter([*numbers, *several, "seed"]))


def _lines(rows: list[dict[str, Any]], parameters: list[str]) -> dict[str, list[dict[str, Any]]]:
    """The rows by the other settings; constant settings are left out of the label."""
    changing = [name for name in parameters if len({_key(row.get(name)) for row in rows}) > 1]
    lines: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        label = ", ".join(f"{name} {to_text(row[name])}" for name in changing if name in row)
        lines.setdefault(label, []).append(row)
    return lines


def _key(value: Any) -> str:
    """Equal for equal values, of whatever type."""
    return checks.describe(value) if not is_number(value) else repr(float(value))


views.plot.register(SweepTable, sweep)
