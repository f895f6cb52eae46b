"""dead_units and update_ratios: rates of a Monitor's tensors over the steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._support.names import keywords
from nncore.diagnostics._monitor import Monitor
from nncore.errors import ConfigError
from nncore.plot._display import Display
from nncore.plot._inside.watched import marker, monitors_of, over_steps, tensors_of
from nncore.plot._style import Floats, canvas, colour, counted, given_axes, grey, head, legend, pen, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_GOOD_RATIO = 1e-3
_Curve = tuple[Floats, str, str]  # values over the steps, line style, label


@dataclass(frozen=True, repr=False)
class RatesDisplay(Display):
    """The plot of `dead_units` and `update_ratios`.

    Attributes
    ----------
    lines_ : dict (run, tensor) -> Line2D; a single run has the label "".
    """

    lines_: dict[tuple[str, str], Line2D]


@keywords()
def dead_units(
    monitor: Any, tensors: Any = None, *, ax: Any = None, figsize: Any = None, title: str | None = None
) -> RatesDisplay:
    """The share of units that do not learn, layer by layer over the steps.

    Dead (a line): 0 for the whole batch. Saturated (dashed), of Tanh and Sigmoid: so near to an end that hardly any
    gradient passes. See `Monitor`.

    Parameters
    ----------
    monitor : Monitor, or a list or dict label -> Monitor
        Several: side by side.
    tensors : str, or some of them, or None, default None
        Names or kinds of activations; None: all.
    ax : matplotlib Axes, a sequence of them, or None, default None
        Takes the first runs; None makes a new figure for all.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.
    title : str or None, default None

    Returns
    -------
    RatesDisplay
        `ax_`, `axes_`, `figure_`, `lines_`; `.save(path)`, `.show()`.

    Raises
    ------
    StateError
        The monitor has no observations yet.
    ConfigError
        No such tensor, or none that is an activation.
    ImportError
        matplotlib is not installed.

    Notes
    -----
    Source: Lu, Shin, Su, Karniadakis, Dying ReLU and Initialization, 2019.

    Examples
    --------
    >>> X, y = nc.datasets.make_moons(100, noise=0.1, seed=0)
    >>> net = nc.Sequential(nc.Linear(2, 8), nc.ReLU(), nc.Linear(8, 8), nc.Tanh(), nc.Linear(8, 2), seed=0)
    >>> monitor = nc.Monitor(every=10)
    >>> history = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.5)).fit(X, y, epochs=10, callbacks=[monitor])
    >>> [line.get_label() for line in nc.plot.dead_units(monitor).lines_.values()]
    ['1.output: dead', '3.output: saturated']
    """
    where = "plot.dead_units"

    def curve(run: Monitor, name: str) -> _Curve | None:
        of = run[name]
        if np.isfinite(of["saturated"]).any():
            return of["saturated"], "--", f"{name}: saturated"
        return (of["dead"], "-", f"{name}: dead") if np.isfinite(of["dead"]).any() else None

    runs = monitors_of(where, monitor)
    axes, lines = _draw(where, runs, tensors, ("activation",), "outputs of activation layers", curve, ax, figsize)
    over_steps(axes, len(axes), "share of units")
    for on in axes:
        on.set_ylim(-0.02, 1.02)
    head(axes, ax is None, title)
    return RatesDisplay(axes, lines, about_=f"share of dead units of {_lines_text(lines)}")


@keywords()
def update_ratios(
    monitor: Any, tensors: Any = None, *, ax: Any = None, figsize: Any = None, title: str | None = None
) -> RatesDisplay:
    """How far a step moves each parameter: the norm of its update by the norm of its values, on a logarithmic scale.

    Around 1e-3, the dotted line, is a usual rate: far below it training is slow, far above it unsteady.

    Parameters
    ----------
    monitor : Monitor, or a list or dict label -> Monitor
        Several: side by side.
    tensors : str, or some of them, or None, default None
        Names or kinds of parameters; None: the weights.
    ax : matplotlib Axes, a sequence of them, or None, default None
        Takes the first runs; None makes a new figure for all.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.
    title : str or None, default None

    Returns
    -------
    RatesDisplay
        `ax_`, `axes_`, `figure_`, `lines_`; `.save(path)`, `.show()`.

    Raises
    ------
    StateError
        The monitor has no observations yet.
    ConfigError
        No such tensor, or none that is a parameter.
    ImportError
        matplotlib is not installed.

    Notes
    -----
    Source: Karpathy, CS231n Convolutional Neural Networks for Visual Recognition: Learning, ratio of weights:updates.

    Examples
    --------
    >>> X, y = nc.datasets.make_moons(100, noise=0.1, seed=0)
    >>> net = nc.Sequential(nc.Linear(2, 8), nc.ReLU(), nc.Linear(8, 2), seed=0)
    >>> monitor = nc.Monitor(every=10)
    >>> history = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.5)).fit(X, y, epochs=10, callbacks=[monitor])
    >>> display = nc.plot.update_ratios(monitor)
    >>> list(display.lines_), display.ax_.get_yscale()
    ([('', '0.weight'), ('', '2.weight')], 'log')
    """
    where = "plot.update_ratios"

    def curve(run: Monitor, name: str) -> _Curve | None:
        ratio = run[name]["update_ratio"]
        shown = np.where(np.isfinite(ratio) & (ratio > 0), ratio, np.nan)  # infinite for parameters that are still 0
        return (shown, "-", name) if not np.isnan(ratio).all() else None

    runs = monitors_of(where, monitor)
    axes, lines = _draw(where, runs, tensors, ("weight",), "parameters", curve, ax, figsize, usual=_GOOD_RATIO)
    over_steps(axes, len(axes), "update / values (norms)")
    for on in axes:
        on.set_yscale("log")
    head(axes, ax is None, title)
    return RatesDisplay(axes, lines, about_=f"update ratios of {_lines_text(lines)}")


def _lines_text(lines: dict[tuple[str, str], Line2D]) -> str:
    return counted(len({name for _, name in lines}), "tensor")


def _draw(
    where: str,
    runs: dict[str, Monitor],
    tensors: Any,
    kinds: tuple[str, ...],
    measured: str,
    curve: Callable[[Monitor, str], _Curve | None],
    ax: Any,
    figsize: Any,
    usual: float | None = None,
) -> tuple[tuple[Axes, ...], dict[tuple[str, str], Line2D]]:
    """One axes for each run, a colour for each tensor; `usual`: a dotted line at this value."""
    names = tensors_of(where, runs, tensors, kinds)
    curves = {(label, name): curve(run, name) for label, run in runs.items() for name in names if name in run.kinds}
    if not any(curves.values()):
        if tensors is None:
            kinds_there = list(dict.fromkeys(kind for run in runs.values() for kind in run.kinds.values()))
            raise ConfigError(f"[{where}] monitor: expected one of a net with {measured}, got tensors of {kinds_there}")
        raise ConfigError(f"[{where}] tensors: expected {measured}, got {names}")
    given = given_axes(where, ax, len(runs))
    count = len(given) or len(runs)
    lines = {}
    with canvas(where, given or None, (1.6 + 4.4 * count, 3.3), count, figsize=figsize) as axes:
        for on, (label, run) in zip(axes, runs.items(), strict=False):
            for number, name in enumerate(names):
                found = curves.get((label, name))
                if found is not None:
                    values, style, text = found
                    lines[label, name] = on.plot(
                        run.steps, values, style, color=colour(number), label=plain(text), **marker(values)
                    )[0]
            if usual is not None:
                dotted = on.axhline(usual, color=grey(on), linewidth=pen(1.0), linestyle=":", zorder=1)
            on.set_title(label)
        handles = {line.get_label(): line for line in lines.values()}
        if usual is not None:
            handles[f"usual: {usual:g}"] = dotted
        legend(axes[-1], not given, list(handles.values()), list(handles))
    return axes, lines
