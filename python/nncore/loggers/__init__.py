"""TensorBoard, LivePlot, Film and the HTML report of a fit."""

from nncore.loggers import _report  # noqa: F401  registers the function of History.report
