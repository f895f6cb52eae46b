"""Layers, generated from the compiled core's registry."""

from nncore._generate import make_classes
from nncore._layer import Layer

_made = make_classes("layer", Layer, __name__)
globals().update(_made)

__all__ = ["Layer", *_made]
