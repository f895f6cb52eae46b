"""Observation of a command's training: flags, their callbacks, notes on where the results are."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import threading

from nncore import History
from nncore._support.checks import integer
from nncore.callbacks import Callback, Fit, Monitor, TensorBoard
from nncore.cli._report import use_file_backend
from nncore.errors import ConfigError


def add_files(parser: argparse.ArgumentParser) -> None:
    """Flags for where images come from and where figures go."""
    parser.add_argument("--root", help="folder of the data; default: $NNCORE_DATA, then the user's cache")
    parser.add_argument("--download", action="store_true", help="fetch the data if they are not there")
    parser.add_argument("--out", help="folder for figures")


def add_watching(parser: argparse.ArgumentParser) -> None:
    """Flags of all commands that train."""
    parser.add_argument("--logdir", help="folder for TensorBoard: curves, and what goes on inside the net, run by run")
    parser.add_argument("--monitor-every", type=int, default=100, help="steps from one look inside to the next")


def add_report(parser: argparse.ArgumentParser) -> None:
    """The flag of commands that do one fit."""
    parser.add_argument("--report", metavar="FILE", help="write the fit as one HTML page: curves, what went on inside")


def add_reports(parser: argparse.ArgumentParser) -> None:
    """The flag of commands that do several fits."""
    parser.add_argument(
        "--report", metavar="FOLDER", dest="reports", help="write each watched fit as an HTML page into this folder"
    )


def watchers(args: argparse.Namespace, name: str = "") -> list[Callback]:
    """Callbacks for a fit; `name` distinguishes several fits of a command."""
    every = integer("nncore", "--monitor-every", args.monitor_every, 1, 2**62)
    found: list[Callback] = []
    if args.logdir is not None:
        folder = os.path.join(args.logdir, name) if name and args.logdir else args.logdir
        found.append(TensorBoard(folder, every))
    if getattr(args, "report", None) is not None:
        found += [Monitor(every), _Reporter(args, args.report, args.parser.prog)]
    if getattr(args, "reports", None) is not None:
        try:
            os.makedirs(args.reports, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"[nncore] --report: expected a folder, got {args.reports!r} ({error.strerror})"
            ) from None
        found.append(_Reporter(args, os.path.join(args.reports, f"{name or 'fit'}.html"), f"{args.parser.prog} {name}"))
    return found


class _Reporter(Callback):
    """Writes the report at the end of the fit, with the records of its monitors."""

    _drawing = threading.Lock()  # matplotlib draws in one thread at a time

    def __init__(self, args: argparse.Namespace, path: str, title: str) -> None:
        folder = os.path.dirname(os.path.realpath(path))
        if not path or os.path.isdir(path) or not (os.path.isdir(folder) and os.access(folder, os.W_OK)):
            raise ConfigError(f"[nncore] --report: expected a file in a folder that can be written to, got {path!r}")
        self._path, self._title, self._args = path, title, args

    def on_fit_begin(self, trainer: Fit) -> None:
        """Selects the file backend: no window opens."""
        with contextlib.suppress(ImportError):  # without matplotlib the report has no figures
            use_file_backend()

    def on_fit_end(self, history: History) -> None:
        """Writes the report. An OSError is kept for the exit code, so that the results are still printed."""
        try:
            with self._drawing:
                history.report(self._path, title=self._title)
        except OSError as error:
            self._args.failed = f"{type(error).__name__}: [nncore] --report: {error}"


def notes(args: argparse.Namespace) -> list[str]:
    """Lines on where the logs and reports are, if any were written."""
    logdir, report = getattr(args, "logdir", None), getattr(args, "report", None) or getattr(args, "reports", None)
    found = (
        []
        if logdir is None
        else [f"to look inside (pip install tensorboard): tensorboard --logdir {shlex.quote(logdir)}"]
    )
    return found if report is None or args.failed else [*found, f"report: {report}"]
