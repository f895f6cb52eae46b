"""The style of all plots: colours, fonts, axes, legends. It applies to the figure, not to matplotlib's settings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nncore._support import checks
from nncore.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

Floats = NDArray[np.float64]

# Okabe, Ito, Color universal design, 2008, without their yellow, which is lost on white; then five of Paul Tol's
PALETTE = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9",
    "#332288", "#882255", "#999933", "#AA4499", "#117733", "#7F7F7F",
)  # fmt: skip
INK, GREY, GRID = "#222222", "#6E6E6E", "#B0B0B0"

_SIZES: Any = {
    "font.size": 10.0,
    "axes.titlesize": 11.0,
    "axes.labelsize": 10.0,
    "xtick.labelsize": 9.0,
    "ytick.labelsize": 9.0,
    "legend.fontsize": 9.0,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "lines.solid_joinstyle": "round",
}
_NEW_FIGURE: Any = {
    "figure.dpi": 110.0,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}


@dataclass(frozen=True)
class Display:
    """Base of the results of plot functions.

    Attributes
    ----------
    axes_ : tuple of matplotlib Axes, those drawn on, left to right.
    """

    axes_: tuple[Axes, ...]

    @property
    def ax_(self) -> Axes:
        """The first of the axes."""
        return self.axes_[0]

    @property
    def figure_(self) -> Figure | SubFigure:
        """The figure of the axes."""
        return self.ax_.figure


def colour(index: int) -> str:
    """Colour of the index-th class or curve; they repeat after twelve."""
    return PALETTE[index % len(PALETTE)]


@contextlib.contextmanager
def canvas(
    where: str, ax: Any, size: tuple[float, float], count: int = 1, columns: int | None = None
) -> Iterator[tuple[Axes, ...]]:
    """The axes to draw on: `ax` when given (up to `count` of them), else `count` in a new figure of `size` inches, in
    rows of `columns`; None: in one row."""
    given = given_axes(where, ax, count)
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(f"[{where}] matplotlib is needed to draw: pip install nncore[plot]") from error
    if given:
        with matplotlib.rc_context(_SIZES):
            yield given
        return
    import matplotlib.pyplot as plt

    interactive, figure = matplotlib.is_interactive(), None
    try:
        with matplotlib.rc_context({**_SIZES, **_NEW_FIGURE}):
            columns = count if columns is None else columns
            figure, axes = plt.subplots(
                -(-count // columns), columns, figsize=size, layout="constrained", squeeze=False
            )
            interactive = (
                matplotlib.is_interactive()
            )  # a notebook's first figure sets it, and the context would reset it
            for spare in axes.flat[count:]:
                spare.remove()
            yield tuple(axes.flat[:count])
    except BaseException:
        if figure is not None:
            plt.close(figure)  # else a notebook shows an empty figure
        raise
    finally:
        matplotlib.interactive(interactive)


def given_axes(where: str, ax: Any, count: int) -> tuple[Any, ...]:
    """`ax` as a tuple of axes: none for None, else one, or up to `count`."""
    if ax is None:
        return ()
    several = isinstance(ax, (Sequence, np.ndarray))
    axes = tuple(np.ravel(np.asarray(ax, dtype=object))) if several else (ax,)
    if not 1 <= len(axes) <= count or not all(hasattr(one, "get_xlim") and hasattr(one, "figure") for one in axes):
        expected = "matplotlib Axes" if count == 1 else f"matplotlib Axes or a sequence of at most {count}"
        raise ConfigError(f"[{where}] ax: expected {expected}, got {checks.describe(ax)}")
    return axes


def tidy(ax: Axes, *, grid: bool = True) -> None:
    """No frame above and on the right; a light grid behind the data."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.set_axisbelow(True)
    if grid:
        ax.grid(True, which="major", color=GRID, alpha=0.35, linewidth=0.7)
    ax.tick_params(which="both", length=3)
    ax.tick_params(which="minor", length=2)


def finish(ax: Axes, own: bool, title: str | None, markerscale: float = 1.0) -> None:
    """The title and the legend of what is drawn."""
    if title is not None:
        ax.set_title(title)
    legend(ax, own, *ax.get_legend_handles_labels(), markerscale)


def legend(ax: Axes, own: bool, handles: Any, labels: Any, markerscale: float = 1.0) -> None:
    """A legend: beside the axes in a new figure, within axes that were given."""
    if not handles:
        return
    place: Any = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0, "frameon": False}
    if not own:
        points = sum(np.size(of.get_offsets()) for of in ax.collections) + sum(
            np.size(of.get_xdata()) for of in ax.lines
        )
        place = {"framealpha": 0.85, "edgecolor": "none", "facecolor": "white", "labelcolor": INK}
        place["loc"] = "best" if points <= 10_000 else "upper right"  # the best is slow to find among many points
    ax.legend(handles, labels, markerscale=markerscale, **place)


def runs_of(where: str, name: str, value: Any, attribute: str, expected: str) -> dict[str, Any]:
    """label -> object for one object, a list or a dict of them; an object is what has `attribute`."""
    if hasattr(value, attribute):
        return {"": value}
    if isinstance(value, Mapping):
        runs = {str(label): one for label, one in value.items()}
    elif isinstance(value, (list, tuple)):
        runs = {str(i + 1): one for i, one in enumerate(value)}
    else:
        runs = {}
    wrong = [one for one in runs.values() if not hasattr(one, attribute)]
    if not runs or wrong:
        got = checks.describe(wrong[0] if wrong else value)
        raise ConfigError(f"[{where}] {name}: expected {expected}, a dict or a list of them, got {got}")
    return runs


def plain(name: str) -> str:
    """A name with escaped dollars, which matplotlib would read as a formula."""
    return name.replace("$", r"\$")


def thinned(x: Floats, y: Floats, max_points: int, *, log_x: bool = False) -> tuple[Floats, Floats]:
    """About `max_points` points of a curve that draw the same: the lowest and highest of each interval, in order."""
    if len(x) <= max_points:
        return x, y
    place = np.log1p(x - x[0]) if log_x else x - x[0]
    bins = np.minimum((place / place[-1] * (max_points // 2)).astype(np.int64), max_points // 2 - 1)
    order = np.lexsort((y, bins))  # NaN comes last, as the highest: a gap stays a gap
    first = np.flatnonzero(np.diff(bins[order], prepend=-1))
    last = np.append(first[1:], len(order)) - 1
    keep = np.unique(np.concatenate([order[first], order[last], [0, len(x) - 1]]))
    return x[keep], y[keep]


def spans_decades(values: Floats) -> bool:
    """Whether all values are positive and the largest is more than a hundred times the least."""
    values = values[np.isfinite(values)]
    return bool(values.size and values.min() > 0 and values.max() / values.min() > 100)
