"""`nncore mnist-mlp`: a multilayer perceptron on handwritten digits."""

from __future__ import annotations

import argparse
import itertools

from nncore import SGD, Adam, CrossEntropyLoss, History, Linear, Normalize, Sequential, Trainer, plot
from nncore.cli._moons import ACTIVATIONS
from nncore.cli._report import Report, use_file_backend
from nncore.cli._watch import add_files, add_report, add_watching, watchers
from nncore.datasets import load_mnist
from nncore.optim import Optimizer

NAME = "mnist-mlp"
HELP = "a multilayer perceptron on MNIST"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this command."""
    parser.add_argument("--hidden", type=int, nargs="+", default=[30], help="units of each hidden layer")
    parser.add_argument("--activation", choices=sorted(ACTIVATIONS), default="sigmoid", help="of the hidden layers")
    parser.add_argument("--init", default="xavier_normal", help="initialiser of the weights; biases start at 0")
    parser.add_argument("--optimizer", choices=("sgd", "adam"), default="sgd", help="update rule")
    parser.add_argument("--lr", type=float, default=0.1, help="step size")
    parser.add_argument("--momentum", type=float, default=0.0, help="of sgd")
    parser.add_argument("--weight-decay", type=float, default=0.0, help="L2 penalty of the optimizer")
    parser.add_argument("--batch-size", type=int, default=10, help="samples a step")
    parser.add_argument("--epochs", type=int, default=30, help="passes over the data")
    add_files(parser)
    add_watching(parser)
    add_report(parser)


def train(args: argparse.Namespace) -> tuple[Trainer, History]:
    """Trains as the flags say; test accuracy is measured after each epoch."""
    X, y = load_mnist("train", root=args.root, download=args.download)
    X_test, y_test = load_mnist("test", root=args.root, download=args.download)
    sizes = [784, *args.hidden, 10]
    layers: dict[str, object] = {}
    for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
        layers[f"fc{i + 1}"] = Linear(n_in, n_out, weight_init=args.init, bias_init="zeros")
        if i < len(sizes) - 2:
            layers[f"act{i + 1}"] = ACTIVATIONS[args.activation]()
    net = Sequential(layers, seed=args.seed, input=Normalize.from_data(X, "scale"))  # type: ignore[arg-type]
    optimizer: Optimizer = (
        SGD(lr=args.lr, momentum=args.momentum, weight_decay=args.weight_decay)
        if args.optimizer == "sgd"
        else Adam(lr=args.lr, weight_decay=args.weight_decay)
    )
    trainer = Trainer(net, CrossEntropyLoss(), optimizer, batch_size=args.batch_size, seed=args.seed)
    flat, flat_test = X.reshape(len(X), -1), X_test.reshape(len(X_test), -1)
    return trainer, trainer.fit(flat, y, args.epochs, test_data=(flat_test, y_test), callbacks=watchers(args))


def run(args: argparse.Namespace) -> Report:
    """One row; with --out the curves."""
    if args.out is not None:
        use_file_backend()
    report = Report(args.out)
    _, history = train(args)
    accuracy = history["test_accuracy"]
    result = f"test accuracy {accuracy[-1]:.4f}" if len(accuracy) else "no epoch finished"
    shape = "-".join(str(n) for n in [784, *args.hidden, 10])
    facts = {"test_accuracy": accuracy.tolist(), "loss": history["loss"].tolist()}
    report.add_fit(f"MNIST {shape} {args.activation}, {args.optimizer}", result, history, **facts)
    if args.out is not None and len(accuracy):
        report.save(plot.history(history), "mnist_history")
    return report
