"""scikit-learn: MLPClassifier.partial_fit, which goes once through what it is given, batch by batch."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import sklearn
import threadpoolctl
from sklearn.neural_network import MLPClassifier

from peers import Unsupported

TOLERANCE = 1e-3  # its Adam adds eps before the second correction, not after it


def title() -> str:
    return f"scikit-learn {sklearn.__version__}"


def limit_threads(n: int) -> None:
    threadpoolctl.threadpool_limits(n)


class _Net:
    def __init__(self, work: Any, weights: Any, X: Any, y: Any) -> None:
        self._model = MLPClassifier(
            work.sizes[1:-1],
            activation={"ReLU": "relu", "Sigmoid": "logistic"}[work.activation],
            solver=work.optimizer.lower(),
            alpha=0.0,
            batch_size=work.batch,
            learning_rate_init=work.lr,
            shuffle=False,
            momentum=0.0,
            nesterovs_momentum=False,
        )
        self._model.partial_fit(X[: work.batch], y[: work.batch], classes=np.arange(work.sizes[-1]))
        self._two = work.sizes[-1] == 2  # it uses one logistic output then: another net
        if not self._two:
            for i, (weight, bias) in enumerate(weights):
                self._model.coefs_[i] = np.ascontiguousarray(weight.T)
                self._model.intercepts_[i] = bias.copy()
        del self._model._optimizer  # made anew for these weights
        self._data, self._work, self._done = (X, y), work, 0

    def run(self, steps: int) -> float:
        (X, y), batch, batches = self._data, self._work.batch, self._work.batches
        end = self._done + steps
        start = time.perf_counter()
        while self._done < end:
            at = self._done % batches
            count = min(batches - at, end - self._done)
            rows = slice(at * batch, (at + count) * batch)
            self._model.partial_fit(X[rows], y[rows])
            self._done += count
        return time.perf_counter() - start

    def result(self) -> Any:
        if self._two:
            return None
        return [(w.T, b) for w, b in zip(self._model.coefs_, self._model.intercepts_, strict=True)]


def descent(work: Any, start: Any) -> Any:
    raise Unsupported("no minimisation of functions")


net = _Net
