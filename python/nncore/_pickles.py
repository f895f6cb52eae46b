"""Aliases for the former module names, which pickles of earlier versions contain."""

import importlib
import sys

from nncore import callbacks
from nncore.train._callbacks import _Best

_MOVED = {
    "_augment": "train._augment",
    "_generate": "_registry.registered",
    "_gradcheck": "diagnostics._gradcheck",
    "_gradient_flow": "diagnostics._gradient_flow",
    "_history": "train._history",
    "_layer": "nn._layer",
    "_loss": "nn._loss",
    "_minimize": "optim._minimize",
    "_monitor": "diagnostics._monitor",
    "_normalize": "nn._normalize",
    "_observation": "train._observation",
    "_parameter": "nn._parameter",
    "_perceptron": "estimators._perceptron",
    "_residual": "nn._container",
    "_runtime": "_support.runtime",
    "_sequential": "nn._sequential",
    "_summary": "nn._summary",
    "_sweep_table": "sweeps._table",
    "_tensorboard": "loggers._tensorboard",
}

for _old, _new in _MOVED.items():
    sys.modules[f"nncore.{_old}"] = importlib.import_module(f"nncore.{_new}")
vars(callbacks)["_Watch"] = _Best
