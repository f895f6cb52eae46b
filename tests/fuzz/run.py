"""Tries hostile calls of every public entry point, each in a child with bounds on memory and time.

python tests/fuzz/run.py --cases 20000 --seed 0
python tests/fuzz/run.py --seed 0 --entry "Trainer.fit" --index 17        one case again, here
"""

import argparse
import collections
import faulthandler
import os
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
CPU_SECONDS = 20  # of one case
WALL_SECONDS = 240  # of one case, on a machine that has other work
MEMORY = 3 << 30  # of address space
BATCH = 400  # cases of one child
sys.path[:0] = [str(HERE), str(HERE.parent)]


def table():
    """All entry points by name."""
    import entries_data  # noqa: F401
    import entries_files  # noqa: F401
    import entries_generic  # noqa: F401
    import entries_model  # noqa: F401
    import entries_saves  # noqa: F401
    import entries_sweep  # noqa: F401
    import entries_train  # noqa: F401
    from entries import TABLE

    return TABLE


def plan(names, cases):
    """(entry, index) of all cases, the entries in turn."""
    return [(names[i % len(names)], i // len(names)) for i in range(cases)]


def try_case(run, seed, name, index):
    """(outcome, what was drawn, trace of a failure or None)."""
    import verdict
    from draw import Draw

    def expire(*_):
        raise verdict.Hang(f"more than {CPU_SECONDS} s")

    draw = Draw(seed, name, index)
    signal.signal(signal.SIGPROF, expire)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        return verdict.outcome(run, draw), draw.notes, None
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        signal.setitimer(signal.ITIMER_PROF, 0)
        return f"FAILED {type(error).__name__}", draw.notes, traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        draw.close()


def child(seed, cases):
    """Tries cases and prints a line before and after each."""
    faulthandler.enable()
    os.chdir(tempfile.mkdtemp(prefix="nncore-fuzz-"))
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what the cases print is not for the parent
    entries = table()
    if not os.environ.get("ASAN_OPTIONS"):  # whose shadow takes terabytes of address space
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for name, index in cases:
        print(f"start\t{name}\t{index}", file=out)
        outcome, notes, trace = try_case(entries[name], seed, name, index)
        if trace:
            print("detail\t" + "\t".join(f"{notes}\n{trace}".splitlines()).replace("\ud800", "?"), file=out)
        print(f"done\t{outcome}", file=out)


class Report:
    """Counts by entry and outcome, and the failures."""

    def __init__(self, seed):
        self.seed = seed
        self.counts = collections.defaultdict(collections.Counter)
        self.failures = []

    def add(self, name, index, outcome, detail=""):
        """One case."""
        self.counts[name][outcome] += 1
        if outcome.startswith("FAILED"):
            line = f'python tests/fuzz/run.py --seed {self.seed} --entry "{name}" --index {index}'
            self.failures.append((name, index, outcome, detail))
            print(f"{outcome}: {line}\n    {detail}", flush=True)

    def text(self):
        """A table."""
        total = collections.Counter()
        lines = []
        for name in sorted(self.counts):
            total.update(self.counts[name])
            lines.append(f"{name:<44} " + ", ".join(f"{k} {v}" for k, v in sorted(self.counts[name].items())))
        lines.append(
            f"{sum(total.values())} cases, seed {self.seed}: " + ", ".join(f"{k} {v}" for k, v in total.most_common())
        )
        return "\n".join([*lines, f"{len(self.failures)} failures"])


class Watch:
    """Reads what a child says about its cases."""

    def __init__(self, report):
        self.report = report
        self.done, self.running, self.detail, self.rest = 0, None, "", b""

    def hear(self, data):
        """Some more bytes of its lines."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            word, *more = line.decode(errors="replace").split("\t")
            if word == "start":
                self.running, self.detail = (more[0], int(more[1])), ""
            elif word == "detail":
                self.detail = "\n    ".join(more)
            elif word == "done" and self.running:
                self.report.add(*self.running, more[0], self.detail)
                self.running, self.done = None, self.done + 1


def run_batch(cases, report):
    """Lets a child try the cases; the rest of them when it did not come back."""
    command = [sys.executable, str(HERE / "run.py"), "--seed", str(report.seed), "--child"]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    environment.setdefault("KERAS_BACKEND", "torch")
    watch = Watch(report)
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment
        ) as process,
        selectors.DefaultSelector() as selector,
    ):
        process.stdin.write("\n".join(f"{name}\t{index}" for name, index in cases).encode())
        process.stdin.close()
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(WALL_SECONDS):  # not a word for so long
                process.kill()
            data = os.read(process.stdout.fileno(), 1 << 16)
            if not data:
                break
            watch.hear(data)
        code = process.wait()
        log.seek(0)
        tail = log.read()[-3000:].decode(errors="replace")
    if watch.done < len(cases):
        report.add(*(watch.running or cases[watch.done]), f"FAILED exit {code}", tail)
        return cases[watch.done + 1 :]
    if code != 0:
        report.add(*cases[-1], f"FAILED exit {code} at the end", tail)
    return []


def fuzz(cases, seed, only=None):
    """Runs that many cases; the report."""
    names = [name for name in table() if not only or only in name]
    todo, report = plan(names, cases), Report(seed)
    while todo:
        batch, todo = todo[:BATCH], todo[BATCH:]
        while batch:
            batch = run_batch(batch, report)
    return report


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="entries whose name contains this")
    parser.add_argument("--entry")
    parser.add_argument("--index", type=int, default=0)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        lines = [line.split("\t") for line in sys.stdin.read().split("\n")]
        return child(options.seed, [(name, int(index)) for name, index in lines])
    if options.entry:
        faulthandler.enable()
        outcome, notes, trace = try_case(table()[options.entry], options.seed, options.entry, options.index)
        print(notes, trace or "", outcome, sep="\n")
        return int(outcome.startswith("FAILED"))
    report = fuzz(options.cases, options.seed, options.only)
    print(report.text())
    return int(bool(report.failures))


if __name__ == "__main__":
    sys.exit(main())
