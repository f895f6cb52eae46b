"""What every command that trains has to watch a training with: flags, the callbacks they ask for, where to look then."""

from __future__ import annotations

import argparse
import os
import shlex

from nncore._checks import integer
from nncore.callbacks import Callback, TensorBoard


def add_watching(parser: argparse.ArgumentParser) -> None:
    """Flags of all commands that train."""
    parser.add_argument("--logdir", help="folder for TensorBoard: curves, and what goes on inside the net, run by run")
    parser.add_argument("--monitor-every", type=int, default=100, help="steps from one look inside to the next")


def watchers(args: argparse.Namespace, name: str = "") -> list[Callback]:
    """Callbacks for a fit; `name` tells those of several fits apart."""
    every = integer("nncore", "--monitor-every", args.monitor_every, 1, 2**62)
    found: list[Callback] = []
    if args.logdir is not None:
        folder = os.path.join(args.logdir, name) if name and args.logdir else args.logdir
        found.append(TensorBoard(folder, every))
    return found


def notes(args: argparse.Namespace) -> list[str]:
    """Where a command has written what it saw, if it has."""
    logdir = getattr(args, "logdir", None)
    return [] if logdir is None else [f"to look inside: tensorboard --logdir {shlex.quote(logdir)}"]
