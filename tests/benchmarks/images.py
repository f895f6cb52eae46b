"""Networks of images beside PyTorch, in one process: `python tests/benchmarks/images.py --threads 1,2 --readme`.

PyTorch is eager with channels_last, fused optimizers and batches that are tensors already. Both train in turn: A, B,
A, B, … Before a time is quoted both have come to the same loss from the same weights on the same batches, without
dropout; at inference, to the same outputs. Printed in Markdown: the best time of either, and the median of the
rounds' ratios.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from nets import BATCHES, WORKS, Work

import nncore as nc
from nncore.cli._machine import Steal, cpu_model

BEGIN, END = "<!-- images -->\n", "<!-- end of images -->\n"
CHECKED_STEPS = 8
REST = 0.05  # seconds


class Pair:
    """The same net in both libraries, with their data."""

    def __init__(self, work: Work, p: float) -> None:
        rng = np.random.default_rng(0)
        n = work.batch * (BATCHES if work.optimizer else 1)
        self.work, self.X = work, rng.normal(size=(n, *work.sample)).astype(work.dtype)
        self.y = rng.integers(0, 10, n)
        self.ours = nc.Sequential(*work.layers(nc, p), dtype=work.dtype, seed=0)
        state = {key: torch.from_numpy(value.copy()) for key, value in self.ours.state_dict().items()}
        self.theirs = torch.nn.Sequential(*work.layers(torch.nn, p)).to(getattr(torch, work.dtype))
        self.theirs.load_state_dict(state)
        self.theirs = self.theirs.to(memory_format=torch.channels_last)
        x = torch.from_numpy(self.X).contiguous(memory_format=torch.channels_last)
        self._batches = list(zip(x.split(work.batch), torch.from_numpy(self.y).split(work.batch), strict=True))
        self._loss = torch.nn.CrossEntropyLoss()
        if work.optimizer:
            optimizer = getattr(nc, work.optimizer)(lr=1e-3)
            self._trainer = nc.Trainer(
                self.ours, nc.CrossEntropyLoss(), optimizer, batch_size=work.batch, shuffle=False
            )
            self._optimizer = getattr(torch.optim, work.optimizer)(self.theirs.parameters(), lr=1e-3, fused=True)
        else:
            self.theirs.eval()

    def our_seconds(self, steps: int) -> float:
        """Of one step, or of one batch."""
        if self.work.optimizer:
            history = self._trainer.fit(self.X, self.y, steps=steps, metrics=(), progress=False)
            return history.seconds / steps
        start = time.perf_counter()
        for _ in range(steps):
            self.ours(self.X)
        return (time.perf_counter() - start) / steps

    def their_seconds(self, steps: int) -> float:
        """The same of PyTorch."""
        start = time.perf_counter()
        if self.work.optimizer:
            for i in range(steps):
                x, y = self._batches[i % BATCHES]
                self._optimizer.zero_grad()
                self._loss(self.theirs(x), y).backward()
                self._optimizer.step()
        else:
            with torch.inference_mode():
                for _ in range(steps):
                    self.theirs(self._batches[0][0])
        return (time.perf_counter() - start) / steps

    def check(self) -> None:
        """Raises unless both come to the same."""
        if self.work.optimizer:
            self.our_seconds(CHECKED_STEPS), self.their_seconds(CHECKED_STEPS)
        with torch.inference_mode():
            theirs = np.concatenate([self.theirs(x).numpy() for x, _ in self._batches])
        found, expected = self.ours(self.X), theirs
        if self.work.optimizer:
            found, expected = (nc.CrossEntropyLoss().value(z, self.y) for z in (found, theirs))
        tolerance = 1e-4 if self.work.dtype == "float32" else 1e-10
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * np.abs(theirs).max())


def alone(run: Callable[[int], float], steps: int) -> float:
    """After a rest, in which the other's threads stop spinning, and a step, which wakes one's own."""
    time.sleep(REST)
    run(1)
    return run(steps)


def row(work: Work, threads: list[int], rounds: int, seconds: float) -> str:
    """A line of the table."""
    Pair(work, 0.0).check()
    pair, cells = Pair(work, 0.5), []
    for n in threads:
        nc.set_num_threads(n)
        torch.set_num_threads(n)
        pair.our_seconds(2), pair.their_seconds(2)
        steps = max(2, int(seconds / max(pair.our_seconds(2), 1e-9)))
        times = [(alone(pair.our_seconds, steps), alone(pair.their_seconds, max(2, steps // 2))) for _ in range(rounds)]
        ours, theirs = zip(*times, strict=True)
        ratio = statistics.median(t / o for o, t in times)
        cells += [f"{1e3 * min(theirs):.3g}", f"{1e3 * min(ours):.3g}", f"{ratio:.2f}x"]
    return f"| {work.title} | {' | '.join(cells)} |"


def table(args: argparse.Namespace) -> Iterator[str]:
    """The table, line by line, with what there is to say about it."""
    steal = Steal()
    heads = [f"{name}, {n} thread{'s' * (n > 1)}" for n in args.threads for name in ("PyTorch", "nncore", "ratio")]
    yield f"| ms a step | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 1) + "|"
    for key in args.workloads:
        yield row(WORKS[key], args.threads, args.rounds, args.seconds)
    stolen = steal.share()
    today = datetime.datetime.now(tz=datetime.UTC).date()
    share = "not known" if stolen is None else f"{100 * stolen:.1f} % of the time"
    yield ""
    kernels = nc.info()["kernel set"]
    yield f"{today}, {cpu_model()}, PyTorch {torch.__version__}, kernel set {kernels}; {args.rounds} rounds."
    yield f"Stolen by other guests of the machine: {share}."


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--workloads", type=lambda text: text.split(","), default=list(WORKS), help=f"some of {','.join(WORKS)}"
    )
    parser.add_argument(
        "--threads", type=lambda text: [int(n) for n in text.split(",")], default=[2], help="such as 1,2"
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.3, help="of a round")
    parser.add_argument("--readme", action="store_true", help="put the table into the README beside this file")
    args = parser.parse_args()
    lines = []
    for line in table(args):
        print(line, flush=True)
        lines.append(line)
    if args.readme:
        path = Path(__file__).with_name("README.md")
        before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
        path.write_text(
            before + BEGIN + "\n".join(["", *lines, "", ""]) + END + rest.partition(END)[2], encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
