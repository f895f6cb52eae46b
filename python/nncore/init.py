"""Initialisers: `nc.Linear(2, 20, weight_init=nc.init.normal(0, 0.1))`."""

from typing import TYPE_CHECKING

from nncore.nn.init import *  # noqa: F403

if not TYPE_CHECKING:  # type checkers read the names of a star, and no __all__ of another module
    from nncore.nn.init import __all__  # noqa: F401
