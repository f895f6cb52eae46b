"""`nncore info`."""

from __future__ import annotations

import argparse

from nncore import info
from nncore.cli._report import Report

NAME = "info"
HELP = "version, kernel set, threads"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beyond what every command takes."""


def run(args: argparse.Namespace) -> Report:
    """Prints what nncore.info() says."""
    report = Report()
    facts = info()
    report.notes = [f"{name}: {value}" for name, value in facts.items()] if args.json else str(facts).splitlines()
    return report
