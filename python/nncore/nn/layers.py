"""Layers, generated from the compiled core's registry."""

from typing import Any

from nncore._registry.generate import make_classes, schemas
from nncore.nn._container import CompiledLayer, Container, Merge
from nncore.nn._initializer import Initializer
from nncore.nn._layer import Layer

_HOME = "nncore.layers"  # the public module
_bases: dict[str, type[CompiledLayer]] = {
    "Residual": Container,
    **{schema["name"]: Merge for schema in schemas("layer") if schema["traits"].get("merges")},
}
_types = {"Initializer": Initializer, "Layer": Layer, "Generator": Any}  # numpy.random takes a while
_made = make_classes("layer", CompiledLayer, _HOME, bases=_bases, types=_types)
globals().update(_made)

Layer.__module__ = _HOME

__all__ = ["Layer", *_made]
