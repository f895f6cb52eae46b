"""statistics: the range, standard deviation and mean of tensors over the steps of a training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._support.names import keywords
from nncore.diagnostics._monitor import Monitor
from nncore.plot._display import Display
from nncore.plot._inside.watched import at_most, grid_width, marker, monitors_of, over_steps, tensors_of, tensors_text
from nncore.plot._style import canvas, colour, given_axes, head, legend, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_WHERE = "plot.statistics"
_KINDS = ("activation", "net input", "output", "weight")


@dataclass(frozen=True, repr=False)
class StatisticsDisplay(Display):
    """The plot of `statistics`.

    Attributes
    ----------
    lines_ : dict (run, tensor) -> Line2D of the mean; a single run has the label "".
    """

    lines_: dict[tuple[str, str], Line2D]


@keywords()
def statistics(
    monitor: Any,
    tensors: Any = None,
    *,
    ax: Any = None,
    figsize: Any = None,
    columns: int | None = None,
    title: str | None = None,
) -> StatisticsDisplay:
    """Tensors over the steps: a band from min to max, one of mean ± std, and the mean; one axes for each tensor.

    The band of mean ± std ends where the values do: no ReLU is shown below 0.

    Parameters
    ----------
    monitor : Monitor, or a list or dict label -> Monitor
        Several are drawn over each other, a colour for each.
    tensors : str, or some of them, or None, default None
        Names ("0.weight", "1.output.grad") or kinds ("activation", "weight gradient") of `monitor.kinds`, at most 64
        tensors; None: the activations.
    ax : matplotlib Axes, a sequence of them, or None, default None
        Takes the first tensors; None makes a new figure for all.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.
    columns : int or None, default None
        Axes in a row of a new figure; None: up to three.
    title : str or None, default None

    Returns
    -------
    StatisticsDisplay
        `ax_`, `axes_`, `figure_`, `lines_`; `.save(path)`, `.show()`.

    Raises
    ------
    StateError
        The monitor has no observations yet.
    ConfigError
        No such tensor, or too many.
    ImportError
        matplotlib is not installed.

    Notes
    -----
    Source: Glorot, Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010, figure 2.

    Examples
    --------
    >>> X, y = nc.datasets.make_moons(100, noise=0.1, seed=0)
    >>> net = nc.Sequential(nc.Linear(2, 8), nc.Tanh(), nc.Linear(8, 8), nc.Tanh(), nc.Linear(8, 2), seed=0)
    >>> monitor = nc.Monitor(every=10)
    >>> history = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.5)).fit(X, y, epochs=10, callbacks=[monitor])
    >>> [on.get_title() for on in nc.plot.statistics(monitor).axes_]
    ['1.output: activation', '3.output: activation']
    """
    runs = monitors_of(_WHERE, monitor)
    names = tensors_of(_WHERE, runs, tensors, _KINDS)
    given = given_axes(_WHERE, ax, len(names))
    count = len(given) or at_most(_WHERE, len(names))
    wide = grid_width(_WHERE, columns, count)
    lines: dict[tuple[str, str], Line2D] = {}
    size = (max(3.2 * wide, 5.2), 2.3 * -(-count // wide) + 0.6)
    with canvas(_WHERE, given or None, size, count, wide, figsize=figsize) as axes:
        for on, name in zip(axes, names, strict=False):
            for number, (label, run) in enumerate(runs.items()):
                if name in run.kinds:
                    lines[label, name] = _draw(on, run, name, colour(number), label)
                    on.set_title(plain(f"{name}: {run.kinds[name]}"))
        over_steps(axes, wide)
        on = axes[min(wide, count) - 1]
        if len(runs) == 1:
            handles = [lines[next(iter(lines))], *axes[0].collections[1::-1]]
            legend(on, not given, handles, ["mean", "mean ± std", "min … max"])
        else:
            of_runs = {label: line for (label, _), line in lines.items()}
            legend(on, not given, list(of_runs.values()), list(of_runs))
        head(axes, not given, title)
    return StatisticsDisplay(axes, lines, about_=f"range and mean of {tensors_text(len(names), runs)}")


def _draw(ax: Axes, run: Monitor, name: str, tint: str, label: str) -> Line2D:
    steps, of = run.steps, run[name]
    ax.fill_between(steps, of["min"], of["max"], color=tint, alpha=0.13, linewidth=0)
    low, high = np.fmax(of["mean"] - of["std"], of["min"]), np.fmin(of["mean"] + of["std"], of["max"])
    ax.fill_between(steps, low, high, color=tint, alpha=0.28, linewidth=0)
    return ax.plot(steps, of["mean"], color=tint, label=label or None, **marker(steps))[0]
