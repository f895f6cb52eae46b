"""Losses, generated from the compiled core's registry."""

from nncore._loss import CompiledLoss, Loss
from nncore._registry.generate import make_classes

_made = make_classes("loss", CompiledLoss, __name__)
globals().update(_made)

Loss.__module__ = __name__  # where users find it

__all__ = ["Loss", *_made]
