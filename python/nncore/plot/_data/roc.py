"""roc_curve: true against false positives over all thresholds."""

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
from nncore.plot._labels import labels_for
from nncore.plot._names import class_texts, legend_texts
from nncore.plot._style import Floats, canvas, colour, counted, grey, ink, legend, pen, thinned, tidy

if TYPE_CHECKING:
    from matplotlib.lines import Line2D

_WHERE = "plot.roc_curve"
_MAX_CLASSES = 50  # curves
_MAX_POINTS = 4_000


@dataclass(frozen=True, repr=False)
class RocDisplay(Display):
    """The picture of `roc_curve`.

    Attributes
    ----------
    curves_ : dict class -> (fpr, tpr), the share of false and of true positives, from (0, 0) to (1, 1)
    aucs_ : dict class -> float, the area under its curve
    auc_ : float, the area under the one curve; of several classes the mean of theirs
    lines_ : dict class -> line
    """

    curves_: dict[Any, tuple[Floats, Floats]]
    aucs_: dict[Any, float]
    auc_: float
    lines_: dict[Any, Line2D]


@keywords()
def roc_curve(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    class_names: Any = None,
    ax: Any = None,
    figsize: Any = None,
    title: str | None = None,
) -> RocDisplay:
    """The ROC curve: the share of a class that is found against the share of the others that is taken for it.

    Each point is a threshold of the score. Two classes: one curve, for the larger label. More: one for each class
    against the rest. The area under the curve (AUC) is the chance that a sample of the class has a larger score than
    one of the others: 1/2 for guesses, 1 for a perfect order.

    Parameters
    ----------
    model : a trained classifier; or, without y, the true labels, integers (N,)
        Its scores are the first of `predict_proba(x)`, `decision_function(x)`, its raw outputs `model(x)`.
    X : what the model takes, (N, …); or, without y, scores (N,) of the larger label, or (N, C) of each class.
    y : integers (N,), or None. The true labels, of at least two classes and at most 50. Those that the model's loss
        ignores (-100) are left out.
    class_names : sequence of C texts, or a dict label -> text, or None, default None
        What the legend says, in ascending order of the labels.
    ax : matplotlib Axes or None, default None. Where to draw; None makes a new figure.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.
    title : str or None, default None. Set above the axes.

    Returns
    -------
    RocDisplay
        `ax_`, `figure_`, `curves_`, `auc_`, `aucs_`, `lines_`; `.save(path)`, `.show()`.

    Raises
    ------
    ShapeError
        Labels that are not (N,), scores that are not (N,) or (N, C).
    ConfigError
        Labels of one class only, or of more than 50; a model without scores.
    NumericError
        Scores that are NaN; infinite ones have their place.
    ImportError
        matplotlib is not installed.

    Notes
    -----
    Source: Fawcett, An introduction to ROC analysis, 2006; equal scores are passed at once, as by scikit-learn.

    Examples
    --------
    >>> nc.plot.roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).auc_
    0.75
    """
    truth, scores = _labels_and_scores(model, X, y)
    present = np.unique(truth)
    classes = _classes(present, getattr(model, "classes_", None), scores.shape[1])
    if len(present) < 2 or len(present) > _MAX_CLASSES:
        got = checks.describe(present.tolist()) if len(present) < 2 else len(present)
        raise ConfigError(f"[{_WHERE}] y: expected labels of 2 to {_MAX_CLASSES} classes, got {got}")
    names = legend_texts(classes, class_texts(_WHERE, class_names, classes))
    shown = [c for c in classes.tolist() if c in present] if len(classes) > 2 else classes.tolist()[1:]
    column = {c: at if len(classes) > 2 else -1 for at, c in enumerate(classes.tolist())}
    curves = {c: roc_of(truth == c, scores[:, column[c]]) for c in shown}
    areas = {c: area_of(*curve) for c, curve in curves.items()}
    auc = float(np.mean(list(areas.values())))
    with canvas(_WHERE, ax, (4.2 if len(shown) <= 4 else 6.0, 4.0), figsize=figsize) as (on,):
        lines = {}
        for number, c in enumerate(shown):
            named = f"{names[c]}: " if len(shown) > 1 or class_names is not None else ""
            label = f"{named}AUC {areas[c]:.3f}"
            x, y_ = _few(*curves[c])
            lines[c] = on.plot(x, y_, color=colour(number), label=label, zorder=3)[0]
        on.plot([0, 1], [0, 1], color=grey(on), linewidth=pen(1.0), linestyle=":", label="guesses", zorder=1)
        on.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        on.set(xlabel="false positives (share of the others)", ylabel="true positives (share of the class)")
        tidy(on)
        if title is not None:
            on.set_title(title)
        if len(shown) > 4:
            legend(on, ax is None, *on.get_legend_handles_labels())
        else:  # below the diagonal there is room
            on.legend(loc="lower right", frameon=False, labelcolor=ink(on))
    several = f" of {counted(len(shown), 'class', 'classes')} against the rest" if len(shown) > 1 else ""
    about = f"ROC{several}, {counted(len(truth), 'sample')}, AUC {auc:.3f}"
    return RocDisplay((on,), curves, areas, auc, lines, about_=about)


def roc_of(positive: NDArray[np.bool_], scores: Floats) -> tuple[Floats, Floats]:
    """Shares of false and of true positives, the threshold going down; equal scores are passed at once."""
    order = np.argsort(-scores, kind="stable")
    hits = positive[order]
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    true = np.append(0.0, np.cumsum(hits)[last])
    false = np.append(0.0, np.cumsum(~hits)[last])
    return false / false[-1], true / true[-1]


def area_of(x: Floats, y: Floats) -> float:
    """The area under a curve, by trapezia."""
    return float(np.sum(np.diff(x) * (y[1:] + y[:-1])) / 2)


def _few(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The corners of the staircase alone, and few of them."""
    inner = (np.diff(x[:-1]) * np.diff(y[1:]) != np.diff(x[1:]) * np.diff(y[:-1])) if len(x) > 2 else np.empty(0, bool)
    keep = np.concatenate([[True], inner, [True]])
    return thinned(x[keep], y[keep], _MAX_POINTS)


def _labels_and_scores(model: Any, X: Any, y: Any) -> tuple[NDArray[np.int64], Floats]:
    """Labels (N,) and scores (N, C), or (N, 1) for the larger of two labels."""
    if y is None:
        truth = labels_for(_WHERE, "y_true", model)
        scores = checks.real_array(_WHERE, "scores", X)
    else:
        truth = labels_for(_WHERE, "y", y)
        scores = _scores(model, X)
    shape = scores.shape
    with np.errstate(over="ignore"):  # of long doubles, which become infinite
        scores = scores.astype(np.float64)
    scores = scores[:, None] if scores.ndim == 1 else scores
    if scores.ndim != 2 or len(scores) != len(truth) or scores.shape[1] == 0:
        n = len(truth)
        raise ShapeError(f"[{_WHERE}] scores: expected ({n},) or ({n}, C), got {shape}")
    if np.isnan(scores).any():
        raise NumericError(f"[{_WHERE}] scores: expected numbers, got {np.count_nonzero(np.isnan(scores))} NaN")
    there = counted_labels(_WHERE, "y_true" if y is None else "y", None if y is None else model, truth)
    return truth[there], scores[there]


def _scores(model: Any, X: Any) -> NDArray[Any]:
    samples = X if hasattr(X, "columns") else checks.real_array(_WHERE, "X", X)
    if isinstance(model, type):
        raise ConfigError(f"[{_WHERE}] model: expected a trained classifier, got {checks.describe(model)}")
    if hasattr(model, "predict_proba"):
        try:
            return np.asarray(model.predict_proba(samples))
        except StateError:  # a model trained with a loss that has no probabilities
            pass
    ask = getattr(model, "decision_function", model)
    if not callable(ask):
        got = checks.describe(model)
        raise ConfigError(f"[{_WHERE}] model: expected predict_proba, decision_function or a call, got {got}")
    raw = np.asarray(ask(samples))
    return raw[:, 1] - raw[:, 0] if raw.ndim == 2 and raw.shape[1] == 2 else raw


def _classes(present: NDArray[np.int64], known: Any, count: int) -> NDArray[Any]:
    """The labels of the columns of scores, ascending."""
    if known is not None and len(known) == max(count, 2):
        return np.asarray(known, np.int64)
    if count <= 2:
        if len(present) <= 2:
            return present
        raise ConfigError(f"[{_WHERE}] y: expected two classes beside {count} scores a sample, got {len(present)}")
    if present[0] >= 0 and present[-1] < count:
        return np.arange(count, dtype=np.int64)
    if len(present) == count:
        return present
    got = checks.describe(present.tolist())
    raise ConfigError(f"[{_WHERE}] y: expected labels 0 … {count - 1} for {count} scores a sample, got {got}")
