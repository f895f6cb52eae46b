"""`nncore cifar-mlp`: a net with a few hidden layers on CIFAR-10; experiment E2 takes its data and nets from here."""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from nncore import SGD, CrossEntropyLoss, Dropout, ExponentialLR, History, Linear, Normalize, ReLU, Trainer, init, plot
from nncore import Sequential as Net
from nncore.cli._report import Report, use_file_backend
from nncore.cli._watch import add_files, add_report, add_watching, watchers
from nncore.datasets import load_cifar10
from nncore.layers import Layer

NAME = "cifar-mlp"
HELP = "a multilayer perceptron on CIFAR-10"

_VALIDATION = 1000  # the last of the training images; of a small part of the set, half of it


class Split(NamedTuple):
    """Rows of 3072 bytes, and labels."""

    X: Any
    y: Any
    X_val: Any
    y_val: Any
    X_test: Any
    y_test: Any


def load_split(root: str | os.PathLike[str] | None = None, download: bool = False) -> Split:
    """49 000 images to learn from, the last 1000 of the training files for validation, 10 000 to test."""
    X, y = load_cifar10("train", root=root, download=download)
    X_test, y_test = load_cifar10("test", root=root, download=download)
    X, X_test = X.reshape(len(X), -1), X_test.reshape(len(X_test), -1)
    n = len(X) - min(_VALIDATION, len(X) // 2)
    return Split(X[:n], y[:n], X[n:], y[n:], X_test, y_test)


def make_net(
    hidden: Sequence[int],
    norm: Normalize | None,
    seed: int,
    *,
    n_in: int = 3072,
    weights: Any = None,
    dropout: float = 0.0,
) -> Net:
    """n_in-H-…-10 with ReLU; weights N(0, (1e-4)²) unless told, biases 0."""
    weights = init.normal(0.0, 1e-4) if weights is None else weights
    layers: list[Layer] = []
    for fan_in, fan_out in itertools.pairwise([n_in, *hidden, 10]):
        layers += [Linear(fan_in, fan_out, weight_init=weights, bias_init="zeros"), ReLU()]
        if dropout:
            layers.append(Dropout(dropout))
    return Net(*layers[: -2 if dropout else -1], seed=seed, input=norm)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this command."""
    parser.add_argument("--hidden", type=int, nargs="+", default=[100], help="units of each hidden layer")
    parser.add_argument("--lr", type=float, default=1e-3, help="step size of SGD in the first epoch")
    parser.add_argument("--lr-decay", type=float, default=0.95, help="factor of the step size after each epoch")
    parser.add_argument("--reg", type=float, default=0.25, help="adds reg times the sum of squared weights to the loss")
    parser.add_argument("--dropout", type=float, default=0.0, help="share of hidden units dropped in training")
    parser.add_argument("--batch-size", type=int, default=200, help="samples a step")
    parser.add_argument("--epochs", type=int, default=17, help="passes over 49 000 images, of 245 steps")
    add_files(parser)
    add_watching(parser)
    add_report(parser)


def train(args: argparse.Namespace) -> tuple[Trainer, History]:
    """Trains as the flags say; validation and test accuracy are measured after each epoch."""
    data = load_split(args.root, args.download)
    net = make_net(args.hidden, Normalize.from_data(data.X, "mean"), args.seed, dropout=args.dropout)
    optimizer = SGD(lr=ExponentialLR(args.lr, args.lr_decay))
    l2 = 2 * args.reg  # the trainer's penalty has a half in it
    trainer = Trainer(net, CrossEntropyLoss(), optimizer, batch_size=args.batch_size, l2=l2, seed=args.seed)
    held, test = (data.X_val, data.y_val), (data.X_test, data.y_test)
    watching = watchers(args)
    return trainer, trainer.fit(data.X, data.y, args.epochs, validation_data=held, test_data=test, callbacks=watching)


def run(args: argparse.Namespace) -> Report:
    """One row; with --out the curves."""
    if args.out is not None:
        use_file_backend()
    report = Report(args.out)
    _, history = train(args)
    shape = "-".join(str(n) for n in [3072, *args.hidden, 10])
    add_row(report, f"CIFAR-10 {shape}, SGD {args.lr:g}", history)
    if args.out is not None and len(history["loss"]):
        report.save(plot.history(history), "cifar_mlp_history")
    return report


def add_row(report: Report, task: str, history: History) -> None:
    """Test accuracy, and validation accuracy where there was any."""
    names = [name for name in ("test_accuracy", "val_accuracy") if name in history.epochs and len(history[name])]
    result = ", ".join(f"{name.replace('_', ' ')} {history[name][-1]:.4f}" for name in names) or "no epoch finished"
    facts = {name: history[name].tolist() for name in ("loss", *names)}
    report.add_fit(task, result, history, **facts)
