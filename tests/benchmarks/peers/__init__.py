"""The libraries nncore is compared with, each in a module of its own at its best setting.

A module has `title() -> str` with the version, `limit_threads(n)`, and makes runners: `net(work, weights, X, y)` and
`descent(work)`; `many(work, weights of each, X, y)` where it can train many nets at once. It raises `Unsupported` for
what the library cannot do; ImportError or OSError when it is not here. `TOLERANCE`, if there is one, is how far its
losses may be off (relative).
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any, Protocol

MODULES = {
    "torch": "torch_eager",
    "jax": "jax_scan",
    "sklearn": "sklearn_mlp",
    "fann": "fann_library",
    "numpy": "numpy_by_hand",
    "numba": "numba_by_hand",
}
Weights = list[tuple[Any, Any]]  # of each Linear: (out, in) and (out,)


class Unsupported(Exception):
    """The library has no such thing."""


class Runner(Protocol):
    """One training in one library."""

    def run(self, steps: int) -> float:
        """Takes so many more steps of a net, or of a descent from the start again; returns the seconds."""

    def result(self) -> Any:
        """A net's weights, a descent's last point, or None when they mean something else than nncore's."""


def load(name: str) -> ModuleType:
    """The module of a peer."""
    return importlib.import_module(f"peers.{MODULES[name]}")
