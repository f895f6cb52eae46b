"""Callbacks, which fit calls at its begin, after each epoch and at its end."""

from typing import TYPE_CHECKING

from nncore._support.names import names_of as _names_of
from nncore.diagnostics._monitor import Monitor
from nncore.loggers._film import Film
from nncore.loggers._live_plot import LivePlot
from nncore.loggers._tensorboard import TensorBoard
from nncore.train._callback import Callback, Fit, LambdaCallback
from nncore.train._callbacks import EarlyStopping, ModelCheckpoint
from nncore.train._csv_logger import CSVLogger

__all__ = [
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "Film",
    "Fit",
    "LambdaCallback",
    "LivePlot",
    "ModelCheckpoint",
    "Monitor",
    "TensorBoard",
]

for _made in (CSVLogger, Callback, EarlyStopping, LambdaCallback, ModelCheckpoint):
    _made.__module__ = __name__  # the public module

if not TYPE_CHECKING:
    __getattr__ = _names_of(__name__)
