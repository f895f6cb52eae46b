"""`nncore perceptron`: four pairs of Gaussian clouds, from apart to on top of each other."""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from nncore import Perceptron, plot
from nncore.cli._report import Report, use_file_backend
from nncore.datasets import make_gaussians, train_test_split

NAME = "perceptron"
HELP = "the perceptron on four pairs of Gaussian clouds"

#: means of the classes 1 and -1, and the variance of both
CASES: tuple[tuple[list[list[float]], float], ...] = (
    ([[2.0, 2.0], [-2.0, -2.0]], 0.5),
    ([[2.0, 2.0], [2.5, 2.5]], 0.5),
    ([[2.0, 2.0], [-2.0, -2.0]], 8.0),
    ([[2.0, 2.0], [2.5, 2.5]], 8.0),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this command."""
    parser.add_argument("--rule", choices=("batch", "online"), default="batch", help="update rule")
    parser.add_argument("--lr", type=float, default=0.01, help="step size")
    parser.add_argument("--epochs", type=int, default=100, help="at most so many")
    parser.add_argument("--repeats", type=int, default=1, help="seeds to average over")
    parser.add_argument("--out", help="folder for figures of the first seed")


def run_case(case: int, seed: int, rule: str, lr: float, epochs: int) -> tuple[Perceptron, Any, Any, float, float]:
    """The perceptron of one case, its training data, its accuracy on 40 of 200 points, and the seconds of the fit."""
    means, variance = CASES[case]
    X, y = make_gaussians(means, variance, 100, labels=[1, -1], seed=seed)
    X, X_test, y, y_test = train_test_split(X, y, test_size=40, seed=seed)
    start = time.perf_counter()
    model = Perceptron(lr, epochs, rule=rule, seed=seed).fit(X, y)
    return model, X, y, model.score(X_test, y_test), time.perf_counter() - start


def run(args: argparse.Namespace) -> Report:
    """A row for each case."""
    if args.out is not None:
        use_file_backend()
    report = Report(args.out)
    for case in range(len(CASES)):
        runs = [run_case(case, args.seed + i, args.rule, args.lr, args.epochs) for i in range(max(1, args.repeats))]
        scores, models = [r[3] for r in runs], [r[0] for r in runs]
        epochs = [model.n_epochs_ for model in models]
        converged = sum(model.converged_ for model in models)
        spread = f" ± {np.std(scores):.3f}" if len(runs) > 1 else ""
        result = f"test accuracy {np.mean(scores):.3f}{spread}, converged {converged}/{len(runs)}"
        report.add(f"case {case + 1}", result, sum(epochs), sum(r[4] for r in runs), accuracies=scores, epochs=epochs)
        if args.out is not None:
            model, X, y = runs[0][:3]
            report.save(plot.decision_boundary(model, X, y), f"perceptron_case_{case + 1}")
    return report
