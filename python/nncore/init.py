"""Initialisers, generated from the compiled core's registry: `nc.Linear(2, 20, weight_init=nc.init.normal(0, 0.1))`."""

from nncore._initializer import Initializer
from nncore._registry.generate import make_classes

_made = make_classes("initializer", Initializer, __name__)
globals().update(_made)

__all__ = ["Initializer", *_made]
