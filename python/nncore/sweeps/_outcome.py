"""What a run of a sweep came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

Point = dict[str, Any]

BEST = "best_"  #: before the name of a number: its value in the best epoch

NUMBER = "sweep"  #: the column of a folder's table that tells several sweeps apart

STATUSES = ("ok", "diverged", "failed")


@dataclass(frozen=True)
class Outcome:
    """The result of one run; `message`: what diverged or failed where."""

    status: str  # one of STATUSES
    seconds: float
    numbers: dict[str, float] = field(default_factory=dict)
    message: str = ""


class Entry(NamedTuple):
    """A run with its outcome."""

    point: Point
    seed: int
    outcome: Outcome


def failed(error: Exception, seconds: float = 0.0) -> Outcome:
    """The outcome of a run that raised; errors of nncore say themselves what they are."""
    text = str(error)
    own = type(error).__module__.partition(".")[0] == "nncore" and text
    return Outcome("failed", seconds, message=text if own else f"{type(error).__name__}: {text}".rstrip(": "))
