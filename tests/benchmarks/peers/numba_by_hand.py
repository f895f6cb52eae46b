"""Numba: a whole run of many steps in one compiled function; loops for a few features, products by BLAS for many."""

from __future__ import annotations

import math
import time
from typing import Any

import numba
import numpy as np
import threadpoolctl

from peers import Unsupported

_FEW = 64  # input features up to which loops are faster than BLAS


def title() -> str:
    return f"Numba {numba.__version__} by hand"


def limit_threads(n: int) -> None:
    numba.set_num_threads(min(n, numba.config.NUMBA_NUM_THREADS))
    threadpoolctl.threadpool_limits(n)


@numba.njit(fastmath=True)
def _softmax_gradient(z: Any, labels: Any) -> None:
    """z becomes (softmax(z) - onehot) / N, row by row."""
    n, classes = z.shape
    for r in range(n):
        top = z[r].max()
        total = np.float32(0)
        for c in range(classes):
            z[r, c] = math.exp(z[r, c] - top)
            total += z[r, c]
        for c in range(classes):
            z[r, c] /= total * n
        z[r, labels[r]] -= np.float32(1) / n


@numba.njit(fastmath=True)
def _by_loops(first: int, steps: int, batch: int, X: Any, y: Any, W: Any, b: Any, V: Any, c: Any, lr: Any) -> None:
    """ReLU net with W (in, hidden), V (hidden, out); SGD."""
    n_in, hidden = W.shape
    out = V.shape[1]
    h, z = np.empty((batch, hidden), np.float32), np.empty((batch, out), np.float32)
    dW, db, dV, dc = np.empty_like(W), np.empty_like(b), np.empty_like(V), np.empty_like(c)
    batches = len(X) // batch
    for s in range(first, first + steps):
        at = s % batches * batch
        dW[:] = 0
        db[:] = 0
        dV[:] = 0
        dc[:] = 0
        for r in range(batch):
            for j in range(hidden):
                h[r, j] = b[j]
            for k in range(n_in):
                for j in range(hidden):
                    h[r, j] += X[at + r, k] * W[k, j]
            for j in range(hidden):
                h[r, j] = max(h[r, j], np.float32(0))
            for o in range(out):
                z[r, o] = c[o]
                for j in range(hidden):
                    z[r, o] += h[r, j] * V[j, o]
        _softmax_gradient(z, y[at : at + batch])
        for r in range(batch):
            for o in range(out):
                dc[o] += z[r, o]
            for j in range(hidden):
                d = np.float32(0)
                for o in range(out):
                    dV[j, o] += h[r, j] * z[r, o]
                    d += z[r, o] * V[j, o]
                h[r, j] = d if h[r, j] > 0 else np.float32(0)
                db[j] += h[r, j]
            for k in range(n_in):
                for j in range(hidden):
                    dW[k, j] += X[at + r, k] * h[r, j]
        W -= lr * dW
        b -= lr * db
        V -= lr * dV
        c -= lr * dc


@numba.njit(fastmath=True)
def _adam(p: Any, g: Any, m: Any, v: Any, lr: Any, t: int) -> None:
    rate, second = np.float32(lr / (1 - 0.9**t)), np.float32(1 / (1 - 0.999**t))
    p, g, m, v = p.ravel(), g.ravel(), m.ravel(), v.ravel()
    for i in range(p.size):
        m[i] = np.float32(0.9) * m[i] + np.float32(0.1) * g[i]
        v[i] = np.float32(0.999) * v[i] + np.float32(0.001) * g[i] * g[i]
        p[i] -= rate * m[i] / (np.sqrt(v[i] * second) + np.float32(1e-8))


@numba.njit(fastmath=True)
def _by_products(
    first: int,
    steps: int,
    batch: int,
    X: Any,
    y: Any,
    W: Any,
    b: Any,
    V: Any,
    c: Any,
    lr: Any,
    relu: bool,
    moments: Any,
) -> None:
    """The same with BLAS; ReLU or sigmoid; SGD, or Adam when there are moments."""
    batches = len(X) // batch
    for s in range(first, first + steps):
        at = s % batches * batch
        x = X[at : at + batch]
        h = x @ W
        for r in range(batch):
            for j in range(h.shape[1]):
                a = h[r, j] + b[j]
                h[r, j] = max(a, np.float32(0)) if relu else np.float32(1) / (np.float32(1) + np.exp(-a))
        z = h @ V + c
        _softmax_gradient(z, y[at : at + batch])
        dV, dc = h.T @ z, z.sum(axis=0)
        d = z @ V.T
        for r in range(batch):
            for j in range(h.shape[1]):
                if relu:
                    d[r, j] = d[r, j] if h[r, j] > 0 else np.float32(0)
                else:
                    d[r, j] *= h[r, j] * (np.float32(1) - h[r, j])
        dW, db = x.T @ d, d.sum(axis=0)
        if len(moments) == 0:
            W -= lr * dW
            b -= lr * db
            V -= lr * dV
            c -= lr * dc
        else:
            t = s + 1
            _adam(W, dW, moments[0][: W.size], moments[1][: W.size], lr, t)
            _adam(V, dV, moments[2][: V.size], moments[3][: V.size], lr, t)
            _adam(b, db, moments[4][: b.size], moments[5][: b.size], lr, t)
            _adam(c, dc, moments[6][: c.size], moments[7][: c.size], lr, t)


class _Net:
    def __init__(self, work: Any, weights: Any, X: Any, y: Any) -> None:
        if len(work.sizes) != 3:
            raise Unsupported("written for two layers")
        (W, b), (V, c) = weights
        self._parameters = [np.ascontiguousarray(W.T), b.copy(), np.ascontiguousarray(V.T), c.copy()]
        self._work, self._data, self._done = work, (X, y), 0
        rows = 8 if work.optimizer == "Adam" else 0
        self._moments = np.zeros((rows, max(p.size for p in self._parameters)), np.float32)
        self._loops = work.sizes[0] <= _FEW and work.activation == "ReLU" and work.optimizer == "SGD"

    def run(self, steps: int) -> float:
        work, lr = self._work, np.float32(self._work.lr)
        arguments = (self._done, steps, work.batch, *self._data, *self._parameters, lr)
        start = time.perf_counter()
        if self._loops:
            _by_loops(*arguments)
        else:
            _by_products(*arguments, work.activation == "ReLU", self._moments)
        self._done += steps
        return time.perf_counter() - start

    def result(self) -> Any:
        W, b, V, c = self._parameters
        return [(W.T, b), (V.T, c)]


@numba.njit
def _descend(path: Any, x: float, y: float, adam: bool, lr: float, momentum: float) -> None:
    m0 = m1 = v0 = v1 = 0.0
    power1 = power2 = 1.0
    for t in range(len(path)):
        gy = 200 * (y - x * x)
        gx = -2 * (1 - x) - 2 * x * gy
        if adam:
            power1 *= 0.9
            power2 *= 0.999
            m0, m1 = 0.9 * m0 + 0.1 * gx, 0.9 * m1 + 0.1 * gy
            v0, v1 = 0.999 * v0 + 0.001 * gx * gx, 0.999 * v1 + 0.001 * gy * gy
            rate, second = lr / (1 - power1), 1 / (1 - power2)
            x -= rate * m0 / (math.sqrt(v0 * second) + 1e-8)
            y -= rate * m1 / (math.sqrt(v1 * second) + 1e-8)
        else:
            m0, m1 = momentum * m0 + gx, momentum * m1 + gy
            x -= lr * m0
            y -= lr * m1
        path[t, 0] = x
        path[t, 1] = y


class _Descent:
    def __init__(self, work: Any, start: Any) -> None:
        self._arguments = (*start, work.optimizer == "Adam", work.settings["lr"], work.settings.get("momentum", 0.0))

    def run(self, steps: int) -> float:
        start = time.perf_counter()
        path = np.empty((steps, 2))
        _descend(path, *self._arguments)
        self._end = path[-1]
        return time.perf_counter() - start

    def result(self) -> Any:
        return self._end


net, descent = _Net, _Descent
