"""regression_fit and regression_surface: what a regressor predicts over one input or two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._support import checks
from nncore._support.names import keywords
from nncore.errors import ConfigError, ShapeError
from nncore.plot._data.boundary import window
from nncore.plot._data.targets import Answers, answers_of, dots, outputs, real
from nncore.plot._display import Display
from nncore.plot._names import feature_texts, like, of_model
from nncore.plot._style import (
    Floats,
    canvas,
    colour,
    counted,
    finish,
    grey,
    legend,
    pen,
    runs_of,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.contour import QuadContourSet
    from matplotlib.lines import Line2D


@dataclass(frozen=True, repr=False)
class RegressionDisplay(Display):
    """The picture of `regression_fit`.

    Attributes
    ----------
    lines_ : dict label -> line of the prediction; a single model with one output has the label ""
    points_ : list of scatters, the data, one for each output
    """

    lines_: dict[str, Line2D]
    points_: list[PathCollection]


@dataclass(frozen=True, repr=False)
class RegressionSurfaceDisplay(Display):
    """The picture of `regression_surface`.

    Attributes
    ----------
    values_ : (resolution, resolution), the prediction at each point of the grid, rows from low to high
    contours_ : the filled contours
    points_ : the scatter of the samples
    """

    values_: Floats
    contours_: QuadContourSet
    points_: PathCollection


@keywords()
def regression_fit(
    model: Any,
    X: Any,
    y: Any,
    *,
    feature_names: Any = None,
    target_names: Any = None,
    ax: Any = None,
    figsize: Any = None,
    resolution: int = 400,
    title: str | None = None,
) -> RegressionDisplay:
    """The prediction of a model of one input as a curve over the data.

    Parameters
    ----------
    model : a trained model of one input, or a function x (M, 1) -> (M,), or a dict label -> model
        What has `predict`, or else is called; several are drawn over each other, a colour for each.
    X : real (N, 1) or (N,), N >= 1
    y : real (N,) or (N, K). Of K outputs, each has a colour; several models have one.
    feature_names, target_names : text, or sequence of one or of K texts, or None, default None
        Names of the input and of the outputs; None: the columns of a DataFrame, the name of a Series.
    ax : matplotlib Axes or None, default None. Where to draw; None makes a new figure.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.
    resolution : int in [2, 10000], default 400. Points at which the model is asked.
    title : str or None, default None. Set above the axes.

    Returns
    -------
    RegressionDisplay
        `ax_`, `figure_`, `lines_`, `points_`; `.save(path)`, `.show()`.

    Raises
    ------
    ShapeError
        X is not (N, 1), y not (N,) or (N, K), or the model answers with another shape.
    ConfigError
        Numbers that are not finite, a model that answers with labels, an argument out of range.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> x = np.linspace(0, 1, 20)[:, None]
    >>> display = nc.plot.regression_fit(lambda x: 2 * x, x, 2 * x[:, 0] + 0.1)
    >>> display
    RegressionDisplay: prediction over one input, 20 samples
    """
    where = "plot.regression_fit"
    points = real(where, "X", X)
    points = points[:, None] if points.ndim == 1 else points
    if points.ndim != 2 or points.shape[1] != 1 or len(points) == 0:
        hint = "; two inputs: regression_surface; any number: predicted_vs_true" if points.ndim == 2 else ""
        raise ShapeError(f"[{where}] X: expected (N, 1) or (N,), got {np.shape(X)}{hint}")
    truth = outputs(where, "y", y, len(points))
    resolution = checks.integer(where, "resolution", resolution, 2, 10_000)
    models = {"": model} if callable(model) or hasattr(model, "predict") else _models(where, model)
    if len(models) > 1 and truth.shape[1] > 1:
        raise ConfigError(f"[{where}] y: expected one output for several models, got {truth.shape[1]}")
    low, high = float(points.min()), float(points.max())
    margin = 0.05 * (high - low) or 1.0
    grid = np.linspace(low - margin, high + margin, resolution)[:, None]
    curves = {label: answers_of(where, one, like(X, grid), len(grid), truth.shape[1]) for label, one in models.items()}
    first = next(iter(models.values()))
    inputs = feature_texts(where, feature_names, of_model(first, X), 1) or ["$x$"]
    targets = feature_texts(where, target_names, y, truth.shape[1], argument="target_names")
    with canvas(where, ax, (5.8, 3.8), figsize=figsize) as (on,):
        display = _draw_fit(on, points[:, 0], truth, grid[:, 0], curves, targets)
        on.set(xlabel=inputs[0], ylabel=targets[0] if targets and len(targets) == 1 else "$y$")
        tidy(on)
        finish(on, ax is None, title)
    return display


def _models(where: str, model: Any) -> dict[str, Any]:
    attribute = "predict" if isinstance(model, (dict, list, tuple)) and _all_have(model, "predict") else "__call__"
    return runs_of(where, "model", model, attribute, "a model with predict, or a function")


def _all_have(models: Any, attribute: str) -> bool:
    return all(hasattr(one, attribute) for one in (models.values() if isinstance(models, dict) else models))


def _draw_fit(
    ax: Axes, x: Floats, truth: Floats, grid: Floats, curves: dict[str, Answers], targets: list[str] | None
) -> RegressionDisplay:
    count = truth.shape[1]
    names = targets if count > 1 and targets else [f"output {k + 1}" for k in range(count)]
    scatters = []
    for k in range(count):
        tint = colour(k) if count > 1 else grey(ax)
        style: Any = {**dots(ax, len(x)), "alpha": 0.75, "label": "_nolegend_" if count > 1 else "data"}
        scatters.append(ax.scatter(x, truth[:, k], color=tint, zorder=2, **style))
    lines: dict[str, Line2D] = {}
    for number, (label, values) in enumerate(curves.items()):
        for k in range(count):
            name = names[k] if count > 1 else label
            shown = name or "prediction"
            tint = colour(k if count > 1 else number)
            lines[name] = ax.plot(grid, values[:, k], color=tint, linewidth=pen(2.0), label=shown, zorder=3)[0]
    about = f"prediction over one input, {counted(len(x), 'sample')}"
    if len(curves) > 1:
        about = f"predictions of {len(curves)} models over one input, {counted(len(x), 'sample')}"
    return RegressionDisplay((ax,), lines, scatters, about_=about)


@keywords()
def regression_surface(
    model: Any,
    X: Any,
    y: Any,
    *,
    feature_names: Any = None,
    target_names: Any = None,
    ax: Any = None,
    figsize: Any = None,
    resolution: int = 120,
    title: str | None = None,
) -> RegressionSurfaceDisplay:
    """The prediction of a model of two inputs as colours over the plane, with the samples in the same colours.

    A sample that stands out from its surroundings is predicted badly.

    Parameters
    ----------
    model : a trained model of two inputs and one output, with `predict`, or a function x (M, 2) -> (M,)
    X : real (N, 2), N >= 1
    y : real (N,) or (N, 1)
    feature_names : pair of texts or None, default None. Names of the axes; None: the columns of a DataFrame.
    target_names : text or None, default None. Beside the colours; None: the name of a Series or of a column.
    ax : matplotlib Axes or None, default None
        Where to draw; None makes a new figure, with a bar of the colours.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.
    resolution : int in [2, 2000], default 120. Points per axis at which the model is asked.
    title : str or None, default None. Set above the axes.

    Returns
    -------
    RegressionSurfaceDisplay
        `ax_`, `figure_`, `values_`, `contours_`, `points_`; `.save(path)`, `.show()`.

    Raises
    ------
    ShapeError
        X is not (N, 2), y not (N,) or (N, 1), or the model answers with another shape.
    ConfigError
        Numbers that are not finite, a model that answers with labels, an argument out of range.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> nc.plot.regression_surface(lambda x: x.sum(axis=1), X, X.sum(axis=1))
    RegressionSurfaceDisplay: prediction over two inputs, 3 samples
    """
    where = "plot.regression_surface"
    points = real(where, "X", X)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        raise ShapeError(f"[{where}] X: expected (N, 2), got {points.shape}")
    truth = outputs(where, "y", y, len(points), 1)[:, 0]
    resolution = checks.integer(where, "resolution", resolution, 2, 2000)
    columns, rows = window(points, resolution)
    grid = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    values = answers_of(where, model, like(X, grid), len(grid), 1).reshape(resolution, resolution)
    inputs = feature_texts(where, feature_names, of_model(model, X), 2) or ["$x_1$", "$x_2$"]
    targets = feature_texts(where, target_names, y, 1, argument="target_names") or ["$y$"]
    low, high = float(min(values.min(), truth.min())), float(max(values.max(), truth.max()))
    with canvas(where, ax, (5.8, 4.2), figsize=figsize) as (on,):
        levels = _round_levels(low, high)
        tints: Any = {"cmap": "viridis", "vmin": levels[0], "vmax": levels[-1]}
        contours = on.contourf(columns, rows, values, levels=levels, zorder=0, **tints)
        style: Any = {**dots(on, len(points)), "edgecolors": "white"}
        scatter = on.scatter(points[:, 0], points[:, 1], c=truth, zorder=3, **style, **tints)
        on.set(xlim=columns[[0, -1]], ylim=rows[[0, -1]], xlabel=inputs[0], ylabel=inputs[1])
        tidy(on, grid=False)
        if ax is None:
            on.figure.colorbar(contours, ax=on, label=targets[0])
        legend(on, ax is None, *on.get_legend_handles_labels())
        if title is not None:
            on.set_title(title)
    about = f"prediction over two inputs, {counted(len(points), 'sample')}"
    return RegressionSurfaceDisplay((on,), values, contours, scatter, about_=about)


def _round_levels(low: float, high: float) -> Floats:
    """About twenty levels with few digits, from below `low` to above `high`."""
    from matplotlib.ticker import MaxNLocator

    levels: Floats = np.asarray(MaxNLocator(20).tick_values(low, high if high > low else low + 1.0), np.float64)
    return levels
