"""The table of an experiment: one row for each figure, what was reported and what we find over the seeds."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore._support.files import write_file


@dataclass(frozen=True)
class Row:
    """One figure; `reported` is None where the source gives none, NaN where it says so."""

    experiment: str
    table: str
    setting: str
    metric: str
    reported: float | None
    mean: float
    std: float
    median: float
    least: float
    most: float
    runs: int


COLUMNS = tuple(column.name for column in fields(Row))
SIDES = ("height", "width", "channels")  # of a reported shape


def reported(experiment: str) -> dict[tuple[str, str, str], float]:
    """The figures of reported.csv: (table, setting, metric) -> value; a shape, 28x28x16, is three of them."""
    text = resources.files(__package__).joinpath("reported.csv").read_text(encoding="utf-8")
    found = {}
    for row in csv.DictReader(text.splitlines()):
        if row["experiment"] == experiment:
            numbers = row["reported"].split("x")
            sides = [f"{row['metric']}_{side}" for side in SIDES] if len(numbers) == len(SIDES) else [row["metric"]]
            for metric, number in zip(sides, numbers, strict=True):
                found[row["table"], row["setting"], metric] = float(number)
    return found


def compare(experiment: str, runs: Iterable[dict[str, Any]]) -> list[Row]:
    """One row for each figure, in the order of the runs; a run is {"table", "values": {setting: {metric: value}}}."""
    values: dict[tuple[str, str, str], list[float]] = {}
    for run in runs:
        for setting, figures in run["values"].items():
            for metric, value in figures.items():
                number = math.nan if value is None else float(value)
                values.setdefault((run["table"], setting, metric), []).append(number)
    known = reported(experiment)
    return [_row(experiment, key, known.get(key), np.array(found)) for key, found in values.items()]


def _row(experiment: str, key: tuple[str, str, str], said: float | None, v: NDArray[np.float64]) -> Row:
    mean, std, median, least, most = (float(f(v)) for f in (np.mean, np.std, np.median, np.min, np.max))
    return Row(experiment, *key, said, mean, std, median, least, most, len(v))


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Writes the rows with a header; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(value) for value in astuple(row)] for row in rows)
    write_file(path, table.getvalue().encode())


def read_csv(path: str | os.PathLike[str]) -> list[Row]:
    """The rows write_csv wrote."""
    with open(path, newline="", encoding="utf-8") as file:
        return [_parsed(line) for line in list(csv.reader(file))[1:]]


def _parsed(line: list[str]) -> Row:
    experiment, table, setting, metric, *numbers, runs = line
    said = float(numbers[0]) if numbers[0] else None
    mean, std, median, least, most = map(float, numbers[1:])
    return Row(experiment, table, setting, metric, said, mean, std, median, least, most, int(runs))


def _cell(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.13g}"
    return "" if value is None else value


def ours(row: Row) -> str:
    """Mean ± standard deviation; all digits where there is one run."""
    if row.runs == 1 or math.isnan(row.mean):
        return f"{row.mean:.11g}"
    if row.std == 0:
        return f"{row.mean:.6g} ± 0"
    return f"{row.mean:.4f} ± {row.std:.4f}" if abs(row.mean) >= 1e-3 else f"{row.mean:.2e} ± {row.std:.0e}"


def text_of(rows: Sequence[Row]) -> str:
    """The rows as a table for a terminal."""
    table = [("table", "setting", "metric", "reported", "ours", "runs")]
    for row in rows:
        said = "" if row.reported is None else f"{row.reported:.11g}"
        table.append((row.table, row.setting, row.metric, said, ours(row), str(row.runs)))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(w) if i < 3 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in table
    ]
    lines.insert(1, "-" * len(lines[0]))
    return "\n".join(lines)
