"""history: losses and accuracies of one fit, or of several side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._support.names import keywords
from nncore.errors import ConfigError
from nncore.plot._display import Display
from nncore.plot._style import (
    Floats,
    canvas,
    colour,
    counted,
    dot,
    given_axes,
    grey,
    head,
    legend,
    pen,
    plain,
    runs_of,
    spans_decades,
    thinned,
    tidy,
)
from nncore.train._metrics import is_metric, quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_WHERE = "plot.history"
_SPLITS = {"": "training", "val_": "validation", "test_": "test"}
_STYLES = {"": "-", "val_": "--", "test_": ":"}
_MAX_STEPS = 20_000  # more would fill the background
_MAX_POINTS = 4_000
_TAIL = 0.05  # share of the single steps at either end that may lie beyond the axis


@dataclass(frozen=True, repr=False)
class HistoryDisplay(Display):
    """The picture of `history`.

    Attributes
    ----------
    lines_ : dict (run, key) -> line; run is "" for a single history, key as in `History.epochs`, or "steps"
    """

    lines_: dict[tuple[str, str], Line2D]


@dataclass(frozen=True)
class _Run:
    """One History as arrays: epoch (E,), columns key -> (E,), step_epoch and step_loss (S,)."""

    epoch: Floats
    columns: dict[str, Floats]
    step_epoch: Floats
    step_loss: Floats


@keywords()
def history(h: Any, *, ax: Any = None, figsize: Any = None, title: str | None = None) -> HistoryDisplay:
    """Loss, and where it was measured accuracy, over the epochs.

    One history: a colour for each of training, validation and test, and the loss of the single steps behind them
    when there are at most 20 000; the axis shows the curves of the epochs whole, and of the steps all but the
    outermost twentieth at either end. Several: a colour per run, validation (or else test) dashed. The loss has a
    logarithmic scale when it spans more than two decades. A fit that ended before its first epoch shows its steps.

    Parameters
    ----------
    h : History, or a list or dict label -> History
        What has the dicts of arrays `epochs` (epoch, loss, and val_loss, test_loss, accuracy, … where there) and
        `steps` (loss). Without accuracy the first other metric is drawn; columns of NaN are left out.
    ax : matplotlib Axes, a pair of them, or None, default None
        The first takes the loss, the second the accuracy (one axes: the loss alone); None makes a new figure.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.
    title : str or None, default None. Set above all.

    Returns
    -------
    HistoryDisplay
        `ax_` (loss), `axes_`, `figure_`, `lines_`; `.save(path)`, `.show()`.

    Raises
    ------
    ConfigError
        h or ax is something else.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> class Fit:
    ...     epochs = {"epoch": [1, 2, 3], "loss": [0.7, 0.5, 0.4], "val_loss": [0.8, 0.6, 0.6]}
    ...     steps = {"loss": np.linspace(0.8, 0.4, 30)}
    >>> display = nc.plot.history(Fit())
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['training', 'validation', 'single steps']
    """
    runs = {label: _run(one) for label, one in runs_of(_WHERE, "h", h, "epochs", "a History").items()}
    metric = next((key for run in runs.values() for key in _metrics(run)), None)
    given = given_axes(_WHERE, ax, 2)
    count = len(given) or (1 if metric is None else 2)
    with canvas(_WHERE, given or None, (5.2 * count if count == 1 else 9.4, 3.5), count, figsize=figsize) as axes:
        keys = ["loss"] if metric is None or count == 1 else ["loss", metric]
        lines: dict[tuple[str, str], Line2D] = {}
        for on, key in zip(axes, keys, strict=False):
            for number, (label, run) in enumerate(runs.items()):
                lines.update(_draw_run(on, run, key, label, number, alone=len(runs) == 1))
            _finish(on, key, runs)
        _legends(axes[: len(keys)], runs, lines, own=not given)
        head(axes, not given, title)
    return HistoryDisplay(axes, lines, about_=_about(keys, runs))


def _about(keys: list[str], runs: dict[str, _Run]) -> str:
    what = " and ".join(key.replace("_", " ") for key in keys)
    if len(runs) > 1:
        return f"{what} of {len(runs)} fits"
    run = next(iter(runs.values()))
    whole = len(run.epoch)
    return f"{what} of {counted(whole, 'epoch') if whole else counted(len(run.step_loss), 'step')}"


def _run(h: Any) -> _Run:
    columns = {key: np.asarray(values, dtype=np.float64) for key, values in h.epochs.items()}
    epoch = columns.get("epoch", np.empty(0))
    wrong = [key for key, values in columns.items() if values.shape != epoch.shape]
    if epoch.ndim != 1 or wrong:
        raise ConfigError(f"[{_WHERE}] h: expected columns as long as epoch, got {wrong or 'epoch'} of another shape")
    columns = {key: values for key, values in columns.items() if np.isfinite(values).any()}
    step_loss = np.asarray(h.steps.get("loss", ()), dtype=np.float64)
    number = np.arange(1, len(step_loss) + 1, dtype=np.float64)
    if epoch.size == 0:
        return _Run(epoch, columns, number, step_loss)
    per_epoch = max(1, len(step_loss) // len(epoch))  # an unfinished epoch has steps but no row
    return _Run(epoch, columns, epoch[0] - 1 + number / per_epoch, step_loss)


def _metrics(run: _Run) -> list[str]:
    """Names of what was measured beside the loss, accuracy first."""
    names = dict.fromkeys(quantity(key) for key in run.columns if is_metric(key))
    return sorted(names, key=lambda name: name != "accuracy")


def _draw_run(ax: Axes, run: _Run, key: str, label: str, number: int, *, alone: bool) -> dict[tuple[str, str], Line2D]:
    """The lines of one run for "loss" or a metric."""
    present = [prefix for prefix in _SPLITS if prefix + key in run.columns]
    if not alone and "val_" in present and "test_" in present:
        present.remove("test_")
    drawn = {}
    for prefix in present:
        drawn[label, prefix + key] = ax.plot(
            run.epoch,
            run.columns[prefix + key],
            color=colour(list(_SPLITS).index(prefix) if alone else number),
            linestyle="-" if alone else ("--" if prefix else "-"),
            marker="o" if len(run.epoch) <= 12 else "",
            markersize=dot(4),
            linewidth=pen(1.2 if prefix and not alone else 1.6),
            label=_SPLITS[prefix],
            zorder=3,
        )[0]
    few = len(run.epoch) < len(run.step_loss) <= _MAX_STEPS
    if key == "loss" and (len(run.epoch) == 0 or (alone and few)):
        x, y = thinned(run.step_epoch, run.step_loss, _MAX_POINTS)
        thin: Any = {"linewidth": pen(0.6), "alpha": 0.30, "zorder": 1}
        behind = thin if len(run.epoch) else {"linewidth": pen(1.2)}
        drawn[label, "steps"] = ax.plot(x, y, color=colour(number), label="single steps", **behind)[0]
    return drawn


def _finish(ax: Axes, key: str, runs: dict[str, _Run]) -> None:
    """Scales, limits and names of the axes, once all lines are there."""
    from matplotlib.ticker import MaxNLocator

    whole = any(len(run.epoch) for run in runs.values())
    ax.set(xlabel="epoch" if whole else "step", ylabel=plain(key.replace("_", " ")))
    ax.xaxis.set_major_locator(MaxNLocator(nbins="auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    tidy(ax)
    if key != "loss":
        return
    curves = [run.columns[p + key] for run in runs.values() for p in _SPLITS if p + key in run.columns]
    steps = [run.step_loss for run in runs.values()]
    values = np.concatenate(curves or steps)
    logarithmic = spans_decades(values)
    if logarithmic:
        ax.set_yscale("log")
    if len(runs) == 1 and curves and ax.lines[-1].get_label() == "single steps":
        _limit(ax, values[np.isfinite(values)], steps[0], logarithmic)


def _limit(ax: Axes, curves: Floats, steps: Floats, logarithmic: bool) -> None:
    """Limits that show the curves whole, and of the steps, whose extremes are outliers, all but _TAIL at each end."""
    steps = steps[np.isfinite(steps) & ((steps > 0) | (not logarithmic))]
    ends = np.concatenate([curves, np.quantile(steps, (_TAIL, 1 - _TAIL))]) if steps.size else curves
    low, high = float(ends.min()), float(ends.max())
    if logarithmic:
        ax.set_ylim(low / 1.5, high * 1.5)
    elif high > low:
        margin = 0.05 * (high - low)
        ax.set_ylim(low - margin, high + margin)


def _legends(axes: tuple[Axes, ...], runs: dict[str, _Run], lines: dict[tuple[str, str], Line2D], own: bool) -> None:
    """One legend: beside the last axes of our own figure, else within the first."""
    from matplotlib.lines import Line2D

    on = axes[-1] if own else axes[0]
    if len(runs) == 1:
        handles = {line.get_label(): line for line in lines.values()}
        order = [*(name for name in _SPLITS.values() if name in handles), "single steps"]
        handles = {name: handles[name] for name in order if name in handles}
    else:
        colours = {label: line.get_color() for (label, _), line in reversed(lines.items())}
        handles = {label: Line2D([], [], color=colours[label]) for label in runs if label in colours}
        for prefix in ("val_", "test_"):
            dashed = [line for (_, key), line in lines.items() if key.startswith(prefix)]
            if dashed:
                handles[""] = Line2D([], [], linestyle="none")
                handles["training"] = Line2D([], [], color=grey(on))
                handles[_SPLITS[prefix]] = Line2D([], [], color=grey(on), linestyle="--")
    legend(on, own, list(handles.values()), list(handles))
