"""CSVLogger: the epochs of a training as a table that grows."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable
from typing import Any

from nncore._support.files import path_of, read_file, write_file
from nncore._support.strict import Setting
from nncore.errors import ConfigError, FormatError
from nncore.train._callback import Callback, Fit, Record

_MAX_SIZE = 1 << 30  # bytes of a table that is continued


class CSVLogger(Callback):
    """Writes the row of each epoch to a table, at once.

    A fit that goes on, of this trainer or of one that was resumed, continues the table: it then has each epoch of the
    trainer's history once. Rows of epochs that are trained again, after an older checkpoint, go; rows that are not
    there, of epochs before the table was begun, are added. A first fit writes a new file.

    Parameters
    ----------
    path : path

    Raises
    ------
    ConfigError
        The table has other columns than the fit.
    FormatError
        The file is no table.
    """

    _columns: list[str] | None = None  # of the file, once this fit has written to it
    _last = 0  # epoch that was written
    path = Setting(lambda where, name, value: path_of(where, value), "The table that is written.")

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        self._trainer = None

    def on_fit_begin(self, trainer: Fit) -> None:
        """A trainer with earlier epochs continues the table."""
        self._trainer, self._columns = trainer, None

    def on_epoch_end(self, record: Record) -> bool | None:
        """Writes one line."""
        if self._columns is None:
            self._columns = self._begin(record)
        self._append([record])
        return None

    def on_fit_end(self, history: Any) -> None:
        """Drops the reference to the trainer."""
        self._trainer = None

    def on_fit_error(self, error: BaseException) -> None:
        """Writes the last epoch if it has not been told of it: a metric that failed is NaN."""
        if self._trainer is not None and self._columns is not None:
            self._append([row for row in self._earlier(self._trainer.epoch + 1) if row["epoch"] > self._last])
        self._trainer = None

    def _append(self, rows: list[Record]) -> None:
        with open(self.path, "a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([row.get(key, math.nan) for key in self._columns or ()] for row in rows)
        self._last = rows[-1]["epoch"] if rows else self._last

    def _begin(self, record: Record) -> list[str]:
        """Makes the file the table of all epochs before this one; its columns."""
        before = self._earlier(int(record["epoch"]))
        there = self._read() if before else ""
        columns = next(csv.reader(io.StringIO(there)), None) or list(record)
        if set(columns) != set(record):
            raise ConfigError(f"[CSVLogger] {self.path}: expected the columns {columns} it has, got {list(record)}")
        table = _text([columns, *([row.get(key, math.nan) for key in columns] for row in before)])
        if there and table != there:
            write_file(self.path, table.encode())
        elif not there:
            with open(self.path, "w", newline="", encoding="utf-8") as file:
                file.write(table)
        return columns

    def _earlier(self, epoch: int) -> list[Record]:
        """The rows of the trainer's history before an epoch."""
        if self._trainer is None or epoch <= 1:
            return []
        columns = {key: values.tolist() for key, values in self._trainer.history.epochs.items()}
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return [row for row in rows if row["epoch"] < epoch]

    def _read(self) -> str:
        """The file's content; "" if there is none."""
        try:
            content = read_file(self.path, _MAX_SIZE).decode()
            list(csv.reader(io.StringIO(content)))
            return content
        except FileNotFoundError:
            return ""
        except (csv.Error, ValueError) as error:
            raise FormatError(
                f"[CSVLogger] {self.path}: expected a table of this kind, got something else ({error})"
            ) from None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_trainer": None}


def _text(rows: Iterable[list[Any]]) -> str:
    """Rows as the csv module writes them."""
    table = io.StringIO(newline="")
    csv.writer(table).writerows(rows)
    return table.getvalue()
