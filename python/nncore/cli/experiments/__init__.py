"""`nncore experiments E0 …`: runs the experiments of the course documents, puts ours beside the reported figures."""

from __future__ import annotations

import argparse
import functools
from dataclasses import asdict
from pathlib import Path

from nncore import get_num_threads
from nncore.cli._report import Report
from nncore.cli._watch import add_reports, add_watching, watchers
from nncore.cli.experiments import _e0, _e1, _e2, _e3, _e4
from nncore.cli.experiments._comparison import Row, compare, text_of, write_csv
from nncore.cli.experiments._runs import Records
from nncore.errors import ConfigError

NAME = "experiments"
HELP = "the experiments of the course documents: ours beside the reported figures"

EXPERIMENTS = {"E0": _e0, "E1": _e1, "E2": _e2, "E3": _e3, "E4": _e4}
_WATCHED = ("E0",)  # its convolutional nets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of this command."""
    titles = "; ".join(f"{name}: {module.TITLE}" for name, module in EXPERIMENTS.items())
    parser.description = f"{HELP}. {titles}."
    parser.add_argument(
        "names", nargs="+", type=str.upper, choices=list(EXPERIMENTS), metavar="EXPERIMENT", help=", ".join(EXPERIMENTS)
    )
    parser.add_argument("--out", default="notebooks/results", help="folder for result files")
    parser.add_argument("--quick", action="store_true", help="few seeds and short runs, into files named -quick")
    parser.add_argument("--resume", action="store_true", help="keep the runs the result file has already")
    add_watching(parser)
    add_reports(parser)


def run(args: argparse.Namespace) -> Report:
    """Runs each experiment; writes NAME.json, all runs, and NAME.csv, the comparison."""
    for flag, given in (("--logdir", args.logdir), ("--report", args.reports)):
        if given is not None and not set(args.names) & set(_WATCHED):
            raise ConfigError(
                f"[experiments] {flag}: expected with {' '.join(_WATCHED)}, got it with {' '.join(args.names)}"
            )
    watchers(args)  # checks its flags before any training
    report = _Comparison()
    for name in dict.fromkeys(args.names):
        stem = Path(args.out) / (name + ("-quick" if args.quick else ""))
        records = Records(name, stem.with_suffix(".json"), seed=args.seed, quick=args.quick, resume=args.resume)
        watching = {"watch": functools.partial(watchers, args)} if name in _WATCHED else {}
        runs, notes = EXPERIMENTS[name].runs(args.quick, args.seed, **watching)
        report.notes += notes
        try:
            records.run(runs, jobs=get_num_threads() if EXPERIMENTS[name].THREADS else 1)
        except KeyboardInterrupt:
            report.interrupted = True
        finally:
            records.save()
        rows = compare(name, records.runs)
        if not report.interrupted:  # a table of a part of the runs would look like that of all
            write_csv(stem.with_suffix(".csv"), rows)
        report.comparison += rows
        report.rows += [asdict(row) for row in rows]
        report.notes.append(f"{records.summary()}; files {stem}.json{'' if report.interrupted else ' and .csv'}")
        if report.interrupted:
            report.notes.append("interrupted: go on with --resume")
            break
    if args.quick:
        report.notes.append("quick: shortened runs, not to be compared with the reported figures")
    return report


class _Comparison(Report):
    """A report whose rows are figures, reported and ours."""

    def __init__(self) -> None:
        super().__init__()
        self.comparison: list[Row] = []

    def _table(self) -> str:
        return text_of(self.comparison)
