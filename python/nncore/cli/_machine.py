"""The machine of a benchmark: processor, stolen time, and the FMA rate of its cores."""

from __future__ import annotations

import platform
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nncore import _core

_ROUNDS = 100_000  # of the probe: some 2 ms


def cpu_model() -> str:
    """The processor's name, as the system reports it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


class Steal:
    """The share of time that the machine's other guests took since this object was made."""

    def __init__(self) -> None:
        self._start = _ticks()

    def share(self) -> float | None:
        """0 … 1; None if the system does not report it."""
        now = _ticks()
        if self._start is None or now is None or now[1] <= self._start[1]:
            return None
        return max(0.0, (now[0] - self._start[0]) / (now[1] - self._start[1]))


def _ticks() -> tuple[int, int] | None:
    """(stolen, all) of /proc/stat: user nice system idle iowait irq softirq steal, whose guests count as user."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            fields = [int(word) for word in file.readline().split()[1:9]]
    except (OSError, ValueError):
        return None
    return (fields[7], sum(fields)) if len(fields) == 8 else None


def fma_rate(threads: int, *, single: bool = True) -> float:
    """The measured peak of `threads` cores together, floating-point operations a second."""
    if threads == 1:
        return float(_core.fma_rate(single, _ROUNDS))
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(lambda _: float(_core.fma_rate(single, _ROUNDS)), range(threads)))
