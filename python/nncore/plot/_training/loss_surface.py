"""loss_surface: the loss of a model in a plane through its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._support import checks
from nncore._support.names import keywords
from nncore.errors import ConfigError
from nncore.nn._loss import Loss
from nncore.nn._model import Model
from nncore.plot._display import Display
from nncore.plot._style import Floats, canvas, dot, finish, ink, mixed, paper, points, spans_decades, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.contour import QuadContourSet

_WHERE = "plot.loss_surface"
_LEVELS = 16


@dataclass(frozen=True, repr=False)
class LossSurfaceDisplay(Display):
    """The picture of `loss_surface`.

    Attributes
    ----------
    at_ : (resolution,), the steps along each direction
    losses_ : (resolution, resolution), the loss; a row for each step along direction 2
    directions_ : (2, P), the directions, in the order of `model.flat_parameters`
    contours_ : the filled contours
    """

    at_: Floats
    losses_: Floats
    directions_: Floats
    contours_: QuadContourSet


@keywords()
def loss_surface(
    model: Any,
    loss: Any,
    X: Any,
    y: Any,
    *,
    span: float = 1.0,
    resolution: int = 31,
    seed: int = 0,
    ax: Any = None,
    figsize: Any = None,
    title: str | None = None,
) -> LossSurfaceDisplay:
    """The loss around a model: L(w + a·d₁ + b·d₂) for a and b from -span to span, two random directions d.

    A direction is normal noise, scaled filter by filter to the norms of the weights (a filter is what one unit or
    channel reads, w[k]); biases and scales of normalisation stay as they are. So pictures of different nets compare: in
    a flat valley wide steps cost little. The model itself, the cross in the middle, is not changed.

    Parameters
    ----------
    model : Sequential or Graph
    loss : Loss. Its value on the outputs at inference, without penalties.
    X, y : samples and targets, as in `Trainer.fit`
        All of them are evaluated resolution² times; a few hundred are enough.
    span : float > 0, default 1.0. How far to go: at 1 a step is as long as the weights.
    resolution : int in [3, 501], default 31. Points per direction.
    seed : int, default 0. Of the directions.
    ax : matplotlib Axes or None, default None. Where to draw; None makes a new figure.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.
    title : str or None, default None. Set above the axes.

    Returns
    -------
    LossSurfaceDisplay
        `ax_`, `figure_`, `at_`, `losses_`, `directions_`, `contours_`; `.save(path)`, `.show()`.

    Raises
    ------
    ConfigError
        No model or loss, a model without weights, losses that are nowhere finite, an argument out of range.
    ShapeError
        X or y that the model or the loss does not take.
    ImportError
        matplotlib is not installed.

    Notes
    -----
    Source: Li, Xu, Taylor, Studer, Goldstein, Visualizing the loss landscape of neural nets, 2018.

    Examples
    --------
    >>> X, y = nc.datasets.make_moons(100, noise=0.1, seed=0)
    >>> net = nc.Sequential(nc.Linear(2, 8), nc.ReLU(), nc.Linear(8, 2), seed=0)
    >>> display = nc.plot.loss_surface(net, nc.CrossEntropyLoss(), X, y, resolution=11)
    >>> bool(np.isclose(display.losses_[5, 5], nc.CrossEntropyLoss().value(net(X), y)))
    True
    """
    if not isinstance(model, Model):
        raise ConfigError(f"[{_WHERE}] model: expected a Sequential or a Graph, got {checks.describe(model)}")
    if not isinstance(loss, Loss):
        raise ConfigError(f"[{_WHERE}] loss: expected a loss, got {checks.describe(loss)}")
    span = checks.positive(_WHERE, "span", span)
    resolution = checks.integer(_WHERE, "resolution", resolution, 3, 501)
    rng = np.random.default_rng(checks.integer(_WHERE, "seed", seed, 0, 2**63 - 1))
    directions = np.stack([_direction(model, rng), _direction(model, rng)])
    at = np.linspace(-span, span, resolution)
    losses = _losses(model.copy(), loss, X, y, at, directions)
    if not np.isfinite(losses).any():
        raise ConfigError(f"[{_WHERE}] loss: expected finite values around the model, got none")
    with canvas(_WHERE, ax, (6.0, 4.2), figsize=figsize) as (on,):
        contours = _draw(on, at, losses)
        finish(on, ax is None, title)
    about = f"loss in a plane through the model, {resolution} x {resolution} points, least {np.nanmin(losses):.3g}"
    return LossSurfaceDisplay((on,), at, losses, directions, contours, about_=about)


def _direction(model: Model, rng: np.random.Generator) -> Floats:
    """Normal noise with the norm of the weights, filter by filter; 0 for parameters with one axis."""
    parts = []
    for parameter in model.parameters():
        value = parameter.value.astype(np.float64)
        noise = np.zeros(value.shape)
        if value.ndim > 1:
            rows = rng.standard_normal((len(value), value[0].size))
            wanted = np.linalg.norm(value.reshape(len(value), -1), axis=1, keepdims=True)
            noise = (rows * wanted / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-300)).reshape(
                value.shape
            )
        parts.append(noise.ravel())
    flat = np.concatenate(parts) if parts else np.zeros(0)
    if not flat.any():
        raise ConfigError(f"[{_WHERE}] model: expected one with weights that are not 0, got {checks.describe(model)}")
    return flat


def _losses(copy: Model, loss: Loss, X: Any, y: Any, at: Floats, directions: Floats) -> Floats:
    """The loss at each point of the plane; NaN where it is not finite."""
    center = copy.flat_parameters.astype(np.float64)
    losses = np.empty((len(at), len(at)))
    for row, b in enumerate(at):
        for column, a in enumerate(at):
            copy.flat_parameters[:] = center + a * directions[0] + b * directions[1]
            losses[row, column] = loss.value(copy(X), y)
    losses[~np.isfinite(losses)] = np.nan
    return losses


def _draw(ax: Axes, at: Floats, losses: Floats) -> QuadContourSet:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.ticker import LogLocator, MaxNLocator

    low, high = float(np.nanmin(losses)), float(np.nanmax(losses))
    logarithmic = spans_decades(losses)
    levels = np.geomspace(low, high, _LEVELS) if logarithmic else np.linspace(low, max(high, low + 1e-12), _LEVELS)
    depths = [mixed(ax, "#4A6E94", strength) for strength in (0.75, 0.45, 0.22, 0.05)]
    shades = LinearSegmentedColormap.from_list("depth", depths)
    norm = "log" if logarithmic else None
    filled = ax.contourf(at, at, losses, levels=levels, cmap=shades, norm=norm, zorder=0)
    locator = LogLocator(subs=(1, 2, 5), numticks=12) if logarithmic else MaxNLocator(8)
    round_levels = [level for level in locator.tick_values(low, high) if low < level < high]
    if round_levels:
        lines = ax.contour(at, at, losses, levels=round_levels, colors=[ink(ax)], linewidths=0.7, alpha=0.6, zorder=1)
        ax.clabel(lines, fmt="%g", fontsize=points(0.75))
    marker: Any = {"marker": "X", "markersize": dot(10), "color": ink(ax), "markeredgecolor": paper(ax)}
    ax.plot(0.0, 0.0, linestyle="none", label="the model", zorder=4, **marker)
    ax.set(xlabel="step along direction 1", ylabel="step along direction 2", aspect="equal")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(4))
    tidy(ax, grid=False)
    return filled
