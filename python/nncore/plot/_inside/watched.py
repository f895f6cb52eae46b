"""Shared by the plots of Monitors: the runs, the requested tensors, axes over the steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._support import checks
from nncore.diagnostics._monitor import Monitor, check_seen
from nncore.errors import ConfigError
from nncore.plot._style import Floats, counted, dot, runs_of, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAX_AXES = 64  # axes in one figure


def monitors_of(where: str, monitor: Any) -> dict[str, Monitor]:
    """label -> Monitor; StateError for one without observations."""
    runs = runs_of(where, "monitor", monitor, "records", "a Monitor")
    for run in runs.values():
        check_seen(run)
    return runs


def tensors_of(where: str, runs: dict[str, Monitor], tensors: Any, kinds: Sequence[str]) -> list[str]:
    """The names of the requested tensors, given by name or kind; None: all of the first of `kinds` that occurs."""
    known = {name: run.kinds.get(name, "") for run in runs.values() for name in run}
    asked = [tensors] if isinstance(tensors, str) else checks.as_list(tensors)
    if tensors is None:
        asked = [next((kind for kind in kinds if kind in known.values()), next(iter(known)))]
    if not asked:
        raise ConfigError(f"[{where}] tensors: expected names or kinds of tensors, got {checks.describe(tensors)}")
    names: list[str] = []
    for one in asked:
        found = [one] if one in known else [name for name, kind in known.items() if kind == one]
        if not found:
            some = ", ".join([*map(repr, list(known)[:6]), *(["…"] if len(known) > 6 else [])])
            of_kinds = ", ".join(map(repr, dict.fromkeys(known.values())))
            got = checks.describe(one)
            raise ConfigError(f"[{where}] tensors: expected names ({some}) or kinds ({of_kinds}), got {got}")
        names += found
    return list(dict.fromkeys(names))


def at_most(where: str, count: int) -> int:
    """`count`, the axes of a figure; ConfigError beyond 64."""
    if count > _MAX_AXES:
        raise ConfigError(f"[{where}] tensors: expected at most {_MAX_AXES} pictures, got {count}; choose some by name")
    return count


def grid_width(where: str, columns: Any, count: int) -> int:
    """Axes in a row; None: up to three."""
    return min(count, 3 if columns is None else checks.integer(where, "columns", columns, 1, _MAX_AXES, or_none=True))


def over_steps(axes: Sequence[Axes], columns: int, ylabel: str = "", *, grid: bool = True) -> None:
    """Labels at the left and lower edges of a grid of axes over the steps."""
    for number, ax in enumerate(axes):
        if number + columns >= len(axes):
            ax.set_xlabel("step")
        if ylabel and number % columns == 0:
            ax.set_ylabel(ylabel)
        tidy(ax, grid=grid)


def marker(x: Floats | Any) -> dict[str, Any]:
    """Style of a line: dots if it has at most 12 points."""
    return {"marker": "o" if np.size(x) <= 12 else "", "markersize": dot(3.5)}


def tensors_text(count: int, runs: dict[str, Monitor]) -> str:
    """ "3 tensors over 20 observations", for the repr of displays."""
    seen = max(len(run.steps) for run in runs.values())
    of_runs = f" of {len(runs)} fits" if len(runs) > 1 else ""
    return f"{counted(count, 'tensor')} over {counted(seen, 'observation')}{of_runs}"
