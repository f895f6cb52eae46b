"""`nncore demo`: small examples of the features, in seconds."""

from __future__ import annotations

import argparse
import time

import numpy as np

from nncore import (
    SGD,
    Adam,
    CrossEntropyLoss,
    Linear,
    Normalize,
    ReLU,
    Sequential,
    Tanh,
    Trainer,
    gradcheck,
    minimize,
    plot,
)
from nncore.cli import _perceptron, _rosenbrock
from nncore.cli._report import Report, use_file_backend
from nncore.datasets import load_digits, load_mnist, make_gaussians, make_moons, train_test_split

NAME = "demo"
HELP = "moons, Gaussian clouds, digits, a gradient check and Rosenbrock's valley: a table and figures"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this command."""
    parser.add_argument("--out", default="nncore-demo", help="folder for figures")


def run(args: argparse.Namespace) -> Report:
    """Everything in turn."""
    use_file_backend()
    report = Report(args.out)
    for part in (
        _perceptron_part,
        _moons_part,
        _gaussian_part,
        _digits_part,
        _mnist_part,
        _gradients_part,
        _valley_part,
    ):
        if not report.interrupted:
            part(report, args.seed)
    return report


def _perceptron_part(report: Report, seed: int) -> None:
    model, X, y, accuracy, seconds = _perceptron.run_case(0, seed, "batch", 0.01, 100)
    report.add("perceptron, two clouds", f"test accuracy {accuracy:.3f}", model.n_epochs_, seconds)
    report.save(plot.decision_boundary(model, X, y), "perceptron")


def _moons_part(report: Report, seed: int) -> None:
    X, y = make_moons(1000, noise=0.2, seed=seed)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, seed=seed)
    net = Sequential(Linear(2, 20), ReLU(), Linear(20, 2), seed=seed)
    trainer = Trainer(net, CrossEntropyLoss(), SGD(lr=0.1), batch_size=16, seed=seed)
    history = trainer.fit(X, y, 200, validation_data=(X_test, y_test))
    result = f"test accuracy {trainer.evaluate(X_test, y_test)['accuracy']:.3f}"
    report.add_fit("moons 2-20-2, batch 16", result, history)
    report.save(plot.decision_boundary(net, X, y), "moons_boundary")
    report.save(plot.history(history), "moons_history")


def _gaussian_part(report: Report, seed: int) -> None:
    means = [[0.0, 2.0], [-2.0, -1.0], [2.0, -1.0]]
    covs = [[[1.0, 0.6], [0.6, 1.0]], [[0.4, 0.0], [0.0, 1.2]], [[0.8, -0.5], [-0.5, 0.8]]]
    X, y = make_gaussians(means, covs, 200, seed=seed)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, seed=seed)
    net = Sequential(Linear(2, 16), Tanh(), Linear(16, 3), seed=seed)
    trainer = Trainer(net, CrossEntropyLoss(), Adam(lr=0.01), batch_size=32, seed=seed)
    history = trainer.fit(X, y, 100)
    result = f"test accuracy {trainer.evaluate(X_test, y_test)['accuracy']:.3f}"
    report.add_fit("three Gaussian clouds, Adam", result, history)
    report.save(plot.decision_boundary(net, X, y), "gaussians_boundary")


def _digits_part(report: Report, seed: int) -> None:
    X, y = load_digits()
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, seed=seed, stratify=y)
    net = Sequential(Linear(64, 64), ReLU(), Linear(64, 10), seed=seed, input=Normalize(0.0, 16.0))
    trainer = Trainer(net, CrossEntropyLoss(), Adam(lr=0.003), batch_size=32, seed=seed)
    history = trainer.fit(X, y, 40, validation_data=(X_test, y_test))
    result = f"test accuracy {trainer.evaluate(X_test, y_test)['accuracy']:.3f}"
    report.add_fit("digits 64-64-10, Adam", result, history)
    report.save(plot.history(history), "digits_history")


def _mnist_part(report: Report, seed: int) -> None:
    try:
        X, y = load_mnist("train")
        X_test, y_test = load_mnist("test")
    except FileNotFoundError:
        report.notes.append(
            "MNIST is not on this machine: `python -m nncore mnist-cnn --download` fetches it and trains on it"
        )
        return
    net = Sequential(Linear(784, 30), ReLU(), Linear(30, 10), seed=seed, input=Normalize.from_data(X, "scale"))
    trainer = Trainer(net, CrossEntropyLoss(), SGD(lr=0.1), batch_size=10, seed=seed)
    history = trainer.fit(X.reshape(len(X), -1), y, 3)
    accuracy = trainer.evaluate(X_test.reshape(len(X_test), -1), y_test)["accuracy"]
    report.add_fit("MNIST 784-30-10, batch 10", f"test accuracy {accuracy:.3f}", history)


def _gradients_part(report: Report, seed: int) -> None:
    X, y = make_moons(16, noise=0.2, seed=seed)
    net = Sequential(Linear(2, 20), Tanh(), Linear(20, 2), seed=seed)
    start = time.perf_counter()
    check = gradcheck(net, CrossEntropyLoss(), X, y)
    seconds = time.perf_counter() - start
    differences = 2 * (sum(p.value.size for p in net.parameters()) + np.size(X))
    report.add("gradient check 2-20-2", f"largest relative error {check.max_relative_error:.1e}", differences, seconds)


def _valley_part(report: Report, seed: int) -> None:
    results = {}
    for label, optimizer in _rosenbrock.optimizers().items():
        if label.endswith("1e-4"):
            start = time.perf_counter()
            found = results[label] = minimize("rosenbrock", [-4.0, -2.0], optimizer, 100_000)
            report.add(f"Rosenbrock, {label}", f"f = {found.fun:.2e}", found.nit, time.perf_counter() - start)
    report.save(plot.contour_path("rosenbrock", results), "rosenbrock_paths")
    report.save(plot.error_curves(results, "rosenbrock"), "rosenbrock_errors")
