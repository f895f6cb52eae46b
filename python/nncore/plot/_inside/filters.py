"""filters: the filters of the first convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nncore._support import checks
from nncore._support.names import keywords
from nncore.errors import ConfigError, ShapeError
from nncore.nn._layer import Layer
from nncore.nn._model import Model
from nncore.nn._parameter import Parameter
from nncore.plot._display import Display
from nncore.plot._mosaic import Bytes, Mosaic, at_most, brightness, finite, pictures, red_and_blue
from nncore.plot._style import Floats, canvas, counted

if TYPE_CHECKING:
    from matplotlib.image import AxesImage

_WHERE = "plot.filters"


@dataclass(frozen=True, repr=False)
class FiltersDisplay(Display):
    """The picture of `filters`.

    Attributes
    ----------
    image_ : the sheet with all filters
    largest_ : float, the size of weight that has the fullest red (positive) or blue (negative)
    """

    image_: AxesImage
    largest_: float


@keywords()
def filters(
    weights: Any,
    shape: Any = None,
    *,
    ax: Any = None,
    figsize: Any = None,
    columns: int | None = None,
    title: str | None = None,
) -> FiltersDisplay:
    """The weights of a convolution, or of a dense layer on images, as pictures.

    Filters of one channel: red is positive, blue negative, white zero, on one scale for all. Filters of three
    channels: as colours, each from its least to its largest weight. Of other numbers of channels: a row for each
    filter, a column for each channel, as those of one.

    Parameters
    ----------
    weights : model, layer with a weight, Parameter, or real array (O, C, H, W) or (O, F)
        Of a model its first convolution, or, with `shape`, its first dense layer. At most 2048 pictures.
    shape : (H, W) or (C, H, W), or None, default None. The image that a dense layer's F features are.
    ax : matplotlib Axes or None, default None. Where to draw; None makes a new figure.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.
    columns : int >= 1 or None, default None. Pictures in a row; None: about as many as there are rows.
    title : str or None, default None. Set above all.

    Returns
    -------
    FiltersDisplay
        `ax_`, `figure_`, `image_`, `largest_`; `.save(path)`, `.show()`.

    Raises
    ------
    ShapeError
        Weights of another shape, or a shape that does not fit them.
    ConfigError
        A layer without weight, numbers that are not finite, too many pictures, columns < 1.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> net = nc.mnist_cnn(seed=0)
    >>> nc.plot.filters(net, title="32 filters").ax_.get_title()
    '32 filters'
    >>> nc.plot.filters(nc.Linear(784, 16), (28, 28)).largest_ <= 1 / 28
    True
    """
    values = finite(_WHERE, "weights", _kernels(weights, shape))
    n_channels = values.shape[1]
    coloured = n_channels == 3
    if n_channels not in (1, 3):
        values = values.reshape(-1, 1, *values.shape[2:])
        columns = n_channels if columns is None else columns
    at_most(_WHERE, "weights", len(values), "show some of them: layer.parameters()[0].value[:8]")
    largest = float(np.abs(values).max())
    mosaic = Mosaic(_WHERE, len(values), values.shape[2:], columns)
    with canvas(_WHERE, ax, mosaic.size(), figsize=figsize) as (on,):
        image = mosaic.draw(on, _colours(values) if coloured else red_and_blue(values[:, 0], largest))
        if title is not None:
            on.set_title(title)
    about = f"{counted(len(values), 'filter')} of {values.shape[2]} x {values.shape[3]}"
    return FiltersDisplay((on,), image, largest, about_=about)


def _kernels(weights: Any, shape: Any) -> NDArray[Any]:
    """(O, C, H, W)."""
    array = checks.real_array(_WHERE, "weights", _weight_of(weights, 4 if shape is None else 2))
    if shape is not None:
        extents = checks.extents(_WHERE, "shape", shape, 2**31)
        extents = (1, *extents) if len(extents) == 2 else extents
        if array.ndim != 2 or len(extents) != 3 or array.shape[1] != np.prod(extents, dtype=object):
            raise ShapeError(f"[{_WHERE}] shape: expected the image (C, H, W) of weights {array.shape}, got {extents}")
        array = array.reshape(-1, *extents)
    if array.ndim != 4 or 0 in array.shape:
        hint = "; say shape=(H, W) of the images" if array.ndim == 2 else ""
        raise ShapeError(f"[{_WHERE}] weights: expected (O, C, H, W), got {array.shape}{hint}")
    return array


def _weight_of(weights: Any, rank: int) -> Any:
    """The array; of a model its first weight of this rank."""
    if isinstance(weights, Parameter):
        return weights.value
    if isinstance(weights, Model):
        ranks = {parameter.name: parameter.value.ndim for parameter in weights.parameters()}
        found = next((name for name, ndim in ranks.items() if ndim == rank), None)
        if found is None:
            wanted = "a convolution (for a dense layer on images: shape=(H, W))" if rank == 4 else "a dense layer"
            got = checks.describe(list(ranks))
            raise ConfigError(f"[{_WHERE}] weights: expected a model with {wanted}, got one with the parameters {got}")
        return next(parameter.value for parameter in weights.parameters() if parameter.name == found)
    if not isinstance(weights, Layer):
        return weights
    for parameter in weights.parameters():
        if parameter.name.rpartition(".")[2] == "weight":
            return parameter.value
    raise ConfigError(f"[{_WHERE}] weights: expected a layer with a weight, got {checks.describe(weights)}")


def _colours(values: Floats) -> Bytes:
    """Each filter on a scale of its own."""
    return pictures(np.stack([brightness(one, float(one.min()), float(one.max())) for one in values]))
