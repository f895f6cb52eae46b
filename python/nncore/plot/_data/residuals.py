"""predicted_vs_true and residuals: what a regressor predicts against the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nncore._support.names import keywords
from nncore.plot._data.targets import answers_of, dots, outputs, r2_of, rmse_of
from nncore.plot._display import Display
from nncore.plot._names import feature_texts
from nncore.plot._style import Floats, canvas, colour, counted, finish, grey, ink, pen, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection


@dataclass(frozen=True, repr=False)
class PredictionDisplay(Display):
    """The picture of `predicted_vs_true`.

    Attributes
    ----------
    r2_, rmse_ : float, the coefficient of determination and the root of the mean squared error, means over the outputs
    points_ : list of scatters, one for each output
    """

    r2_: float
    rmse_: float
    points_: list[PathCollection]


@dataclass(frozen=True, repr=False)
class ResidualsDisplay(Display):
    """The picture of `residuals`.

    Attributes
    ----------
    residuals_ : (N, K), truth minus prediction
    points_ : list of scatters, one for each output
    """

    residuals_: Floats
    points_: list[PathCollection]


@keywords()
def predicted_vs_true(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    target_names: Any = None,
    ax: Any = None,
    figsize: Any = None,
    title: str | None = None,
) -> PredictionDisplay:
    """Predictions against the truth: a perfect model has all points on the diagonal.

    Parameters
    ----------
    model : a trained regressor, with `predict(X)`, or a function; or, without y, the true values (N,) or (N, K)
    X : what the model takes, (N, …); or, without y, the predicted values
    y : real (N,) or (N, K), or None. The true values.
    target_names : text or sequence of K texts, or None, default None
        Names of the outputs; None: the columns of a DataFrame, the name of a Series.
    ax : matplotlib Axes or None, default None. Where to draw; None makes a new figure.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.
    title : str or None, default None. Set above the axes; None says R² and the root of the mean squared error.

    Returns
    -------
    PredictionDisplay
        `ax_`, `figure_`, `r2_`, `rmse_`, `points_`; `.save(path)`, `.show()`.

    Raises
    ------
    ShapeError
        Truth and predictions of different shapes.
    ConfigError
        Numbers that are not finite, a model that answers with labels.
    ImportError
        matplotlib is not installed.

    Notes
    -----
    R² = 1 - Σ(y - ŷ)² / Σ(y - mean)², 1 for exact predictions, 0 for those no better than the mean.

    Examples
    --------
    >>> nc.plot.predicted_vs_true([0.0, 1.0, 2.0], [0.0, 1.0, 1.0]).r2_
    0.5
    """
    where = "plot.predicted_vs_true"
    truth, said, given = _pairs(where, model, X, y)
    count = truth.shape[1]
    names = feature_texts(where, target_names, given, count, argument="target_names")
    r2, rmse = r2_of(truth, said), rmse_of(truth, said)
    facts = f"R² {r2:.3f}, RMSE {rmse:.3g}"
    with canvas(where, ax, (4.4 if count == 1 else 5.4, 4.0), figsize=figsize) as (on,):
        low, high = min(truth.min(), said.min()), max(truth.max(), said.max())
        margin = 0.05 * (high - low) or 1.0
        ends = [low - margin, high + margin]
        on.plot(ends, ends, color=ink(on), linewidth=pen(1.0), linestyle="--", label="exact", zorder=1)
        scatters = _scatter(on, truth, said, names)
        one = names[0] if names and count == 1 else ""
        on.set(xlim=ends, ylim=ends, xlabel=f"true {one}".strip(), ylabel=f"predicted {one}".strip(), aspect="equal")
        tidy(on)
        finish(on, ax is None, facts if title is None else title)
    about = f"predictions against the truth, {counted(len(truth), 'sample')}, R² {r2:.3f}"
    return PredictionDisplay((on,), r2, rmse, scatters, about_=about)


@keywords()
def residuals(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    target_names: Any = None,
    ax: Any = None,
    figsize: Any = None,
    title: str | None = None,
) -> ResidualsDisplay:
    """Truth minus prediction over the prediction: a good fit is a band around 0 without a shape.

    A bend says that the model is too simple, a funnel that errors grow with the value. The dashed lines are one
    standard deviation of the residuals away from their mean.

    Parameters
    ----------
    model, X, y, target_names, ax, figsize : as in `predicted_vs_true`
    title : str or None, default None. Set above the axes; None says mean and standard deviation.

    Returns
    -------
    ResidualsDisplay
        `ax_`, `figure_`, `residuals_`, `points_`; `.save(path)`, `.show()`.

    Raises
    ------
    ShapeError
        Truth and predictions of different shapes.
    ConfigError
        Numbers that are not finite, a model that answers with labels.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> nc.plot.residuals([0.0, 1.0, 2.0], [0.0, 1.0, 1.0]).residuals_.ravel()
    array([0., 0., 1.])
    """
    where = "plot.residuals"
    truth, said, given = _pairs(where, model, X, y)
    names = feature_texts(where, target_names, given, truth.shape[1], argument="target_names")
    left = truth - said
    mean, std = float(left.mean()), float(left.std())
    with canvas(where, ax, (5.8, 3.6), figsize=figsize) as (on,):
        on.axhline(0.0, color=ink(on), linewidth=pen(1.2), zorder=1)
        for level, label in ((mean - std, "mean ± std"), (mean + std, "_nolegend_")):
            on.axhline(level, color=grey(on), linewidth=pen(1.0), linestyle="--", label=label, zorder=1)
        scatters = _scatter(on, said, left, names)
        on.set(xlabel="predicted", ylabel="true - predicted")
        tidy(on)
        finish(on, ax is None, f"residuals: mean {mean:.2g}, std {std:.2g}" if title is None else title)
    about = f"residuals of {counted(len(truth), 'sample')}, mean {mean:.2g}, std {std:.2g}"
    return ResidualsDisplay((on,), left, scatters, about_=about)


def _pairs(where: str, model: Any, X: Any, y: Any) -> tuple[Floats, Floats, Any]:
    """Truth and predictions (N, K), and the truth as it was given."""
    if y is None:
        truth = outputs(where, "y_true", model, None)
        return truth, outputs(where, "y_pred", X, len(truth), truth.shape[1]), model
    truth = outputs(where, "y", y, None)
    return truth, answers_of(where, model, X, len(truth), truth.shape[1]), y


def _scatter(ax: Axes, x: Floats, y: Floats, names: list[str] | None) -> list[PathCollection]:
    """A scatter for each output; with a legend when there are several."""
    count = x.shape[1]
    labels = names or [f"output {k + 1}" for k in range(count)]
    style: Any = {**dots(ax, len(x)), "alpha": 0.75, "zorder": 2}
    return [
        ax.scatter(x[:, k], y[:, k], color=colour(k), label=labels[k] if count > 1 else "_nolegend_", **style)
        for k in range(count)
    ]
