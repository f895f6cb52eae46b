"""`nncore mnist-cnn`: a convolutional net on handwritten digits."""

from __future__ import annotations

import argparse
from typing import Any

from nncore import SGD, Adagrad, Adam, CrossEntropyLoss, History, Normalize, RMSprop, Trainer, mnist_cnn, plot
from nncore._support.checks import integer
from nncore.cli._report import Report, use_file_backend
from nncore.cli._watch import add_files, add_report, add_watching, watchers
from nncore.datasets import load_mnist
from nncore.errors import ConfigError
from nncore.nn.activations import ACTIVATIONS
from nncore.optim import Optimizer

NAME = "mnist-cnn"
HELP = "a convolutional net on MNIST: two convolutions, two dense layers"

VALIDATION = 5000  # images at the front of the training file that training does not see
OPTIMIZERS: dict[str, type[Optimizer]] = {"adam": Adam, "sgd": SGD, "rmsprop": RMSprop, "adagrad": Adagrad}
WITH_MOMENTUM = ("sgd", "rmsprop")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this command."""
    parser.add_argument("--activation", choices=sorted(ACTIVATIONS), default="relu", help="of all but the last layer")
    parser.add_argument("--init", default="kaiming", help="initialiser of the weights; biases start at 0")
    parser.add_argument("--dropout", type=float, default=0.5, help="fraction dropped before the last layer")
    parser.add_argument("--optimizer", choices=sorted(OPTIMIZERS), default="adam", help="update rule")
    parser.add_argument("--lr", type=float, default=1e-3, help="step size")
    parser.add_argument("--momentum", type=float, default=0.0, help=f"of {' and '.join(WITH_MOMENTUM)}")
    parser.add_argument("--weight-decay", type=float, default=0.0, help="L2 penalty of the optimizer")
    parser.add_argument("--batch-size", type=int, default=50, help="samples a step")
    parser.add_argument("--epochs", type=int, default=8, help="passes over the data")
    parser.add_argument("--samples", type=int, help="learn from the first so many of the 55000 images")
    add_files(parser)
    add_watching(parser)
    add_report(parser)


def images(root: str | None = None, download: bool = False) -> tuple[tuple[Any, Any], tuple[Any, Any], tuple[Any, Any]]:
    """(X, y) of 55 000 images to learn from, 5 000 to validate with, 10 000 to test with."""
    X, y = load_mnist("train", root=root, download=download)
    test = load_mnist("test", root=root, download=download)
    return (X[VALIDATION:], y[VALIDATION:]), (X[:VALIDATION], y[:VALIDATION]), test


def make_optimizer(args: argparse.Namespace) -> Optimizer:
    """The optimizer that the flags select."""
    options: dict[str, Any] = {"lr": args.lr, "weight_decay": args.weight_decay}
    if args.optimizer in WITH_MOMENTUM:
        options["momentum"] = args.momentum
    elif args.momentum != 0.0:
        raise ConfigError(f"[mnist-cnn] --momentum: expected 0 with {args.optimizer}, got {args.momentum:g}")
    return OPTIMIZERS[args.optimizer](**options)


def train(args: argparse.Namespace) -> tuple[Trainer, History]:
    """Trains as the flags say; validation and test accuracy are measured after each epoch."""
    optimizer = make_optimizer(args)
    (X, y), validation, test = images(args.root, args.download)
    if args.samples is not None:
        count = integer("mnist-cnn", "--samples", args.samples, 1, len(X))
        X, y = X[:count], y[:count]
    scale = Normalize.from_data(X, "scale")
    net = mnist_cnn(args.activation, init=args.init, dropout=args.dropout, seed=args.seed, input=scale)
    trainer = Trainer(net, CrossEntropyLoss(), optimizer, batch_size=args.batch_size, seed=args.seed)
    watching = watchers(args)
    return trainer, trainer.fit(X, y, args.epochs, validation_data=validation, test_data=test, callbacks=watching)


def run(args: argparse.Namespace) -> Report:
    """One row; with --out the curves, the filters of the first layer and the confusion matrix."""
    if args.out is not None:
        use_file_backend()
    report = Report(args.out)
    trainer, history = train(args)
    facts = {name: history[name].tolist() for name in ("loss", "val_accuracy", "test_accuracy")}
    accuracy = facts["test_accuracy"]
    result = f"test accuracy {accuracy[-1]:.4f}" if accuracy else "no epoch finished"
    report.add_fit(f"MNIST convolutional {args.activation}, {args.optimizer}", result, history, **facts)
    if args.out is not None and accuracy:
        X, y = load_mnist("test", root=args.root)
        report.save(plot.history(history), "mnist_cnn_history")
        report.save(plot.filters(trainer.model[0]), "mnist_cnn_filters")
        report.save(plot.confusion_matrix(trainer.model, X, y), "mnist_cnn_confusion")
        report.save(plot.misclassified(trainer.model, X, y), "mnist_cnn_misclassified")
    return report
