"""Ctrl-C during a fit: the first ends it at a step boundary, a second within a second raises KeyboardInterrupt.

Python delivers Ctrl-C to the main thread only: fits in other threads end through the guard given to `stopped_by`.
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
_outer: ContextVar[InterruptGuard | None] = ContextVar("outer", default=None)


@contextlib.contextmanager
def stopped_by(guard: InterruptGuard) -> Iterator[None]:
    """Within the block, fits of this thread end, as by Ctrl-C, once `guard.requested` is true."""
    token = _outer.set(guard)
    try:
        yield
    finally:
        _outer.reset(token)


class InterruptGuard:
    """While it is active, SIGINT makes `requested` true instead of raising.

    An exception raised by the handler would be lost inside a finalizer or a weak reference's callback.
    """

    def __init__(self) -> None:
        self._seen = False
        self._outer = _outer.get()
        self._previous: Any = None

    @property
    def requested(self) -> bool:
        """Whether this guard or the outer one of `stopped_by` was asked to end the fit."""
        return self._seen or (self._outer is not None and self._outer.requested)

    def request(self) -> None:
        """Makes `requested` true."""
        self._seen = True

    def check(self) -> None:
        """KeyboardInterrupt if `requested`; for places where no work is half done."""
        if self.requested:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def lifted(self) -> Iterator[None]:
        """Within the block, SIGINT raises KeyboardInterrupt as usual."""
        active = self._previous is not None
        self.__exit__(None, None, None)
        try:
            yield
        finally:
            if active:
                self.__enter__()

    def __enter__(self) -> InterruptGuard:
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._previous = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
            self._previous = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        global _last_interrupt
        now = time.monotonic()
        again, _last_interrupt = now - _last_interrupt < 1.0, now
        if again:
            raise KeyboardInterrupt
        self._seen = True
