"""Schedules that count epochs, where nobody counts any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nncore import _core
from nncore._support.checks import describe, number_from
from nncore.errors import ConfigError

#: Steps alone after which one is told that no epoch has ended.
PATIENCE = 100


def counts_epochs(spec: Any) -> str | None:
    """The name of the schedule, this one or one inside, whose rate changes with the epochs; None: all count steps."""
    if not isinstance(spec, _core.Spec) or spec.kind != "schedule":
        return None
    if _core.schedule_per_epoch(spec):
        return str(spec.name)
    return next((name for name in map(counts_epochs, spec.args.values()) if name is not None), None)


def remedy(name: str) -> str:
    """How to have a schedule of this class count steps."""
    return 'per="step" counts steps' if name != "ReduceLROnPlateau" else "it follows a number of each epoch"


def monitored(where: str, monitor: str, record: Any) -> float:
    """The number that a schedule follows, from a record of an epoch or alone."""
    if isinstance(record, Mapping):
        if monitor not in record:
            raise ConfigError(f"[{where}] end_epoch: expected a record with {monitor!r}, got {describe(dict(record))}")
        return number_from(where, monitor, record[monitor])
    if record is None:
        raise ConfigError(
            f"[{where}] end_epoch: expected the record of the epoch, got nothing "
            f"(the schedule follows {monitor!r}: optimizer.end_epoch({{{monitor!r}: number}}))"
        )
    return number_from(where, "end_epoch", record)
