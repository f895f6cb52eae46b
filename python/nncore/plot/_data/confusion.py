"""confusion_matrix: true classes against predicted ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nncore._support import checks
from nncore._support.names import keywords
from nncore.errors import ConfigError
from nncore.plot._display import Display
from nncore.plot._labels import counted as counted_labels
from nncore.plot._labels import labels_for, predicted
from nncore.plot._names import class_texts, tick_texts
from nncore.plot._style import BLUE, canvas, counted, ink, paper, points, shades

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

_WHERE = "plot.confusion_matrix"
_MAX_CLASSES = 200  # classes
_MAX_WITH_NUMBERS = 30


@dataclass(frozen=True, repr=False)
class ConfusionDisplay(Display):
    """The picture of `confusion_matrix`.

    Attributes
    ----------
    matrix_ : integers (C, C), samples of class i taken for class j
    classes_ : (C,) the labels of rows and columns
    image_ : the coloured squares
    """

    matrix_: NDArray[np.int64]
    classes_: NDArray[np.int64]
    image_: AxesImage


@keywords()
def confusion_matrix(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    class_names: Any = None,
    names: Any = None,
    ax: Any = None,
    figsize: Any = None,
    title: str | None = None,
) -> ConfusionDisplay:
    """How many samples of each class (rows) are taken for each class (columns).

    The colour is the share of the row's samples, so that rare classes show; those on the diagonal are right. Labels
    that the model's loss ignores (-100) are left out, as in the accuracy.

    Parameters
    ----------
    model : a trained classifier, with `predict(X)` (N,); or, without y, the true labels, integers (N,).
    X : what the model takes, (N, …); or, without y, the predicted labels, integers (N,).
    y : integers (N,), N >= 1, or None. The true labels.
    class_names : sequence of C texts, or a dict label -> text, or None, default None
        What to write instead of the labels, in ascending order of the C labels (at most 200) that occur.
    names : another name of class_names
    ax : matplotlib Axes or None, default None. Where to draw; None makes a new figure.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.
    title : str or None, default None. Set above the axes; None says the accuracy.

    Returns
    -------
    ConfusionDisplay
        `ax_`, `figure_`, `matrix_`, `classes_`, `image_`; `.save(path)`, `.show()`.

    Raises
    ------
    ShapeError
        Labels that are not (N,).
    ConfigError
        Labels that are not integers, more than 200 classes, names that are not C, a model without predict.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> display = nc.plot.confusion_matrix([0, 0, 0, 1, 2], [0, 0, 1, 1, 0])
    >>> display.matrix_
    array([[2, 1, 0],
           [0, 1, 0],
           [1, 0, 0]])
    """
    if y is None:
        truth = labels_for(_WHERE, "y_true", model)
        said = labels_for(_WHERE, "y_pred", X, len(truth))
    else:
        truth = labels_for(_WHERE, "y", y)
        samples = checks.real_array(_WHERE, "X", X)
        labels_for(_WHERE, "y", truth, len(samples) if samples.ndim else None)
        said = predicted(_WHERE, model, X if hasattr(X, "columns") else samples)
    there = counted_labels(_WHERE, "y_true" if y is None else "y", None if y is None else model, truth)
    truth, said = truth[there], said[there]
    classes = np.union1d(truth, said)
    if len(classes) > _MAX_CLASSES:
        raise ConfigError(f"[{_WHERE}] y: expected at most {_MAX_CLASSES} classes, got {len(classes)}")
    texts = tick_texts(classes, _texts(class_names, names, classes))
    matrix = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(matrix, (np.searchsorted(classes, truth), np.searchsorted(classes, said)), 1)
    inches = float(np.clip(1.5 + 0.42 * len(classes), 2.6, 9.0))
    accuracy = f"accuracy {np.trace(matrix) / len(truth):.2%}"
    with canvas(_WHERE, ax, (inches, inches), figsize=figsize) as (on,):
        image = _draw(on, matrix, texts)
        on.set_title(accuracy if title is None else title)
    about = f"{counted(len(classes), 'class', 'classes')}, {counted(len(truth), 'sample')}, {accuracy}"
    return ConfusionDisplay((on,), matrix, classes, image, about_=about)


def _texts(class_names: Any, names: Any, classes: NDArray[np.int64]) -> list[str] | None:
    if class_names is not None and names is not None:
        raise ConfigError(f"[{_WHERE}] names: expected class_names or names, got both")
    if names is not None:
        return class_texts(_WHERE, names, classes, argument="names")
    return class_texts(_WHERE, class_names, classes)


def _draw(ax: Axes, matrix: NDArray[np.int64], texts: list[str]) -> AxesImage:
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    cmap = shades(ax, BLUE)
    image = ax.imshow(share**0.5, cmap=cmap, vmin=0.0, vmax=1.0)  # the root makes a share of 1 % visible
    count = len(texts)
    every = -(-count // _MAX_WITH_NUMBERS)
    ticks = list(range(0, count, every))
    slanted: Any = {"rotation": 45, "ha": "right"} if max(map(len, texts)) > 3 else {}
    ax.set_xticks(ticks, texts[::every], parse_math=False, **slanted)
    ax.set_yticks(ticks, texts[::every], parse_math=False)
    ax.set(xlabel="prediction", ylabel="truth")
    ax.tick_params(length=0)
    ax.grid(False, which="both")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    if count <= _MAX_WITH_NUMBERS:
        size = _number_size(ax, matrix)
        for i, j in zip(*np.nonzero(matrix), strict=True):
            tint = paper(ax) if share[i, j] > 0.25 else ink(ax)
            ax.text(j, i, str(matrix[i, j]), ha="center", va="center", color=tint, fontsize=size)
    return image


def _number_size(ax: Axes, matrix: NDArray[np.int64]) -> float:
    """Points of the numbers in the cells: those of ticks, or less where a cell is too small."""
    box = ax.get_window_extent()
    cell = 72 * min(box.width, box.height) / ax.figure.dpi / len(matrix)
    digits = len(str(matrix.max()))
    return float(np.clip(1.3 * cell / max(digits, 2), 3.0, points(0.85)))
