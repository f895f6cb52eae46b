"""Gradients by central differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import number_from

#: Half the distance of the two points: errors of rounding and of the formula are both about 1e-10 of values near 1.
STEP = 1e-5


def central_differences(
    where: str, name: str, f: Callable[[NDArray[np.float64]], Any], at: NDArray[np.float64], step: float
) -> NDArray[np.float64]:
    """(f(x + step e_i) - f(x - step e_i)) / (2 step) for each i; `at` is changed on the way and restored."""
    gradient = np.empty_like(at)
    for index in np.ndindex(at.shape):
        kept = at[index]
        at[index] = kept + step
        above = number_from(where, name, f(at))
        at[index] = kept - step
        below = number_from(where, name, f(at))
        at[index] = kept
        gradient[index] = (above - below) / (2 * step)
    return gradient
