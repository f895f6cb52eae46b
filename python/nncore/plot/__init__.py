"""Plots of data, models, fits, paths and the records of monitors.

Every function takes `ax=None` (draw on these axes instead of a new figure) and `figsize=None`, and returns a Display
whose `ax_`, `axes_` and `figure_` can be changed further, with `.save(path)` and `.show()`. matplotlib is imported by
the first plot. Its settings are not changed, and they hold: styles, font.size, lines.linewidth, figure.figsize,
axes.prop_cycle. Where they have their defaults, plots have a style of their own.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from nncore._support import views
from nncore._support.names import names_of
from nncore.diagnostics._lr_finder import LRFinderResult
from nncore.sweeps._table import SweepTable
from nncore.train._history import History

if TYPE_CHECKING:
    from nncore.plot._data.animation import BoundaryAnimation, boundary_animation
    from nncore.plot._data.boundary import BoundaryDisplay, decision_boundary
    from nncore.plot._data.confusion import ConfusionDisplay, confusion_matrix
    from nncore.plot._data.images import ImagesDisplay, MisclassifiedDisplay, images, misclassified
    from nncore.plot._data.regression import (
        RegressionDisplay,
        RegressionSurfaceDisplay,
        regression_fit,
        regression_surface,
    )
    from nncore.plot._data.residuals import PredictionDisplay, ResidualsDisplay, predicted_vs_true, residuals
    from nncore.plot._data.roc import RocDisplay, roc_curve
    from nncore.plot._display import Display
    from nncore.plot._inside.activations import ActivationsDisplay, activations
    from nncore.plot._inside.filters import FiltersDisplay, filters
    from nncore.plot._inside.gradients import GradientFlowDisplay, gradient_flow
    from nncore.plot._inside.histograms import HistogramsDisplay, histograms
    from nncore.plot._inside.network import NetworkDisplay, network
    from nncore.plot._inside.rates import RatesDisplay, dead_units, update_ratios
    from nncore.plot._inside.statistics import StatisticsDisplay, statistics
    from nncore.plot._training.contour import ContourDisplay, contour_path
    from nncore.plot._training.curves import CurvesDisplay, error_curves
    from nncore.plot._training.history import HistoryDisplay, history
    from nncore.plot._training.loss_surface import LossSurfaceDisplay, loss_surface
    from nncore.plot._training.lr_finder import LRFinderDisplay, lr_finder
    from nncore.plot._training.sweep import SweepDisplay, sweep

__all__ = [
    "ActivationsDisplay",
    "BoundaryAnimation",
    "BoundaryDisplay",
    "ConfusionDisplay",
    "ContourDisplay",
    "CurvesDisplay",
    "Display",
    "FiltersDisplay",
    "GradientFlowDisplay",
    "HistogramsDisplay",
    "HistoryDisplay",
    "ImagesDisplay",
    "LRFinderDisplay",
    "LossSurfaceDisplay",
    "MisclassifiedDisplay",
    "NetworkDisplay",
    "PredictionDisplay",
    "RatesDisplay",
    "RegressionDisplay",
    "RegressionSurfaceDisplay",
    "ResidualsDisplay",
    "RocDisplay",
    "StatisticsDisplay",
    "SweepDisplay",
    "activations",
    "boundary_animation",
    "confusion_matrix",
    "contour_path",
    "dead_units",
    "decision_boundary",
    "error_curves",
    "filters",
    "gradient_flow",
    "histograms",
    "history",
    "images",
    "loss_surface",
    "lr_finder",
    "misclassified",
    "network",
    "predicted_vs_true",
    "regression_fit",
    "regression_surface",
    "residuals",
    "roc_curve",
    "statistics",
    "sweep",
    "update_ratios",
]

# Modules are imported when one of their names is used first: a program that draws nothing need not wait for them.
_NAMES = {
    "_data.animation": (
        "BoundaryAnimation",
        "boundary_animation",
    ),
    "_data.boundary": (
        "BoundaryDisplay",
        "decision_boundary",
    ),
    "_data.confusion": (
        "ConfusionDisplay",
        "confusion_matrix",
    ),
    "_data.images": (
        "ImagesDisplay",
        "MisclassifiedDisplay",
        "images",
        "misclassified",
    ),
    "_data.regression": (
        "RegressionDisplay",
        "RegressionSurfaceDisplay",
        "regression_fit",
        "regression_surface",
    ),
    "_data.residuals": (
        "PredictionDisplay",
        "ResidualsDisplay",
        "predicted_vs_true",
        "residuals",
    ),
    "_data.roc": (
        "RocDisplay",
        "roc_curve",
    ),
    "_display": ("Display",),
    "_inside.activations": (
        "ActivationsDisplay",
        "activations",
    ),
    "_inside.filters": (
        "FiltersDisplay",
        "filters",
    ),
    "_inside.gradients": (
        "GradientFlowDisplay",
        "gradient_flow",
    ),
    "_inside.histograms": (
        "HistogramsDisplay",
        "histograms",
    ),
    "_inside.network": (
        "NetworkDisplay",
        "network",
    ),
    "_inside.rates": (
        "RatesDisplay",
        "dead_units",
        "update_ratios",
    ),
    "_inside.statistics": (
        "StatisticsDisplay",
        "statistics",
    ),
    "_training.contour": (
        "ContourDisplay",
        "contour_path",
    ),
    "_training.curves": (
        "CurvesDisplay",
        "error_curves",
    ),
    "_training.history": (
        "HistoryDisplay",
        "history",
    ),
    "_training.loss_surface": (
        "LossSurfaceDisplay",
        "loss_surface",
    ),
    "_training.lr_finder": (
        "LRFinderDisplay",
        "lr_finder",
    ),
    "_training.sweep": (
        "SweepDisplay",
        "sweep",
    ),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}

_unknown = names_of(__name__, {"show": "matplotlib.pyplot.show(), or display.show()"})


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        _unknown(name)
    found = globals()[name] = getattr(importlib.import_module(f"nncore.plot.{_HOME[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


@views.plot.register
def _history(given: History, *arguments: Any, **options: Any) -> Any:
    """History.plot."""
    return __getattr__("history")(given, *arguments, **options)


@views.plot.register
def _lr_finder(given: LRFinderResult, *arguments: Any, **options: Any) -> Any:
    """LRFinderResult.plot."""
    return __getattr__("lr_finder")(given, *arguments, **options)


@views.plot.register
def _sweep(given: SweepTable, *arguments: Any, **options: Any) -> Any:
    """SweepTable.plot."""
    return __getattr__("sweep")(given, *arguments, **options)
