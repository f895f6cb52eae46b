"""Objective: the base of all functions to minimise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore import _core
from nncore._registry.registered import Registered
from nncore._support.checks import cast, real_array
from nncore.errors import ShapeError


class Objective(Registered):
    """Base of all objectives: `f(x)` is the value, `f.gradient(x)` its gradient.

    `start` is the usual starting point, `minimum` the point to find, `minimum_value` the value there; `minima` lists
    all global minima (none for the saddle, whose `minimum` is its stationary point).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        facts = _core.objective_facts(self._spec)
        self.start: list[float] = facts["start"]
        self.minimum: list[float] = facts["minimum"]
        self.minima: list[list[float]] = facts["minima"]
        self.minimum_value: float = facts["minimum_value"]

    def __call__(self, x: ArrayLike) -> float:
        """f(x) for one point x (d,)."""
        value: float = _core.evaluate_objective(self._spec, self._point(x))[0]
        return value

    def gradient(self, x: ArrayLike) -> NDArray[np.float64]:
        """The gradient at one point x (d,)."""
        gradient: NDArray[np.float64] = _core.evaluate_objective(self._spec, self._point(x))[1]
        return gradient

    def _point(self, x: ArrayLike) -> list[float]:
        array = real_array(type(self).__name__, "x", x)
        if array.ndim != 1:
            raise ShapeError(f"[{type(self).__name__}] x: expected (d,), got {array.shape}")
        return cast(array, np.float64).tolist()  # type: ignore[no-any-return]
