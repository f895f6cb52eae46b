"""The folder of a sweep's runs: one small JSON file each, written atomically and validated on reading.

`run-<key>.json` is a run that ended; its key holds what was built. `failed-<name>.json` is one that raised, by what its
sweep calls it: it is tried again, and the file goes when the run succeeds.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from nncore import _core
from nncore._support.checks import LARGEST_SEED, describe, integer
from nncore._support.files import path_of, read_file, write_file
from nncore.sweeps._built import Name
from nncore.sweeps._outcome import NUMBER, STATUSES, Entry, Outcome
from nncore.sweeps._values import decode, encode

_MAX_FILE_SIZE = 1_000_000  # bytes
_OLD = re.compile(r"[0-9a-f]{32}\.json")  # of a version whose keys did not hold what was built
_WRONG = (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError, RecursionError, IndexError)


class _Stored(NamedTuple):
    entry: Entry
    group: str
    place: int
    time: float


class Folder:
    """Runs by key."""

    def __init__(self, path: Any, *, create: bool = True) -> None:
        self._path = Path(path_of("sweep", path))
        if create:
            self._path.mkdir(parents=True, exist_ok=True)
        old = sum(_OLD.fullmatch(name) is not None for name in os.listdir(self._path))
        if old:
            text = f"[sweep] {self._path}: {old} files of an older nncore do not say what was built; they are not used"
            warnings.warn(text, RuntimeWarning, stacklevel=5)

    def read(self, key: str) -> tuple[Outcome, str] | None:
        """The run of this key and its group, None if there is no file; a warning, and None, if the file is invalid."""
        path = self._path / f"run-{key}.json"
        if not os.path.lexists(path):
            return None
        try:
            content = json.loads(read_file(path, _MAX_FILE_SIZE))
            outcome = _outcome(content)
            if content["key"] != key:
                raise ValueError("another key")
            return outcome, str(content["group"])
        except _WRONG as error:
            text = f"[sweep] {path}: expected a finished run, got something else ({error}); it is run again"
            warnings.warn(text, RuntimeWarning, stacklevel=3)
            return None

    def write(self, key: str, name: Name, place: int, entry: Entry) -> None:
        """Writes the file of a run; `key`: "" for one that build failed for."""
        numbers = {name: value if math.isfinite(value) else None for name, value in entry.outcome.numbers.items()}
        content = {
            "key": key,
            "group": name.group,
            "place": place,
            "point": {argument: encode(value) for argument, value in entry.point.items()},
            "seed": entry.seed,
            **asdict(entry.outcome),
            "numbers": numbers,
            "nncore": _core.__version__,
            "kernels": _core.kernel_set(),
        }
        failure = self._path / f"failed-{name.text}.json"
        bad = entry.outcome.status == "failed"
        path = failure if bad else self._path / f"run-{key}.json"
        write_file(path, json.dumps(content, indent=1, allow_nan=False).encode())
        if not bad:
            with contextlib.suppress(FileNotFoundError):
                failure.unlink()

    def entries(self) -> list[Entry]:
        """All runs, in the order of their sweeps; if there are several, a value "sweep" of the point numbers them."""
        stored: list[_Stored] = []
        made: dict[str, Any] = {}  # equal values are one object
        for path in sorted(self._path.glob("*.json")):
            if path.name.startswith(("run-", "failed-")):
                try:
                    stored.append(_stored(path, made))
                except _WRONG as error:
                    text = f"[sweep] {path}: expected a run, got something else ({error}); it is left out"
                    warnings.warn(text, RuntimeWarning, stacklevel=3)
        first: dict[str, float] = {}
        for one in stored:
            first[one.group] = min(one.time, first.get(one.group, math.inf))
        groups = sorted(first, key=lambda group: first[group])
        stored.sort(key=lambda one: (groups.index(one.group), one.place))
        if len(groups) < 2:
            return [one.entry for one in stored]
        name = NUMBER
        while any(name in one.entry.point for one in stored):
            name += "_"
        return [one.entry._replace(point={name: groups.index(one.group) + 1, **one.entry.point}) for one in stored]


def _stored(path: Path, made: dict[str, Any]) -> _Stored:
    """The run in a file; ValueError, KeyError, … if it is invalid."""
    content = json.loads(read_file(path, _MAX_FILE_SIZE))
    outcome = _outcome(content)
    point = {}
    for name, value in content["point"].items():
        text = json.dumps(value)
        if text not in made:
            made[text] = decode(value)
        point[name] = made[text]
    seed = integer("sweep", "seed", content["seed"], 0, LARGEST_SEED)
    place = integer("sweep", "place", content["place"], 0, 2**62)
    return _Stored(Entry(point, seed, outcome), str(content["group"]), place, path.stat().st_mtime)


def _outcome(content: Any) -> Outcome:
    """The outcome in a file's content; ValueError, KeyError, … if it is invalid."""
    status = content["status"]
    if status not in STATUSES:
        raise ValueError(f"the status {describe(status)}")
    numbers = {str(name): _number(value) for name, value in content["numbers"].items()}
    message, seconds = content["message"], _number(content["seconds"])
    if not isinstance(message, str) or not seconds >= 0 or (status == "ok" and "loss" not in numbers):
        raise ValueError("numbers are missing")
    return Outcome(status, seconds, numbers, message)


def _number(value: Any) -> float:
    """A finite number, or NaN for null."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError("not a number")
    return float(value)
