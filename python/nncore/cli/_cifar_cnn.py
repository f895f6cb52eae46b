"""`nncore cifar-cnn`: a small residual net on CIFAR-10, meant to pass 80 % within twenty minutes of two cores."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from nncore import (
    SGD,
    Augment,
    BatchNorm2d,
    Conv2d,
    CrossEntropyLoss,
    GlobalAvgPool2d,
    History,
    Linear,
    MaxPool2d,
    Normalize,
    OneCycleLR,
    ReLU,
    Residual,
    Sequential,
    Trainer,
    plot,
)
from nncore.cli._cifar_mlp import add_row, load_split
from nncore.cli._report import Report, use_file_backend
from nncore.cli._watch import add_files, add_report, add_watching, watchers
from nncore.layers import Layer

NAME = "cifar-cnn"
HELP = "a small residual net on CIFAR-10"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this command."""
    parser.add_argument(
        "--width", type=int, default=32, help="channels of the first stage; doubled at each halving of the image"
    )
    parser.add_argument("--lr", type=float, default=0.1, help="largest step size of the one cycle")
    parser.add_argument("--momentum", type=float, default=0.9, help="of SGD, Nesterov's")
    parser.add_argument("--weight-decay", type=float, default=5e-4, help="L2 penalty of the optimizer")
    parser.add_argument("--batch-size", type=int, default=128, help="samples a step")
    parser.add_argument("--epochs", type=int, default=10, help="passes over 49 000 images")
    parser.add_argument(
        "--no-augment", action="store_true", help="train on the images as they are, not shifted and mirrored"
    )
    add_files(parser)
    add_watching(parser)
    add_report(parser)


def make_net(width: int, norm: Normalize, seed: int) -> Sequential:
    """Three stages at 32, 16 and 8 pixels; the last two have a residual block. 48 million products an image at 32."""
    w = width
    layers = [*_block(3, w), *_block(w, w), MaxPool2d(2)]
    layers += [*_block(w, 2 * w), Residual(*_block(2 * w, 2 * w)), MaxPool2d(2)]
    layers += [*_block(2 * w, 4 * w), Residual(*_block(4 * w, 4 * w), *_block(4 * w, 4 * w))]
    return Sequential(*layers, GlobalAvgPool2d(), Linear(4 * w, 10), seed=seed, input=norm)


def _block(n_in: int, n_out: int) -> list[Layer]:
    """BatchNorm shifts by itself, so the convolution needs no bias."""
    return [Conv2d(n_in, n_out, 3, padding=1, bias=False, weight_init="kaiming_normal"), BatchNorm2d(n_out), ReLU()]


def colours(X: Any) -> Normalize:
    """Mean and standard deviation of each colour, the same at every pixel."""
    mean, std = (np.asarray(f(X, axis=(0, 2, 3), dtype=np.float64)).reshape(-1, 1, 1) for f in (np.mean, np.std))
    return Normalize(np.broadcast_to(mean, X.shape[1:]), np.broadcast_to(std, X.shape[1:]))


def train(args: argparse.Namespace) -> tuple[Trainer, History]:
    """Trains as the flags say; validation and test accuracy are measured after each epoch."""
    data = load_split(args.root, args.download)
    X, X_val, X_test = (rows.reshape(-1, 3, 32, 32) for rows in (data.X, data.X_val, data.X_test))
    net = make_net(args.width, colours(X[::10]), args.seed)
    steps = args.epochs * -(-len(X) // args.batch_size) if args.batch_size > 0 else 1  # the trainer refuses such a size
    rate = OneCycleLR(args.lr, max(1, steps))
    optimizer = SGD(lr=rate, momentum=args.momentum, weight_decay=args.weight_decay, nesterov=args.momentum > 0)
    augment = None if args.no_augment else Augment(crop_padding=4, flip=True)
    trainer = Trainer(net, CrossEntropyLoss(), optimizer, batch_size=args.batch_size, augment=augment, seed=args.seed)
    held, test = (X_val, data.y_val), (X_test, data.y_test)
    watching = watchers(args)
    return trainer, trainer.fit(X, data.y, args.epochs, validation_data=held, test_data=test, callbacks=watching)


def run(args: argparse.Namespace) -> Report:
    """One row; with --out the curves."""
    if args.out is not None:
        use_file_backend()
    report = Report(args.out)
    _, history = train(args)
    widths = "-".join(str(args.width * factor) for factor in (1, 2, 4))
    add_row(report, f"CIFAR-10 residual net {widths}, SGD one cycle to {args.lr:g}", history)
    if args.out is not None and len(history["loss"]):
        report.save(plot.history(history), "cifar_cnn_history")
    return report
