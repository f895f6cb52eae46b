"""activations: the outputs of a net's layers for one sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._support import checks
from nncore._support.names import keywords
from nncore.errors import ConfigError, ShapeError
from nncore.nn._model import Model, layers_of
from nncore.nn.layers import Dropout, Flatten, Identity
from nncore.plot._display import Display
from nncore.plot._inside.watched import grid_width
from nncore.plot._mosaic import Mosaic, finite, red_and_blue
from nncore.plot._names import class_texts, turned
from nncore.plot._style import BLUE, RED, Floats, canvas, counted, given_axes, grey, head, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WHERE = "plot.activations"
_MAX_CHANNELS = 64
_MAX_BARS = 128
_MAX_NAMED, _MAX_NUMBERED = 30, 10  # units with a tick each
_UNCHANGED = (Dropout, Flatten, Identity)  # their outputs are those of the layer before


@dataclass(frozen=True, repr=False)
class ActivationsDisplay(Display):
    """The plot of `activations`.

    Attributes
    ----------
    values_ : dict layer -> array, its output for the sample: (C, H, W) or (F,)
    """

    values_: dict[str, Floats]


@keywords()
def activations(
    model: Any,
    x: Any,
    layers: Sequence[str] | None = None,
    *,
    class_names: Any = None,
    ax: Any = None,
    figsize: Any = None,
    columns: int | None = None,
    title: str | None = None,
) -> ActivationsDisplay:
    """The outputs of the layers for one sample: an image for each channel, bars for outputs (F,).

    Red is positive, blue negative, white zero, on a scale of each layer's own. More than 128 numbers are a strip
    instead of bars. At most 64 channels of a layer are shown.

    Parameters
    ----------
    model : Sequential or Graph
    x : array, one sample; or (1, …)
    layers : names of layers, or None, default None
        None: all but Dropout, Flatten and Identity, which change nothing here.
    class_names : sequence of C texts, or a dict number -> text, or None, default None
        Names of the C outputs of the last layer.
    ax : matplotlib Axes, a sequence of them, or None, default None
        Takes the first layers; None makes a new figure for all.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.
    columns : int or None, default None
        Axes in a row of a new figure; None: up to three.
    title : str or None, default None

    Returns
    -------
    ActivationsDisplay
        `ax_`, `axes_`, `figure_`, `values_`; `.save(path)`, `.show()`.

    Raises
    ------
    ShapeError
        x is not one sample for this model.
    ConfigError
        No model, no such layer, outputs that are not finite.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> net = nc.Sequential(nc.Conv2d(1, 4, 3), nc.ReLU(), nc.Flatten(), nc.Linear(64, 10), seed=0)
    >>> display = nc.plot.activations(net, np.ones((1, 6, 6)))
    >>> [on.get_title() for on in display.axes_]
    ['0: Conv2d (4, 4, 4)', '1: ReLU (4, 4, 4)', '3: Linear (10,)']
    """
    if not isinstance(model, Model):
        raise ConfigError(f"[{_WHERE}] model: expected a Sequential or a Graph, got {checks.describe(model)}")
    kinds = layers_of(model)
    names = [name for name, layer in kinds.items() if not isinstance(layer, _UNCHANGED)] or list(kinds)
    if layers is not None:
        names = checks.as_list([layers] if isinstance(layers, str) else layers) or []
    if not names or any(not isinstance(name, str) or name not in kinds for name in names):
        raise ConfigError(f"[{_WHERE}] layers: expected some of {list(kinds)}, got {checks.describe(layers)}")
    outputs = _outputs(model, x)
    values = {name: finite(_WHERE, name, outputs[name]) for name in names}
    given = given_axes(_WHERE, ax, len(values))
    count = len(given) or len(values)
    wide = grid_width(_WHERE, columns, count)
    texts = _texts(class_names, outputs[list(kinds)[-1]])
    size = (3.2 * wide, 2.7 * -(-count // wide))
    with canvas(_WHERE, given or None, size, count, wide, figsize=figsize) as axes:
        for on, (name, one) in zip(axes, values.items(), strict=False):
            _draw(on, one, texts if name == list(kinds)[-1] else None)
            on.set_title(f"{name}: {type(kinds[name]).__name__} {one.shape}")
        head(axes, not given, title)
    return ActivationsDisplay(axes, values, about_=f"outputs of {counted(len(values), 'layer')} for one sample")


def _texts(class_names: Any, outputs: Any) -> list[str] | None:
    """The names of the last layer's outputs."""
    if class_names is not None and np.ndim(outputs) != 1:
        got = np.shape(outputs)
        raise ConfigError(f"[{_WHERE}] class_names: expected a model whose last layer has outputs (C,), got {got}")
    return None if class_names is None else class_texts(_WHERE, class_names, np.arange(len(outputs)))


def _outputs(model: Any, x: Any) -> dict[str, Any]:
    """layer -> its output without the axis of samples, for a sample with or without that axis."""
    sample = checks.real_array(_WHERE, "x", x)
    try:
        return {name: one[0] for name, one in model.activations(sample[None]).items()}
    except ShapeError:
        if sample.ndim == 0 or len(sample) != 1:
            raise
        return {name: one[0] for name, one in model.activations(sample).items()}


def _draw(ax: Axes, values: Floats, texts: list[str] | None) -> None:
    largest = float(np.abs(values).max(initial=0.0))
    if values.ndim == 3:
        shown = values[:_MAX_CHANNELS]
        Mosaic(_WHERE, len(shown), shown.shape[1:], None).draw(ax, red_and_blue(shown, largest))
        return
    row = values.ravel()
    if row.size > _MAX_BARS:
        ax.imshow(red_and_blue(row[None], largest), aspect="auto", interpolation="nearest")
        ax.set_yticks([])
    else:
        tints = [RED if value > 0 else BLUE for value in row]
        ax.bar(np.arange(row.size), row, color=tints, width=0.85)
        ax.axhline(0.0, color=grey(ax), linewidth=0.8, zorder=1)
    _ticks(ax, row.size, texts)
    tidy(ax, grid=False)


def _ticks(ax: Axes, count: int, texts: list[str] | None) -> None:
    """Ticks at whole numbers only: each unit by its name, or number, while there is room."""
    from matplotlib.ticker import MaxNLocator

    if texts is not None and count <= _MAX_NAMED:
        ax.set_xticks(range(count), texts, parse_math=False, **turned(texts))
    elif count <= _MAX_NUMBERED:
        ax.set_xticks(range(count))
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
