"""What fit is given, checked: metrics and a validation split."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import describe, encodable, number, real_array, row_of
from nncore.datasets._split import held_out
from nncore.errors import ConfigError

Metric = str | Callable[[Any, Any], float]
_BUILT_IN = ("accuracy", "top5", "mse", "mae", "r2")
_TAKEN = ("epoch", "loss", "lr", "seconds", "val", "test", *_BUILT_IN)


class Metrics(NamedTuple):
    """Is accuracy asked for, and what else as the core takes it: names and pairs (name, function)."""

    accuracy: bool
    others: list[Any]

    def columns(self, has_classes: bool, prefixes: Iterable[str]) -> list[str]:
        """The numbers of an epoch's record."""
        names = ["loss", *(["accuracy"] if self.accuracy and has_classes else [])]
        names += [other if isinstance(other, str) else other[0] for other in self.others]
        return [*(prefix + name for prefix in prefixes for name in names), "lr", "seconds"]


def metrics_of(where: str, given: Iterable[Metric]) -> Metrics:
    """Names of built-in metrics and functions f(y_true, outputs), which go by their own names."""
    items = None if isinstance(given, str) else row_of(given)
    if items is None or (not items and not isinstance(given, (list, tuple))):
        raise ConfigError(f"[{where}] metrics: expected a list of names, got {describe(given)}")
    names, others = set(), []
    for item in items:
        if isinstance(item, str) and item in _BUILT_IN:
            name = item
        elif callable(item) and not isinstance(item, type):
            name = str(getattr(item, "__name__", type(item).__name__))
        else:
            raise ConfigError(f"[{where}] metrics: expected names of {_BUILT_IN} or functions, got {describe(item)}")
        if not encodable(name):
            raise ConfigError(f"[{where}] metrics: expected functions with names of whole characters, got {name!r}")
        if name in names or (not isinstance(item, str) and name in _TAKEN):
            raise ConfigError(f"[{where}] metrics: expected different names, got {name!r} again")
        names.add(name)
        if name != "accuracy":
            others.append(item if isinstance(item, str) else (name, item))
    return Metrics("accuracy" in names, others)


def split_off(X: Any, y: Any, fraction: float, seed: int) -> tuple[Any, Any, tuple[Any, Any] | None]:
    """(X, y, validation pair): the share of the samples that training does not see.

    Integer labels (N,) are split class by class. Both parts keep the order of the data.
    """
    share = number("fit", "validation_split", fraction, 0.0, 1.0)
    if share == 0.0:
        return X, y, None
    samples, targets = real_array("fit", "X", X), real_array("fit", "y", y)
    if samples.ndim == 0 or targets.ndim == 0 or len(samples) != len(targets):
        return X, y, None  # the core says what is wrong
    n = len(samples)
    count = round(share * n)
    if not 1 <= count < n:
        raise ConfigError(
            f"[fit] validation_split: expected a share of the {n} samples that leaves some in both parts, got {share:g}"
        )
    labels = targets if targets.ndim == 1 and targets.dtype.kind in "iu" else None
    held: NDArray[np.bool_] = held_out(n, count, seed, labels)
    return samples[~held], targets[~held], (samples[held], targets[held])
