"""sweep: a metric of the runs over one of the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nncore._support import checks
from nncore._support.names import keywords
from nncore.errors import ConfigError
from nncore.plot._display import Display
from nncore.plot._style import Floats, canvas, colour, counted, dot, finish, paper, pen, plain, tidy
from nncore.sweeps._grid import to_text
from nncore.sweeps._outcome import BEST, NUMBER
from nncore.sweeps._rows import is_number
from nncore.sweeps._summary import value_key
from nncore.sweeps._table import checked_rows, columns_of, metric_of
from nncore.train._metrics import known_direction

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_WHERE = "plot.sweep"
_DECADE = 10.0
_MAX_DOTS = 20  # runs of a point: of more the band tells enough


@dataclass(frozen=True, repr=False)
class SweepDisplay(Display):
    """The plot of `sweep`.

    Attributes
    ----------
    x_, metric_ : str, what the axes show.
    lines_ : dict label -> Line2D, the mean over the seeds; a single one has the label "".
    bands_ : dict label -> what shows the standard deviation, a band or bars; none where each point has one run.
    """

    x_: str
    metric_: str
    lines_: dict[str, Line2D]
    bands_: dict[str, Any]


@keywords()
def sweep(
    table: Any,
    metric: str | None = None,
    *,
    x: str | None = None,
    ax: Any = None,
    figsize: Any = None,
    title: str | None = None,
) -> SweepDisplay:
    """A metric over one argument of the points: the mean over the seeds and the standard deviation around it.

    A line with a band for each other setting, and a dot for each run where these are few. Values that are no numbers
    stand side by side as points with bars. Axes are logarithmic where the values spread over a decade or more: that of
    the argument unless its values are spaced evenly, that of a metric of which less is better.

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
        None says what is shown.

    Returns
    -------
    SweepDisplay
        `ax_`, `figure_`, `lines_`, `bands_`; `.save(path)`, `.show()`. A cross at the edge stands for each run that
        diverged or failed.

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
    given: list[Any] = list({value_key(row.get(across)): row.get(across) for row in rows}.values())
    numeric = all(is_number(value) for value in given)
    places = [float(value) for value in given] if numeric else [float(i) for i in range(len(given))]
    place = {value_key(value): at for value, at in zip(given, places, strict=True)}
    groups = _lines(rows, [p for p in parameters if p != across])
    lines: dict[str, Line2D] = {}
    bands: dict[str, Any] = {}
    with canvas(_WHERE, ax, (6.4, 3.8), figsize=figsize) as (on,):
        for number, (label, members) in enumerate(groups.items()):
            shift = 0.0 if numeric else (number - (len(groups) - 1) / 2) * min(0.12, 0.6 / len(groups))
            at = np.array([place[value_key(row.get(across))] + shift for row in members])
            values = np.array(
                [row.get(name, np.nan) if row["status"] == "ok" else np.nan for row in members], np.float64
            )
            spread = _spread(at, values)
            lines[label] = _draw(on, at, values, spread, _Look(colour(number), label, name, numeric))
            if np.isfinite(spread.deviations).any():
                bands[label] = _band(on, spread, colour(number), joined=numeric)
        if numeric and across != "seed" and _is_geometric(np.array(places)):
            on.set_xscale("log")
        drawn = np.array([row.get(name, np.nan) for row in rows if row["status"] == "ok"], np.float64)
        if not known_direction(name.removeprefix(BEST)) and _ratio(drawn) > _DECADE:
            on.set_yscale("log")
        if not numeric:
            on.set_xticks(places, [plain(to_text(value)) for value in given])
            on.set_xlim(-0.5, len(given) - 0.5)
        on.set(xlabel=plain(across), ylabel=plain(name))
        tidy(on)
        finish(on, ax is None, _title(rows, name, across, spread=bool(bands)) if title is None else title)
    about = f"{name} over {across}, {counted(len(rows), 'run')}"
    return SweepDisplay((on,), across, name, lines, bands, about_=about)


def _title(rows: list[dict[str, Any]], metric: str, across: str, *, spread: bool) -> str:
    """What is drawn, in words."""
    seeds = len({row["seed"] for row in rows})
    runs = counted(seeds, "seed") if across != "seed" else counted(len(rows), "run")
    return plain(f"{metric}: mean ± standard deviation over {runs}" if spread else f"{metric} over {across}")


class _Look(NamedTuple):
    tint: Any
    label: str
    metric: str
    joined: bool


class _Spread(NamedTuple):
    """Mean, standard deviation (NaN for one run) and least value of the runs at each place."""

    places: Floats
    means: Floats
    deviations: Floats
    least: Floats
    counts: list[int]


def _spread(at: Floats, values: Floats) -> _Spread:
    places = np.unique(at)
    groups = [values[np.isfinite(values) & (at == place)] for place in places]
    means = np.array([group.mean() if group.size else np.nan for group in groups])
    deviations = np.array([group.std(ddof=1) if group.size > 1 else np.nan for group in groups])
    least = np.array([group.min() if group.size else np.nan for group in groups])
    return _Spread(places, means, deviations, least, [group.size for group in groups])


def _draw(ax: Axes, at: Floats, values: Floats, spread: _Spread, look: _Look) -> Line2D:
    """The means as a line, the runs as dots, those without a finite number as crosses at the worse edge."""
    there = np.isfinite(values)
    if 1 < max(spread.counts) <= _MAX_DOTS:
        style: Any = {"color": look.tint, "markersize": dot(3), "alpha": 0.5, "markeredgewidth": 0}
        ax.plot(at[there], values[there], "o", **style)
    if not there.all():
        edge = 0.0 if known_direction(look.metric.removeprefix(BEST)) else 1.0
        style = {
            "marker": "X",
            "linestyle": "none",
            "color": look.tint,
            "markeredgecolor": paper(ax),
            "markersize": dot(10),
        }
        lost = at[~there]
        ax.plot(lost, np.full(len(lost), edge), transform=ax.get_xaxis_transform(), clip_on=False, zorder=6, **style)
    label, line = plain(look.label) or "_nolegend_", "-" if look.joined else "none"
    return ax.plot(spread.places, spread.means, marker="o", linestyle=line, color=look.tint, label=label)[0]


def _band(ax: Axes, spread: _Spread, tint: Any, *, joined: bool) -> Any:
    """Mean ± standard deviation; not below 0 where all values lie above it, as losses and rates do."""
    deviations = np.nan_to_num(spread.deviations)
    low, high = spread.means - deviations, spread.means + deviations
    low = np.where((low <= 0) & (spread.least > 0), spread.least, low)
    if joined:
        return ax.fill_between(spread.places, low, high, color=tint, alpha=0.2, linewidth=0)
    reach = [spread.means - low, high - spread.means]
    return ax.errorbar(spread.places, spread.means, reach, fmt="none", ecolor=tint, elinewidth=pen(1.6), capsize=4)


def _ratio(values: Floats) -> float:
    """The largest finite value by the least; 0 unless all are positive."""
    values = values[np.isfinite(values)]
    return float(values.max() / values.min()) if values.size and values.min() > 0 else 0.0


def _is_geometric(values: Floats) -> bool:
    """Whether a logarithmic axis keeps values of a decade or more better apart than a linear one."""
    if _ratio(values) < _DECADE * (1 - 1e-9):
        return False
    values = np.unique(values)
    gaps = [float(np.diff(scaled).min() / np.ptp(scaled)) for scaled in (values, np.log(values))]
    return gaps[1] >= gaps[0] * (1 - 1e-9)


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
    several = sorted(_changing(rows, parameters), key=lambda name: name == NUMBER)  # that of the sweep comes last
    numbers = [name for name in several if all(is_number(row.get(name)) for row in rows)]
    return next(iter([*numbers, *several, "seed"]))


def _changing(rows: list[dict[str, Any]], parameters: list[str]) -> list[str]:
    """The settings with several values."""
    return [name for name in parameters if len({value_key(row.get(name)) for row in rows}) > 1]


def _lines(rows: list[dict[str, Any]], parameters: list[str]) -> dict[str, list[dict[str, Any]]]:
    """The rows by the other settings; constant settings are left out of the label."""
    changing = _changing(rows, parameters)
    groups: dict[Any, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(value_key(row[name]) if name in row else None for name in changing), []).append(row)
    lines: dict[str, list[dict[str, Any]]] = {}
    for members in groups.values():
        label = own = ", ".join(f"{name} {to_text(members[0][name])}" for name in changing if name in members[0])
        while label in lines:  # other objects of the same text
            label = f"{own} ({1 + sum(one.startswith(own) for one in lines)})"
        lines[label] = members
    return lines
