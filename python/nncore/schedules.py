"""Learning-rate schedules, generated from the compiled core's registry."""

from __future__ import annotations

from nncore import _core
from nncore._checks import integer
from nncore._generate import Registered, make_classes


class Schedule(Registered):
    """Base of all schedules: `schedule(i)` is the rate at index i = 0, 1, … of the step or epoch."""

    def __call__(self, index: int) -> float:
        """The rate at an index."""
        index = integer(type(self).__name__, "index", index, 0, 2**62)
        rate: float = _core.schedule_rate(self._spec, index)
        return rate


_made = make_classes("schedule", Schedule, __name__)
globals().update(_made)

__all__ = ["Schedule", *_made]
