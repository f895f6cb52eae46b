"""histograms: the distribution of tensors' elements over the steps of a training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._support.names import keywords
from nncore.diagnostics._monitor import Monitor
from nncore.errors import ConfigError
from nncore.plot._display import Display
from nncore.plot._inside.watched import at_most, grid_width, monitors_of, over_steps, tensors_of, tensors_text
from nncore.plot._style import BLUE, Floats, canvas, given_axes, head, plain, shades

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

_WHERE = "plot.histograms"
_KINDS = ("weight", "activation")
_ROWS = 120
_TAIL = 1e-3  # share of the elements at either end that is cut off


@dataclass(frozen=True, repr=False)
class HistogramsDisplay(Display):
    """The plot of `histograms`.

    Attributes
    ----------
    images_ : dict (run, tensor) -> QuadMesh, the share of the elements in each cell; a single run has the label "".
    """

    images_: dict[tuple[str, str], QuadMesh]


@keywords()
def histograms(
    monitor: Any,
    tensors: Any = None,
    *,
    ax: Any = None,
    figsize: Any = None,
    columns: int | None = None,
    title: str | None = None,
) -> HistogramsDisplay:
    """Distributions over the steps: the darker, the more of the tensor's elements lie there.

    The bins of each observation are laid onto one scale that holds all but the outermost thousandth at either end. One
    axes for each tensor; with several runs a row for each tensor, a column for each run.

    Parameters
    ----------
    monitor : Monitor, or a list or dict label -> Monitor
        With histograms.
    tensors : str, or some of them, or None, default None
        Names ("0.weight", "1.output.grad") or kinds ("activation", "weight gradient") of `monitor.kinds`; None: the
        weights.
    ax : matplotlib Axes, a sequence of them, or None, default None
        Takes the first pictures, tensor by tensor; None makes a new figure for all, at most 64.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.
    columns : int or None, default None
        Axes in a row of a new figure; None: up to three, or one for each run.
    title : str or None, default None

    Returns
    -------
    HistogramsDisplay
        `ax_`, `axes_`, `figure_`, `images_`; `.save(path)`, `.show()`.

    Raises
    ------
    StateError
        The monitor has no observations yet.
    ConfigError
        No such tensor, too many, or a monitor without histograms.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> X, y = nc.datasets.make_moons(100, noise=0.1, seed=0)
    >>> net = nc.Sequential(nc.Linear(2, 8), nc.Tanh(), nc.Linear(8, 2), seed=0)
    >>> monitor = nc.Monitor(every=10)
    >>> history = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.5)).fit(X, y, epochs=10, callbacks=[monitor])
    >>> [on.get_title() for on in nc.plot.histograms(monitor).axes_]
    ['0.weight: weight', '2.weight: weight']
    """
    runs = monitors_of(_WHERE, monitor)
    for run in runs.values():
        if "histogram" not in run.records[0][next(iter(run))]:
            raise ConfigError(f"[{_WHERE}] monitor: expected one with histograms, got {run!r}")
    names = tensors_of(_WHERE, runs, tensors, _KINDS)
    places = [(label, name) for name in names for label, run in runs.items() if name in run.kinds]
    given = given_axes(_WHERE, ax, len(places))
    count = len(given) or at_most(_WHERE, len(places))
    wide = grid_width(_WHERE, len(runs) if columns is None and len(runs) > 1 else columns, count)
    images: dict[tuple[str, str], QuadMesh] = {}
    size = (max(3.2 * wide, 5.2), 2.3 * -(-count // wide) + 0.6)
    with canvas(_WHERE, given or None, size, count, wide, figsize=figsize) as axes:
        for name in names:
            edges = _scale([run[name] for run in runs.values() if name in run.kinds])
            for label, run in runs.items():
                if name in run.kinds and len(images) < count:
                    on = axes[len(images)]
                    images[label, name] = _draw(on, run, name, edges)
                    on.set_title(f"{label}, {plain(name)}" if label else plain(f"{name}: {run.kinds[name]}"))
        over_steps(axes, wide, grid=False)
        head(axes, not given, title)
    return HistogramsDisplay(axes, images, about_=f"distributions of {tensors_text(len(names), runs)}")


def _scale(tables: list[dict[str, Any]]) -> Floats:
    """Edges of the rows: from the least to the largest quantile of any observation."""
    ends = [
        np.interp((_TAIL, 1 - _TAIL), np.append(0.0, np.cumsum(counts) / counts.sum()), edges)
        for of in tables
        for counts, edges in zip(of["histogram"], of["edges"], strict=True)
        if counts.sum() and np.isfinite(edges).all()
    ]
    low, high = (np.min(ends), np.max(ends)) if ends else (0.0, 1.0)
    rows: Floats = np.linspace(low, high, _ROWS + 1)
    return rows


def relaid(counts: Any, edges: Floats, rows: Floats) -> Floats:
    """The share of a histogram's elements between each two of `rows`; elements spread evenly over their bins."""
    total = counts.sum()
    if not total or not np.isfinite(edges).all():
        return np.full(len(rows) - 1, np.nan)
    return np.diff(np.interp(rows, edges, np.append(0.0, np.cumsum(counts) / total)))


def _draw(ax: Axes, run: Monitor, name: str, rows: Floats) -> QuadMesh:
    from matplotlib.colors import PowerNorm

    of, steps = run[name], run.steps.astype(np.float64)
    shares = np.array([relaid(counts, edges, rows) for counts, edges in zip(of["histogram"], of["edges"], strict=True)])
    middles = (steps[1:] + steps[:-1]) / 2 if len(steps) > 1 else np.empty(0)
    first = steps[0] - (middles[0] - steps[0] if middles.size else 0.5)
    last = steps[-1] + (steps[-1] - middles[-1] if middles.size else 0.5)
    full = (
        np.nanquantile(shares, 0.99) if np.isfinite(shares).any() else 1.0
    )  # a quantile: a single peak would make the rest pale
    norm = PowerNorm(0.5, 0.0, max(float(full), 1e-12))
    return ax.pcolormesh([first, *middles, last], rows, shares.T, cmap=shades(ax, BLUE), norm=norm, rasterized=True)
