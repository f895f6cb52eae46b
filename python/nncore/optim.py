"""Optimizers, generated from the compiled core's registry."""

from nncore._optimizer import Optimizer
from nncore._registry.generate import make_classes

_made = make_classes("optimizer", Optimizer, __name__)
globals().update(_made)

__all__ = ["Optimizer", *_made]
