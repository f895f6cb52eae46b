"""error_curves: the distance to the minimum over the steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._support import checks
from nncore._support.names import keywords
from nncore.errors import ConfigError
from nncore.plot._display import Display
from nncore.plot._style import Floats, canvas, colour, counted, dot, finish, paper, pen, spans_decades, thinned, tidy
from nncore.plot._training.paths import Path, minimum_of, paths_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_WHERE = "plot.error_curves"
_LEAST = 1e-16
_MAX_POINTS = 4_000


@dataclass(frozen=True, repr=False)
class CurvesDisplay(Display):
    """The picture of `error_curves`.

    Attributes
    ----------
    lines_ : dict label -> line; label is "" for a single result
    """

    lines_: dict[str, Line2D]


@keywords()
def error_curves(
    results: Any,
    minimum: Any = None,
    *,
    ax: Any = None,
    figsize: Any = None,
    log_x: bool = False,
    title: str | None = None,
) -> CurvesDisplay:
    """Distance to the minimum over the steps, on a logarithmic scale; f itself when the minimum is not known.

    Parameters
    ----------
    results : OptimizeResult, or a list or dict label -> OptimizeResult
        What has `path` (steps + 1, d) and `values` (steps + 1,). A run that diverged ends with a cross.
    minimum : real (d,), the name of an objective, or None, default None
        The point distances ‖x_t - x*‖ are measured to; those below 1e-16 are drawn there. None draws f(x_t).
    ax : matplotlib Axes or None, default None. Where to draw; None makes a new figure.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.
    log_x : bool, default False. Logarithmic steps, from step 1 on; step 0 keeps a place at the left.
    title : str or None, default None. Set above the axes.

    Returns
    -------
    CurvesDisplay
        `ax_`, `figure_`, `lines_`; `.save(path)`, `.show()`.

    Raises
    ------
    ConfigError
        A result without path (or, without minimum, without values), an unknown name, or a wrong type.
    ShapeError
        A path or minimum of the wrong shape.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> class Halving:
    ...     path, values = np.array([[4.0], [2.0], [1.0], [0.5]]), np.array([16.0, 4.0, 1.0, 0.25])
    >>> display = nc.plot.error_curves(Halving(), [0.0])
    >>> display.lines_[""].get_ydata()
    array([4. , 2. , 1. , 0.5])
    """
    log_x = checks.flag(_WHERE, "log_x", log_x)
    paths = paths_of(_WHERE, results, None)
    best = minimum_of(_WHERE, minimum, next(iter(paths.values())).points.shape[1])
    errors = {label: _errors(path, best) for label, path in paths.items()}
    with canvas(_WHERE, ax, (6.4, 3.8), figsize=figsize) as (on,):
        if best is not None or spans_decades(np.concatenate(list(errors.values()))):
            on.set_yscale("log")
        if log_x:
            on.set_xscale("symlog", linthresh=1, linscale=0.4)
        top = _top(paths, errors)
        lines = {
            label: _draw(on, path, errors[label], label, number, top)
            for number, (label, path) in enumerate(paths.items())
        }
        if np.isfinite(top):
            on.set_ylim(top=top)
        distance = r"distance to the minimum $\Vert x_t - x^{\ast}\Vert$"
        on.set(xlabel="step", ylabel="$f(x_t)$" if best is None else distance)
        on.set_xlim(left=0)
        tidy(on)
        finish(on, ax is None, title)
    what = "values" if best is None else "distances to the minimum"
    return CurvesDisplay((on,), lines, about_=f"{what} of {counted(len(paths), 'path')}")


def _draw(ax: Axes, path: Path, error: Floats, label: str, number: int, top: float) -> Line2D:
    """The curve, and for a diverged run the cross where it ends or leaves the picture."""
    logarithmic = ax.get_yscale() == "log"
    x, y = _up_to(path.step, error, top, logarithmic)
    style: Any = {"color": colour(number), "label": path.named(label), "linewidth": pen(1.3)}
    x, y = thinned(x, y, _MAX_POINTS, log_x=ax.get_xscale() != "linear")
    rough = float(np.nanmean(np.abs(np.diff(np.log10(y))))) if logarithmic and len(y) > 1 else 0.0
    line = ax.plot(x, y, marker="o" if len(x) == 1 else "", zorder=3 - min(rough, 0.9), **style)[0]  # smooth over rough
    if path.diverged and np.isfinite(y).any():
        end = np.flatnonzero(np.isfinite(y))[-1]
        cross: Any = {"marker": "X", "markersize": dot(10), "markeredgecolor": paper(ax), "clip_on": False, "zorder": 6}
        ax.plot(x[end], y[end], color=colour(number), **cross)
    return line


def _up_to(x: Floats, y: Floats, top: float, logarithmic: bool) -> tuple[Floats, Floats]:
    """The curve up to where it first crosses `top`."""
    above = np.flatnonzero(~(y <= top))
    if above.size == 0 or above[0] == 0 or not np.isfinite(top):
        return x, y
    i = above[0]
    low, edge, high = np.log([y[i - 1], top, y[i]]) if logarithmic else (y[i - 1], top, y[i])
    part = (edge - low) / (high - low) if np.isfinite(high) else 0.0
    return np.append(x[:i], x[i - 1] + part * (x[i] - x[i - 1])), np.append(y[:i], top)


def _errors(path: Path, best: Floats | None) -> Floats:
    if best is None:
        if path.values is None:
            raise ConfigError(f"[{_WHERE}] results: expected values beside the path, or a minimum, got neither")
        return path.values
    with np.errstate(over="ignore"):
        distance: Floats = np.linalg.norm(path.points - best, axis=1)
        return np.maximum(distance, _LEAST)


def _top(paths: dict[str, Path], errors: dict[str, Floats]) -> float:
    """Upper limit of the axis if a diverged run would flatten the other curves; infinity otherwise."""
    if not any(path.diverged for path in paths.values()):
        return np.inf
    kept = [errors[label][:1] if path.diverged else errors[label] for label, path in paths.items()]
    usual, most = (float(np.nanmax(np.concatenate(e), initial=0.0)) for e in (kept, list(errors.values())))
    return 30 * usual if most > 30 * usual > 0 else np.inf
