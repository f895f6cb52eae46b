"""Optimizers, generated from the compiled core's registry."""

from nncore._registry.generate import make_classes
from nncore.optim._optimizer import Optimizer
from nncore.optim._schedule import Schedule

_made = make_classes("optimizer", Optimizer, "nncore.optim", types={"Schedule": Schedule})
globals().update(_made)

__all__ = ["Optimizer", *_made]
