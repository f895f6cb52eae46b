"""Layers, generated from the compiled core's registry."""

from nncore._layer import CompiledLayer, Layer
from nncore._registry.generate import make_classes
from nncore._residual import Container

_made = make_classes("layer", CompiledLayer, __name__, {"Residual": Container})
globals().update(_made)

Layer.__module__ = __name__  # where users find it

__all__ = ["Layer", *_made]
