"""Predictions a second with 1, 2, 4 and 8 threads on one model: `python tests/benchmarks/threads.py [--rounds 7]`.

One-row calls of a 2-20-2 net hold the interpreter's lock nearly all the time: threads can add nothing, and should cost
little. Calls of 1000 rows compute without it. Each call has one core (`set_num_threads(1)`) unless --cores says more.
Numbers of threads take turns, round by round; a rate is the best of the rounds, in brackets their median.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Callable

import numpy as np
from nets import course

import nncore as nc

THREADS = (1, 2, 4, 8)
SECONDS = 0.4  # of each round


def tasks() -> dict[str, Callable[[], object]]:
    """Name -> one call; the model is shared."""
    rng = np.random.default_rng(0)
    moons = nc.mlp([2, 20, 2], seed=0)
    mnist = nc.mlp([784, 256, 10], seed=0)
    images = nc.Sequential(*course(nc, 0.5), dtype="float32", seed=0)

    def rows(n: int, *sample: int) -> np.ndarray:
        return rng.normal(size=(n, *sample)).astype(np.float32)

    few, many, digit, digits = rows(1, 2), rows(1000, 2), rows(1, 784), rows(1000, 784)
    pictures = rows(16, 1, 28, 28)
    return {
        "2-20-2, 1 row": lambda: moons(few),
        "2-20-2, 1 row, predict": lambda: moons.predict(few),
        "2-20-2, 1000 rows": lambda: moons(many),
        "784-256-10, 1 row": lambda: mnist(digit),
        "784-256-10, 1000 rows": lambda: mnist(digits),
        "mnist_cnn, 16 images": lambda: images(pictures),
    }


def rate(call: Callable[[], object], n: int) -> float:
    """Calls a second of n threads together."""
    begin, counts = threading.Barrier(n + 1), [0] * n
    stop = threading.Event()

    def run(i: int) -> None:
        begin.wait()
        while not stop.is_set():
            for _ in range(10):
                call()
            counts[i] += 10

    threads = [threading.Thread(target=run, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    begin.wait()
    start = time.perf_counter()
    time.sleep(SECONDS)
    stop.set()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - start)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cores", type=int, default=1)
    args = parser.parse_args()
    nc.set_num_threads(args.cores)
    print("| calls a second | " + " | ".join(f"{n} threads" for n in THREADS) + " |")
    print("|---|" + "---|" * len(THREADS))
    for name, call in tasks().items():
        call()
        rounds = [[rate(call, n) for n in THREADS] for _ in range(args.rounds)]
        cells = [f"{max(column):,.0f} ({statistics.median(column):,.0f})" for column in zip(*rounds, strict=True)]
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
