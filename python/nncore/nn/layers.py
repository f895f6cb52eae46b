"""Layers, generated from the compiled core's registry."""

from nncore._registry.generate import make_classes
from nncore.nn._container import Container
from nncore.nn._initializer import Initializer
from nncore.nn._layer import CompiledLayer, Layer

_HOME = "nncore.layers"  # where users find them
_made = make_classes(
    "layer", CompiledLayer, _HOME, bases={"Residual": Container}, types={"Initializer": Initializer, "Layer": Layer}
)
globals().update(_made)

Layer.__module__ = _HOME

__all__ = ["Layer", *_made]
