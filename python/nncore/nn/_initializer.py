"""Initializer: the base of all initialisers."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from nncore import _core
from nncore._registry.registered import Registered
from nncore._support.checks import LARGEST_SEED, extents, integer


class Initializer(Registered):
    """Base of all initialisers: an argument of layers, and a function that returns an initialised array."""

    def __call__(self, shape: int | Sequence[int], seed: int | None = None) -> Any:
        """A new float64 array; a matrix (out, in) has fan_in = in and fan_out = out."""
        where = f"init.{type(self).__name__}"
        own = extents(where, "shape", shape, 2**31)
        seed = secrets.randbits(32) if seed is None else integer(where, "seed", seed, 0, LARGEST_SEED)
        return _core.initialize_array(self._spec, own, seed)
