"""Layers as functions: NumPy arrays in and out. The activations are generated from the registry."""

from typing import TYPE_CHECKING

from nncore.nn.functional import *  # noqa: F403

if not TYPE_CHECKING:  # type checkers take the names from the star import, not from this list
    from nncore._support.names import names_of as _names_of
    from nncore.nn.functional import __all__  # noqa: F401

    __getattr__ = _names_of(__name__)
