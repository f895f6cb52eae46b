"""TensorBoard, LivePlot, Film and the HTML report of a fit."""

from __future__ import annotations

from typing import Any

from nncore._support import views
from nncore.train._history import History


@views.report.register
def _written(history: History, *arguments: Any) -> None:
    """History.report; the module that makes pages draws, and is imported by the first of them."""
    from nncore.loggers._report import write_report

    write_report(history, *arguments)
