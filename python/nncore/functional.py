"""Layers as functions: NumPy arrays in and out, computed by the compiled kernels."""

from typing import TYPE_CHECKING

from nncore.nn.functional import *  # noqa: F403

if not TYPE_CHECKING:  # type checkers read the names of a star, and no __all__ of another module
    from nncore.nn.functional import __all__  # noqa: F401
