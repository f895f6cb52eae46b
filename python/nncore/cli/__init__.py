"""The command line: `python -m nncore COMMAND` and the script `nncore`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from nncore import __version__
from nncore.cli import (
    _bench,
    _cifar_cnn,
    _cifar_mlp,
    _demo,
    _info,
    _mnist,
    _mnist_cnn,
    _moons,
    _notebooks,
    _perceptron,
    _rosenbrock,
    experiments,
)
from nncore.cli._report import Report
from nncore.cli._watch import notes

_COMMANDS = (
    _demo,
    _perceptron,
    _moons,
    _rosenbrock,
    _mnist,
    _mnist_cnn,
    _cifar_mlp,
    _cifar_cnn,
    experiments,
    _notebooks,
    _bench,
    _info,
)
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0, 1 after an error, 2 for wrong flags, 130 after Ctrl-C."""
    args, unknown = _parser().parse_known_args(arguments)
    if unknown:  # the subcommand's error lists its flags; parse_args would raise the main parser's
        args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        if args.threads is not None:
            from nncore import set_num_threads

            set_num_threads(args.threads)
        report: Report = args.run(args)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED
    except (ValueError, RuntimeError, ArithmeticError, OSError, ImportError, MemoryError) as error:
        print(f"nncore: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    report.notes += notes(args)
    report.show(as_json=args.json)
    if args.failed:  # after the results, which are printed nevertheless
        print(f"nncore: {args.failed}", file=sys.stderr)
    return _INTERRUPTED if report.interrupted else int(bool(args.failed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nncore", description="Small neural networks, trained fast on a CPU.")
    parser.add_argument("--version", action="version", version=f"nncore {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in _COMMANDS:
        sub = commands.add_parser(
            command.NAME,
            help=command.HELP,
            description=command.HELP,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
            allow_abbrev=False,
        )
        command.add_arguments(sub)
        sub.add_argument("--seed", type=int, default=0, help="of data, weights and order")
        sub.add_argument("--threads", type=int, help="number of threads")
        sub.add_argument("--json", action="store_true", help="print the results as JSON")
        sub.set_defaults(run=command.run, parser=sub, failed="")
        sub.error = _error_of(sub)  # type: ignore[assignment, method-assign]
    return parser


def _error_of(parser: argparse.ArgumentParser) -> Callable[[str], NoReturn]:
    """An error handler that lists the flags of the command."""

    def error(message: str) -> NoReturn:
        flags = sorted(flag for action in parser._actions for flag in action.option_strings if flag.startswith("--"))
        parser.exit(2, f"{parser.prog}: {message}\nflags: {' '.join(flags)}\n")

    return error
