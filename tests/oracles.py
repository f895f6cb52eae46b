"""A NumPy twin of every layer, loss, optimizer and schedule, written from the formulas in the schemas: they are in
layer_oracles.py, image_oracles.py, loss_oracles.py, optimizer_oracles.py and schedule_oracles.py.

A twin is keyed by the registered name. `twin_of` fails with a text that says what to add when there is none.
Everything is computed in the dtype of its arguments; oracles are called with float64.
"""

import image_oracles  # noqa: F401
import layer_oracles  # noqa: F401
import loss_oracles  # noqa: F401
import optimizer_oracles  # noqa: F401
import schedule_oracles  # noqa: F401
from twins import LAYERS, LOSSES, OPTIMIZERS, SCHEDULES, namespace, twin, twin_of

__all__ = ["LAYERS", "LOSSES", "OPTIMIZERS", "SCHEDULES", "Model", "namespace", "twin", "twin_of"]


# ---- Whole models -------------------------------------------------------------------------------------------------


class Model:
    """A chain of twins: layers is a list of (name, args namespace, {parameter: array})."""

    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        self.inputs = [x]
        for name, args, params in self.layers:
            self.inputs.append(twin_of("layer", name).forward(args, params, self.inputs[-1]))
        return self.inputs[-1]

    def backward(self, dy):
        grads = []
        for (name, args, params), x in zip(reversed(self.layers), reversed(self.inputs[:-1]), strict=True):
            dy, g = twin_of("layer", name).backward(args, params, x, dy)
            grads.insert(0, g)
        return dy, grads
