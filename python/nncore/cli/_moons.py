"""`nncore moons`: a small net on two half moons."""

from __future__ import annotations

import argparse

from nncore import SGD, Adam, CrossEntropyLoss, LeakyReLU, Linear, ReLU, Sequential, Sigmoid, Tanh, Trainer, plot
from nncore.cli._report import Report, use_file_backend
from nncore.cli._watch import add_report, add_watching, watchers
from nncore.datasets import make_moons, train_test_split
from nncore.layers import Layer
from nncore.optim import Optimizer

NAME = "moons"
HELP = "a 2-H-2 net on two half moons"
_BATCH_SIZE = 16

ACTIVATIONS: dict[str, type[Layer]] = {"relu": ReLU, "tanh": Tanh, "sigmoid": Sigmoid, "leaky_relu": LeakyReLU}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this command."""
    batch = parser.add_mutually_exclusive_group()
    unsaid = argparse.SUPPRESS  # a default would hide that the flag was given beside the other one
    batch.add_argument("--batch-size", type=int, default=unsaid, help=f"samples a step (default: {_BATCH_SIZE})")
    batch.add_argument("--full-batch", action="store_true", help="all samples in each step, as in experiment E1")
    parser.add_argument("--hidden", type=int, default=20, help="hidden units H")
    parser.add_argument("--activation", choices=sorted(ACTIVATIONS), default="relu", help="of the hidden layer")
    parser.add_argument("--optimizer", choices=("sgd", "adam"), default="sgd", help="update rule")
    parser.add_argument("--lr", type=float, default=0.01, help="step size")
    parser.add_argument("--epochs", type=int, default=1500, help="passes over the data")
    parser.add_argument("--samples", type=int, default=1000, help="points, of which a fifth is for testing")
    parser.add_argument("--noise", type=float, default=0.2, help="standard deviation of the noise")
    parser.add_argument("--out", help="folder for figures")
    add_watching(parser)
    add_report(parser)


def run(args: argparse.Namespace) -> Report:
    """Trains, and draws the boundary and the curves."""
    if args.out is not None:
        use_file_backend()
    report = Report(args.out)
    X, y = make_moons(args.samples, noise=args.noise, seed=args.seed)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, seed=args.seed)
    net = Sequential(Linear(2, args.hidden), ACTIVATIONS[args.activation](), Linear(args.hidden, 2), seed=args.seed)
    optimizer: Optimizer = SGD(lr=args.lr) if args.optimizer == "sgd" else Adam(lr=args.lr)
    batch_size = None if args.full_batch else getattr(args, "batch_size", _BATCH_SIZE)
    trainer = Trainer(net, CrossEntropyLoss(), optimizer, batch_size=batch_size, seed=args.seed)
    history = trainer.fit(X, y, args.epochs, test_data=(X_test, y_test), callbacks=watchers(args))
    train, test = trainer.evaluate(X, y), trainer.evaluate(X_test, y_test)
    seen = f"loss {train['loss']:.4f}, accuracy {train['accuracy']:.4f}"
    result = f"{seen}, test loss {test['loss']:.4f}, test accuracy {test['accuracy']:.4f}"
    size = "full" if batch_size is None else batch_size
    report.add_fit(f"moons 2-{args.hidden}-2, batch {size}", result, history, train=train, test=test)
    if args.out is not None:
        report.save(plot.decision_boundary(net, X, y), "moons_boundary")
        report.save(plot.history(history), "moons_history")
    return report
