"""Initialisers, generated from the compiled core's registry: `nc.Linear(2, 20, weight_init=nc.init.normal(0, 0.1))`."""

from nncore._registry.generate import make_classes
from nncore.nn._initializer import Initializer

_made = make_classes("initializer", Initializer, "nncore.init")
globals().update(_made)

__all__ = ["Initializer", *_made]
