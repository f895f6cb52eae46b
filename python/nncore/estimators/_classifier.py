"""What classifiers predict: labels and probabilities, from the net's raw outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if

from nncore.estimators._base import Data, NetEstimator
from nncore.estimators._scikit_learn import dense
from nncore.estimators._targets import Labels, log_probabilities, probabilities
from nncore.nn._loss import Loss

_LINKS = ("softmax", "log_softmax", "sigmoid")


def _has_probabilities(estimator: Any) -> bool:
    """Whether the loss makes outputs probabilities: the usual one does."""
    loss = estimator.loss
    if loss is None or getattr(loss, "link", None) in _LINKS:
        return True
    raise AttributeError(f"{type(estimator).__name__} with loss={loss!r} has no probabilities")


class Classifier(ClassifierMixin, NetEstimator):
    """Base of the classifiers."""

    classes_: Any
    _labels: Labels
    _of_classes = True
    _multi_label = True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _prepare(self, y: Any, *, first: bool) -> None:
        known = "_labels" in self.__dict__ and hasattr(self, "classes_")
        if not known or (first and "model_" in self.__dict__ and not self.warm_start):
            self._labels = Labels(y)
        else:
            self._labels.check(type(self).__name__, y, all_of_them=self.warm_start)
        self.classes_ = self._labels.classes

    def _check_held_out(self, y: Any) -> None:
        self._labels.check(type(self).__name__, y, all_of_them=False)

    def predict(self, X: Any) -> Any:
        """The label of each row (N,), or for several labels a 0/1 matrix (N, labels)."""
        z, _ = self._outputs(X)
        return self._predicted(z)

    def _predicted(self, z: Any) -> Any:
        return self._labels.labels(z, self._loss_link)

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> Any:
        """Probabilities (N, classes), in the order of classes_; for several labels that of each."""
        z, dtype = self._outputs(X)
        p = probabilities(z, self._loss_link)
        if p.shape[1] == 1:
            p = np.hstack([1.0 - p, p])
        elif self._one_against_rest():
            p /= p.sum(axis=1, keepdims=True)
        return p.astype(dtype, copy=False)

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: Any) -> Any:
        """Their logarithms, finite also where a probability is too small for a number."""
        z, dtype = self._outputs(X)
        log_p = log_probabilities(z, self._loss_link)
        if self._one_against_rest():
            log_p -= np.logaddexp.reduce(log_p, axis=1, keepdims=True)
        return log_p.astype(dtype, copy=False)

    def _one_against_rest(self) -> bool:
        """Whether each class has a sigmoid of its own, though a sample has one class."""
        return self._loss_link == "sigmoid" and not self._labels.several and self.n_outputs_ > 1

    def _counts_right(self, loss: Loss) -> bool:
        return not self._labels.several and loss.link is not None and loss.link != "identity"

    def _score_of(self, held_out: Data, record: dict[str, float]) -> float:
        if "val_accuracy" in record:
            return record["val_accuracy"]
        z = self.model_(held_out.X)
        if not np.isfinite(z).all():
            return float("nan")
        predicted = dense(self._predicted(z))
        right = predicted == held_out.given
        if np.ndim(right) == 2:
            right = right.all(axis=1)
        return float(np.average(right, weights=held_out.weights))
