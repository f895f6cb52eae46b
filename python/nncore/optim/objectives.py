"""Functions to minimise, generated from the compiled core's registry: `nc.objectives.get("rosenbrock")`."""

from nncore import _core
from nncore._registry.generate import make_classes
from nncore._support.names import keywords
from nncore.optim._objective import Objective

_made = make_classes("objective", Objective, "nncore.objectives")
globals().update(_made)

#: The names that minimize accepts.
names = tuple(_made)


@keywords()
def get(name: str) -> Objective:
    """The objective of that name; ConfigError with the registered names for any other."""
    spec = _core.Spec("objective", name, {})
    return _made[spec.name]()


__all__ = ["Objective", "get", "names", *_made]
