"""Two builds of nncore beside each other: `python tests/benchmarks/builds.py OLD NEW`, each the folder of a package.

Each build trains and predicts in a process of its own; the two take turns, A, B, B, A, A, B, …, one at a time, and
the other sleeps. Printed in Markdown: the best time of each, and the median of the rounds' ratios, old to new: above
1 the new build is faster. Exit code 1 when a ratio is below --least.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from nets import BATCHES, WORKS, Work

Run = Callable[[int], float]  # so many steps, seconds a step
RESIDUAL = "residual"
SMALL = {"row-dense": (784, 30, 10), "row-tiny": (2, 20, 2)}
TITLES = {
    RESIDUAL: "residual blocks, 32 channels on 16x16, batch 32, SGD",
    "row-dense": "`net(x)`, one row, 784-30-10",
    "row-tiny": "`net(x)`, one row, 2-20-2",
    "step": "`Trainer.step`, 2-20-2, batch 16",
    "hand": "a step by hand, 2-20-2, batch 16",
    "sweep": "a sweep of 64 nets 2-20-2, batch 16",
    "python": "`minimize` of a Python function, Adam",
}


def trained(nc: Any, net: Any, X: Any, y: Any, batch: int, optimizer: str) -> Run:
    """Steps of a fit."""
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), getattr(nc, optimizer)(lr=1e-3), batch_size=batch, shuffle=False)
    return lambda steps: trainer.fit(X, y, steps=steps, metrics=(), progress=False).seconds / steps


def timed(call: Callable[[], Any]) -> Run:
    """Calls of one function."""

    def run(steps: int) -> float:
        start = time.perf_counter()
        for _ in range(steps):
            call()
        return (time.perf_counter() - start) / steps

    return run


def images(nc: Any, work: Work) -> Run:
    """One of the networks of images."""
    rng = np.random.default_rng(0)
    n = work.batch * (BATCHES if work.optimizer else 1)
    X, y = rng.normal(size=(n, *work.sample)).astype(work.dtype), rng.integers(0, 10, n)
    net = nc.Sequential(*work.layers(nc, 0.5), dtype=work.dtype, seed=0)
    return trained(nc, net, X, y, work.batch, work.optimizer) if work.optimizer else timed(lambda: net(X))


def residual(nc: Any) -> Run:
    """Two residual blocks with BatchNorm between convolutions."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(128, 3, 16, 16)).astype(np.float32), rng.integers(0, 10, 128)

    def conv() -> Any:
        return nc.Conv2d(32, 32, 3, padding=1, bias=False)

    def block() -> Any:
        return nc.Residual(conv(), nc.BatchNorm2d(32), nc.ReLU(), conv(), nc.BatchNorm2d(32))

    first, last = [nc.Conv2d(3, 32, 3, padding=1), nc.ReLU()], [nc.GlobalAvgPool2d(), nc.Flatten(), nc.Linear(32, 10)]
    net = nc.Sequential(*first, block(), nc.ReLU(), block(), nc.ReLU(), *last, seed=0)
    return trained(nc, net, X, y, 32, "SGD")


def small(nc: Any, key: str) -> Run:
    """What takes microseconds a call."""
    rng = np.random.default_rng(0)
    if key in SMALL:
        net, x = nc.mlp(list(SMALL[key]), seed=0), rng.normal(size=(1, SMALL[key][0])).astype(np.float32)
        return timed(lambda: net(x))
    if key == "python":
        A = np.diag([1.0, 10.0])
        return lambda steps: (
            timed(lambda: nc.minimize(lambda x: (0.5 * x @ A @ x, A @ x), [1.0, 1.0], nc.Adam(lr=0.1), steps))(1)
            / steps
        )
    X, y = rng.normal(size=(16, 2)).astype(np.float32), rng.integers(0, 2, 16)
    if key == "sweep":
        data = np.tile(X, (50, 1)), np.tile(y, 50)
        return lambda steps: (
            timed(
                lambda: nc.sweep(lambda seed: new_trainer(nc, seed), {}, *data, steps=steps, seeds=64, progress=False)
            )(1)
            / (64 * steps)
        )
    trainer = new_trainer(nc, 0)
    if key == "step":
        return timed(lambda: trainer.step(X, y))
    net, loss, optimizer = trainer.model.copy(), nc.CrossEntropyLoss(), nc.SGD(lr=0.01)

    def by_hand() -> None:
        _, dz = loss(net.forward(X, training=True), y)
        net.zero_grad()
        net.backward(dz)
        optimizer.step(net)

    return timed(by_hand)


def new_trainer(nc: Any, seed: int) -> Any:
    """Of the net of the moons."""
    return nc.Trainer(nc.mlp([2, 20, 2], seed=seed), nc.CrossEntropyLoss(), nc.SGD(lr=0.01), batch_size=16, seed=seed)


def new_run(key: str) -> Run:
    """The workload of this name, in the build that this process imports."""
    import nncore as nc
    from nncore.cli._workloads import NETS, ROSENBROCK_START, WORKLOADS

    if key in WORKS:
        return images(nc, WORKS[key])
    if key in NETS:
        work = NETS[key]
        return trained(nc, work.model(), *work.data(), work.batch, work.optimizer)
    if key in WORKLOADS:
        return lambda steps: (
            timed(lambda: nc.minimize("rosenbrock", ROSENBROCK_START, WORKLOADS[key].new_optimizer(), steps))(1) / steps
        )
    return residual(nc) if key == RESIDUAL else small(nc, key)


def serve() -> None:
    """A build's process: reads `<workload> <steps>`, answers with the seconds of a step."""
    runs: dict[str, Run] = {}
    for line in sys.stdin:
        key, steps = line.split()
        if key not in runs:
            runs.clear()
            runs[key] = new_run(key)
        print(runs[key](int(steps)), flush=True)


class Build:
    """One of the two."""

    def __init__(self, folder: str, threads: int) -> None:
        path = os.pathsep.join([str(Path(folder).resolve()), str(Path(__file__).parent)])
        environment = {**os.environ, "PYTHONPATH": path, "NNCORE_NUM_THREADS": str(threads)}
        command = [sys.executable, __file__, "--serve"]
        self._process = subprocess.Popen(
            command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def seconds(self, key: str, steps: int) -> float:
        """Of one step."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(key, steps, file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()


def compare(args: argparse.Namespace) -> Iterator[tuple[str, float]]:
    """A line of the table and its ratio for each workload."""
    for threads in args.threads:
        builds = [Build(folder, threads) for folder in (args.old, args.new)]
        for key in args.workloads:
            for build in builds:
                build.seconds(key, 2)
            pace = max(min(build.seconds(key, 2) for build in builds), 1e-9)
            pace = max(min(build.seconds(key, max(2, int(0.01 / pace))) for build in builds), 1e-9)
            steps = max(2, min(int(args.seconds / pace), 1_000_000))
            times: list[list[float]] = [[], []]
            for number in range(args.rounds):
                for which in (0, 1) if number % 2 == 0 else (1, 0):
                    builds[which].seconds(key, max(2, steps // 20))
                    times[which].append(builds[which].seconds(key, steps))
            ratio = statistics.median(old / new for old, new in zip(*times, strict=True))
            best = " | ".join(f"{1e6 * min(each):.4g}" for each in times)
            yield f"| {title(key)} | {threads} | {best} | {ratio:.3f} |", ratio
        for build in builds:
            build.close()


def title(key: str) -> str:
    """What a row is called."""
    from nncore.cli._workloads import WORKLOADS

    return TITLES.get(key) or (WORKS[key].title if key in WORKS else WORKLOADS[key].title)


def main() -> int:
    """The command; 1 when a row is slower than --least allows."""
    from nncore.cli._workloads import WORKLOADS

    every = [*WORKLOADS, *WORKS, *TITLES]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", help="folder in which the older build's package `nncore` lies")
    parser.add_argument("new")
    parser.add_argument(
        "--workloads", type=lambda text: text.split(","), default=every, help=f"some of {','.join(every)}"
    )
    parser.add_argument(
        "--threads", type=lambda text: [int(n) for n in text.split(",")], default=[1], help="such as 1,2"
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.1, help="of a build in a round")
    parser.add_argument("--least", type=float, default=0.98, help="the smallest ratio that passes")
    args = parser.parse_args()
    print("| µs a step | threads | old | new | old / new |\n|---|---|---|---|---|", flush=True)
    least = 1e9
    for line, ratio in compare(args):
        print(line, flush=True)
        least = min(least, ratio)
    return 0 if least >= args.least else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        serve()
    else:
        sys.exit(main())
