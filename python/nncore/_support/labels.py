"""What predict makes of a model's outputs."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The label that losses ignore if they are told no other.
IGNORED = -100


def labels_of(z: NDArray[Any], link: str | None, kind: str) -> NDArray[np.int64] | None:
    """The labels that outputs stand for; None where they are values.

    `link`: of the loss, None if the model was never trained; `kind`: of the last layer's numbers, "raw",
    "probabilities", "log_probabilities" or "unknown". The accuracy reads outputs in the same way (`reading_of` in the
    core).
    """
    if link == "identity" or z.ndim != 2:
        return None
    several = z.shape[1] > 1
    if link == "sigmoid" or (link is None and not several and kind == "probabilities"):
        yes = (z >= (0.5 if kind == "probabilities" else 0.0)).astype(np.int64)
        return yes if several else yes[:, 0]
    if several:
        largest: NDArray[np.int64] = z.argmax(axis=1)
        return largest
    return np.where(z[:, 0] >= 0, 1, -1) if link == "sign" else None


def without_labels(labels: NDArray[np.int64], rows: NDArray[np.bool_], link: str | None) -> NDArray[np.int64]:
    """The labels with -1 in these rows, or 0 where -1 is a label itself; warns."""
    none = 0 if link == "sign" and labels.ndim == 1 else -1
    labels[rows] = none
    warnings.warn(
        f"[predict] {np.count_nonzero(rows)} of {len(rows)} rows get {none}, no label: their numbers or their outputs "
        "are not finite",
        RuntimeWarning,
        stacklevel=3,
    )
    return labels
