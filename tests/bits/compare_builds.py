"""Do two builds of nncore compute the same bits? By hand, after every change of the core that must not change a bit:

    python tests/bits/compare_builds.py OLD NEW [--isa avx512,avx2,baseline] [--quick] [--only TEXT] [--except NAME]

OLD and NEW are the folders that hold the package nncore with its compiled core (the `python` folder of a checkout that
is built, or a site-packages), so what goes into PYTHONPATH. For each kernel set each build runs all cases of this
folder in a process of its own: some 800 nets of 20 steps in float32 and float64 (bit_dense.py, bit_images.py,
bit_residual.py, bit_graphs.py, bit_settings.py) and what else computes (bit_beyond.py). The hashes of weights and
buffers, optimizer state, history, outputs and layerwise gradients are compared, and every case that differs is named
with the parts that do. NEW also has to give the same bits with one thread and with two. The exit status is 0 if all
are equal.

--quick takes one case in eight. Cases that only one build has (of a layer that the other does not know) are named;
those that NEW lacks count as different, and so do cases that fail in either build. --except NAME leaves out a case in
which two builds are meant to differ: before 2026-11-30 a plan read channel-blocked images as batch-major where Linear
stands behind a convolution, so against such a build "images/Linear on maps" differs.
"""

import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("bit_worker.py")
#: Differences shown for each kernel set; the number of all of them is shown in any case.
SHOWN = 40


def run(build: str, isa: str, options: Sequence[str]) -> dict[str, Any]:
    """{name: outcome} of all cases in one build with one kernel set; "" is what the worker says of itself."""
    environment = {**os.environ, "PYTHONPATH": build, "NNCORE_ISA": isa, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, str(WORKER), *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{build}, {isa}: {done.stderr.strip() or f'ended with {done.returncode}'}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line.pop("name", ""): line for line in lines}


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """A line for each case that NEW computes differently, lacks or fails in, and for its own that are at fault."""
    found = []
    for name in [name for name in {**old, **new} if name]:
        before, after = old.get(name), new.get(name)
        failed = [(who, it["failed"]) for who, it in (("OLD", before), ("NEW", after)) if it and "failed" in it]
        if after is None:
            found.append(f"{name}: only in OLD")
        elif failed:
            found += [f"{name}: {who} failed\n{error}" for who, error in failed]
        elif before is not None and before["parts"] != after["parts"]:
            parts = {**before["parts"], **after["parts"]}
            found.append(f"{name}: {', '.join(p for p in parts if before['parts'].get(p) != after['parts'].get(p))}")
        elif after["threads"]:
            found.append(f"{name}: the number of threads changes {', '.join(after['threads'])}")
    return found


def report(isa: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Prints what became of a kernel set; are all cases equal?"""
    if old[""]["kernel set"] != isa or new[""]["kernel set"] != isa:
        print(f"{isa}: this machine or one of the builds lacks it", flush=True)
        return False
    found = differences(old, new)
    nets = sum(name.rpartition(", ")[0] in old[""]["nets"] for name in old)
    print(
        f"{isa}: {len(old) - 1} cases ({nets} of them nets): {f'{len(found)} differ' if found else 'the same bits'}",
        flush=True,
    )
    for line in found[:SHOWN]:
        print(f"  {line}")
    if more := set(new) - set(old):
        print(f"  only in NEW: {', '.join(sorted(more))}")
    return not found and len(old) > 1


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--isa", default="avx512,avx2,baseline", help="kernel sets, by commas")
    parser.add_argument("--quick", action="store_true", help="one case in eight")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose names contain it")
    parser.add_argument(
        "--except", dest="left_out", default=[], action="append", metavar="NAME", help="a case to leave out; repeatable"
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    given = parser.parse_args(arguments)
    options = ["--only", given.only, *(["--quick"] if given.quick else [])]
    options += [word for name in given.left_out for word in ("--except", name)]
    started, equal, sets = time.monotonic(), True, given.isa.split(",")
    with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
        runs = [
            tuple(
                pool.submit(run, build, isa, [*options, "--threads", *threads])
                for build, threads in ((given.old, "1"), (given.new, "12"))
            )
            for isa in sets
        ]
        for isa, (old, new) in zip(sets, runs, strict=True):
            equal = report(isa, old.result(), new.result()) and equal
    print(f"{'all equal' if equal else 'NOT EQUAL'}, {time.monotonic() - started:.0f} s")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
