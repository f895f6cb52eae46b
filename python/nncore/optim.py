"""Optimizers, generated from the compiled core's registry."""

from nncore._generate import make_classes
from nncore._optimizer import Optimizer

_made = make_classes("optimizer", Optimizer, __name__)
globals().update(_made)

__all__ = ["Optimizer", *_made]
