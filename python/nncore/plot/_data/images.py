"""images: a sheet of images; misclassified: those that a classifier predicts wrongly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nncore._support import checks
from nncore._support.names import keywords
from nncore.errors import ConfigError, ShapeError, StateError
from nncore.plot._display import Display
from nncore.plot._labels import counted as counted_labels
from nncore.plot._labels import labels_for, predicted
from nncore.plot._mosaic import Bytes, Mosaic, at_most, brightness, finite, image_array, pictures
from nncore.plot._names import class_texts, tick_texts
from nncore.plot._style import canvas, counted, grey

if TYPE_CHECKING:
    from matplotlib.image import AxesImage


@dataclass(frozen=True, repr=False)
class ImagesDisplay(Display):
    """The picture of `images`.

    Attributes
    ----------
    image_ : the sheet with all pictures
    """

    image_: AxesImage


@dataclass(frozen=True, repr=False)
class MisclassifiedDisplay(Display):
    """The picture of `misclassified`.

    Attributes
    ----------
    indices_ : (K,) which samples are shown, in their order
    predicted_ : (K,) what the model takes them for
    errors_ : int, how many it gets wrong in all
    image_ : the sheet, or None when there is nothing to show
    """

    indices_: NDArray[np.int64]
    predicted_: NDArray[np.int64]
    errors_: int
    image_: AxesImage | None


@keywords()
def images(
    X: Any,
    titles: Any = None,
    *,
    ax: Any = None,
    figsize: Any = None,
    columns: int | None = None,
    title: str | None = None,
) -> ImagesDisplay:
    """A sheet of images, row by row.

    Bytes are shown from 0 (black) to 255 (white); other numbers from the least to the largest of all images.

    Parameters
    ----------
    X : real (N, H, W), (N, 1, H, W) or (N, 3, H, W). Grey or red-green-blue images, N in [1, 2048].
    titles : sequence of N, or None, default None. Written above each, as str() has it.
    ax : matplotlib Axes or None, default None. Where to draw; None makes a new figure.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.
    columns : int >= 1 or None, default None. Images in a row; None: about as many as there are rows.
    title : str or None, default None. Set above all.

    Returns
    -------
    ImagesDisplay
        `ax_`, `figure_`, `image_`; `.save(path)`, `.show()`.

    Raises
    ------
    ShapeError
        X is not a row of images.
    ConfigError
        X is not finite or has too many images; titles that are not N; columns < 1.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> display = nc.plot.images(np.arange(8).reshape(2, 2, 2), ["first", "second"])
    >>> [text.get_text() for text in display.ax_.texts]
    ['first', 'second']
    """
    where = "plot.images"
    found = image_array(where, "X", X)
    at_most(where, "X", len(found), "show some of them: X[:100]")
    texts = None if titles is None else _texts(where, titles, len(found))
    tiles = _shown(where, found)
    mosaic = Mosaic(where, len(tiles), found.shape[2:], columns, texts)
    with canvas(where, ax, mosaic.size(), figsize=figsize) as (on,):
        image = mosaic.draw(on, tiles)
        if title is not None:
            on.set_title(title)
    about = f"{counted(len(tiles), 'image')} of {found.shape[2]} x {found.shape[3]}"
    return ImagesDisplay((on,), image, about_=about)


def _texts(where: str, titles: Any, count: int) -> list[str]:
    row = None if isinstance(titles, (str, bytes)) else checks.as_list(titles)
    if row is None or len(row) != count:
        raise ConfigError(f"[{where}] titles: expected {count} texts, got {checks.describe(titles)}")
    return [str(text) for text in row]


def _shown(where: str, found: NDArray[Any]) -> Bytes:
    values = finite(where, "X", found)
    low, high = (0.0, 255.0) if found.dtype == np.uint8 else (float(values.min()), float(values.max()))
    return pictures(brightness(values, low, high))


@keywords()
def misclassified(
    model: Any,
    X: Any,
    y: Any,
    *,
    count: int = 25,
    shape: Any = None,
    class_names: Any = None,
    ax: Any = None,
    figsize: Any = None,
    columns: int | None = None,
    title: str | None = None,
) -> MisclassifiedDisplay:
    """The images that a classifier gets wrong, those it is surest of first, each titled "truth → prediction".

    Labels that the model's loss ignores (-100) are never wrong.

    Parameters
    ----------
    model : a trained classifier
        With `predict(X)` (N,) labels and, for the order, `predict_proba(X)` (N, C) where labels are 0 … C-1; without
        it the order is that of X.
    X : what the model takes, (N, …). Images as `images` shows them, unless `shape` says how to see them.
    y : integers (N,). The true labels.
    count : int in [1, 2048], default 25. How many are shown at most.
    shape : shape of one image or None, default None. Such as (28, 28), for a model of flat samples (N, 784).
    class_names : sequence of C texts, or a dict label -> text, or None, default None
        What the titles say instead of the labels, in ascending order of the labels.
    ax, figsize, columns, title : as in `images`

    Returns
    -------
    MisclassifiedDisplay
        `ax_`, `figure_`, `indices_`, `predicted_`, `errors_`, `image_`.

    Raises
    ------
    ShapeError
        X are no images of that shape, y is not (N,), or the model answers with another shape.
    ConfigError
        A model without predict or with other answers than labels; y not integer; an argument out of range.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> class Zero:
    ...     def predict(self, x):
    ...         return np.zeros(len(x), dtype=int)
    >>> display = nc.plot.misclassified(Zero(), np.eye(9).reshape(9, 3, 3), [0, 0, 1, 0, 2, 0, 0, 0, 0])
    >>> display.indices_, [text.get_text() for text in display.ax_.texts]
    (array([2, 4]), ['1 → 0', '2 → 0'])
    """
    where = "plot.misclassified"
    count = checks.integer(where, "count", count, 1, 2048)
    samples = checks.real_array(where, "X", X)
    found = image_array(where, "X", samples if shape is None else _reshaped(where, samples, shape))
    truth = labels_for(where, "y", y, len(found))
    said = predicted(where, model, samples)
    there = counted_labels(where, "y", model, truth)
    wrong = np.flatnonzero((said != truth) & there)
    chosen = _surest(model, samples, said, wrong)[:count]
    classes = np.union1d(truth[there], said)
    names = dict(zip(classes.tolist(), tick_texts(classes, class_texts(where, class_names, classes)), strict=True))
    texts = [f"{names[truth[i]]} → {names[said[i]]}" for i in chosen]
    mosaic = Mosaic(where, max(1, len(chosen)), found.shape[2:], columns, texts)
    tiles = _shown(where, found[chosen]) if len(chosen) else None
    with canvas(where, ax, mosaic.size(), figsize=figsize) as (on,):
        image = None if tiles is None else mosaic.draw(on, tiles)
        if image is None:
            on.set_axis_off()
            on.text(0.5, 0.5, "none misclassified", ha="center", va="center", color=grey(on), transform=on.transAxes)
        if title is not None:
            on.set_title(title)
    about = f"{len(chosen)} of {counted(len(wrong), 'misclassified image')}"
    return MisclassifiedDisplay((on,), chosen, said[chosen], len(wrong), image, about_=about)


def _reshaped(where: str, samples: NDArray[Any], shape: Any) -> NDArray[Any]:
    extents = checks.extents(where, "shape", shape, 2**31)
    try:
        return samples.reshape(len(samples), *extents)
    except (ValueError, TypeError):
        raise ShapeError(f"[{where}] shape: expected one that fits X {samples.shape}, got {extents}") from None


def _surest(model: Any, samples: NDArray[Any], said: NDArray[np.int64], wrong: NDArray[np.int64]) -> NDArray[np.int64]:
    """The indices `wrong`, ordered by the probability of the prediction; unordered if there are no probabilities."""
    if len(wrong) == 0 or not hasattr(model, "predict_proba"):
        return wrong
    try:
        p = np.asarray(model.predict_proba(samples[wrong]))
    except StateError:  # a model whose loss gives no probabilities
        return wrong
    if (
        p.ndim != 2
        or p.shape[1] < 2
        or p.shape[0] != len(wrong)
        or said[wrong].min() < 0
        or said[wrong].max() >= p.shape[1]
    ):
        return wrong
    order: NDArray[np.int64] = wrong[np.argsort(-p[np.arange(len(wrong)), said[wrong]], kind="stable")]
    return order
