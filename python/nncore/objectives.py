"""Functions to minimise: `nc.objectives.get("rosenbrock")`."""

from typing import TYPE_CHECKING

from nncore.optim.objectives import *  # noqa: F403

if not TYPE_CHECKING:  # type checkers read the names of a star, and no __all__ of another module
    from nncore.optim.objectives import __all__  # noqa: F401
