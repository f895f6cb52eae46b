"""The folder of a sweep's finished runs: one small JSON file each, written atomically and validated on reading."""

from __future__ import annotations

import json
import math
import os
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nncore import _core
from nncore._support.files import path_of, read_file, write_file
from nncore.sweeps._grid import Point, to_text

_MAX_FILE_SIZE = 1_000_000  # bytes


@dataclass(frozen=True)
class Outcome:
    """The result of one run."""

    status: str  # "ok" or "diverged"
    seconds: float
    numbers: dict[str, float] = field(default_factory=dict)
    message: str = ""


class Folder:
    """Finished runs by key."""

    def __init__(self, path: Any) -> None:
        self._path = Path(path_of("sweep", path))
        self._path.mkdir(parents=True, exist_ok=True)

    def read(self, key: str) -> Outcome | None:
        """The run of this key, None if there is no file; a warning, and None, if the file is invalid."""
        path = self._path / f"{key}.json"
        if not os.path.lexists(path):
            return None
        try:
            return _checked(json.loads(read_file(path, _MAX_FILE_SIZE)), key)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError, RecursionError) as error:
            text = f"[sweep] {path}: expected a finished run, got something else ({error}); it is run again"
            warnings.warn(text, RuntimeWarning, stacklevel=3)
            return None

    def write(self, key: str, point: Point, seed: int, outcome: Outcome) -> None:
        """Writes the file of a run; point, version and kernel set are informative, `read` ignores them."""
        numbers = {name: value if math.isfinite(value) else None for name, value in outcome.numbers.items()}
        content = {
            "key": key,
            "point": {name: to_text(value) for name, value in point.items()},
            "seed": seed,
            **asdict(outcome),
            "numbers": numbers,
            "nncore": _core.__version__,
            "kernels": _core.kernel_set(),
        }
        write_file(self._path / f"{key}.json", json.dumps(content, indent=1, allow_nan=False).encode())


def _checked(content: Any, key: str) -> Outcome:
    """The outcome in a file's content; ValueError, KeyError, … if it is invalid."""
    if content["key"] != key or content["status"] not in ("ok", "diverged"):
        raise ValueError("another key or status")
    numbers = {str(name): _number(value) for name, value in content["numbers"].items()}
    message, seconds = content["message"], _number(content["seconds"])
    if not isinstance(message, str) or not seconds >= 0 or (content["status"] == "ok" and "loss" not in numbers):
        raise ValueError("numbers are missing")
    return Outcome(content["status"], seconds, numbers, message)


def _number(value: Any) -> float:
    """A finite number, or NaN for null."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError("not a number")
    return float(value)
