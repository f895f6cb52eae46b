"""A hint where features or targets have scales that gradient descent does not bear."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nncore._support.tables import columns_of
from nncore.nn._loss import CompiledLoss, Loss
from nncore.nn._model import Model, layers_of

#: Features are told of where the largest numbers of one column are this many times those of another, and so large.
_SPREAD, _LARGE = 1000.0, 100.0
#: Targets of a loss of values are told of from this size on.
_LARGE_TARGET = 10_000.0
_NO_QUANTITY = 1e12  # numbers that overflow on the way, which the error of the fit names
_ROWS = 32  # looked at


def scale_hint(model: Model, loss: Loss, X: Any, y: Any) -> str:
    """What to do about features or targets whose scales gradient descent does not bear; "" if nothing is seen.

    Looks at a few rows of samples (N, D) that nothing normalises before the first Linear, and at the targets of
    compiled losses of values.
    """
    try:
        first = next(iter(layers_of(model).values()))
        if model.input is None and type(first).__name__ == "Linear" and (hint := _of_features(X)):
            return hint
        return _of_targets(y) if isinstance(loss, CompiledLoss) and loss.link == "identity" else ""
    except Exception:  # data that are no array: the core says so
        return ""


def _of_features(X: Any) -> str:
    sizes = _sizes(X)
    seen = [size for size in sizes if size > 0] if isinstance(sizes, list) else []
    if not seen or not _LARGE <= max(seen) < math.inf or max(seen) < _SPREAD * min(seen):
        return ""
    names = columns_of(X) or range(len(sizes))
    large, small = (f"column {names[sizes.index(size)]!r} up to {size:.2g}" for size in (max(seen), min(seen)))
    return (
        f"[fit] X: {large}, {small}: gradient descent needs features of one scale "
        "(hint: Sequential(…, input=nc.Normalize.from_data(X)))"
    )


def _of_targets(y: Any) -> str:
    sizes = _sizes(y)
    largest = max(sizes) if isinstance(sizes, list) else sizes
    if not _LARGE_TARGET <= largest < _NO_QUANTITY:
        return ""
    return (
        f"[fit] y: numbers up to {largest:.2g}: steps grow with them "
        "(hint: train on (y - y.mean()) / y.std(), and turn predictions back)"
    )


def _sizes(given: Any) -> Any:
    """The largest size of the numbers in some rows: one of (N,), a list by column of (N, D), else 0."""
    rows = given.iloc if hasattr(given, "iloc") else given
    some = np.asarray(rows[:: max(1, len(given) // _ROWS)][:_ROWS])
    if some.ndim > 2 or some.dtype.kind not in "iuf" or some.size == 0 or some.itemsize == 1:
        return 0.0
    return np.abs(some).max(axis=0).tolist()
