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
        self._facts: dict[str, Any] = _core.objective_facts(self._spec)

    @property
    def start(self) -> list[float]:
        """The usual starting point."""
        return list(self._facts["start"])

    @property
    def minimum(self) -> list[float]:
        """The point to find."""
        return list(self._facts["minimum"])

    @property
    def minima(self) -> list[list[float]]:
        """All global minima."""
        return [list(point) for point in self._facts["minima"]]

    @property
    def minimum_value(self) -> float:
        """The value at the minimum."""
        return float(self._facts["minimum_value"])

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
