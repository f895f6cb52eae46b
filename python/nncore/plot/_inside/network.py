"""network: a drawing of a net, unit by unit or layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._support import checks
from nncore._support.names import keywords
from nncore.errors import ConfigError
from nncore.nn._layer import Layer
from nncore.nn._model import Model, layers_of, parts_of
from nncore.nn._summary import Summary
from nncore.nn.layers import Flatten, Linear
from nncore.plot._display import Display
from nncore.plot._names import class_texts, feature_texts
from nncore.plot._style import BLUE, RED, Floats, canvas, counted, dot, grey, ink, mixed, paper, pen, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection

_WHERE = "plot.network"
_WIDE, _TALL = 1.55, 0.30  # inches from one column of units to the next, and from one unit to the next
_ROW = 0.52  # inches of a block
_WRITTEN = 36  # characters of a layer


@dataclass(frozen=True, repr=False)
class NetworkDisplay(Display):
    """The picture of `network`.

    Attributes
    ----------
    edges_ : dict layer -> lines of its weights, from the shown units before it to its own; {} for a drawing of blocks
    """

    edges_: dict[str, LineCollection]


@dataclass(frozen=True)
class _Column:
    """A column of units: its layers' names, how many units there are, and the weight (units, units before) or None."""

    names: list[str]
    units: int
    weight: Floats | None


@keywords()
def network(
    model: Any,
    *,
    input_shape: Any = None,
    class_names: Any = None,
    feature_names: Any = None,
    max_units: int = 16,
    ax: Any = None,
    figsize: Any = None,
    title: str | None = None,
) -> NetworkDisplay:
    """A drawing of a net.

    A net of dense layers: a ring for each unit, a line for each weight, red for positive and blue for negative ones,
    the wider the larger it is among those of its layer. Of a wide layer the first and the last units are shown. Biases
    are not drawn. Any other net: a block for each layer with the shape of its output and its number of parameters, and
    an arrow for each connection.

    Parameters
    ----------
    model : Sequential or Graph
    input_shape : int or shape of one sample, or None, default None
        Needed where no layer has a fixed input size, as in `model.summary`.
    class_names : sequence of C texts, or a dict number -> text, or None, default None
        Names of the C outputs.
    feature_names : sequence of texts, or a DataFrame, or None, default None. Names of the inputs.
    max_units : int in [2, 200], default 16. Units of a layer that are drawn.
    ax : matplotlib Axes or None, default None. Where to draw; None makes a new figure.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.
    title : str or None, default None. Set above the axes.

    Returns
    -------
    NetworkDisplay
        `ax_`, `figure_`, `edges_`; `.save(path)`, `.show()`.

    Raises
    ------
    ConfigError
        No model, an input_shape that is missing, names that are not as many as there are inputs or outputs.
    ShapeError
        An input_shape that the model does not take.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> net = nc.Sequential(nc.Linear(2, 5), nc.ReLU(), nc.Linear(5, 3), seed=0)
    >>> nc.plot.network(net, feature_names=["width", "height"])
    NetworkDisplay: 3 layers, 33 parameters
    """
    if not isinstance(model, Model):
        raise ConfigError(f"[{_WHERE}] model: expected a Sequential or a Graph, got {checks.describe(model)}")
    limit = checks.integer(_WHERE, "max_units", max_units, 2, 200)
    summary, layers, reads = model.summary(input_shape), layers_of(model), _reads(model)
    columns = _columns(summary, layers, reads)
    about = f"{counted(len(layers), 'layer')}, {counted(summary.parameters, 'parameter')}"
    edges: dict[str, LineCollection] = {}
    if columns is None:
        if class_names is not None or feature_names is not None:
            name = "class_names" if class_names is not None else "feature_names"
            raise ConfigError(f"[{_WHERE}] {name}: expected None for a drawing of blocks, got names")
        size = (7.0, _ROW * (len(summary.rows) + 1) + 0.3)
        with canvas(_WHERE, ax, size, figsize=figsize) as (on,):
            _draw_blocks(on, summary, layers, reads)
            _close(on, title)
        return NetworkDisplay((on,), edges, about_=about)
    given = feature_names.columns if hasattr(feature_names, "columns") else feature_names
    inputs = feature_texts(_WHERE, given, None, columns[0].units)
    outputs = class_texts(_WHERE, class_names, np.arange(columns[-1].units))
    shown = [_shown(column.units, limit) for column in columns]
    size = (_WIDE * len(columns) + 0.6, max(2.4, _TALL * max(map(len, shown)) + 1.1))
    with canvas(_WHERE, ax, size, figsize=figsize) as (on,):
        edges = _draw_units(on, columns, shown, inputs, outputs)
        _close(on, title)
    return NetworkDisplay((on,), edges, about_=about)


def _close(ax: Axes, title: str | None) -> None:
    ax.set_axis_off()
    if title is not None:
        ax.set_title(title)


def _reads(model: Model) -> list[list[int]]:
    """For each layer the values it reads: 0 is the input, i + 1 the output of layer i."""
    reads: list[list[int]] = parts_of(model).joined.get("reads") or [[i] for i in range(len(layers_of(model)))]
    return reads


# ---- Units ----------------------------------------------------------------------------------------------------------


def _columns(summary: Summary, layers: Any, reads: list[list[int]]) -> list[_Column] | None:
    """The columns of units of a net of dense layers; None for another one."""
    if reads != [[i] for i in range(len(reads))]:
        return None
    before = summary.input_shape
    rows = list(zip(summary.rows, layers.items(), strict=True))
    columns = [_Column(["input"], int(np.prod(before)), None)]
    if rows and isinstance(rows[0][1][1], Flatten):
        before = rows.pop(0)[0].output_shape
    if len(before) != 1:
        return None
    for row, (name, layer) in rows:
        if isinstance(layer, Linear):
            columns.append(_Column([f"{name}: Linear"], row.output_shape[0], _weight(layer)))
        elif row.output_shape == before:
            columns[-1].names.append(f"{name}: {row.kind}")
        else:
            return None
        before = row.output_shape
    return columns if len(columns) > 1 else None


def _weight(layer: Layer) -> Floats:
    return next(p.value for p in layer.parameters() if p.value.ndim == 2).astype(np.float64)


def _shown(units: int, limit: int) -> list[int | None]:
    """Which units are drawn; None: the dots in place of the others."""
    if units <= limit:
        return list(range(units))
    first = limit // 2
    return [*range(first), None, *range(units - (limit - first), units)]


def _draw_units(
    ax: Axes, columns: list[_Column], shown: list[list[int | None]], inputs: list[str] | None, outputs: list[str] | None
) -> dict[str, LineCollection]:
    heights = [np.linspace(1, -1, len(units)) * (len(units) - 1) / 2 for units in shown]
    tallest = max(map(len, shown)) / 2
    edges = {}
    for at in range(1, len(columns)):
        column, ends = columns[at], (shown[at - 1], shown[at])
        assert column.weight is not None
        edges[column.names[0].split(":")[0]] = _draw_edges(ax, at, column.weight, ends, (heights[at - 1], heights[at]))
    size = (72 * 0.62 * _TALL * ax.get_window_extent().height / ax.figure.dpi / (_TALL * (2 * tallest + 2.4))) ** 2
    for at, (column, units, ys) in enumerate(zip(columns, shown, heights, strict=True)):
        there = np.array([unit is not None for unit in units])
        style: Any = {
            "s": min(size, dot(15) ** 2),
            "color": [mixed(ax, ink(ax), 0.08)],
            "edgecolors": [ink(ax)],
            "zorder": 3,
        }
        ax.scatter(np.full(there.sum(), at), ys[there], linewidths=pen(1.0), **style)
        for y in ys[~there]:
            ax.text(at, y, "⋮", ha="center", va="center", color=ink(ax), fontsize=points(1.2))
        text: Any = {"ha": "center", "fontsize": points(0.9), "parse_math": False}
        ax.text(at, tallest + 0.3, "\n".join(column.names), va="bottom", color=ink(ax), **text)
        ax.text(at, -tallest - 0.3, str(column.units), va="top", color=grey(ax), **text)
    for names, at, side, shift in ((inputs, 0, "right", -0.14), (outputs, len(columns) - 1, "left", 0.14)):
        for unit, y in zip(shown[at], heights[at], strict=True):
            if names is not None and unit is not None:
                ax.text(at + shift, y, names[unit], ha=side, va="center", color=ink(ax), fontsize=points(0.9))
    lines = max(len(column.names) for column in columns)
    ax.set(xlim=(-0.6 - 0.5 * (inputs is not None), len(columns) - 0.4 + 0.5 * (outputs is not None)))
    ax.set(ylim=(-tallest - 1.2, tallest + 0.5 + 0.8 * lines))
    return edges


def _draw_edges(ax: Axes, at: int, weight: Floats, ends: Any, heights: Any) -> LineCollection:
    """The weights between the shown units of two columns."""
    from matplotlib.collections import LineCollection

    (before, after), (low, high) = ends, heights
    pairs = [(i, j) for j, to in enumerate(after) if to is not None for i, of in enumerate(before) if of is not None]
    values = np.array([weight[after[j], before[i]] for i, j in pairs])
    strength = np.abs(values) / (np.abs(weight).max() or 1.0)
    tints = [mixed(ax, RED if value > 0 else BLUE, 0.15 + 0.85 * s) for value, s in zip(values, strength, strict=True)]
    order = np.argsort(strength)  # the large ones on top
    segments = [[(at - 1, low[pairs[k][0]]), (at, high[pairs[k][1]])] for k in order]
    widths = [pen(0.4 + 1.8 * strength[k]) for k in order]
    drawn = LineCollection(segments, colors=[tints[k] for k in order], linewidths=widths, zorder=1)
    ax.add_collection(drawn)
    return drawn


# ---- Blocks ---------------------------------------------------------------------------------------------------------


def _draw_blocks(ax: Axes, summary: Summary, layers: Any, reads: list[list[int]]) -> None:
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

    rows: list[tuple[str, tuple[int, ...], int]] = [("input", summary.input_shape, 0)]
    rows += [(f"{row.name}: {_text_of(layers[row.name])}", row.output_shape, row.parameters) for row in summary.rows]
    style: Any = {"boxstyle": "round,pad=0.02,rounding_size=0.12", "linewidth": pen(1.0)}
    text: Any = {"va": "center", "fontsize": points(0.9), "parse_math": False, "zorder": 4}
    for at, (name, shape, parameters) in enumerate(rows):
        tint = mixed(ax, BLUE, 0.22) if parameters else mixed(ax, ink(ax), 0.05)
        ax.add_patch(FancyBboxPatch((0.0, -at - 0.3), 10.0, 0.6, facecolor=tint, edgecolor=grey(ax), zorder=3, **style))
        ax.text(0.2, -at, name, ha="left", color=ink(ax), **text)
        ax.text(6.9, -at, " x ".join(map(str, shape)), ha="right", color=grey(ax), **text)
        if parameters:
            ax.text(9.8, -at, counted(parameters, "parameter"), ha="right", color=grey(ax), **text)
    arrow: Any = {"arrowstyle": "-|>", "mutation_scale": points(0.8), "color": grey(ax), "shrinkA": 0, "shrinkB": 0}
    for at, values in enumerate(reads, 1):
        for of in values:
            if of == at - 1:
                ends, bend = ((5.0, -of - 0.32), (5.0, -at + 0.32)), "arc3"
            else:  # around the blocks between
                ends, bend = ((10.1, -of), (10.1, -at)), f"arc3,rad=-{min(0.5, 0.9 / (at - of))}"
            ax.add_patch(FancyArrowPatch(*ends, connectionstyle=bend, zorder=2, linewidth=pen(1.0), **arrow))
    branched = any(values != [at] for at, values in enumerate(reads))
    ax.set(xlim=(-0.2, 11.6 if branched else 10.2), ylim=(-len(rows) + 0.4, 0.6))
    ax.plot([], [], color=paper(ax))  # data, for what asks whether the axes have any


def _text_of(layer: Layer) -> str:
    """The layer as it is written, or the start of it."""
    written = repr(layer)
    return written if len(written) <= _WRITTEN else f"{written[: _WRITTEN - 1]}…"
