"""lr_finder: the loss over the learning rate of a range test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._support.names import keywords
from nncore.plot._display import Display
from nncore.plot._style import canvas, colour, counted, dot, finish, pen, plain, runs_of, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from nncore.diagnostics._lr_finder import LRFinderResult

_WHERE = "plot.lr_finder"


@dataclass(frozen=True, repr=False)
class LRFinderDisplay(Display):
    """The picture of `lr_finder`.

    Attributes
    ----------
    lines_ : dict label -> line of the smoothed loss; label is "" for a single result
    """

    lines_: dict[str, Line2D]


@keywords()
def lr_finder(results: Any, *, ax: Any = None, figsize: Any = None, title: str | None = None) -> LRFinderDisplay:
    """The loss of a range test over its learning rates, smoothed and as it was, with the suggestion.

    To read it: at the left the rate is too small to change anything; where the curve falls, training learns; where it
    rises again, the rate is too large. The dot on the curve is the suggestion, a tenth of the rate at its lowest point.

    Parameters
    ----------
    results : LRFinderResult, or a list or dict label -> LRFinderResult
        Of `nc.lr_finder`, for one optimizer or several.
    ax : matplotlib Axes or None, default None. Where to draw; None makes a new figure.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.
    title : str or None, default None. Set above the axes.

    Returns
    -------
    LRFinderDisplay
        `ax_`, `figure_`, `lines_`; `.save(path)`, `.show()`.

    Raises
    ------
    ConfigError
        Something else than results.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> X, y = nc.datasets.make_moons(100, noise=0.1, seed=0)
    >>> trainer = nc.Trainer(nc.mlp([2, 8, 2], seed=0), nc.CrossEntropyLoss(), nc.SGD(), batch_size=16)
    >>> display = nc.lr_finder(trainer, X, y, steps=50).plot()
    >>> display.ax_.get_xscale(), display.ax_.get_xlabel()
    ('log', 'learning rate')
    """
    runs: dict[str, LRFinderResult] = runs_of(_WHERE, "results", results, "smoothed", "results of nc.lr_finder")
    with canvas(_WHERE, ax, (6.4, 3.8), figsize=figsize) as (on,):
        on.set_xscale("log")
        lines = {label: _draw(on, label, run, colour(i)) for i, (label, run) in enumerate(runs.items())}
        _limit(on, list(runs.values()))
        on.set(xlabel="learning rate", ylabel="loss")
        tidy(on)
        finish(on, ax is None, title)
    rates = counted(sum(len(run.lrs) for run in runs.values()), "learning rate")
    return LRFinderDisplay((on,), lines, about_=f"loss over {rates}")


def _draw(ax: Axes, label: str, run: LRFinderResult, tint: Any) -> Line2D:
    name = plain(label)
    ax.plot(run.lrs, run.losses, color=tint, alpha=0.3, linewidth=pen(1.0), label=None if label else "of each batch")
    line = ax.plot(run.lrs, run.smoothed, color=tint, label=name or "smoothed")[0]
    if run.suggestion is not None:
        height = np.interp(np.log(run.suggestion), np.log(run.lrs), run.smoothed)
        text = ": ".join(filter(None, [name, f"suggestion {run.suggestion:.2g}"]))
        ax.plot(run.suggestion, height, marker="o", markersize=dot(8), color=tint, linestyle="", label=text, zorder=4)
    return line


def _limit(ax: Axes, runs: list[LRFinderResult]) -> None:
    """What the loss grows to in the end would flatten all before it."""
    low = min(float(run.losses.min()) for run in runs)
    first = max(float(run.smoothed[0]) for run in runs)
    most = max(float(run.smoothed.max()) for run in runs)
    height = max(first - low, 0.05 * abs(first), 1e-12)
    if most > first + 0.5 * height:
        ax.set_ylim(low - 0.05 * height, first + 0.5 * height)
