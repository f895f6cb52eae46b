"""What the notebooks share: the size of figures, the result files, MNIST."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import nncore as nc
from nncore.cli.experiments._comparison import read_csv

RESULTS = Path("results")  # written by `python -m nncore experiments`

plt.rcParams["figure.dpi"] = 80


def rows(experiment, table, metric):
    """Rows of a result file: setting -> reported (None where there is none), mean, std, median, least, most, runs."""
    found = read_csv(RESULTS / f"{experiment}.csv")
    return {row.setting: row for row in found if (row.table, row.metric) == (table, metric)}


def runs(experiment, table):
    """The single runs behind them, with label, seed and curves."""
    with open(RESULTS / f"{experiment}.json") as file:
        return [run for run in json.load(file)["runs"] if run["table"] == table]


def show(experiment, table, metric, others=(), digits=3):
    """Prints what was reported and what we find, mean ± standard deviation; beside it the means of other metrics."""
    found = rows(experiment, table, metric)
    if not found:
        missing = f"`python -m nncore experiments {experiment} --resume` adds what is missing"
        print(f"{table} is not in {experiment}.csv: {missing}")
        return
    rest = {name: rows(experiment, table, name) for name in others}
    width = max(len(setting) for setting in found) + 2
    heads = "".join(f"  {name:>{max(len(name), digits + 2)}}" for name in others)
    print(f"{metric:<{width}}{'reported':>8}  {'ours':>{2 * digits + 7}}{heads}  runs")
    for setting, row in found.items():
        said = "" if row.reported is None else f"{row.reported:.{digits}f}"
        line = f"{setting:<{width}}{said:>8}  {row.mean:.{digits}f} ± {row.std:.{digits}f}"
        for name in others:
            other = rest[name].get(setting)
            line += f"  {'' if other is None else format(other.mean, f'.{digits}f'):>{max(len(name), digits + 2)}}"
        print(f"{line}  {row.runs:>4}")


def mnist():
    """(X, y), (X_test, y_test), name; where MNIST's files are not on this machine, scikit-learn's digits, enlarged."""
    try:
        return nc.datasets.load_mnist("train"), nc.datasets.load_mnist("test"), "MNIST"
    except FileNotFoundError:
        X, y = nc.datasets.load_digits()
        X = np.kron(X.reshape(-1, 1, 8, 8) * (255 / X.max()), np.ones((3, 3)))  # 24 x 24, and a margin of 2
        X = np.pad(X, ((0, 0), (0, 0), (2, 2), (2, 2))).astype(np.uint8)
        name = "scikit-learn's digits, enlarged (MNIST is not on this machine)"
        return (X[:1400], y[:1400]), (X[1400:], y[1400:]), name
