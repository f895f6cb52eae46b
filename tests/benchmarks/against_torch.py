"""nncore against PyTorch eager, one thread each, in one process: `python tests/benchmarks/against_torch.py`.

The two train the same net from the same weights on the same batches in turn; their losses must agree before a time
is quoted. PyTorch gets its fused optimizers and batches that are ready. Printed: the best of all rounds, and the
median of the ratios of the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

import nncore as nc


class Workload(NamedTuple):
    """One net with its batch and optimizer."""

    name: str
    sizes: tuple[int, ...]
    activation: str
    batch: int
    batches: int
    optimizer: str
    lr: float


WORKLOADS = (
    Workload("moons 2-20-2, batch 1, SGD", (2, 20, 2), "ReLU", 1, 1000, "SGD", 0.01),
    Workload("moons 2-20-2, batch 16, SGD", (2, 20, 2), "ReLU", 16, 100, "SGD", 0.01),
    Workload("moons 2-20-2, full batch of 160, SGD", (2, 20, 2), "ReLU", 160, 1, "SGD", 0.01),
    Workload("MNIST 784-30-10, batch 10, SGD", (784, 30, 10), "Sigmoid", 10, 500, "SGD", 0.1),
    Workload("MNIST 784-30-10, batch 10, Adam", (784, 30, 10), "Sigmoid", 10, 500, "Adam", 1e-3),
)
STEPS = 200  # PyTorch's steps a round


def nets(work: Workload) -> tuple[nc.Sequential, torch.nn.Sequential]:
    """The same net twice, with the same weights."""
    ours: list[nc.Layer] = []
    theirs: list[torch.nn.Module] = []
    for i, (n_in, n_out) in enumerate(zip(work.sizes, work.sizes[1:], strict=False)):
        ours.append(nc.Linear(n_in, n_out))
        theirs.append(torch.nn.Linear(n_in, n_out))
        if i < len(work.sizes) - 2:
            ours.append(getattr(nc, work.activation)())
            theirs.append(getattr(torch.nn, work.activation)())
    net = nc.Sequential(*ours, seed=0)
    twin = torch.nn.Sequential(*theirs)
    twin.load_state_dict({name: torch.from_numpy(value) for name, value in net.state_dict().items()})
    return net, twin


def data(work: Workload) -> tuple[Any, Any]:
    """Moons for two features, else numbers of MNIST's size and sparsity."""
    n = work.batch * work.batches
    if work.sizes[0] == 2:
        X, y = nc.datasets.make_moons(n if n > 1 else 2, noise=0.2, seed=0)
    else:
        rng = np.random.default_rng(0)
        y = rng.integers(0, work.sizes[-1], n)
        X = rng.random((n, work.sizes[0])) * (rng.random((n, work.sizes[0])) < 0.2)
    return X[:n].astype(np.float32), y[:n].astype(np.int64)


def torch_runner(work: Workload, net: torch.nn.Sequential, X: Any, y: Any) -> Callable[[int], tuple[float, float]]:
    """A function of a number of steps that returns seconds a step and the last loss."""
    xs, ys = torch.from_numpy(X).split(work.batch), torch.from_numpy(y).split(work.batch)
    optimizer = getattr(torch.optim, work.optimizer)(net.parameters(), lr=work.lr, fused=True)
    loss_of = torch.nn.CrossEntropyLoss()
    done = 0

    def run(steps: int) -> tuple[float, float]:
        nonlocal done
        start = time.perf_counter()
        for _ in range(steps):
            xb, yb = xs[done % len(xs)], ys[done % len(xs)]
            optimizer.zero_grad()
            loss = loss_of(net(xb), yb)
            loss.backward()
            optimizer.step()
            done += 1
        return (time.perf_counter() - start) / steps, loss.item()

    return run


def our_runner(work: Workload, net: nc.Sequential, X: Any, y: Any) -> Callable[[int], tuple[float, float]]:
    """The same for nncore, in whole epochs."""
    optimizer = getattr(nc, work.optimizer)(lr=work.lr)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), optimizer, batch_size=work.batch, shuffle=False)

    def run(steps: int) -> tuple[float, float]:
        epochs = max(1, steps // work.batches)
        start = time.perf_counter()
        history = trainer.fit(X, y, epochs)
        return (time.perf_counter() - start) / history.n_steps, float(history.steps["loss"][-1])

    return run


def compare(work: Workload, rounds: int) -> None:
    """Checks that the losses agree, then times in turn."""
    X, y = data(work)
    ours, theirs = nets(work)
    epochs = max(1, STEPS // work.batches)
    _, loss = our_runner(work, ours, X, y)(epochs * work.batches)
    _, twin_loss = torch_runner(work, theirs, X, y)(epochs * work.batches)
    if abs(loss - twin_loss) > 1e-4 * max(1.0, abs(twin_loss)):
        raise SystemExit(f"{work.name}: losses differ, {loss} and {twin_loss}; no time is quoted")
    ours, theirs = nets(work)
    run, run_twin = our_runner(work, ours, X, y), torch_runner(work, theirs, X, y)
    many = max(STEPS, work.batches, 2000)
    best, best_twin, ratios = np.inf, np.inf, []
    for _ in range(rounds):
        seconds_twin, _ = run_twin(STEPS)
        seconds, _ = run(many)
        best, best_twin = min(best, seconds), min(best_twin, seconds_twin)
        ratios.append(seconds_twin / seconds)
    print(f"| {work.name} | {1e6 * best_twin:.0f} | {1e6 * best:.2f} | {statistics.median(ratios):.0f}x |", flush=True)


def compare_rosenbrock(rounds: int) -> None:
    """Gradient descent on Rosenbrock's function, the path recorded."""
    steps, few = 100_000, 300
    ratios, best, best_twin = [], np.inf, np.inf
    for _ in range(rounds):
        x = torch.tensor([-4.0, -2.0], dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.SGD([x], lr=1e-4, fused=True)
        path = torch.empty(few, 2, dtype=torch.float64)
        start = time.perf_counter()
        for i in range(few):
            optimizer.zero_grad()
            f = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
            f.backward()
            optimizer.step()
            path[i] = x.detach()
        seconds_twin = (time.perf_counter() - start) / few
        start = time.perf_counter()
        result = nc.minimize("rosenbrock", [-4.0, -2.0], nc.SGD(lr=1e-4), steps)
        seconds = (time.perf_counter() - start) / steps
        if not np.allclose(result.path[few], path[-1].numpy(), rtol=1e-9):
            raise SystemExit("Rosenbrock: paths differ; no time is quoted")
        best, best_twin = min(best, seconds), min(best_twin, seconds_twin)
        ratios.append(seconds_twin / seconds)
    name = "Rosenbrock, gradient descent, float64"
    print(f"| {name} | {1e6 * best_twin:.0f} | {1e6 * best:.4f} | {statistics.median(ratios):.0f}x |", flush=True)


def main() -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30, help="rounds of each workload")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    nc.set_num_threads(1)
    print(f"PyTorch {torch.__version__}, nncore {nc.__version__} ({nc.info()['kernel set']}), one thread each\n")
    print("| workload | PyTorch, µs a step | nncore, µs a step | median ratio |\n|---|---|---|---|")
    for work in WORKLOADS:
        compare(work, rounds)
    compare_rosenbrock(rounds)


if __name__ == "__main__":
    main()
