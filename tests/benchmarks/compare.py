"""nncore beside other libraries, in one process: `python tests/benchmarks/compare.py --peers torch,numba --workloads
moons1`.

All train the same net from the same weights on the same batches, in turn: A, B, C, A, B, C, … The loss of the nets on
all data, and the point that a descent reaches, must agree after the same steps before a time is quoted, wherever the
peer can train the same net. Printed in Markdown: the best and the median time of a step, and the median of the
rounds' ratios.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import peers

import nncore as nc
from nncore.cli._machine import Steal, cpu_model, fma_rate
from nncore.cli._workloads import NETS, ROSENBROCK_START, WORKLOADS, Descent, Net
from nncore.sweeps._model_batch import fit_model_batch, models_at_once

CHECKED_STEPS = 50
TOLERANCE = {"net": 1e-5, "descent": 1e-7}  # relative: float32 in different orders of sums, and float64
MOST_STEPS = 100_000  # of one round
BEGIN, END = "<!-- measured -->\n", "<!-- end -->\n"


class Many(NamedTuple):
    """A net of many seeds, all trained at once on the same data; times are those of one net."""

    title: str
    net: Net
    count: int


MANY = {"moons16x64": Many("64 nets at once, each 2-20-2, batch 16, SGD", NETS["moons16"], 64)}
Work = Net | Descent | Many
ALL: dict[str, Work] = {**WORKLOADS, **MANY}


class OursMany:
    """nncore as a peer: what a sweep does when it has built its trainers."""

    def __init__(self, work: Many, threads: int) -> None:
        self._work, self._threads = work, threads

    def run(self, steps: int) -> float:
        self._trainers = [self._work.net.trainer(seed, threads=1) for seed in range(self._work.count)]
        data, lanes = self._work.net.data(), max(map(models_at_once, self._trainers))
        groups = [self._trainers[i : i + lanes] for i in range(0, len(self._trainers), lanes)]
        with ThreadPoolExecutor(self._threads) as pool:
            start = time.perf_counter()
            for histories in pool.map(lambda group: fit_model_batch(group, data, None, 0, steps, ()), groups):
                assert all(history is not None for history in histories)
            return (time.perf_counter() - start) / self._work.count

    def result(self) -> Any:
        return [weights_of(trainer.model) for trainer in self._trainers]


class Ours:
    """nncore as a peer."""

    def __init__(self, work: Net | Descent, threads: int) -> None:
        self._work = work
        if isinstance(work, Net):
            self._trainer, self._data = work.trainer(threads=threads), work.data()
        else:
            self._optimizer = work.new_optimizer()

    def run(self, steps: int) -> float:
        if isinstance(self._work, Net):
            return self._trainer.fit(*self._data, steps=steps, metrics=(), progress=False).seconds
        start = time.perf_counter()
        self._end = nc.minimize("rosenbrock", ROSENBROCK_START, self._optimizer, steps).path[-1]
        return time.perf_counter() - start

    def result(self) -> Any:
        return weights_of(self._trainer.model) if isinstance(self._work, Net) else self._end


def weights_of(model: nc.Sequential) -> peers.Weights:
    """(weight, bias) of each layer that has them."""
    values = [parameter.value.copy() for parameter in model.parameters()]
    return list(zip(values[::2], values[1::2], strict=True))


def new_runner(module: Any, work: Work, threads: int) -> peers.Runner:
    """A runner at the start; module None: ours."""
    if isinstance(work, Many):
        if module is None:
            return OursMany(work, threads)
        if not hasattr(module, "many"):
            raise peers.Unsupported("it trains one net at a time")
        starts = [weights_of(work.net.model(seed)) for seed in range(work.count)]
        return module.many(work, starts, *work.net.data())
    if module is None:
        return Ours(work, threads)
    if isinstance(work, Net):
        return module.net(work, weights_of(work.model()), *work.data())
    return module.descent(work, ROSENBROCK_START)


def value(work: Work, result: Any) -> float:
    """What is compared: the loss on all data (of many nets their mean), or the distance that a descent has come."""
    if isinstance(work, Many):
        return statistics.fmean(value(work.net, weights) for weights in result)
    if isinstance(work, Descent):
        return float(np.linalg.norm(np.asarray(result) - ROSENBROCK_START))
    model = work.model()
    for parameter, array in zip(model.parameters(), [array for pair in result for array in pair], strict=True):
        parameter.value = array
    X, y = work.data()
    return nc.CrossEntropyLoss().value(model(X), y)


class Different(Exception):
    """A peer that trains something else than it says."""


class Times(NamedTuple):
    """Of one library on one workload."""

    runner: peers.Runner
    steps: int  # of a round
    compared: bool
    seconds: list[float]  # a step, round by round


def prepare(name: str, module: Any, work: Work, threads: int, expected: float, length: float) -> Times:
    """Compares the losses, then finds how many steps take `length` seconds."""
    runner = new_runner(module, work, threads)
    runner.run(CHECKED_STEPS)
    result = runner.result()
    if result is not None:
        found, usual = value(work, result), TOLERANCE["descent" if isinstance(work, Descent) else "net"]
        if not abs(found - expected) <= getattr(module, "TOLERANCE", usual) * abs(expected):
            raise Different(f"{work.title}: {name} comes to {found}, nncore to {expected}; no time is quoted")
    runner.run(CHECKED_STEPS)  # now it is compiled
    pace = max(runner.run(CHECKED_STEPS) / CHECKED_STEPS, 1e-9)
    if isinstance(work, Many):  # what comes before the first step and after the last is no small part of so few
        length /= work.count
        pace = runner.run(2000) / 2000
    steps = int(min(max(length / pace, 2), MOST_STEPS))
    runner.run(steps)  # compiled for this number, too
    return Times(runner, steps, result is not None, [])


def measure(
    work: Work, modules: dict[str, Any], threads: int, rounds: int, length: float, missing: list[str]
) -> tuple[dict[str, Times], float]:
    """All in turn, round by round; and the median of the probe beside them, in operations a second."""
    ours = new_runner(None, work, threads)
    ours.run(CHECKED_STEPS)
    expected = value(work, ours.result())
    taking = {"nncore": prepare("nncore", None, work, threads, expected, length)}
    for name, module in modules.items():
        try:
            taking[name] = prepare(name, module, work, threads, expected, length)
        except peers.Unsupported as reason:
            print(f"{work.title}: {name} left out, {reason}", file=sys.stderr)
        except Different as difference:
            print(difference, file=sys.stderr)
            missing.append(str(difference))
    rates = []
    for _ in range(rounds):
        for times in taking.values():
            times.seconds.append(times.runner.run(times.steps) / times.steps)
        rates.append(fma_rate(threads, single=not isinstance(work, Descent)))
    return taking, statistics.median(rates)


def cell(times: Times | None, ours: Times) -> str:
    """Best (median), and how many times ours that is; a star where no loss could be compared."""
    if times is None:
        return "-"
    text = f"{micros(min(times.seconds))} ({micros(statistics.median(times.seconds))})"
    if times is not ours:
        ratio = statistics.median(t / o for t, o in zip(times.seconds, ours.seconds, strict=True))
        text += f", {ratio:.3g}x" + ("" if times.compared else " *")
    return text


def micros(seconds: float) -> str:
    """Three digits of µs."""
    value = 1e6 * seconds
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def available(names: list[str], threads: int) -> tuple[dict[str, Any], list[str]]:
    """The peers that are here, and lines about the others."""
    modules, missing = {}, []
    for name in names:
        try:
            modules[name] = peers.load(name)
            modules[name].limit_threads(threads)
            modules[name].title()
        except (ImportError, OSError) as error:
            modules.pop(name, None)
            missing.append(f"{name} left out: {error}")
    return modules, missing


def compare(args: argparse.Namespace) -> tuple[list[str], bool]:
    """The table with what there is to say about it; did a peer come to other losses?"""
    nc.set_num_threads(args.threads)
    modules, missing = available(args.peers, args.threads)
    steal = Steal()
    table = [
        "| µs a step: best (median), ratio to nncore | nncore, of FMA | "
        + " | ".join(m.title() for m in modules.values())
        + " |",
        "|---|---" + "|---" * len(modules) + "|",
    ]
    print(*table, sep="\n", flush=True)
    rates: list[float] = []
    different: list[str] = []
    for key in args.workloads:
        work = ALL[key]
        taking, rate = measure(work, modules, args.threads, args.rounds, args.seconds, different)
        ours, share = taking["nncore"], ""
        if isinstance(work, (Net, Many)):
            rates.append(rate)
        if isinstance(work, Net):
            share = f", {100 * work.operations() / statistics.median(ours.seconds) / rate:.1f} %"
        cells = [work.title, cell(ours, ours) + share, *(cell(taking.get(name), ours) for name in modules)]
        table.append("| " + " | ".join(cells) + " |")
        print(table[-1], flush=True)
    stolen = steal.share()
    today = datetime.datetime.now(tz=datetime.UTC).date()
    machine = [
        f"{today}, {cpu_model()}, nncore {nc.__version__}, kernel set {nc.info()['kernel set']}.",
        f"Threads: {args.threads}; {args.rounds} rounds of {1000 * args.seconds:.0f} ms each.",
        *([f"FMA probe: {statistics.median(rates) / 1e9:.0f} Gflop/s in float32."] if rates else []),
        "Stolen by other guests of the machine: "
        + ("not known." if stolen is None else f"{100 * stolen:.1f} % of the time."),
        "A star: the peer cannot train the same net, so no losses were compared.",
        *missing,
        *different,
    ]
    print("", *machine, sep="\n")
    return [*table, "", *(f"- {line}" for line in machine)], bool(different)


def chosen(text: str, known: Any, what: str) -> list[str]:
    """Names between commas."""
    names = list(known) if text == "all" else text.split(",")
    for name in names:
        if name not in known:
            raise SystemExit(f"--{what}: expected some of {','.join(known)}, got {name!r}")
    return names


def main() -> int:
    """The command; 1 when a peer trained something else."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default="all", help=f"some of {','.join(peers.MODULES)}")
    parser.add_argument("--workloads", default="all", help=f"some of {','.join(ALL)}")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=0.05, help="of each library in each round")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--readme", action="store_true", help="put the table into the README beside this file")
    args = parser.parse_args()
    args.peers = chosen(args.peers, peers.MODULES, "peers")
    args.workloads = chosen(args.workloads, ALL, "workloads")
    warnings.filterwarnings("ignore", module="sklearn")  # its steps are counted by us
    lines, differs = compare(args)
    if args.readme:
        path = Path(__file__).with_name("README.md")
        before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
        path.write_text(
            before + BEGIN + "\n".join(["", *lines, "", ""]) + END + rest.partition(END)[2], encoding="utf-8"
        )
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main())
