"""Ctrl-C during a fit: the first ends it at a step boundary, a second within a second raises KeyboardInterrupt.

Fits in other threads never see Ctrl-C; the code that started them ends them by the guard of `stopped_by`.
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
    """Fits of this thread end, as by Ctrl-C, when the guard is asked for the end."""
    token = _outer.set(guard)
    try:
        yield
    finally:
        _outer.reset(token)


class InterruptGuard:
    """While it is active, SIGINT makes `requested` true instead of raising.

    What SIGINT raises is lost when it comes in a finalizer or a weak reference's callback.
    """

    def __init__(self) -> None:
        self._seen = False
        self._outer = _outer.get()
        self._previous: Any = None

    @property
    def requested(self) -> bool:
        """Is the end asked for, here or outside?"""
        return self._seen or (self._outer is not None and self._outer.requested)

    def request(self) -> None:
        """Asks for the end."""
        self._seen = True

    def check(self) -> None:
        """KeyboardInterrupt when the end is asked for; called where nothing is half done."""
        if self.requested:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def lifted(self) -> Iterator[None]:
        """For a while SIGINT raises as it did before."""
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
