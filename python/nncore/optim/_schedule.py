"""Schedule, the base of all learning-rate schedules, itself a schedule made from a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nncore import _core
from nncore._registry.registered import Registered
from nncore._support.checks import integer


class Schedule(Registered):
    """Base of all schedules: `schedule(i)` is the rate at index i = 0, 1, … of the step or epoch."""

    def __call__(self, index: int) -> float:
        """The rate at an index."""
        index = integer(type(self).__name__, "index", index, 0, 2**62)
        rate: float = _core.schedule_rate(self._spec, index)
        return rate


#: A number, a schedule, or a function that gives the rate of step 0, 1, …
Rate = float | Schedule | Callable[[int], float]


def schedule_or_number(rate: Any) -> Any:
    """A plain function of the step as a schedule, which gives the rate itself; anything else as it is."""
    if callable(rate) and not isinstance(rate, (Schedule, type)):
        return Schedule(1.0, rate, per="step")
    return rate
