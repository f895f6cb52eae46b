"""decision_boundary: the class regions of a classifier of points in the plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nncore._support import checks
from nncore._support.names import keywords
from nncore.errors import ConfigError, NumericError, ShapeError, StateError
from nncore.plot._display import Display
from nncore.plot._labels import counted as counted_labels
from nncore.plot._names import class_texts, feature_texts, legend_texts, like, of_model
from nncore.plot._style import Floats, canvas, colour, counted, dot, finish, ink, paper, pen, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.contour import QuadContourSet
    from matplotlib.image import AxesImage

_WHERE = "plot.decision_boundary"
ROWS_AT_ONCE = 16384
_MARGIN = 0.08  # of the wider of the two ranges, on each side


@dataclass(frozen=True, repr=False)
class BoundaryDisplay(Display):
    """The picture of `decision_boundary`.

    Attributes
    ----------
    surface_ : the image of the class regions
    boundary_ : list of contour sets, the borders between regions: one for two classes, else one per class
    points_ : dict class -> scatter of its samples
    """

    surface_: AxesImage
    boundary_: list[QuadContourSet]
    points_: dict[int, PathCollection]


@dataclass(frozen=True)
class _Surface:
    """classes (K,); lead (K, rows, columns): by how much a class leads the best other one, in [-1, 1]."""

    classes: NDArray[np.int64]
    lead: Floats


@keywords()
def decision_boundary(
    model: Any,
    X: Any,
    y: Any,
    *,
    class_names: Any = None,
    feature_names: Any = None,
    ax: Any = None,
    figsize: Any = None,
    resolution: int = 300,
    title: str | None = None,
) -> BoundaryDisplay:
    """Class regions of a model over the plane, with the samples on top.

    A region has its class's colour, the stronger the further that class leads the next in probability; the line is
    where two classes draw level (probability 1/2 for two classes).

    Parameters
    ----------
    model : a trained classifier of two features
        The first of these that it has is drawn: `predict_proba(x)` (N, C), (N, 1) or (N,); `decision_function(x)` (N,),
        with its border at 0; one raw output `model(x)`, with its border midway between the two labels; the bare
        labels of `predict(x)`, evenly tinted.
    X : real (N, 2), N >= 1. Samples; their range and a margin decide what is shown.
    y : integers (N,). Labels: any integers, such as 0 … C-1 or ±1; those that the model's loss ignores (-100) are left
        out.
    class_names : sequence of C texts, or a dict label -> text, or None, default None
        What the legend says, in ascending order of the labels; None: "class 0", …
    feature_names : pair of texts or None, default None. Names of the axes; None: the columns of a DataFrame.
    ax : matplotlib Axes or None, default None. Where to draw; None makes a new figure.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.
    resolution : int in [2, 2000], default 300. Points per axis at which the model is asked.
    title : str or None, default None. Set above the axes.

    Returns
    -------
    BoundaryDisplay
        `ax_`, `figure_`, `surface_`, `boundary_`, `points_`; `.save(path)`, `.show()`.

    Raises
    ------
    ShapeError
        X is not (N, 2), y not (N,), or the model's answer has the wrong shape.
    ConfigError
        X is not finite, y not integer, labels that do not fit the model's outputs, or an argument out of range.
    NumericError
        The model answers with NaN or infinity.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> X, y = nc.datasets.make_moons(100, noise=0.1, seed=0)
    >>> class Upper:
    ...     def predict(self, x):
    ...         return (x[:, 1] < 0.25).astype(int)
    >>> display = nc.plot.decision_boundary(Upper(), X, y, resolution=50)
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['class 0', 'class 1']
    """
    with canvas(_WHERE, ax, (5.8, 4.2), figsize=figsize) as (on,):
        return boundary_on(on, ax is None, model, X, y, class_names, feature_names, resolution, title)


def boundary_on(
    on: Axes,
    own: bool,
    model: Any,
    X: Any,
    y: Any,
    class_names: Any,
    feature_names: Any,
    resolution: int,
    title: str | None,
) -> BoundaryDisplay:
    """`decision_boundary` on these axes; `own`: of a new figure, with room for the legend beside them."""
    points, labels = _samples(X, y)
    there = counted_labels(_WHERE, "y", model, labels)
    points, labels = points[there], labels[there]
    features = feature_texts(_WHERE, feature_names, of_model(model, X), 2)
    resolution = checks.integer(_WHERE, "resolution", resolution, 2, 2000)
    columns, rows = window(points, resolution)
    grid = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    surface = _surface(model, like(X, grid), labels, (resolution, resolution))
    classes = np.union1d(surface.classes, labels)
    names = legend_texts(classes, class_texts(_WHERE, class_names, classes))
    display = _draw(on, surface, columns, rows, points, labels, names)
    on.set(**dict(zip(("xlabel", "ylabel"), features or ("$x_1$", "$x_2$"), strict=True)))
    size = next(iter(display.points_.values())).get_sizes()[0]
    finish(on, own, title, markerscale=max(1.0, (20 / size) ** 0.5))
    return display


def _samples(X: Any, y: Any) -> tuple[Floats, NDArray[np.int64]]:
    points = checks.real_array(_WHERE, "X", X)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        raise ShapeError(f"[{_WHERE}] X: expected (N, 2), got {points.shape}")
    if not np.isfinite(points).all():
        raise ConfigError(f"[{_WHERE}] X: expected finite numbers, got {np.count_nonzero(~np.isfinite(points))} others")
    labels = checks.real_array(_WHERE, "y", y, kinds="biu")
    if labels.shape != (len(points),):
        hint = "; use y.ravel()" if labels.shape == (len(points), 1) else ""
        raise ShapeError(f"[{_WHERE}] y: expected ({len(points)},), got {labels.shape}{hint}")
    return points.astype(np.float64), labels.astype(np.int64)


def window(points: Floats, resolution: int) -> tuple[Floats, Floats]:
    """Columns and rows of the grid: the samples' range and a margin."""
    low, high = points.min(axis=0), points.max(axis=0)
    width = high - low
    width = np.where(width > 0, width, width.max() or 1.0)
    margin = np.clip(_MARGIN * width.max(), _MARGIN * width, 0.5 * width)
    columns, rows = np.linspace(low - margin, high + margin, resolution).T
    return columns, rows


def _ask(answer: Any, grid: Any) -> NDArray[Any]:
    """The model's answers at the points of the grid, computed in slices."""
    parts = [np.atleast_1d(answer(grid[i : i + ROWS_AT_ONCE])) for i in range(0, len(grid), ROWS_AT_ONCE)]
    values = np.concatenate(parts)
    if values.ndim not in (1, 2) or len(values) != len(grid):
        got = values.shape
        raise ShapeError(f"[{_WHERE}] model: expected an answer ({len(grid)},) or ({len(grid)}, C), got {got}")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        others = np.count_nonzero(~np.isfinite(values))
        raise NumericError(f"[{_WHERE}] model: expected finite answers, got {others} others")
    return values


def _surface(model: Any, grid: Any, labels: NDArray[np.int64], shape: tuple[int, int]) -> _Surface:
    if not hasattr(model, "predict"):
        raise ConfigError(f"[{_WHERE}] model: expected an object with predict, got {checks.describe(model)}")
    known = getattr(model, "classes_", None)
    if hasattr(model, "predict_proba"):
        try:
            p = _ask(model.predict_proba, grid)
        except StateError:  # a model trained with a loss that has no probabilities, such as the perceptron's
            pass
        else:
            p = p.reshape(len(grid), -1).astype(np.float64)
            p = np.hstack([1 - p, p]) if p.shape[1] == 1 else p
            return _Surface(_classes(labels, known, p.shape[1]), _leads(p, shape))
    score = _score(model, grid, labels)
    if score is not None:
        half = score / (2 * np.abs(score).max() or 1.0)
        return _Surface(_classes(labels, known, 2), _leads(np.column_stack([0.5 - half, 0.5 + half]), shape))
    said = _ask(model.predict, grid)
    if said.ndim != 1 or said.dtype.kind not in "biu":
        got = checks.describe(said)
        raise ConfigError(f"[{_WHERE}] model: expected predict to return integer labels ({len(grid)},), got {got}")
    classes = np.union1d(labels, said.astype(np.int64))
    return _Surface(classes, _leads((said[:, None] == classes).astype(np.float64), shape))


def _score(model: Any, grid: Any, labels: NDArray[np.int64]) -> Floats | None:
    """One signed number per point, positive for the larger label; None if the model has more outputs, or none."""
    if hasattr(model, "decision_function"):
        score, border = _ask(model.decision_function, grid), 0.0
    elif callable(model):
        score, border = _ask(model, grid), float(_classes(labels, None, 2).mean())
    else:
        return None
    if score.ndim == 2 and score.shape[1] > 1:
        return None
    return np.asarray(score, dtype=np.float64).ravel() - border


def _classes(labels: NDArray[np.int64], known: Any, count: int) -> NDArray[np.int64]:
    """The labels of `count` outputs, ascending."""
    if known is not None and len(known) == count:
        return np.asarray(known, dtype=np.int64)
    present = np.unique(labels)
    if present[0] >= 0 and present[-1] < count:
        return np.arange(count, dtype=np.int64)
    if count == 2 and set(present.tolist()) <= {-1, 1}:
        return np.array([-1, 1], dtype=np.int64)
    if len(present) != count:
        got = checks.describe(present.tolist())
        raise ConfigError(f"[{_WHERE}] y: expected labels 0 … {count - 1} for the model's {count} classes, got {got}")
    return present


def _leads(p: Floats, shape: tuple[int, int]) -> Floats:
    """By how much each column of p (points, K) leads the best of the others: (K, rows, columns)."""
    if p.shape[1] == 1:
        return np.ones((1, *shape))
    second, first = np.partition(p, -2, axis=1)[:, -2:].T
    winner = p.argmax(axis=1)[:, None] == np.arange(p.shape[1])
    lead = np.where(winner, (first - second)[:, None], p - first[:, None])
    return np.ascontiguousarray(lead.T).reshape(-1, *shape)


def _draw(
    ax: Axes,
    surface: _Surface,
    columns: Floats,
    rows: Floats,
    points: Floats,
    labels: NDArray[np.int64],
    names: dict[Any, str],
) -> BoundaryDisplay:
    colours = {label: colour(i) for i, label in enumerate(names)}
    usual = float(np.clip(14000 / len(points), 5, 34))
    dense = usual < 9  # points without a rim, and the borders above them
    size = usual * dot(1.0) ** 2
    image, borders = _draw_regions(ax, surface, columns, rows, colours, dense)
    rim: Any = {"s": size, "edgecolors": "none" if dense else [paper(ax)], "linewidths": 0.12 * size**0.5, "zorder": 3}
    shown = {
        c: ax.scatter(*points[labels == c].T, color=face, label=names[c], **rim)
        for c, face in colours.items()
        if c in labels
    }
    ax.set(xlim=columns[[0, -1]], ylim=rows[[0, -1]])
    tidy(ax, grid=False)
    about = f"regions of {counted(len(surface.classes), 'class', 'classes')}, {counted(len(points), 'sample')}"
    return BoundaryDisplay((ax,), image, borders, shown, about_=about)


def _draw_regions(
    ax: Axes, surface: _Surface, columns: Floats, rows: Floats, colours: dict[int, str], dense: bool
) -> tuple[AxesImage, list[QuadContourSet]]:
    from matplotlib.colors import to_rgb

    tints = np.array([to_rgb(colours[int(c)]) for c in surface.classes])
    strength = 0.08 + 0.40 * surface.lead.max(axis=0)[..., None]
    below = np.array(paper(ax))
    colour_there = below + strength * (tints[surface.lead.argmax(axis=0)] - below)
    dx, dy = (columns[1] - columns[0]) / 2, (rows[1] - rows[0]) / 2
    image = ax.imshow(
        np.clip(colour_there, 0, 1),
        origin="lower",
        extent=(columns[0] - dx, columns[-1] + dx, rows[0] - dy, rows[-1] + dy),
        aspect="auto",
        interpolation="bilinear",
        zorder=0,
    )
    borders = []
    for lead in surface.lead[1:] if len(surface.lead) == 2 else surface.lead:
        if lead.min() < 0 < lead.max():
            style: Any = {"colors": [ink(ax)], "linewidths": pen(1.3), "zorder": 4 if dense else 2}
            borders.append(ax.contour(columns, rows, lead, levels=[0.0], **style))
    return image, borders
