"""Loss: the base of all losses."""

from __future__ import annotations

from typing import Any

from nncore import _core
from nncore._generate import Registered


class Loss(Registered):
    """Base of all losses: `loss(z, y)` is the value and its gradient by the outputs z."""

    def __call__(self, z: Any, y: Any) -> tuple[float, Any]:
        """The value for outputs z (N, …) and targets y, and its gradient dz, which carries the 1/N.

        Computes in float32 when z is float32, else in float64.
        """
        value, dz = _core.loss(self._spec, z, y, True)
        return value, dz

    def value(self, z: Any, y: Any) -> float:
        """The value alone."""
        result: float = _core.loss(self._spec, z, y, False)[0]
        return result

    @property
    def link(self) -> str:
        """How raw outputs are read: "softmax", "log_softmax", "sigmoid", "sign" or "identity"."""
        return str(_core.loss_link(self._spec))
