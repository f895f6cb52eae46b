"""What a build costs: CPU seconds and the memory of its largest step, of two checkouts one after the other.

    python tests/benchmarks/build_time.py OLD NEW [--jobs 2] [--touch cpp/src/layers/tanh.cpp]

Each checkout is copied, built from nothing as pip does it for `cpp/setup.sh` (without ccache), then built again with
nothing to do and after one layer's file has been touched, as an editable install does on import. CPU seconds are user
and system time of all processes of the build; they hardly change when the machine has other work, wall seconds do.
Needs what builds without isolation need (README, "Working on it").
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "build", "dist", "*.so", "__pycache__", "notebooks")


@dataclass
class Cost:
    cpu: float  # seconds, user and system
    wall: float  # seconds
    memory: float  # MB, resident, of the largest process


def cost(command: list[str], folder: Path, jobs: int) -> Cost:
    """Runs a command; what it and all processes that it started have used."""
    ccache = {"CCACHE_DISABLE": "1", "CMAKE_BUILD_PARALLEL_LEVEL": str(jobs)}
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_COMPILER_LAUNCHER")} | ccache
    with tempfile.TemporaryFile() as log:
        started = time.monotonic()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            log.seek(0)
            sys.exit(f"{' '.join(command)} in {folder}:\n{log.read().decode(errors='replace')[-4000:]}")
    return Cost(used.ru_utime + used.ru_stime, time.monotonic() - started, used.ru_maxrss / 1024)


def steps(build: Path) -> list[tuple[float, str]]:
    """(wall seconds, output) of all steps of the last build in a folder, the longest first."""
    lines = [line.split("\t") for line in (build / ".ninja_log").read_text().splitlines() if not line.startswith("#")]
    return sorted((((int(end) - int(start)) / 1000, output) for start, end, _, output, _ in lines), reverse=True)


def touched(checkout: Path, given: str | None) -> Path:
    """The layer's file in a checkout; its name alone counts where the folders have changed."""
    name = Path(given or "cpp/src/layers/tanh.cpp").name
    found = [checkout / given] if given and (checkout / given).is_file() else sorted((checkout / "cpp/src").rglob(name))
    if not found:
        sys.exit(f"no {name} in {checkout}")
    return found[0]


def measure(
    checkout: str, scratch: Path, jobs: int, touch: str | None
) -> tuple[dict[str, Cost], list[tuple[float, str]]]:
    """Costs by what was built, and the steps of the build from nothing."""
    copy, build = scratch / "checkout", scratch / "build"
    shutil.copytree(checkout, copy, ignore=LEFT_OUT, symlinks=True)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(scratch / "wheels"),
    ]
    costs = {"from nothing": cost([*pip, f"--config-settings=build-dir={build}", "."], copy, jobs)}
    longest = steps(build)
    again = ["cmake", "--build", str(build)]
    costs["nothing to do"] = cost(again, copy, jobs)
    layer = touched(copy, touch)
    os.utime(layer)
    costs[f"after {layer.name}"] = cost(again, copy, jobs)
    return costs, longest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs="+", help="folders of checkouts")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--touch", metavar="FILE", help="the layer to touch, from the checkout's top")
    parser.add_argument("--longest", type=int, default=0, metavar="N", help="also the N longest steps of each")
    given = parser.parse_args()
    results = []
    for checkout in given.checkouts:
        with tempfile.TemporaryDirectory() as scratch:
            results.append(measure(checkout, Path(scratch), given.jobs, given.touch))
    print(
        f"| {given.jobs} jobs | "
        + " | ".join(f"{Path(checkout).resolve().name}" for checkout in given.checkouts)
        + " | last / first |"
    )
    print("|---|" + "---|" * (len(results) + 1))
    for what in results[0][0]:
        for unit, field in (("CPU s", "cpu"), ("wall s", "wall"), ("largest process, MB", "memory")):
            if field == "memory" and what != "from nothing":
                continue
            values = [getattr(costs[what], field) for costs, _ in results]
            print(
                f"| {what}, {unit} | " + " | ".join(f"{v:.1f}" for v in values) + f" | {values[-1] / values[0]:.2f} |"
            )
    print(
        "| steps | "
        + " | ".join(str(len(longest)) for _, longest in results)
        + f" | {len(results[-1][1]) / len(results[0][1]):.2f} |"
    )
    for checkout, (_, longest) in zip(given.checkouts, results, strict=True):
        for seconds, output in longest[: given.longest]:
            print(f"  {Path(checkout).resolve().name}: {seconds:6.1f} s  {output}")


if __name__ == "__main__":
    main()
