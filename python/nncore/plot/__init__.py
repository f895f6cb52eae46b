"""Plots of data, models, fits, paths and the records of monitors.

Every function takes `ax=None` (draw on these axes instead of a new figure) and `figsize=None`, and returns a Display
whose `ax_`, `axes_` and `figure_` can be changed further, with `.save(path)` and `.show()`. matplotlib is imported by
the first plot. Its settings are not changed, and they hold: styles, font.size, lines.linewidth, figure.figsize,
axes.prop_cycle. Where they have their defaults, plots have a style of their own.
"""

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
