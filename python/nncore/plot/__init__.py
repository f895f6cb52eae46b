"""Pictures of data, models, fits and paths.

Every function takes `ax=None` (draw on these axes instead of a new figure) and returns a Display whose `ax_`, `axes_`
and `figure_` are there to go on with. matplotlib is imported when the first picture is drawn; settings of matplotlib
stay as they are, and showing or saving a figure is left to the caller.
"""

from nncore.plot._boundary import BoundaryDisplay, decision_boundary
from nncore.plot._contour import ContourDisplay, contour_path
from nncore.plot._curves import CurvesDisplay, error_curves
from nncore.plot._gradients import GradientFlowDisplay, gradient_flow
from nncore.plot._history import HistoryDisplay, history
from nncore.plot._style import Display
from nncore.plot._sweep import SweepDisplay, sweep

__all__ = [
    "BoundaryDisplay",
    "ContourDisplay",
    "CurvesDisplay",
    "Display",
    "GradientFlowDisplay",
    "HistoryDisplay",
    "SweepDisplay",
    "contour_path",
    "decision_boundary",
    "error_curves",
    "gradient_flow",
    "history",
    "sweep",
]
