"""Losses."""

from typing import TYPE_CHECKING

from nncore.nn.losses import *  # noqa: F403

if not TYPE_CHECKING:  # type checkers read the names of a star, and no __all__ of another module
    from nncore.nn.losses import __all__  # noqa: F401
