"""Rows: a list of dicts that prints as a table, and stays one when rows are chosen from it."""

from __future__ import annotations

import csv
import difflib
import io
import math
import numbers
from collections.abc import Callable, Iterable
from typing import Any, Self

import numpy as np

from nncore._support.checks import describe, flag
from nncore._support.files import path_of, write_file
from nncore._support.html import table as html_table
from nncore._support.strict import Strict
from nncore.errors import ConfigError
from nncore.sweeps._grid import to_text

_MAX_ROWS = 60
_MAX_WIDTH = 50  # characters of a cell
_MAX_WORDS = 120  # of one that says what happened
_NEAR = 1e-9  # `where` takes 0.1 * 3 for 0.3


class Rows(Strict, list[dict[str, Any]]):
    """A list of dicts that prints as a table. Slices, masks, `where` and `sorted` give a table of the same kind."""

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in order."""
        return list(dict.fromkeys(name for row in self._dicts() for name in row))

    def __getitem__(self, index: Any) -> Any:
        """A row by position; a table for a slice, a mask or a list of positions; an array for a column's name."""
        if isinstance(index, slice):
            return self._like(super().__getitem__(index))
        if isinstance(index, str):
            return _as_array([row.get(index) for row in self._dicts()] if self._known(index) else [])
        if isinstance(index, (list, tuple, np.ndarray)) or (hasattr(index, "__array__") and np.ndim(index)):
            return self._like([list(self)[at] for at in self._positions(index)])
        return super().__getitem__(index)

    def where(self, *tests: Callable[[dict[str, Any]], Any], **values: Any) -> Self:
        """The rows with these values, `where(lr=0.1)`, and for which each of `tests` is true of the row.

        Numbers are equal when they differ by less than 1e-9 of themselves. An unknown column is a ConfigError.
        """
        for test in tests:
            if not callable(test):
                raise ConfigError(f"[{self._name}] where: expected functions of a row, or column=value, "
                                  f"got {describe(test)}")  # fmt: skip
        for name in values:
            self._known(name)
        chosen = [row for row in self._dicts() if all(_equal(row.get(name), value) for name, value in values.items())]
        return self._like([row for row in chosen if all(test(row) for test in tests)])

    def sorted(self, by: str, *, reverse: bool = False) -> Self:
        """The rows by a column, smallest first; NaN and what is no number last. Equal ones stay in order."""
        self._known(by)
        down = flag(self._name, "reverse", reverse)
        numeric = [row for row in self._dicts() if is_number(row.get(by)) and not math.isnan(row[by])]
        others = [row for row in self._dicts() if not is_number(row.get(by))]
        lost = [row for row in self._dicts() if is_number(row.get(by)) and math.isnan(row[by])]
        numeric.sort(key=lambda row: row[by], reverse=down)
        others.sort(key=lambda row: to_text(row.get(by)), reverse=down)
        return self._like([*numeric, *others, *lost])

    def copy(self) -> Self:
        """A table of the same rows."""
        return self._like(list(self))

    def __add__(self, other: Any) -> Any:
        """The rows of both."""
        return self._like([*self, *other]) if isinstance(other, list) else NotImplemented

    def to_pandas(self) -> Any:
        """A pandas.DataFrame of the rows."""
        try:
            import pandas  # type: ignore[import-untyped,import-not-found,unused-ignore]
        except ImportError:
            raise ImportError("[sweep] to_pandas needs pandas: pip install pandas") from None
        return pandas.DataFrame(list(self))

    def to_dict(self) -> dict[str, list[Any]]:
        """Columns as lists, ready for JSON: NaN and infinity are None, what is no number, text or list is its name."""
        return {name: [_plain(row.get(name)) for row in self._dicts()] for name in self.columns}

    def to_csv(self, path: Any) -> None:
        """Writes the table with a header; numbers with all their digits. The file appears whole or not at all."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(self.columns)
        for row in self._dicts():
            writer.writerow([_csv_cell(row.get(name, "")) for name in self.columns])
        write_file(path_of("to_csv", path), text.getvalue().encode())

    # ---- Display ----------------------------------------------------------------------------------------------------

    _name = "sweep"  #: in error messages

    def __repr__(self) -> str:
        if not self:
            return f"{type(self).__name__}: no runs"
        cells = self._cells()
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        left = {i for i, name in enumerate(cells[0]) if name in ("status", "message", "lost")}
        lines = [
            "  ".join(
                f"{text:<{w}}" if i in left else f"{text:>{w}}"
                for i, (text, w) in enumerate(zip(row, widths, strict=True))
            )
            for row in cells
        ]
        lines.insert(1, "-" * len(lines[0]))
        return "\n".join(line.rstrip() for line in lines)

    __str__ = __repr__

    def _repr_html_(self) -> str:
        head, *rows = self._cells() if self else [["no runs"]]
        return html_table(head, rows, caption=self._caption())

    def _caption(self) -> str:
        """What stands above the table."""
        return ""

    def _cells(self) -> list[list[str]]:
        """Header and rows as text; only those at both ends when there are many."""
        rows = self._dicts()
        columns = self._shown()
        if len(rows) > _MAX_ROWS:
            half = _MAX_ROWS // 2
            rows = [*rows[:half], dict.fromkeys(columns, "…"), *rows[-half:]]
        return [list(map(to_text, columns)), *([_cell(name, row.get(name, "")) for name in columns] for row in rows)]

    def _shown(self) -> list[str]:
        """The columns that are printed: without those of messages when there are none."""
        rows = self._dicts()
        silent = {n for n in ("message", "lost") if not any(to_text(row.get(n, "")) for row in rows)}
        return [name for name in self.columns if name not in silent]

    # ---- For subclasses ---------------------------------------------------------------------------------------------

    def _like(self, rows: Iterable[dict[str, Any]]) -> Self:
        """A table of the same kind."""
        return type(self)(rows)

    def _dicts(self) -> list[dict[str, Any]]:
        """The rows; what users put into the list that is no dict stands in a column without a name."""
        given: list[Any] = list(self)
        return [row if isinstance(row, dict) else {"": row} for row in given]

    def _known(self, name: object) -> bool:
        columns = self.columns
        if name not in columns:
            near = difflib.get_close_matches(str(name), [c for c in columns if isinstance(c, str)], 1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ConfigError(f"[{self._name}] the columns are {columns}, got {describe(name)}{hint}")
        return True

    def _positions(self, index: Any) -> list[int]:
        """The positions that a mask or a list of positions chooses."""
        chosen = np.asarray(index)
        if chosen.size == 0 and chosen.ndim == 1 and (len(self) == 0 or chosen.dtype.kind != "b"):
            return []
        if chosen.dtype.kind == "b" and chosen.shape == (len(self),):
            return [int(at) for at in np.flatnonzero(chosen)]
        inside = chosen.dtype.kind in "iu" and chosen.ndim == 1
        if not inside or not (-len(self) <= chosen.min() and chosen.max() < len(self)):
            what = f"a mask of {len(self)} booleans or positions of rows"
            raise ConfigError(f"[{self._name}] index: expected {what}, got {describe(index)}")
        return [int(at) for at in chosen]


def is_number(value: Any) -> bool:
    """A real number that a float holds."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def _cell(name: str, value: Any) -> str:
    if name == "seconds" and is_number(value):
        return f"{value:.3g}"
    text, most = to_text(value), _MAX_WORDS if name in ("message", "lost") else _MAX_WIDTH
    return text if len(text) <= most else text[: most - 1] + "…"


def _as_array(values: list[Any]) -> Any:
    """Numbers, booleans and texts as arrays of their kind, anything else as an array of objects."""
    for kinds in (bool, int, (int, float), str):
        if values and all(isinstance(v, kinds) and (kinds is bool or not isinstance(v, bool)) for v in values):
            array = np.asarray(values)
            if array.dtype.kind in "bifU":  # not so for integers beyond 64 bits
                return array
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _equal(have: Any, wanted: Any) -> bool:
    """Whether two values of a point are the same."""
    if have is wanted:
        return True
    if is_number(have) and is_number(wanted):
        return have == wanted or math.isclose(have, wanted, rel_tol=_NEAR)
    if isinstance(have, np.ndarray) or isinstance(wanted, np.ndarray):
        return np.array_equal(have, wanted)
    try:
        return type(have) is type(wanted) and bool(have == wanted)
    except Exception:  # of a comparison that users wrote
        return False


def _plain(value: Any) -> Any:
    """`value` as JSON has it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return to_text(value)


def _csv_cell(value: Any) -> Any:
    return value if isinstance(value, (numbers.Number, str)) else "" if value is None else to_text(value)
