"""Losses, generated from the compiled core's registry."""

from nncore._registry.generate import make_classes
from nncore.nn._loss import CompiledLoss, Loss

_HOME = "nncore.losses"  # the public module
_made = make_classes("loss", CompiledLoss, _HOME)
globals().update(_made)

Loss.__module__ = _HOME

__all__ = ["Loss", *_made]
