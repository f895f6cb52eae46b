"""The style of all plots: colours, text, axes, legends.

What a user has set in matplotlib's rcParams holds; where a setting still has matplotlib's default, ours takes its place
while a plot is drawn. Text, lines, markers and figures grow with font.size. Inks and papers are read from the axes, so
that axes of any style are drawn on in their style.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nncore._support import checks
from nncore.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
Colour = tuple[float, float, float]

# Okabe, Ito, Color universal design, 2008, without their yellow, which is lost on white; then five of Paul Tol's
PALETTE = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9",
    "#332288", "#882255", "#999933", "#AA4499", "#117733", "#7F7F7F",
)  # fmt: skip
BLUE, RED = PALETTE[:2]
INK, GREY = "#222222", "#6E6E6E"
_FONT = 10.0  # points that the default sizes of figures are made for
_WIDEST = 500  # inches of a figure
_LARGEST_SCALE = 3.0  # of a figure with large text
_LINE, _MARKER = 1.6, 6.0  # points, beside text of _FONT

_RELATIVE = {  # to font.size
    "axes.titlesize": 1.1,
    "axes.labelsize": 1.0,
    "xtick.labelsize": 0.9,
    "ytick.labelsize": 0.9,
    "legend.fontsize": 0.9,
    "legend.title_fontsize": 0.9,
}
_LINES: Any = {
    "lines.solid_capstyle": "round",
    "lines.solid_joinstyle": "round",
}
_NEW_FIGURE: Any = {
    "figure.dpi": 110.0,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}
_INKS = ("axes.edgecolor", "axes.labelcolor", "text.color", "xtick.color", "ytick.color")


# ---- Settings -------------------------------------------------------------------------------------------------------


def chosen(name: Any) -> bool:
    """Whether the user's setting differs from matplotlib's default."""
    import matplotlib

    return bool(matplotlib.rcParams[name] != matplotlib.rcParamsDefault[name])


def _settings(new_figure: bool) -> Any:
    """Our settings, in place of those that the user has left alone."""
    import matplotlib

    ours = {name: part * matplotlib.rcParams["font.size"] for name, part in _RELATIVE.items()} | _LINES
    ours |= {"lines.linewidth": _LINE * text_scale(), "lines.markersize": _MARKER * text_scale()}
    if new_figure:
        dark = any(map(chosen, (*_INKS, "figure.facecolor", "axes.facecolor")))
        ours |= {name: value for name, value in _NEW_FIGURE.items() if name == "figure.dpi" or not dark}
    return {name: value for name, value in ours.items() if not chosen(name)}


def look() -> Any:
    """The settings that decide how axes look, for axes that are cleared and drawn anew later."""
    import matplotlib

    settings: Any = matplotlib.rcParams
    return dict(settings.find_all(r"^(axes|xtick|ytick|text|font|lines|legend|grid)\."))


def inches(where: str, size: tuple[float, float], figsize: Any) -> tuple[float, float]:
    """Width and height of a new figure: `figsize`, else the user's setting, else `size`, grown with the text."""
    import matplotlib

    if figsize is not None:
        pair = checks.as_list(figsize, 2) or []
        if len(pair) != 2:
            raise ConfigError(f"[{where}] figsize: expected (width, height) in inches, got {checks.describe(figsize)}")
        wide, tall = (checks.positive(where, "figsize", one) for one in pair)
        if max(wide, tall) > _WIDEST:
            raise ConfigError(f"[{where}] figsize: expected at most {_WIDEST} inches, got {checks.describe(figsize)}")
        return wide, tall
    if chosen("figure.figsize"):
        wide, tall = matplotlib.rcParams["figure.figsize"]
        return wide, tall
    scale = min(text_scale(), _LARGEST_SCALE)
    return scale * size[0], scale * size[1]


def text_scale() -> float:
    """The size of text by the usual one."""
    import matplotlib

    return float(matplotlib.rcParams["font.size"]) / _FONT


def points(part: float) -> float:
    """A text size in points: a part of font.size."""
    import matplotlib

    return part * float(matplotlib.rcParams["font.size"])


def pen(width: float) -> float:
    """A line that is `width` points wide where a curve has the usual 1.6: lines follow lines.linewidth."""
    import matplotlib

    return width / _LINE * float(matplotlib.rcParams["lines.linewidth"])


def dot(size: float) -> float:
    """A marker that is `size` points wide where lines.markersize is the usual 6."""
    import matplotlib

    return size / _MARKER * float(matplotlib.rcParams["lines.markersize"])


def colour(index: int) -> Any:
    """Colour of the index-th class or curve: of the user's axes.prop_cycle, else of our twelve; they repeat."""
    import matplotlib

    cycle = matplotlib.rcParams["axes.prop_cycle"].by_key().get("color") if chosen("axes.prop_cycle") else None
    tints = cycle or PALETTE
    return tints[index % len(tints)]


# ---- Axes -----------------------------------------------------------------------------------------------------------


own_figures: weakref.WeakSet[Any] = weakref.WeakSet()  #: those of `canvas`


@contextlib.contextmanager
def canvas(
    where: str,
    ax: Any,
    size: tuple[float, float],
    count: int = 1,
    columns: int | None = None,
    *,
    figsize: Any = None,
    **options: Any,
) -> Iterator[tuple[Axes, ...]]:
    """The axes to draw on: `ax` when given (up to `count` of them), else `count` in a new figure, in rows of `columns`
    (None: in one row), of `figsize` or else about `size` inches. `options`: of plt.subplots."""
    given = given_axes(where, ax, count)
    if given and figsize is not None:
        raise ConfigError(f"[{where}] figsize: expected None beside ax, whose figure has its size, got {figsize!r}")
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(f"[{where}] matplotlib is needed to draw: pip install nncore[plot]") from error
    if given:
        with matplotlib.rc_context(_settings(False)):
            yield given
        return
    wide_and_tall = inches(where, size, figsize)
    import matplotlib.pyplot as plt

    interactive, figure = matplotlib.is_interactive(), None
    try:
        with matplotlib.rc_context(_settings(True)):
            columns = count if columns is None else columns
            figure, axes = plt.subplots(
                -(-count // columns), columns, figsize=wide_and_tall, layout="constrained", squeeze=False, **options
            )
            own_figures.add(figure)
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


@contextlib.contextmanager
def emptied(figure: Any, count: int) -> Iterator[tuple[Axes, ...]]:
    """`count` new axes in a row, in place of all that a figure of `canvas` shows."""
    import matplotlib

    with matplotlib.rc_context(_settings(True)):
        figure.clear()
        yield tuple(figure.subplots(1, count, squeeze=False).flat)


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


def paper(ax: Axes) -> Colour:
    """The colour behind what is drawn."""
    from matplotlib.colors import to_rgba

    below: Any = (1.0, 1.0, 1.0)
    for layer in (ax.figure.get_facecolor(), ax.get_facecolor()):
        *rgb, alpha = to_rgba(layer)
        below = tuple(alpha * one + (1 - alpha) * under for one, under in zip(rgb, below, strict=True))
    red, green, blue = below
    return red, green, blue


def ink(ax: Axes) -> Any:
    """The colour of text on these axes."""
    return ax.xaxis.label.get_color()


def mixed(ax: Axes, tint: Any, strength: float) -> Colour:
    """A colour laid thinly on the paper: strength 0 is the paper, 1 the colour."""
    from matplotlib.colors import to_rgb

    red, green, blue = (strength * t + (1 - strength) * p for t, p in zip(to_rgb(tint), paper(ax), strict=True))
    return red, green, blue


def grey(ax: Axes) -> Colour:
    """Ink that is thinned, for what stands back."""
    return mixed(ax, ink(ax), 0.66)


def shades(ax: Axes, tint: str) -> Any:
    """A colour map from the paper to a deep colour; on dark paper to a bright one."""
    from matplotlib.colors import LinearSegmentedColormap

    end = mixed(ax, ink(ax), 0.75) if sum(paper(ax)) < 1.5 else tuple(0.55 * one for one in mixed(ax, tint, 1.0))
    return LinearSegmentedColormap.from_list("shades", [paper(ax), mixed(ax, tint, 0.75), end])


def tidy(ax: Axes, *, grid: bool = True) -> None:
    """No frame above and on the right; a light grid behind the data."""
    import matplotlib

    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.set_axisbelow(True)
    if not grid:
        ax.grid(False, which="both")  # a style's, which would lie on the colours
    else:
        width = matplotlib.rcParams["grid.linewidth"] if chosen("grid.linewidth") else 0.7
        ax.grid(True, which="major", color=matplotlib.rcParams["grid.color"], alpha=0.35, linewidth=width)
    ax.tick_params(which="both", length=3)
    ax.tick_params(which="minor", length=2)


def head(axes: Sequence[Axes], own: bool, title: str | None) -> None:
    """`title` above a figure of our own, else above the first axes."""
    if title is not None and own:
        axes[0].figure.suptitle(title)
    elif title is not None:
        axes[0].set_title(title)


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
        drawn = sum(np.size(of.get_offsets()) for of in ax.collections) + sum(
            np.size(of.get_xdata()) for of in ax.lines
        )
        place = {"framealpha": 0.85, "edgecolor": "none", "facecolor": paper(ax)}
        place["loc"] = "best" if drawn <= 10_000 else "upper right"  # the best is slow to find among many points
    ax.legend(handles, labels, markerscale=markerscale, labelcolor=ink(ax), **place)


# ---- What is drawn --------------------------------------------------------------------------------------------------


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


def counted(count: int, one: str, several: str = "") -> str:
    """A number of things in words: 1 epoch, 1,024 epochs."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


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
