"""Losses, generated from the compiled core's registry."""

from nncore._generate import make_classes
from nncore._loss import Loss

_made = make_classes("loss", Loss, __name__)
globals().update(_made)

__all__ = ["Loss", *_made]
