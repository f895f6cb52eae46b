"""Layers."""

from typing import TYPE_CHECKING

from nncore.nn.layers import *  # noqa: F403

if not TYPE_CHECKING:  # type checkers take the names from the star import, not from this list
    from nncore.nn.layers import __all__  # noqa: F401
