"""The functions that the compiled trainer calls between steps and epochs."""

from __future__ import annotations

from typing import Any

from nncore._support.interrupt import InterruptGuard
from nncore._support.progress import Progress
from nncore.train._callback_list import CallbackList
from nncore.train._observation import Observation


class Observer:
    """Passes a fit's records to its callbacks, its progress to the bar and Ctrl-C to the compiled trainer."""

    def __init__(self, guard: InterruptGuard, bar: Progress, callbacks: CallbackList) -> None:
        self._guard, self._bar, self._callbacks = guard, bar, callbacks

    def arguments(self) -> tuple[Any, ...]:
        """The last arguments of the compiled trainer's fit: functions, and the intervals of observations."""
        epoch_done = self.epoch_done if self._callbacks else None
        return self.poll, epoch_done, self._callbacks.intervals, self.observed

    def poll(self, epoch: int, last: int, step: int, of: int, loss: float) -> bool:
        """Between two steps, some 20 ms apart; True ends the fit."""
        self._bar.update(epoch, last, step, of, f"loss {loss:.4f}")
        return self._guard.requested

    def epoch_done(self, record: dict[str, Any]) -> bool:
        """After each epoch; True ends the fit."""
        return self._callbacks.epoch_end(record) or self._guard.requested

    def observed(self, number: int, raw: dict[str, Any]) -> bool:
        """After a step observed by callback `number` of those with observations; True ends the fit."""
        return self._callbacks.observation(number, Observation(raw))
