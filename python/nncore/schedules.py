"""Learning-rate schedules."""

from typing import TYPE_CHECKING

from nncore.optim.schedules import *  # noqa: F403

if not TYPE_CHECKING:  # type checkers read the names of a star, and no __all__ of another module
    from nncore.optim.schedules import __all__  # noqa: F401
