"""`nncore rosenbrock`: three optimizers in one valley."""

from __future__ import annotations

import argparse
import time

from nncore import SGD, Adam, OptimizeResult, minimize, plot
from nncore.cli._report import Report, use_file_backend
from nncore.optim import Optimizer

NAME = "rosenbrock"
HELP = "gradient descent, momentum and Adam on Rosenbrock's function"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this command."""
    parser.add_argument("--steps", type=int, default=100_000, help="updates")
    parser.add_argument("--out", help="folder for figures")


def optimizers() -> dict[str, Optimizer]:
    """The runs of the comparison, by label."""

    def adam(lr: float) -> Adam:
        return Adam(lr=lr, betas=(0.9, 0.99), eps=1e-8, eps_inside_sqrt=True)

    return {
        "GD, lr 1e-4": SGD(lr=1e-4),
        "momentum 0.9, lr 1e-4": SGD(lr=1e-4, momentum=0.9),
        "Adam, lr 1e-4": adam(1e-4),
        "momentum 0.9, lr 1e-3": SGD(lr=1e-3, momentum=0.9),
        "Adam, lr 1e-3": adam(1e-3),
        "Adam, lr 1e-2": adam(1e-2),
    }


def run(args: argparse.Namespace) -> Report:
    """A row for each optimizer, from (-4, -2)."""
    if args.out is not None:
        use_file_backend()
    report = Report(args.out)
    results: dict[str, OptimizeResult] = {}
    for label, optimizer in optimizers().items():
        start = time.perf_counter()
        found = minimize("rosenbrock", [-4.0, -2.0], optimizer, args.steps)
        seconds = time.perf_counter() - start
        x, y = found.x
        text = f"({x:.8f}, {y:.8f}), f = {found.fun:.4e}" if found.success else found.message
        report.add(label, text, found.nit, seconds, x=found.x.tolist(), fun=found.fun, message=found.message)
        results[label] = found
    if args.out is not None:
        report.save(plot.contour_path("rosenbrock", results), "rosenbrock_paths")
        report.save(plot.error_curves(results, "rosenbrock"), "rosenbrock_errors")
    return report
