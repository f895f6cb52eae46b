"""`nncore demo`: small examples of the features, in seconds."""

from __future__ import annotations

import argparse
import time

import numpy as np

from nncore import (
    SGD,
    Adam,
    CrossEntropyLoss,
    Film,
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
    report.index("nncore demo")
    return report


def _perceptron_part(report: Report, seed: int) -> None:
    model, X, y, accuracy, seconds = _perceptron.run_case(0, seed, "batch", 0.01, 100)
    report.add("perceptron, two clouds", f"test accuracy {accuracy:.3f}", model.n_epochs_, seconds)
    report.save(
        plot.decision_boundary(model, X, y),
        "perceptron",
        "A perceptron between two clouds",
        "One neuron draws one straight line. The stronger the colour, the further a point is from it; the perceptron "
        "stops at the first line without an error, wherever that lies.",
    )


def _moons_part(report: Report, seed: int) -> None:
    X, y = make_moons(1000, noise=0.2, seed=seed)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, seed=seed)
    net = Sequential(Linear(2, 20), ReLU(), Linear(20, 2), seed=seed)
    trainer = Trainer(net, CrossEntropyLoss(), SGD(lr=0.1), batch_size=16, seed=seed)
    film = Film(X, y, every=20, resolution=100)
    history = trainer.fit(X, y, 200, validation_data=(X_test, y_test), callbacks=[film])
    result = f"test accuracy {trainer.evaluate(X_test, y_test)['accuracy']:.3f}"
    report.add_fit("moons 2-20-2, batch 16", result, history)
    report.save(
        plot.decision_boundary(net, X, y),
        "moons_boundary",
        "A net of 20 hidden units on two half moons",
        "On the line both classes have probability 1/2; the white belt around it is where the net is unsure. The line "
        "has corners where a ReLU switches on.",
    )
    report.save(
        plot.history(history),
        "moons_history",
        "Its learning curves",
        "The loss falls fast to what a straight line can do, and then slowly, while the units find the bend. Training "
        "and validation stay together: nothing is learned by heart. The pale line is single steps.",
    )
    report.save(
        film.animation(),
        "moons_film",
        "The same as a film",
        "At first a straight line, then it bends: a frame for every 20 epochs.",
        ending=".gif",
    )
    report.save(
        plot.network(net),
        "moons_network",
        "The net itself",
        "Red weights are positive, blue ones negative, wide ones large. Units with pale lines hardly matter.",
    )


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
    report.save(
        plot.decision_boundary(net, X, y),
        "gaussians_boundary",
        "Three overlapping clouds",
        "Where clouds overlap no border is free of errors. The three regions meet in one point, where all classes are "
        "equally likely.",
    )


def _digits_part(report: Report, seed: int) -> None:
    X, y = load_digits()
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, seed=seed, stratify=y)
    net = Sequential(Linear(64, 64), ReLU(), Linear(64, 10), seed=seed, input=Normalize(0.0, 16.0))
    trainer = Trainer(net, CrossEntropyLoss(), Adam(lr=0.003), batch_size=32, seed=seed)
    history = trainer.fit(X, y, 40, validation_data=(X_test, y_test))
    result = f"test accuracy {trainer.evaluate(X_test, y_test)['accuracy']:.3f}"
    report.add_fit("digits 64-64-10, Adam", result, history)
    report.save(
        plot.history(history),
        "digits_history",
        "Handwritten digits, 64-64-10",
        "The training loss goes on falling after the validation loss has stopped: from there on the net learns its "
        "samples by heart.",
    )
    report.save(
        plot.confusion_matrix(net, X_test, y_test),
        "digits_confusion",
        "Which digits are taken for which",
        "Rows are the truth, columns what the net says. What is off the diagonal is wrong: pairs that look alike, such "
        "as 1 and 8.",
    )


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
    report.save(
        plot.contour_path("rosenbrock", results),
        "rosenbrock_paths",
        "Optimizers in Rosenbrock's valley",
        "Down into the valley is easy; along its flat floor to the star is not. Momentum overshoots and swings back.",
    )
    report.save(
        plot.error_curves(results, "rosenbrock"),
        "rosenbrock_errors",
        "How far they are from the minimum",
        "On a logarithmic scale a straight line is a constant factor a step: the steeper, the faster.",
    )
