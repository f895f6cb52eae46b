"""NumPy as one writes it who cares: float32, in place where it can be."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import threadpoolctl


def title() -> str:
    cores = sorted({pool["architecture"] for pool in threadpoolctl.threadpool_info() if "architecture" in pool})
    return f"NumPy {np.__version__} by hand (BLAS: {', '.join(cores) or 'unknown'})"


def limit_threads(n: int) -> None:
    threadpoolctl.threadpool_limits(n)


class _Net:
    def __init__(self, work: Any, weights: Any, X: Any, y: Any) -> None:
        self._w = [np.ascontiguousarray(w.T) for w, _ in weights]
        self._b = [b.copy() for _, b in weights]
        self._relu = work.activation == "ReLU"
        self._lr = np.float32(work.lr)
        self._batches = [
            (X[i : i + work.batch], np.eye(work.sizes[-1], dtype=np.float32)[y[i : i + work.batch]])
            for i in range(0, len(X), work.batch)
        ]
        self._done = 0
        self._moments = None
        if work.optimizer == "Adam":
            self._moments = [(np.zeros_like(p), np.zeros_like(p)) for p in self._w + self._b]

    def run(self, steps: int) -> float:
        start = time.perf_counter()
        for _ in range(steps):
            x, onehot = self._batches[self._done % len(self._batches)]
            self._done += 1
            self._step(x, onehot)
        return time.perf_counter() - start

    def _step(self, x: Any, onehot: Any) -> None:
        w, b = self._w, self._b
        outputs = [x]
        for i in range(len(w)):
            z = outputs[-1] @ w[i]
            z += b[i]
            if i < len(w) - 1:
                if self._relu:
                    np.maximum(z, 0, out=z)
                else:
                    np.negative(z, out=z)
                    np.exp(z, out=z)
                    z += 1
                    np.reciprocal(z, out=z)
            outputs.append(z)
        d = outputs.pop()
        d -= d.max(axis=1, keepdims=True)
        np.exp(d, out=d)
        d /= d.sum(axis=1, keepdims=True)
        d -= onehot
        d /= np.float32(len(x))
        dw, db = [], []
        for i in reversed(range(len(w))):
            dw.append(outputs[i].T @ d)
            db.append(d.sum(axis=0))
            if i:
                d = d @ w[i].T
                y = outputs[i]
                d *= (y > 0) if self._relu else y * (1 - y)
        self._update(w + b, dw[::-1] + db[::-1])

    def _update(self, parameters: list[Any], gradients: list[Any]) -> None:
        if self._moments is None:
            for p, g in zip(parameters, gradients, strict=True):
                g *= self._lr
                p -= g
            return
        first, second = 1 - 0.9**self._done, 1 - 0.999**self._done
        for p, g, (m, v) in zip(parameters, gradients, self._moments, strict=True):
            m *= np.float32(0.9)
            m += np.float32(0.1) * g
            g *= g
            g *= np.float32(0.001)
            v *= np.float32(0.999)
            v += g
            np.divide(v, np.float32(second), out=g)
            np.sqrt(g, out=g)
            g += np.float32(1e-8)
            np.divide(m, g, out=g)
            g *= np.float32(self._lr / first)
            p -= g

    def result(self) -> Any:
        return [(w.T, b) for w, b in zip(self._w, self._b, strict=True)]


class _Descent:
    def __init__(self, work: Any, start: Any) -> None:
        self._adam = work.optimizer == "Adam"
        self._lr, self._momentum = work.settings["lr"], work.settings.get("momentum", 0.0)
        self._start = start

    def run(self, steps: int) -> float:
        """Two numbers: plain floats are faster than arrays."""
        start = time.perf_counter()
        path = np.empty((steps, 2))
        x, y = map(float, self._start)
        m0 = m1 = v0 = v1 = 0.0
        for t in range(1, steps + 1):
            gy = 200 * (y - x * x)
            gx = -2 * (1 - x) - 2 * x * gy
            if self._adam:
                m0, m1 = 0.9 * m0 + 0.1 * gx, 0.9 * m1 + 0.1 * gy
                v0, v1 = 0.999 * v0 + 0.001 * gx * gx, 0.999 * v1 + 0.001 * gy * gy
                rate, second = self._lr / (1 - 0.9**t), 1 - 0.999**t
                x -= rate * m0 / ((v0 / second) ** 0.5 + 1e-8)
                y -= rate * m1 / ((v1 / second) ** 0.5 + 1e-8)
            else:
                m0, m1 = self._momentum * m0 + gx, self._momentum * m1 + gy
                x -= self._lr * m0
                y -= self._lr * m1
            path[t - 1] = x, y
        self._end = path[-1]
        return time.perf_counter() - start

    def result(self) -> Any:
        return self._end


net, descent = _Net, _Descent
