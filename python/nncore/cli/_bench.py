"""`nncore bench`: the time of a training step on this machine."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from nncore import _core, minimize
from nncore._support.checks import integer
from nncore.cli._machine import Steal, cpu_model, fma_rate
from nncore.cli._report import Report, aligned
from nncore.cli._workloads import ROSENBROCK_START, WORKLOADS, Net
from nncore.errors import ConfigError

NAME = "bench"
HELP = "µs a training step on this machine, beside the fastest it can compute"

_ROUNDS, _SECONDS = 30, 0.03  # rounds, and how long a workload runs in each
_QUICK_ROUNDS, _QUICK_SECONDS = 3, 0.002

#: Takes a number of steps; returns the steps it did and the seconds they took.
Runner = Callable[[int], tuple[int, float]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this command."""
    parser.add_argument("--rounds", type=int, help=f"rounds of all workloads; omitted: {_ROUNDS}")
    parser.add_argument("--quick", action="store_true", help=f"{_QUICK_ROUNDS} short rounds: does it work?")
    parser.add_argument("--workloads", help=f"some of {','.join(WORKLOADS)}; omitted: all")


def run(args: argparse.Namespace) -> Report:
    """All workloads in turn, round by round; a probe of the machine right after each."""
    usual = _QUICK_ROUNDS if args.quick else _ROUNDS
    rounds = usual if args.rounds is None else integer("bench", "rounds", args.rounds, 1, 10**6)
    names = list(WORKLOADS) if args.workloads is None else args.workloads.split(",")
    for name in names:
        if name not in WORKLOADS:
            raise ConfigError(f"[bench] workloads: expected some of {','.join(WORKLOADS)}, got {name!r}")
    counts = [args.threads] if args.threads is not None else [1, 2][: _core.default_num_threads()]
    entries = [_Entry(name, n, args.seed) for name in names for n in (counts if _shares(name) else [1])]
    length = _QUICK_SECONDS if args.quick else _SECONDS
    steal = Steal()
    for entry in entries:
        entry.warm_up(length)
    for _ in range(rounds):
        for entry in entries:
            entry.measure()
    report = BenchReport()
    for entry in entries:
        entry.add_to(report)
    stolen = steal.share()
    report.notes = [
        f"{cpu_model()}, kernel set {_core.kernel_set()}, {rounds} rounds, "
        + ("stolen time unknown" if stolen is None else f"{100 * stolen:.1f} % of the time stolen by other guests"),
        "FMA: the operations of the products, as a share of fused multiply-adds on registers right after (median)",
    ]
    return report


def _shares(name: str) -> bool:
    """Whether several threads can share its work: nets, not steps of `minimize`."""
    return isinstance(WORKLOADS[name], Net)


class _Entry:
    """One workload with a number of threads, and its rounds."""

    def __init__(self, name: str, threads: int, seed: int) -> None:
        self._name, self._threads, self._seed = name, threads, seed
        self._steps = 1
        self._total = 0
        self._seconds: list[float] = []  # a step
        self._rates: list[float] = []

    def warm_up(self, length: float) -> None:
        """Finds the number of steps that take `length` seconds."""
        self._run = _runner(self._name, self._threads, self._seed)
        while True:
            steps, seconds = self._run(self._steps)
            if seconds >= length:
                break
            pace = max(seconds / steps, 1e-9)
            self._steps = max(steps + 1, min(10 * steps, int(1.1 * length / pace)))

    def measure(self) -> None:
        """One round."""
        steps, seconds = self._run(self._steps)
        self._total += steps
        self._seconds.append(seconds / steps)
        self._rates.append(fma_rate(self._threads, single=_shares(self._name)))

    def add_to(self, report: BenchReport) -> None:
        """One row."""
        work = WORKLOADS[self._name]
        best, median = min(self._seconds), statistics.median(self._seconds)
        fraction = None
        if isinstance(work, Net):
            done = work.operations()
            fraction = statistics.median(done / s / r for s, r in zip(self._seconds, self._rates, strict=True))
        facts: dict[str, Any] = {
            "name": self._name,
            "threads": self._threads,
            "best_us": 1e6 * best,
            "median_us": 1e6 * median,
            "fma_fraction": fraction,
            "probe_gflops": statistics.median(self._rates) / 1e9,
        }
        text = f"best {1e6 * best:.4g}, median {1e6 * median:.4g} µs"
        report.add(work.title, text, self._total, sum(self._seconds) / len(self._seconds) * self._total, **facts)


def _runner(name: str, threads: int, seed: int) -> Runner:
    """A trained-on net; or a new minimisation each time."""
    work = WORKLOADS[name]
    if not isinstance(work, Net):
        optimizer = work.new_optimizer()

        def descend(steps: int) -> tuple[int, float]:
            start = time.perf_counter()
            found = minimize("rosenbrock", ROSENBROCK_START, optimizer, steps)
            return found.nit, time.perf_counter() - start

        return descend
    X, y = work.data(seed)
    trainer = work.trainer(seed, threads)

    def train(steps: int) -> tuple[int, float]:
        history = trainer.fit(X, y, steps=steps, metrics=(), progress=False)
        if history.interrupted:
            raise KeyboardInterrupt
        return history.n_steps, history.seconds

    return train


class BenchReport(Report):
    """Its table has a line for each workload and number of threads."""

    def _table(self) -> str:
        table: list[tuple[str, ...]] = [("workload", "threads", "best µs", "median µs", "of FMA", "FMA Gflop/s")]
        for row in self.rows:
            share = "" if row["fma_fraction"] is None else f"{100 * row['fma_fraction']:.1f} %"
            times = (f"{row[key]:,.{_digits(row[key])}f}" for key in ("best_us", "median_us"))
            table.append((row["task"], str(row["threads"]), *times, share, f"{row['probe_gflops']:.0f}"))
        return aligned(table, left=1)


def _digits(value: float) -> int:
    return 4 if value < 0.1 else 3 if value < 10 else 1 if value < 1000 else 0
