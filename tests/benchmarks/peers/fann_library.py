"""FANN 2.2 through ctypes (Debian: libfann2): stepwise sigmoids and squared error, the fastest it has; no ReLU, no
softmax.

Its steps do as much arithmetic as ours on nets of the same sizes, but they are other nets: no losses to compare.
"""

from __future__ import annotations

import ctypes
import time
from typing import Any

import numpy as np

from peers import Unsupported

_INCREMENTAL, _BATCH, _SIGMOID_STEPWISE = 0, 1, 4
_library = ctypes.CDLL("libfloatfann.so.2")
_FILL = ctypes.CFUNCTYPE(
    None, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint, ctypes.POINTER(ctypes.c_float), ctypes.POINTER(ctypes.c_float)
)
_library.fann_create_standard_array.restype = ctypes.c_void_p
_library.fann_create_train_from_callback.restype = ctypes.c_void_p
_library.fann_train_epoch.restype = ctypes.c_float
_library.fann_train_epoch.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
_library.fann_set_learning_rate.argtypes = [ctypes.c_void_p, ctypes.c_float]


def title() -> str:
    return "FANN 2.2"


def limit_threads(n: int) -> None:
    """It has one."""


class _Net:
    def __init__(self, work: Any, weights: Any, X: Any, y: Any) -> None:
        if work.optimizer != "SGD":
            raise Unsupported(f"no {work.optimizer}")
        sizes = (ctypes.c_uint * len(work.sizes))(*work.sizes)
        self._net = ctypes.c_void_p(_library.fann_create_standard_array(len(sizes), sizes))
        _library.fann_set_activation_function_hidden(self._net, _SIGMOID_STEPWISE)
        _library.fann_set_activation_function_output(self._net, _SIGMOID_STEPWISE)
        _library.fann_set_training_algorithm(self._net, _INCREMENTAL if work.batch == 1 else _BATCH)
        _library.fann_set_learning_rate(self._net, work.lr)
        # one by one an epoch is many steps in one call; in batches each is a call
        size = len(X) if work.batch == 1 else work.batch
        targets = np.eye(work.sizes[-1], dtype=np.float32)[y]
        self._sets = [_rows(X[i : i + size], targets[i : i + size]) for i in range(0, len(X), size)]
        self._steps = size if work.batch == 1 else 1  # of a set
        self._done = 0

    def run(self, steps: int) -> float:
        calls = max(1, steps // self._steps)
        start = time.perf_counter()
        for i in range(self._done, self._done + calls):
            _library.fann_train_epoch(self._net, self._sets[i % len(self._sets)])
        seconds = time.perf_counter() - start
        self._done += calls
        return seconds * steps / (calls * self._steps)

    def result(self) -> Any:
        return None


def _rows(X: Any, Y: Any) -> ctypes.c_void_p:
    """Training data that the library owns."""

    def fill(number: int, n_in: int, n_out: int, x: Any, y: Any) -> None:
        np.ctypeslib.as_array(x, (n_in,))[:] = X[number]
        np.ctypeslib.as_array(y, (n_out,))[:] = Y[number]

    made = _library.fann_create_train_from_callback(len(X), X.shape[1], Y.shape[1], _FILL(fill))
    return ctypes.c_void_p(made)


def descent(work: Any, start: Any) -> Any:
    raise Unsupported("no minimisation of functions")


net = _Net
