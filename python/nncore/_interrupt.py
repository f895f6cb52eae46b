"""Ctrl-C during a fit: the first ends it at a step boundary, a second within a second raises KeyboardInterrupt.

Fits in other threads never see Ctrl-C; whoever started them ends them by the event of `stopped_by`.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from types import FrameType, TracebackType
from typing import Any

_last_interrupt = -10.0
_stop: ContextVar[threading.Event | None] = ContextVar("stop", default=None)


@contextlib.contextmanager
def stopped_by(event: threading.Event) -> Iterator[None]:
    """Fits of this thread end, as by Ctrl-C, when the event is set."""
    token = _stop.set(event)
    try:
        yield
    finally:
        _stop.reset(token)


class InterruptGuard:
    """While it is active, SIGINT makes `requested` true instead of raising."""

    def __init__(self) -> None:
        self._seen = False
        self._previous: Any = None

    @property
    def requested(self) -> bool:
        """Has somebody asked for the end?"""
        event = _stop.get()
        return self._seen or (event is not None and event.is_set())

    def __enter__(self) -> InterruptGuard:
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._previous = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        global _last_interrupt
        now = time.monotonic()
        again, _last_interrupt = now - _last_interrupt < 1.0, now
        if again:
            raise KeyboardInterrupt
        self._seen = True
