"""JAX: a whole run of many steps is one compiled lax.scan."""

from __future__ import annotations

import functools
import os
import time
from typing import Any

_FLAGS = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def limit_threads(n: int) -> None:
    """Before the first import, or never: XLA makes its threads once."""
    if n == 1:
        os.environ.setdefault("XLA_FLAGS", _FLAGS)
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    _jax()


@functools.cache
def _jax() -> Any:
    import jax

    jax.config.update("jax_enable_x64", True)  # for the descents; the nets stay float32
    return jax


def title() -> str:
    return f"JAX {_jax().__version__}, run in lax.scan"


def _rule(optimizer: str, settings: dict[str, Any]) -> tuple[Any, Any]:
    """(state of a parameter, update of a parameter with its state at step t)."""
    jnp = _jax().numpy
    lr, momentum = settings["lr"], settings.get("momentum", 0.0)
    if optimizer == "Adam":

        def adam(w: Any, g: Any, state: Any, t: Any) -> Any:
            m, v = 0.9 * state[0] + 0.1 * g, 0.999 * state[1] + 0.001 * g * g
            t = t.astype(w.dtype)
            step = lr / (1 - 0.9**t) * m / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)
            return (w - step).astype(w.dtype), (m.astype(w.dtype), v.astype(w.dtype))

        return (lambda w: (jnp.zeros_like(w), jnp.zeros_like(w))), adam
    if momentum:

        def heavy(w: Any, g: Any, state: Any, t: Any) -> Any:
            v = momentum * state + g
            return w - lr * v, v

        return jnp.zeros_like, heavy
    return (lambda w: ()), lambda w, g, state, t: (w - lr * g, state)


class _Net:
    def __init__(self, work: Any, weights: Any, X: Any, y: Any) -> None:
        jax, jnp = _jax(), _jax().numpy
        xs = jnp.asarray(X.reshape(work.batches, work.batch, -1))
        ys = jnp.asarray(y.reshape(work.batches, work.batch))
        act = jax.nn.relu if work.activation == "ReLU" else jax.nn.sigmoid
        self._state_of, update = _rule(work.optimizer, {"lr": work.lr})
        self._carry = self.start(weights)
        tree = self._tree

        def loss(ws: Any, x: Any, labels: Any) -> Any:
            for w, b in ws[:-1]:
                x = act(x @ w + b)
            logits = jax.nn.log_softmax(x @ ws[-1][0] + ws[-1][1])
            return -jnp.take_along_axis(logits, labels[:, None], axis=1).mean()

        def step(carry: Any, t: Any) -> Any:
            ws, states = carry
            at = (t - 1) % work.batches
            gradients = jax.tree.leaves(jax.grad(loss)(jax.tree.unflatten(tree, ws), xs[at], ys[at]))
            pairs = [update(w, g, s, t) for w, g, s in zip(ws, gradients, states, strict=True)]
            return ([w for w, _ in pairs], [s for _, s in pairs]), None

        @functools.partial(jax.jit, static_argnums=2)
        def run(carry: Any, first: Any, steps: int) -> Any:
            return jax.lax.scan(step, carry, first + 1 + jnp.arange(steps))[0]

        self._run, self.step = run, step
        self._done = 0

    def start(self, weights: Any) -> Any:
        """Parameters and optimizer state before the first step."""
        jax, jnp = _jax(), _jax().numpy
        flat, self._tree = jax.tree.flatten([(jnp.asarray(w.T), jnp.asarray(b)) for w, b in weights])
        return flat, [self._state_of(w) for w in flat]

    def run(self, steps: int) -> float:
        start = time.perf_counter()
        self._carry = _jax().block_until_ready(self._run(self._carry, self._done, steps))
        self._done += steps
        return time.perf_counter() - start

    def result(self) -> Any:
        return self.weights(self._carry)

    def weights(self, carry: Any) -> Any:
        """(weight, bias) of each layer."""
        import numpy as np

        return [(np.asarray(w).T, np.asarray(b)) for w, b in _jax().tree.unflatten(self._tree, carry[0])]


class _Many:
    """One vmap over the nets, inside the scan over the steps; from the start each time."""

    def __init__(self, work: Any, starts: Any, X: Any, y: Any) -> None:
        jax, jnp = _jax(), _jax().numpy
        net = _Net(work.net, starts[0], X, y)
        states = [net.start(weights) for weights in starts]
        self._start = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
        many = jax.vmap(net.step, in_axes=(0, None), out_axes=(0, None))
        self._run = jax.jit(lambda carry, ts: jax.lax.scan(many, carry, ts)[0])
        self._net, self._count = net, work.count

    def run(self, steps: int) -> float:
        times = 1 + _jax().numpy.arange(steps)
        start = time.perf_counter()
        self._end = _jax().block_until_ready(self._run(self._start, times))
        return (time.perf_counter() - start) / self._count

    def result(self) -> Any:
        jax = _jax()
        return [self._net.weights(jax.tree.map(lambda leaf, i=i: leaf[i], self._end)) for i in range(self._count)]


class _Descent:
    def __init__(self, work: Any, start: Any) -> None:
        jax, jnp = _jax(), _jax().numpy
        state_of, update = _rule(work.optimizer, work.settings)
        gradient = jax.grad(lambda x: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2)

        def step(carry: Any, t: Any) -> Any:
            carry = update(carry[0], gradient(carry[0]), carry[1], t)
            return carry, carry[0]

        @functools.partial(jax.jit, static_argnums=1)
        def run(x: Any, steps: int) -> Any:
            return jax.lax.scan(step, (x, state_of(x)), 1 + jnp.arange(steps))[1]

        self._run, self._start = run, jnp.asarray(start, dtype=jnp.float64)

    def run(self, steps: int) -> float:
        start = time.perf_counter()
        self._path = _jax().block_until_ready(self._run(self._start, steps))
        return time.perf_counter() - start

    def result(self) -> Any:
        return self._path[-1]


net, descent, many = _Net, _Descent, _Many
