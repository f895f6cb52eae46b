"""The outcomes of a sweep's runs, also in its folder if there is one."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from nncore._support.progress import Progress
from nncore.sweeps._built import key_of, names_of
from nncore.sweeps._folder import Folder
from nncore.sweeps._grid import text_of
from nncore.sweeps._outcome import Entry, Outcome
from nncore.sweeps._sweeper import Run, Sweeper
from nncore.sweeps._table import SweepTable, rows_of
from nncore.train._trainer import Trainer


class Outcomes:
    """The outcomes by the places of their runs."""

    def __init__(self, runs: Sequence[Run], sweeper: Sweeper, folder: Any, bar: Progress) -> None:
        self.runs, self._bar = runs, bar
        self._found: dict[int, Outcome] = {}
        self._folder = None if folder is None else Folder(folder)
        self._keys: dict[int, str] = {}
        if self._folder is not None:
            given = [(run.point, run.seed) for run in runs]
            self._names = names_of(sweeper.function, given, sweeper.task.facts())

    def has(self, place: int, trainer: Trainer) -> bool:
        """Whether the folder has the run for which build made this trainer; it counts as done then."""
        if self._folder is None:
            return False
        key = self._keys[place] = key_of(self._names[place], trainer)
        stored = self._folder.read(key)
        if stored is None:
            return False
        outcome, group = stored
        if group == self._names[place].group:
            self._keep(place, outcome)
        else:
            self.put(place, outcome)  # from now on a run of this sweep
        return True

    def put(self, place: int, outcome: Outcome) -> None:
        """Takes the outcome of a run."""
        if self._folder is not None:
            entry = Entry(self.runs[place].point, self.runs[place].seed, outcome)
            self._folder.write(self._keys.get(place, ""), self._names[place], place, entry)
        self._keep(place, outcome)

    def _keep(self, place: int, outcome: Outcome) -> None:
        self._found[place] = outcome
        self._bar.count(len(self._found), len(self.runs), text_of(*self.runs[place]))

    def table(self) -> SweepTable:
        """A row for each run."""
        entries = [Entry(run.point, run.seed, self._found[place]) for place, run in enumerate(self.runs)]
        return SweepTable(rows_of(entries))

    def warn_of_failures(self) -> None:
        """A warning that names the first run that failed, if there is one."""
        lost = [place for place in range(len(self.runs)) if self._found[place].status == "failed"]
        if lost:
            first = f"{text_of(*self.runs[lost[0]])}: {self._found[lost[0]].message}"
            text = f"[sweep] {len(lost)} of {len(self.runs)} runs failed, the first with {first}"
            warnings.warn(f'{text} (on_error="raise" shows where)', RuntimeWarning, stacklevel=4)
