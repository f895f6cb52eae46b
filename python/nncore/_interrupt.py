"""Ctrl-C during a fit: the first ends it at a step boundary, a second within a second raises KeyboardInterrupt."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

_last_interrupt = -10.0


class InterruptGuard:
    """While it is active, SIGINT sets `requested` instead of raising."""

    def __init__(self) -> None:
        self.requested = False
        self._previous: Any = None

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
        self.requested = True
