"""The progress bar of fit: at most ten updates a second, none without a terminal or notebook."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from nncore._support.notebook import in_notebook

_WIDTH = 24


class Progress:
    """Draws the progress of a fit, in a terminal or a notebook; `epoch`, `step`: where the fit starts."""

    def __init__(self, wanted: bool | str, epoch: int = 0, step: int = 0) -> None:
        self._epoch, self._step = epoch, step
        self._prefix = f"continuing at epoch {epoch + 1} · " if epoch or step else ""
        self._asked_for = wanted is True
        self._notebook = in_notebook()
        self._on = wanted is True or (wanted == "auto" and (self._notebook or sys.stderr.isatty()))
        self._handle: Any = None
        self._last = 0.0
        self._length = 0
        self._start = time.monotonic()

    def __enter__(self) -> Progress:
        if self._prefix and self._asked_for:  # also for a fit that is over before its first update
            self._write(self._prefix)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._on and self._length and not self._notebook:
            sys.stderr.write("\n")
            sys.stderr.flush()

    def update(self, epoch: int, epochs: int, step: int, steps: int, text: str) -> None:
        """`epoch` epochs of `epochs` are done, and `step` steps of the next."""
        total = (epochs - self._epoch) * steps - self._step
        done = max((epoch - self._epoch) * steps + step - self._step, 0) / max(total, 1)
        self._draw(f"{self._prefix}epoch {min(epoch + 1, epochs)}/{epochs}", done, text)

    def count(self, done: int, of: int, text: str) -> None:
        """`done` runs of `of` are over."""
        self._draw(f"run {done}/{of}", done / max(of, 1), text)

    def _draw(self, start: str, done: float, text: str) -> None:
        now = time.monotonic()
        if not self._on or now - self._last < 0.1:
            return
        self._last = now
        elapsed = now - self._start
        left = f", {elapsed / done - elapsed:.0f} s left" if 0 < done < 1 and elapsed > 1 else ""
        self._write(f"{start} {_bar(done)} {text}{left}")

    def close(self, text: str) -> None:
        """The final line, if any update was drawn."""
        if self._on and self._length:
            self._write(f"{time.monotonic() - self._start:.1f} s, {text}")

    def _write(self, line: str) -> None:
        if self._notebook:
            self._write_notebook(line)
        else:
            sys.stderr.write("\r" + line + " " * max(0, self._length - len(line)))
            sys.stderr.flush()
        self._length = len(line)

    def _write_notebook(self, line: str) -> None:
        from IPython.display import display

        content = {"text/plain": line}
        if self._handle is None:
            self._handle = display(content, raw=True, display_id=True)  # type: ignore[no-untyped-call, unused-ignore]
        else:
            self._handle.update(content, raw=True)


def _bar(done: float) -> str:
    filled = round(_WIDTH * min(done, 1.0))
    return "█" * filled + "·" * (_WIDTH - filled)
