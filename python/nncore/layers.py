"""Layers."""

from typing import TYPE_CHECKING

from nncore.nn.layers import *  # noqa: F403

if not TYPE_CHECKING:  # type checkers read the names of a star, and no __all__ of another module
    from nncore.nn.layers import __all__  # noqa: F401
