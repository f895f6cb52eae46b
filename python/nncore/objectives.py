"""Functions to minimise, generated from the compiled core's registry: `nc.objectives.get("rosenbrock")`."""

from nncore import _core
from nncore._objective import Objective
from nncore._registry.generate import make_classes

_made = make_classes("objective", Objective, __name__)
globals().update(_made)

#: The names minimize knows.
names = tuple(_made)


def get(name: str) -> Objective:
    """The objective of that name; ConfigError lists the names there are."""
    spec = _core.Spec("objective", name, {})
    return _made[spec.name]()


__all__ = ["Objective", "get", "names", *_made]
