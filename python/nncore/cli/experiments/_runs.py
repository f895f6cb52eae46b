"""The runs of an experiment, and the file that stores them so that an interrupted experiment can be resumed."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

from nncore import History, Trainer, __version__, info
from nncore._support.files import read_file, write_file
from nncore._support.interrupt import InterruptGuard
from nncore._support.jobs import as_done
from nncore._support.plain import plain
from nncore.callbacks import Callback
from nncore.errors import FormatError

_SAVE_EVERY = 1.0  # seconds
_MAX_FILE_SIZE = 2**30  # bytes


@dataclass(frozen=True)
class Outcome:
    """The result of one run: figures by setting and metric, updates done, and curves."""

    values: dict[str, dict[str, float]]
    steps: int
    curves: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One run, identified by table, label and seed."""

    table: str
    label: str
    seed: int
    function: Callable[[int], Outcome]


Key = ParamSpec("Key")
T = TypeVar("T")


class Once(Generic[Key, T]):
    """A function that is called once for each set of arguments; safe in several threads."""

    def __init__(self, function: Callable[Key, T]) -> None:
        self._function = function
        self._found: dict[Any, Future[T]] = {}
        self._guard = threading.Lock()

    def __call__(self, *args: Key.args, **kwargs: Key.kwargs) -> T:
        key = (args, tuple(sorted(kwargs.items())))
        with self._guard:
            first = key not in self._found
            future = self._found.setdefault(key, Future())
        if first:
            try:
                future.set_result(self._function(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)
        return future.result()


#: name of a run -> its callbacks.
Watch = Callable[[str], list[Callback]]


class Records:
    """The finished runs of one experiment and their file."""

    def __init__(self, experiment: str, path: Path, *, seed: int, quick: bool, resume: bool) -> None:
        self._path = path
        self._head = {
            "experiment": experiment,
            "seed": seed,
            "quick": quick,
            "version": __version__,
            "kernels": info()["kernel set"],
        }
        self.runs: list[dict[str, Any]] = self._read() if resume and path.exists() else []
        self._saved = time.monotonic()

    def run(self, runs: Sequence[Run], jobs: int = 1) -> None:
        """Does the missing runs, in order, `jobs` at a time; saves every second."""
        place = {(run.table, run.label, run.seed): number for number, run in enumerate(runs)}
        self.runs = [run for run in self.runs if _key(run) in place]
        done = {_key(run) for run in self.runs}
        missing = [runs[number] for key, number in place.items() if key not in done]
        with InterruptGuard() as guard, contextlib.closing(as_done(_record, missing, jobs, guard)) as records:
            for _, record in records:
                self.runs.append(record)
                _show(f"{self._head['experiment']} {len(self.runs)}/{len(runs)} {record['table']}: {record['label']}")
                if time.monotonic() - self._saved > _SAVE_EVERY:
                    self.save()
        self.runs.sort(key=lambda run: place[_key(run)])
        _show("")

    def save(self) -> None:
        """Writes the file; it is whole at any time."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        head = json.dumps(plain(self._head), indent=1, allow_nan=False)[:-2]
        lines = ",\n  ".join(json.dumps(plain(run), allow_nan=False) for run in self.runs)
        write_file(self._path, f'{head},\n "runs": [\n  {lines}\n ]\n}}\n'.encode())
        self._saved = time.monotonic()

    def summary(self) -> str:
        """How many runs, and what they took."""
        steps, seconds = (sum(run[key] for run in self.runs) for key in ("steps", "seconds"))
        return f"{self._head['experiment']}: {len(self.runs)} runs, {steps:,} steps in {seconds:.1f} s"

    def _read(self) -> list[dict[str, Any]]:
        try:
            content = json.loads(read_file(self._path, _MAX_FILE_SIZE))
            found: list[dict[str, Any]] = content.pop("runs")
            if not all(_is_whole(run) for run in found):
                raise ValueError
        except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
            raise FormatError(f"[experiments] {self._path}: expected a result file, got something else") from None
        if content != self._head:
            raise FormatError(
                f"[experiments] {self._path}: expected runs of {self._head}, got {content}; drop --resume"
            )
        return found


def _is_whole(run: dict[str, Any]) -> bool:
    """Whether a stored run has all fields, of the right types."""
    named = {"table": str, "label": str, "seed": int, "seconds": float, "steps": int, "values": dict, "curves": dict}
    if run.keys() != named.keys() or not all(isinstance(run[key], kind) for key, kind in named.items()):
        return False
    figures = [figure for of in run["values"].values() for figure in of.values()]
    points = [point for curve in run["curves"].values() for point in curve]
    return all(value is None or isinstance(value, (int, float)) for value in figures + points)


def _record(run: Run) -> dict[str, Any]:
    """Executes a run; returns its entry in the file."""
    start = time.perf_counter()
    outcome = asdict(run.function(run.seed))
    head = {"table": run.table, "label": run.label, "seed": run.seed, "seconds": time.perf_counter() - start}
    return head | outcome


def _key(run: dict[str, Any]) -> tuple[str, str, int]:
    return run["table"], run["label"], run["seed"]


def each(runs: Iterable[tuple[str, str, Callable[[int], Outcome]]], seeds: Iterable[int]) -> list[Run]:
    """All (table, label, function) for all seeds."""
    seeds = list(seeds)
    return [Run(table, label, seed, function) for table, label, function in runs for seed in seeds]


def fit(trainer: Trainer, X: Any, y: Any, epochs: int, **options: Any) -> History:
    """trainer.fit, silent; Ctrl-C ends the list of runs, not this run alone."""
    history = trainer.fit(X, y, epochs, progress=False, **options)
    if history.interrupted:
        raise KeyboardInterrupt
    return history


def _show(line: str) -> None:
    """Progress line, if stderr is a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{line[:100]:<100}" + ("" if line else "\r"))
        sys.stderr.flush()
