"""Learning-rate schedules, generated from the compiled core's registry."""

from nncore._registry.generate import make_classes
from nncore.optim._schedule import Schedule

_made = make_classes("schedule", Schedule, "nncore.schedules", types={"Schedule": Schedule})
globals().update(_made)

__all__ = list(_made)
