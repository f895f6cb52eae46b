"""The functions that the compiled trainer calls between steps and epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nncore._support.interrupt import InterruptGuard
from nncore._support.progress import Progress
from nncore.train._callback import Callback
from nncore.train._observation import Observation, Observing


class Observer:
    """Passes a fit's records to its callbacks, its progress to the bar and Ctrl-C to the compiled trainer."""

    def __init__(
        self,
        guard: InterruptGuard,
        bar: Progress,
        callbacks: Sequence[Callback],
        observers: Sequence[tuple[Callback, Observing]],
    ) -> None:
        self._guard, self._bar = guard, bar
        self._callbacks, self._observers = callbacks, observers

    def arguments(self) -> tuple[Any, ...]:
        """The last arguments of the compiled trainer's fit: functions, and the intervals of observations."""
        epoch_done = self.epoch_done if self._callbacks else None
        return self.poll, epoch_done, [observing for _, observing in self._observers], self.observed

    def poll(self, epoch: int, last: int, step: int, of: int, loss: float) -> bool:
        """Between two steps, some 20 ms apart; True ends the fit."""
        self._bar.update(epoch, last, step, of, f"loss {loss:.4f}")
        return self._guard.requested

    def epoch_done(self, record: dict[str, Any]) -> bool:
        """After each epoch; True ends the fit."""
        stops = [bool(callback.on_epoch_end(dict(record))) for callback in self._callbacks]
        return any(stops) or self._guard.requested

    def observed(self, number: int, raw: dict[str, Any]) -> None:
        """After a step observed by callback `number` of those with observations."""
        self._observers[number][0].on_observation(Observation(raw))
