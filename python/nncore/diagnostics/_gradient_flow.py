"""Norms of the gradients of each layer's weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from nncore._support.checks import LARGEST_SEED, describe, integer
from nncore._support.html import table
from nncore._support.names import instance_hint, keywords
from nncore._support.strict import Strict
from nncore.errors import ConfigError
from nncore.nn._loss import Loss
from nncore.nn._model import Model


class GradientFlow(Strict):
    """The result of gradient_flow.

    Attributes
    ----------
    norms : dict layer name -> float
        Euclidean norm of the gradient of the layer's weights, in the order of the layers.
    ratio : float
        Norm of the first layer by that of the last; NaN for 0 / 0. Far below 1: gradients vanish on their way back.
    """

    norms: dict[str, float]

    def __init__(self, norms: dict[str, float]) -> None:
        self.norms = norms

    @property
    def ratio(self) -> float:
        """First norm by last."""
        norms = list(self.norms.values())
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.float64(norms[0]) / np.float64(norms[-1]))

    def __str__(self) -> str:
        width = max(len("layer"), *(len(name) for name in self.norms))
        lines = [f"{'layer':<{width}}  norm of the weight gradient"]
        lines += [f"{name:<{width}}  {norm:.3e}" for name, norm in self.norms.items()]
        return "\n".join([*lines, f"first / last: {self.ratio:.3e}"])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [(name, f"{norm:.3e}") for name, norm in self.norms.items()]
        return table(("layer", "norm of the weight gradient"), [*rows, ("first / last", f"{self.ratio:.3e}")], left=1)


@keywords()
def gradient_flow(model: Model, loss: Loss, X: Any, y: Any, *, seed: int = 0) -> GradientFlow:
    """The norm of the loss's gradient by each layer's weights, for one batch.

        |dW_l| = sqrt(Σ (dL/dW_l)²),   ratio = |dW_first| / |dW_last|

    Computed as in training (Dropout drops) on a float64 copy, so that nothing in the model changes and small norms
    are not lost. Weights are the parameters with two axes or more.

    Parameters
    ----------
    model : Sequential or Graph
    loss : Loss
    X : array (N, …)
    y : labels (N,) or what the loss wants
    seed : int, default 0
        Of the masks of Dropout.

    Returns
    -------
    GradientFlow
        `.norms`, `.ratio`; prints as a table.

    Raises
    ------
    ConfigError
        The model has no weights.
    ShapeError
        X or y do not fit.

    Notes
    -----
    Source: Glorot, Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010.

    Examples
    --------
    >>> layers = [layer for i in range(8) for layer in (nc.Linear(4, 4), nc.Sigmoid())]
    >>> X, y = np.ones((5, 4)), np.zeros((5, 4))
    >>> nc.gradient_flow(nc.Sequential(*layers, seed=0), nc.MSELoss(), X, y).ratio < 1e-3
    True
    """
    if not isinstance(model, Model):
        raise ConfigError(f"[gradient_flow] model: expected a Sequential or a Graph, got {describe(model)}")
    if not isinstance(loss, Loss):
        raise ConfigError(f"[gradient_flow] loss: expected a Loss, got {describe(loss)}{instance_hint(loss, Loss)}")
    double = model.copy().to("float64")
    for parameter in double.parameters():
        parameter.requires_grad = True  # what is frozen has a gradient, too
    z = double.forward(X, training=True, seed=integer("gradient_flow", "seed", seed, 0, LARGEST_SEED))
    double.zero_grad()
    double.backward(loss(z, y)[1])
    squares: dict[str, float] = {}
    for p in double.parameters():
        if p.value.ndim > 1:
            layer = p.name.split(".", 1)[0]
            squares[layer] = squares.get(layer, 0.0) + float((p.grad**2).sum())
    if not squares:
        raise ConfigError("[gradient_flow] model: expected a model with weights, got one without")
    return GradientFlow({name: float(np.sqrt(total)) for name, total in squares.items()})
