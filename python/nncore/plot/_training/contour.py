"""contour_path: the paths of optimizers over the contours of a function of two variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._support import checks
from nncore._support.names import keywords
from nncore.errors import ConfigError, ShapeError
from nncore.plot._display import Display
from nncore.plot._names import feature_texts
from nncore.plot._style import Floats, canvas, colour, counted, dot, finish, ink, mixed, paper, pen, tidy
from nncore.plot._training.paths import Function, Path, minimum_of, objective_named, paths_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.contour import QuadContourSet
    from matplotlib.lines import Line2D

_WHERE = "plot.contour_path"
_CELLS = 2000  # cells of the window on each axis; points within one cell are drawn as one
_DECADES = 7  # of f below its largest value that are drawn, at most
_LOWEST_SHARE = 0.01  # of the window, which is drawn as one level: contours of so few points would be ragged


@dataclass(frozen=True, repr=False)
class ContourDisplay(Display):
    """The picture of `contour_path`.

    Attributes
    ----------
    contours_ : the filled contours, of log10(f - least f), or of asinh where f falls below its known minimum (a saddle)
    lines_ : dict label -> line of the path; label is "" for a single result
    """

    contours_: QuadContourSet
    lines_: dict[str, Line2D]


@keywords()
def contour_path(
    objective: Any,
    results: Any,
    *,
    feature_names: Any = None,
    ax: Any = None,
    figsize: Any = None,
    minimum: Any = None,
    limits: Any = None,
    resolution: int = 250,
    title: str | None = None,
) -> ContourDisplay:
    """Paths of `minimize` over the contours of the function: start as a ring, end as a dot, minimum as a star.

    Contours are evenly spaced in log10 of f above its least value. The window holds every path; one that diverged is
    followed to its edge and ends there with a cross.

    Parameters
    ----------
    objective : str or callable
        A name such as "rosenbrock", or x (2,) -> f or (f, gradient).
    results : OptimizeResult, or a list or dict label -> OptimizeResult. What has `path` (steps + 1, 2).
    feature_names : pair of texts or None, default None. Names of the axes; None: $x_1$ and $x_2$.
    ax : matplotlib Axes or None, default None. Where to draw; None makes a new figure.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.
    minimum : real (2,) or None, default None. Where f is least; None: a named objective's own.
    limits : ((x low, x high), (y low, y high)) or None, default None. The window; None chooses it.
    resolution : int in [2, 2000], default 250. Points per axis at which f is evaluated.
    title : str or None, default None. Set above the axes.

    Returns
    -------
    ContourDisplay
        `ax_`, `figure_`, `contours_`, `lines_`; `.save(path)`, `.show()`.

    Raises
    ------
    ShapeError, ConfigError
        An argument of the wrong shape, or of the wrong type or range; an unknown name; a result without path.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> class Descent:
    ...     path = np.array([[4.0, 1.0], [2.0, 0.5], [1.0, 0.25], [0.5, 0.125]])
    >>> display = nc.plot.contour_path(lambda x: x @ x, Descent(), minimum=[0, 0], resolution=50)
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['start', 'minimum']
    """
    objective = _function(objective)
    best = minimum_of(_WHERE, getattr(objective, "minimum", None) if minimum is None else minimum, 2)
    resolution = checks.integer(_WHERE, "resolution", resolution, 2, 2000)
    paths = paths_of(_WHERE, results, 2)
    features = feature_texts(_WHERE, feature_names, None, 2)
    window = _window(paths, best) if limits is None else _limits(limits)
    x, y = np.linspace(window[:, 0], window[:, 1], resolution).T
    z, saddle = _heights(objective, x, y, best)
    with canvas(_WHERE, ax, (6.6, 4.4), figsize=figsize) as (on,):
        contours = _draw_contours(on, x, y, z)
        lines = {label: _draw_path(on, p, label, i, window) for i, (label, p) in enumerate(paths.items())}
        _draw_marks(on, paths, window, best, "saddle point" if saddle else "minimum")
        on.set(**dict(zip(("xlabel", "ylabel"), features or ("$x_1$", "$x_2$"), strict=True)))
        finish(on, ax is None, title)
    return ContourDisplay((on,), contours, lines, about_=f"{counted(len(paths), 'path')} over contours")


def _function(objective: Any) -> Function:
    function: Any = objective_named(objective) if isinstance(objective, str) else objective
    if not callable(function):
        raise ConfigError(f"[{_WHERE}] objective: expected a name or a callable, got {checks.describe(objective)}")
    return function  # type: ignore[no-any-return]


def _limits(limits: Any) -> Floats:
    window = checks.real_array(_WHERE, "limits", limits).astype(np.float64)
    if window.shape != (2, 2):
        raise ShapeError(f"[{_WHERE}] limits: expected ((x low, x high), (y low, y high)), got shape {window.shape}")
    if not (np.isfinite(window).all() and (window[:, 0] < window[:, 1]).all()):
        raise ConfigError(f"[{_WHERE}] limits: expected finite pairs (low, high), got {window.tolist()}")
    return window


def _window(paths: dict[str, Path], best: Floats | None) -> Floats:
    """((x low, x high), (y low, y high)) that holds starts, minimum and paths; those that diverged near these only."""
    anchors = [path.points[0] for path in paths.values()] + ([] if best is None else [best])
    anchors += [path.points[-1] for path in paths.values() if best is None and not path.diverged]
    low, high = np.min(anchors, axis=0), np.max(anchors, axis=0)
    span = np.maximum(high - low, 0.25 * (high - low).max() or 1.0)
    near, far = (np.column_stack([low - k * span, high + k * span]) for k in (0.5, 3.0))
    seen = [
        _in_sight(path.points, near)[0].clip(*near.T) if path.diverged else path.points.clip(*far.T)
        for path in paths.values()
    ]
    low = np.min([low, *(points.min(axis=0) for points in seen)], axis=0)
    high = np.max([high, *(points.max(axis=0) for points in seen)], axis=0)
    span = np.maximum(high - low, 0.4 * (high - low).max() or 1.0)
    middle = (low + high) / 2
    return np.column_stack([middle - 0.62 * span, middle + 0.62 * span])


def _heights(function: Function, x: Floats, y: Floats, best: Floats | None) -> tuple[Floats, bool]:
    """Transformed f on the grid (rows, columns), NaN where it is not finite, and whether `best` is a saddle."""

    def value(point: Floats) -> float:
        f = function(point)
        return float(f[0] if isinstance(f, tuple) else f)

    with np.errstate(all="ignore"):
        f = np.array([[value(np.array([a, b])) for a in x] for b in y])
        f[~np.isfinite(f)] = np.nan
        if np.isnan(f).all():
            raise ConfigError(f"[{_WHERE}] objective: expected finite values in the window, got none")
        least = float(np.nanmin(f))
        known = least if best is None else value(best)
        wide = float(np.nanmax(f)) - least
        if known - least > 1e-3 * wide:
            return np.arcsinh((f - known) / (0.02 * wide)), True
        z = np.log10(np.maximum(f - min(least, known), 1e-300))
    low = max(float(np.nanmax(z)) - _DECADES, float(np.nanquantile(z, _LOWEST_SHARE)))
    return np.maximum(z, low), False


def _draw_contours(ax: Axes, x: Floats, y: Floats, z: Floats) -> QuadContourSet:
    """Filled contours over the whole of the axes, and thin lines between them."""
    from matplotlib.colors import LinearSegmentedColormap

    depths = [mixed(ax, "#4A6E94", strength) for strength in (0.62, 0.37, 0.18, 0.05)]
    low, high = float(np.nanmin(z)), float(np.nanmax(z))
    levels = np.linspace(low, high if high > low else low + 1.0, 19)
    filled = ax.contourf(x, y, z, levels=levels, cmap=LinearSegmentedColormap.from_list("depth", depths), zorder=0)
    thin: Any = {"colors": [paper(ax)], "linewidths": 0.6, "linestyles": "solid"}
    ax.contour(x, y, z, levels=levels[1:-1], zorder=1, **thin)
    ax.set(xlim=x[[0, -1]], ylim=y[[0, -1]])
    tidy(ax, grid=False)
    return filled


def _draw_path(ax: Axes, path: Path, label: str, number: int, window: Floats) -> Line2D:
    """The line, and its end: a dot, or a cross where a diverged path leaves the window."""
    from matplotlib import patheffects

    points, gone = _in_sight(path.points, window)
    shown = _without_repeats(points, window)
    style: Any = {"color": colour(number), "label": path.named(label)}
    line = ax.plot(shown[:, 0], shown[:, 1], linewidth=pen(1.5), zorder=3, **style)[0]
    line.set_path_effects([patheffects.withStroke(linewidth=pen(2.8), foreground=paper(ax), alpha=0.7)])
    at_edge = path.diverged and gone
    end = _exit(points[-2], points[-1], window) if at_edge else path.points[-1]
    marker, size = ("X", dot(10)) if path.diverged else ("o", dot(7))
    edge: dict[str, Any] = {"markeredgecolor": paper(ax), "markeredgewidth": 1.0, "clip_on": not at_edge}
    ax.plot(*end, color=colour(number), linestyle="none", marker=marker, markersize=size, zorder=6, **edge)
    return line


def _draw_marks(ax: Axes, paths: dict[str, Path], window: Floats, best: Floats | None, name: str) -> None:
    """The starts and the minimum, if they are inside the window."""
    starts = np.unique([path.points[0] for path in paths.values()], axis=0)
    starts = starts[~_outside(starts, window)]
    ring: Any = {
        "linestyle": "none",
        "marker": "o",
        "markersize": dot(7),
        "markerfacecolor": paper(ax),
        "markeredgewidth": 1.6,
    }
    if starts.size:
        ax.plot(starts[:, 0], starts[:, 1], color=ink(ax), label="start", zorder=7, **ring)
    if best is not None and not _outside(best, window):
        star: Any = {
            "linestyle": "none",
            "marker": "*",
            "markersize": dot(15),
            "markeredgecolor": ink(ax),
            "markeredgewidth": 0.9,
        }
        ax.plot(*best, color="#F0E442", label=name, zorder=5, **star)


def _outside(points: Floats, window: Floats) -> Any:
    return ((points < window[:, 0]) | (points > window[:, 1])).any(axis=-1)


def _in_sight(points: Floats, window: Floats) -> tuple[Floats, bool]:
    """The path up to its first point far outside the window, drawn in towards it, and whether there is one."""
    span = window[:, 1] - window[:, 0]
    outside = _outside(points, window)
    back = np.flatnonzero(~outside)
    if not outside[-1] or back.size == 0:
        return points, False
    last = back[-1] + 1  # the first of the points from which the path never returns
    inside, step = points[last - 1], points[last] / 2 - points[last - 1] / 2
    reach = np.abs(step / span).max()
    return np.vstack([points[:last], inside + step * min(2.0, 20.0 / reach)]), True


def _exit(inside: Floats, outside: Floats, window: Floats) -> Floats:
    """Where the segment crosses the edge of the window."""
    step = outside - inside
    edge = np.where(step > 0, window[:, 1], window[:, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(step != 0, (edge - inside) / step, np.inf)
    return np.asarray(inside + step * part.min())


def _without_repeats(points: Floats, window: Floats) -> Floats:
    """The path without invisible moves: within a cell, or between two cells that it has connected before."""
    cells = np.round((points - window[:, 0]) / (window[:, 1] - window[:, 0]) * _CELLS).clip(-1e9, 1e9).astype(np.int64)
    moved = np.append(True, (np.diff(cells, axis=0) != 0).any(axis=1))
    moved[-1] = True
    points, cells = points[moved], cells[moved]
    place = cells[:, 0] * 4_000_000_007 + cells[:, 1]
    moves = np.sort(np.stack([place[:-1], place[1:]]), axis=0)
    fresh = np.zeros(len(points), dtype=bool)  # whether the move from this point is drawn for the first time
    fresh[np.unique(moves, axis=1, return_index=True)[1]] = True
    kept = fresh | np.append(True, fresh[:-1])
    gaps = np.flatnonzero(~fresh[kept][:-1]) + 1
    return np.insert(points[kept], gaps, np.nan, axis=0)
