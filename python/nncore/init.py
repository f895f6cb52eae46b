"""Initialisers: `nc.Linear(2, 20, weight_init=nc.init.normal(0, 0.1))`."""

from typing import TYPE_CHECKING

from nncore.nn.init import *  # noqa: F403

if not TYPE_CHECKING:  # type checkers take the names from the star import, not from this list
    from nncore._support.names import names_of as _names_of
    from nncore.nn._initializer import FOREIGN as _FOREIGN
    from nncore.nn.init import __all__  # noqa: F401

    __getattr__ = _names_of(__name__, _FOREIGN)
