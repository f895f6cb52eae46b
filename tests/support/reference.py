"""NumPy reference implementations of the layers, losses, optimizers and schedules, by kind and registered name.

They are written from the formulas in the schemas, in `reference_layers.py`, `reference_image_layers.py`,
`reference_losses.py`, `reference_optimizers.py` and `reference_schedules.py`, and compute in the dtype of their
arguments; the tests call them with float64.
"""

import functools
import importlib
from types import SimpleNamespace

import pytest

_MODULES = {
    "layer": ("reference_layers", "reference_image_layers"),
    "loss": ("reference_losses",),
    "optimizer": ("reference_optimizers",),
    "schedule": ("reference_schedules",),
}
_FOUND = {}


def reference(kind, name):
    """Decorator: this is the reference implementation of the registered thing."""

    def register(implementation):
        _FOUND[kind, name] = implementation
        return implementation

    return register


@functools.cache
def _load(kind):
    for module in _MODULES[kind]:
        importlib.import_module(f"support.{module}")


def reference_of(kind, name):
    """The reference implementation of a registered thing; the test fails without one."""
    _load(kind)
    if (kind, name) not in _FOUND:
        place = f"tests/support/{_MODULES[kind][0]}.py"
        pytest.fail(
            f"{kind} {name!r} has no reference implementation: add one to {place}, under @reference({kind!r}, {name!r})"
        )
    return _FOUND[kind, name]


def namespace(args):
    return SimpleNamespace(**args)


class Chain:
    """Reference layers one after another: (name, args namespace, {parameter: array})."""

    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        self.inputs = [x]
        for name, args, params in self.layers:
            self.inputs.append(reference_of("layer", name).forward(args, params, self.inputs[-1]))
        return self.inputs[-1]

    def backward(self, dy):
        grads = []
        for (name, args, params), x in zip(reversed(self.layers), reversed(self.inputs[:-1]), strict=True):
            dy, g = reference_of("layer", name).backward(args, params, x, dy)
            grads.insert(0, g)
        return dy, grads
