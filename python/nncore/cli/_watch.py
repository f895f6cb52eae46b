"""What every command that trains has to watch a training with: flags, the callbacks they ask for, where to look then."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex

from nncore import History, Trainer
from nncore._checks import integer
from nncore.callbacks import Callback, Monitor, TensorBoard
from nncore.cli._report import use_file_backend
from nncore.errors import ConfigError


def add_watching(parser: argparse.ArgumentParser) -> None:
    """Flags of all commands that train."""
    parser.add_argument("--logdir", help="folder for TensorBoard: curves, and what goes on inside the net, run by run")
    parser.add_argument("--monitor-every", type=int, default=100, help="steps from one look inside to the next")


def add_report(parser: argparse.ArgumentParser) -> None:
    """The flag of commands that do one fit."""
    parser.add_argument("--report", metavar="FILE", help="write the fit as one HTML page: curves, what went on inside")


def watchers(args: argparse.Namespace, name: str = "") -> list[Callback]:
    """Callbacks for a fit; `name` tells those of several fits apart."""
    every = integer("nncore", "--monitor-every", args.monitor_every, 1, 2**62)
    found: list[Callback] = []
    if args.logdir is not None:
        folder = os.path.join(args.logdir, name) if name and args.logdir else args.logdir
        found.append(TensorBoard(folder, every))
    if getattr(args, "report", None) is not None:
        found += [Monitor(every), _Reporter(args)]
    return found


class _Reporter(Callback):
    """Writes the page when the fit is over."""

    def __init__(self, args: argparse.Namespace) -> None:
        path = args.report
        folder = os.path.dirname(os.path.realpath(path))
        if not path or os.path.isdir(path) or not (os.path.isdir(folder) and os.access(folder, os.W_OK)):
            raise ConfigError(f"[nncore] --report: expected a file in a folder that can be written to, got {path!r}")
        self.path, self._args = path, args

    def on_fit_begin(self, trainer: Trainer) -> None:
        """No window opens for its pictures."""
        with contextlib.suppress(ImportError):  # the report does without them
            use_file_backend()

    def on_fit_end(self, history: History) -> None:
        """Writes it. A disk that refuses it now costs the page, not what was trained."""
        try:
            history.report(self.path, title=self._args.parser.prog)
        except OSError as error:
            self._args.failed = f"{type(error).__name__}: [nncore] --report: {error}"


def notes(args: argparse.Namespace) -> list[str]:
    """Where a command has written what it saw, if it has."""
    logdir, report = getattr(args, "logdir", None), getattr(args, "report", None)
    found = [] if logdir is None else [f"to look inside (pip install tensorboard): tensorboard --logdir {shlex.quote(logdir)}"]
    return found if report is None or args.failed else [*found, f"report: {report}"]
