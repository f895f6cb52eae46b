"""Class weights that a fit works out from its labels: `weight="balanced"`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import describe, real_array
from nncore.errors import ConfigError, ShapeError
from nncore.nn._loss import CompiledLoss, Loss, ignored_label
from nncore.nn._model import Model, core_of

Weights = tuple[float, ...]


def is_balanced(loss: Loss) -> bool:
    """Whether its weights are worked out by a fit."""
    return isinstance(loss, CompiledLoss) and loss.config.get("weight") == "balanced"


def balanced_weights(model: Model, loss: Loss, X: Any, y: Any) -> Weights | None:
    """N / (C N_c), with N_c of the N labels in class c of C; None for data that the core refuses with its reason."""
    labels, outputs = _labels_of(loss, y), _outputs_of(model, X)
    if labels is None or outputs is None:
        return None
    labels = labels[labels != ignored_label(loss)]
    if not len(labels) or labels.min() < 0 or labels.max() >= outputs:
        return None
    counts = np.bincount(labels, minlength=outputs)
    if not counts.all():
        raise ConfigError(
            f"[{type(loss).__name__}] weight: expected samples of each of the {outputs} classes for 'balanced', "
            f"got none of class {counts.argmin()}"
        )
    weights: Weights = tuple((len(labels) / (outputs * counts)).tolist())
    return weights


def _labels_of(loss: Loss, y: Any) -> NDArray[np.int64] | None:
    try:
        targets = real_array("fit", "y", y)
    except (ConfigError, ShapeError):
        return None
    if targets.ndim > 1 and targets.dtype.kind == "f":
        hint = "of one-hot rows y.argmax(1) are labels"
        got = f"targets {targets.shape} ({hint})"
        raise ConfigError(f"[{type(loss).__name__}] weight: expected labels (N,) to count for 'balanced', got {got}")
    whole = targets.dtype.kind != "f" or bool((np.floor(targets) == targets).all() and (abs(targets) < 2**53).all())
    return targets.astype(np.int64) if targets.ndim == 1 and whole else None


def _outputs_of(model: Model, X: Any) -> int | None:
    """The number of classes of a model of one row of outputs for each sample."""
    try:
        shape = np.shape(X)
    except ValueError:  # ragged
        return None
    if len(shape) < 2:
        return None
    outputs: tuple[int, ...] = core_of(model).describe(list(shape[1:]))[-1][2]
    return outputs[0] if len(outputs) == 1 else None


def checked_weights(given: Any) -> Weights | None:
    """The class weights of a trainer's state, None where there are none."""
    try:
        weights = None if given is None else tuple(map(float, given))
    except (TypeError, ValueError):
        weights = ()
    if weights is not None and not (weights and np.isfinite(weights).all() and min(weights) >= 0):
        raise ConfigError(f"[Trainer] class_weights: expected numbers >= 0, got {describe(given)}")
    return weights
