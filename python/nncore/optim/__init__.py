"""Optimizers."""

from typing import TYPE_CHECKING

from nncore.optim.optimizers import *  # noqa: F403

if not TYPE_CHECKING:  # type checkers take the names from the star import, not from this list
    from nncore.optim.optimizers import __all__  # noqa: F401
