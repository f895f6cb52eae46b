"""Targets of an estimator: how y becomes what the net learns, and the net's outputs what predict gives."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import type_of_target, unique_labels

from nncore._support.checks import describe
from nncore.errors import ConfigError
from nncore.nn._loss import Loss
from nncore.nn.losses import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HingeLoss,
    HuberLoss,
    NLLLoss,
    PerceptronLoss,
    PoissonNLLLoss,
)

_LABELLED = (CrossEntropyLoss, NLLLoss, HingeLoss, PerceptronLoss)
#: Half of the squared error: Huber's loss without its linear part, which begins here.
_NEVER_LINEAR = 1e300


class Labels:
    """Labels of any type: classes of one label each, two or more, or a 0/1 matrix of several labels."""

    def __init__(self, y: Any, classes: Any = None) -> None:
        self.binarizer = LabelBinarizer()
        self.binarizer.fit(y if classes is None or type_of_target(y).startswith("multilabel") else classes)
        self.classes = self.binarizer.classes_
        self.several = self.binarizer.y_type_.startswith("multilabel")
        self.sparse = self.binarizer.sparse_input_

    def check(self, where: str, y: Any, *, all_of_them: bool) -> None:
        """ValueError for classes that are not those of the first fit; with all_of_them also for fewer."""
        found = unique_labels(y)
        if all_of_them and set(found) != set(self.classes):
            raise ConfigError(
                f"[{where}] y: expected the classes of the fit before it for warm_start, {self.classes}, got {found}"
            )
        if not set(found) <= set(self.classes):
            raise ConfigError(f"[{where}] y: expected classes of {self.classes}, got {found}")

    def columns(self, y: Any) -> Any:
        """0 and 1: one column for two classes, else one for each class or label."""
        if not self.several:
            indices = self.indices(y)
            if len(self.classes) > 2:
                return (indices[:, None] == np.arange(len(self.classes))).astype(np.int8)
            return indices[:, None].astype(np.int8)
        matrix = self.binarizer.transform(y)
        return np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix, np.int8)

    def indices(self, y: Any) -> Any:
        """The number of each label's class."""
        return np.searchsorted(self.classes, np.asarray(y))

    def labels(self, z: Any, link: str | None) -> Any:
        """The labels that outputs z say; with the link of the loss."""
        border = 0.5 if link == "identity" else 0.0  # values learnt of 0 and 1, else logits or signs
        if self.several:
            marked = (z > border).astype(int)
            return self.binarizer.inverse_transform(marked) if self.sparse else marked
        if z.shape[1] > 1:
            return self.classes[np.minimum(z.argmax(axis=1), len(self.classes) - 1)]
        above = z[:, 0] >= 0 if link == "sign" else z[:, 0] > border
        return self.classes[np.minimum(above.astype(np.intp), len(self.classes) - 1)]


def half_squared_error() -> Loss:
    """(z - y)² / 2, the mean over all elements."""
    return HuberLoss(delta=_NEVER_LINEAR)


def own_loss(where: str, loss: Any) -> Loss:
    """A loss that the user gave; its copy, as a fit tells it things."""
    if not isinstance(loss, Loss):
        hint = f" (write {loss.__name__}())" if isinstance(loss, type) else ""
        raise ConfigError(f"[{where}] loss: expected a Loss or None, got {describe(loss)}{hint}")
    return copy.deepcopy(loss)


def takes_labels(loss: Loss, labels: Labels) -> bool:
    """Whether the loss of a classifier is given the number of each class, not columns of 0 and 1."""
    if labels.several:
        return False
    return isinstance(loss, _LABELLED) or loss.link in ("softmax", "log_softmax", "sign")


def classifier_loss(labels: Labels, n_outputs: int | None = None) -> Loss:
    """Cross-entropy: of a sigmoid where one output stands for a label, else of the softmax."""
    one_each = labels.several or (len(labels.classes) <= 2 if n_outputs is None else n_outputs == 1)
    return BCEWithLogitsLoss() if one_each else CrossEntropyLoss()


def classifier_targets(labels: Labels, loss: Loss, y: Any, n_outputs: int) -> Any:
    """y as the loss takes it."""
    if not takes_labels(loss, labels):
        columns = labels.columns(y)
        if columns.shape[1] == 1 and n_outputs == 2:
            columns = np.hstack([1 - columns, columns])
        return columns
    indices = labels.indices(y)
    if n_outputs == 1 and loss.link == "sign":
        return 2 * indices - 1
    return indices


def out_activation(loss: Loss) -> str:
    """scikit-learn's word for what follows the net."""
    if isinstance(loss, PoissonNLLLoss) and loss.log_input:
        return "exp"
    return {"softmax": "softmax", "log_softmax": "softmax", "sigmoid": "logistic"}.get(loss.link or "", "identity")


def probabilities(z: Any, link: str | None) -> Any:
    """Of classes or labels, from raw outputs; (N, 1) for one output."""
    z = np.asarray(z, np.float64)
    if link == "sigmoid":
        small = np.exp(-np.abs(z))
        return np.where(z >= 0, 1.0, small) / (1.0 + small)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def log_probabilities(z: Any, link: str | None) -> Any:
    """Their logarithms, finite for all finite outputs; two columns for one output."""
    z = np.asarray(z, np.float64)
    if link == "sigmoid":
        yes = -np.logaddexp(0.0, -z)
        return np.hstack([-np.logaddexp(0.0, z), yes]) if z.shape[1] == 1 else yes
    top = z - z.max(axis=1, keepdims=True)
    return top - np.log(np.exp(top).sum(axis=1, keepdims=True))
