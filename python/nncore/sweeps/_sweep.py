"""sweep: trains once for each point of a grid and each seed."""

from __future__ import annotations

import contextlib
import math
import sys
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from nncore import _core
from nncore._support.checks import describe, integer
from nncore._support.interrupt import InterruptGuard
from nncore._support.jobs import as_done
from nncore._support.progress import Progress
from nncore.errors import ConfigError, NumericError
from nncore.optim._optimizer import building
from nncore.sweeps._folder import Folder, Outcome
from nncore.sweeps._grid import Point, key_of, points_of, seeds_of, text_of, with_own_copies
from nncore.sweeps._model_batch import batch_key, fit_model_batch, models_at_once
from nncore.sweeps._table import SweepTable
from nncore.sweeps._task import SweepTask
from nncore.train._history import History
from nncore.train._metrics import FACTS, Metric
from nncore.train._settings import set_options
from nncore.train._trainer import Trainer

_MAX_WAITING = 1000  # trainers that wait for a full batch of models


def sweep(
    build: Callable[..., Trainer],
    grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]],
    X: Any,
    y: Any,
    *,
    validation_data: tuple[Any, Any] | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    seeds: int | Sequence[int] = 1,
    n_jobs: Any = 1,
    folder: Any = None,
    progress: bool | str = "auto",
    metrics: Iterable[Metric] = ("accuracy",),
) -> SweepTable:
    """Trains once for each point of a grid and each seed.

    Small nets that differ in numbers alone (seeds, rates, penalties) train side by side, one in each lane of the vector
    units: their sums have another order than in a fit of their own, which changes float32 numbers by some 1e-7 a step.

    Parameters
    ----------
    build : function (**point, seed) -> Trainer
        Makes a new trainer; called in the order of the rows, in the thread of the caller. An optimizer may come from
        outside: every trainer made in build copies it; layers, losses and models among a point's values are copied.
    grid : dict of lists, or list of dicts
        All combinations, the last name fastest; or the points themselves.
    X, y : arrays
        As in Trainer.fit; converted once, the same memory for all runs.
    validation_data : (X, y), optional
        Adds val_loss, val_accuracy, …
    epochs, steps : int, optional
        Of each fit, as in Trainer.fit; neither: 10 epochs.
    seeds : int or list of int, default 1
        So many, 0, 1, …; or these.
    n_jobs : int or joblib.Parallel, default 1
        Runs at a time, each in a thread of its own that computes alone; -1: as many as nncore finds CPUs. The numbers
        do not depend on it. A joblib.Parallel takes its processes, which pays where runs spend their time in Python
        (layers, losses, metrics written in Python): `build` is called once more there; with
        return_as="generator_unordered" finished runs are counted and written as they end.
    folder : path, optional
        Keeps each finished run in a small file. A stopped sweep continues, and another grid uses the runs that exist:
        a run is identified by its point, seed, length, metrics and data. A change of `build` needs another folder.
    progress : "auto", True or False
        One bar for all runs.
    metrics : names and functions, default ("accuracy",)
        As in Trainer.fit.

    Returns
    -------
    SweepTable
        A list of dicts with `.best(metric)`, `.to_pandas()`, `.plot()`. The numbers are those of the fit's last epoch;
        with `steps` they are measured after the last step. A run that diverges is a row with that status.

    Raises
    ------
    ConfigError
        Wrong arguments; `build` returned no new trainer. What build or a fit raises arrives with the point's name.
    KeyboardInterrupt
        At the first Ctrl-C; finished runs are in the folder.

    Examples
    --------
    >>> X, y = nc.datasets.make_moons(200, noise=0.1, seed=0)
    >>> def build(hidden, lr, seed):
    ...     net = nc.Sequential(nc.Linear(2, hidden), nc.ReLU(), nc.Linear(hidden, 2), seed=seed)
    ...     return nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=lr), batch_size=16, seed=seed)
    >>> table = nc.sweep(build, {"hidden": [1, 20], "lr": [0.01, 0.5]}, X, y, epochs=50, seeds=2)
    >>> len(table), table.best("accuracy")["hidden"], table.best("accuracy")["lr"]
    (8, 20, 0.5)
    """
    if not callable(build):
        raise ConfigError(f"[sweep] build: expected a function (**point, seed) -> Trainer, got {describe(build)}")
    if progress not in (True, False, "auto"):
        raise ConfigError(f"[sweep] progress: expected 'auto', True or False, got {describe(progress)}")
    parallel = n_jobs if _is_parallel(n_jobs) else None
    jobs = 2 if parallel else integer("sweep", "n_jobs", n_jobs, -1, 256)
    if jobs == 0:
        raise ConfigError("[sweep] n_jobs: expected a number of runs at a time, or -1 for as many as CPUs, got 0")
    task = SweepTask.of(X, y, validation_data, epochs, steps, metrics)
    points, numbers = points_of(grid, task.columns()), seeds_of(seeds)
    jobs = _core.default_num_threads() if jobs == -1 else jobs
    runs = [_Run(point, seed) for point in points for seed in numbers]
    outcomes = _Outcomes(runs, task, folder)
    guard = InterruptGuard()
    sweeper = _Sweeper(build, task, guard, one_thread=jobs > 1)
    batches = _batches(sweeper, outcomes)
    with Progress(progress) as bar, contextlib.nullcontext() if parallel else guard:
        trained = (
            _in_processes(sweeper, batches, parallel) if parallel else as_done(sweeper.train, batches, jobs, guard)
        )
        with contextlib.closing(trained):
            for batch, found in trained:
                outcomes.put(batch, found, bar)
        bar.close(f"{len(runs)} runs")
    return outcomes.table()


class _Run(NamedTuple):
    point: Point
    seed: int


class _Batch(NamedTuple):
    """Runs that are trained by one call: as one batch of models, or one alone."""

    places: list[int]  # among all runs
    members: list[tuple[Trainer, _Run]]
    together: bool


class _Sweeper:
    """Builds and trains."""

    def __init__(
        self, build: Callable[..., Trainer], task: SweepTask, guard: InterruptGuard, *, one_thread: bool
    ) -> None:
        self._build, self._task, self._guard, self._one_thread = build, task, guard, one_thread
        self._met: weakref.WeakSet[Any] = weakref.WeakSet()

    def build(self, run: _Run) -> Trainer:
        """The trainer of a run, in the thread of the caller."""
        where = f"build({text_of(run.point, run.seed)})"
        self._guard.check()
        token = building.set(True)
        try:
            with self._guard.lifted():
                trainer = self._build(**with_own_copies(run.point), seed=run.seed)
        except Exception as error:
            _note_where(error, where)
            raise
        finally:
            building.reset(token)
        if not isinstance(trainer, Trainer):
            raise ConfigError(f"[sweep] {where}: expected a Trainer, got {describe(trainer)}")
        for made in (trainer, trainer.model):
            if made in self._met:
                kind = type(made).__name__
                raise ConfigError(f"[sweep] {where}: expected a new {kind}, got one that build returned before")
            self._met.add(made)
        stops = trainer.options["on_nonfinite"] == "stop"
        set_options(
            trainer,
            **({"on_nonfinite": "raise"} if stops else {}),  # a diverged run is a row of the table, not a warning
            **({"num_threads": 1} if self._one_thread else {}),
        )
        for pair in (self._task.train, self._task.validation):
            if pair is not None:
                pair.convert(trainer.model.dtype)
        return trainer

    def batch_key(self, trainer: Trainer) -> Any:
        """Equal for trainers that can train as one batch of models; None: this one trains alone."""
        samples = self._task.train.arrays[0]
        return batch_key(trainer, len(samples) if samples.ndim else 0, self._task.metrics)

    def train(self, batch: _Batch) -> list[Outcome]:
        """Fits a batch, in any thread."""
        task = self._task
        histories: list[History | None] = [None]
        if batch.together:
            trainers = [trainer for trainer, _ in batch.members]
            data, held = self._data(trainers[0])
            histories = fit_model_batch(trainers, data, held, task.epochs, task.steps, task.metrics)
        pairs = zip(batch.members, histories, strict=True)
        return [self._outcome(*member, history) if history else self._fit(*member) for member, history in pairs]

    def _data(self, trainer: Trainer) -> tuple[tuple[Any, Any], tuple[Any, Any] | None]:
        """(X, y) and validation data, converted for the dtype of the trainer's model."""
        task, dtype = self._task, trainer.model.dtype
        return task.train.ready[dtype], None if task.validation is None else task.validation.ready[dtype]

    def _fit(self, trainer: Trainer, run: _Run) -> Outcome:
        task = self._task
        data, held = self._data(trainer)
        start = time.perf_counter()
        try:
            history = trainer.fit(
                *data, task.epochs, steps=task.steps, validation_data=held, metrics=task.metrics, progress=False
            )
        except NumericError as error:
            return Outcome("diverged", time.perf_counter() - start, message=str(error))
        except Exception as error:
            _note_where(error, text_of(run.point, run.seed))
            raise
        return self._outcome(trainer, run, history, time.perf_counter() - start)

    def _outcome(self, trainer: Trainer, run: _Run, history: History, seconds: float | None = None) -> Outcome:
        if history.interrupted:
            raise KeyboardInterrupt
        task = self._task
        data, held = self._data(trainer)
        numbers = {
            name: float(values[-1]) for name, values in history.epochs.items() if len(values) and name not in FACTS
        }
        if task.steps is not None or not numbers:
            numbers = trainer.evaluate(*data, task.metrics)
            if held is not None:
                numbers |= {f"val_{name}": value for name, value in trainer.evaluate(*held, task.metrics).items()}
        finite = all(math.isfinite(numbers.get(name, 0.0)) for name in ("loss", "val_loss"))
        return Outcome("ok" if finite else "diverged", history.seconds if seconds is None else seconds, numbers)


class _Outcomes:
    """The outcomes of the runs, also written to the folder if there is one."""

    def __init__(self, runs: list[_Run], task: SweepTask, folder: Any) -> None:
        self.runs = runs
        self._found: dict[int, Outcome] = {}
        self._folder = None if folder is None else Folder(folder)
        self._keys: list[str] = []
        if self._folder is not None:
            facts = task.facts()
            self._keys = [key_of(run.point, run.seed, facts) for run in runs]
            stored = [self._folder.read(key) for key in self._keys]
            self._found = {at: outcome for at, outcome in enumerate(stored) if outcome is not None}

    def missing(self) -> list[int]:
        """The runs to do."""
        return [at for at in range(len(self.runs)) if at not in self._found]

    def put(self, batch: _Batch, outcomes: list[Outcome], bar: Progress) -> None:
        """Stores the outcomes of a batch."""
        for at, outcome in zip(batch.places, outcomes, strict=True):
            self._found[at] = outcome
            if self._folder is not None:
                self._folder.write(self._keys[at], *self.runs[at], outcome)
            bar.count(len(self._found), len(self.runs), text_of(*self.runs[at]))

    def table(self) -> SweepTable:
        """A row for each run, with the same columns for all numbers."""
        outcomes = [self._found[at] for at in range(len(self.runs))]
        longest = sorted(outcomes, key=lambda outcome: -len(outcome.numbers))
        names = dict.fromkeys(["loss", *(name for outcome in longest for name in outcome.numbers)])
        return SweepTable(
            {
                **run.point,
                "seed": run.seed,
                **{name: outcome.numbers.get(name, math.nan) for name in names},
                "seconds": outcome.seconds,
                "status": outcome.status,
                "message": outcome.message,
            }
            for run, outcome in zip(self.runs, outcomes, strict=True)
        )


def _batches(sweeper: _Sweeper, outcomes: _Outcomes) -> Iterator[_Batch]:
    """Builds run by run. Trainers with equal keys wait until they fill the vector lanes; of those without, two wait."""
    groups: dict[Any, _Batch] = {}
    alone: deque[_Batch] = deque()
    try:
        for at in outcomes.missing():
            run = outcomes.runs[at]
            trainer = sweeper.build(run)
            key = sweeper.batch_key(trainer)
            if key is None:
                alone.append(_Batch([at], [(trainer, run)], together=False))
            else:
                group = groups.setdefault(key, _Batch([], [], together=True))
                group.places.append(at)
                group.members.append((trainer, run))
                if len(group.members) == models_at_once(trainer):
                    yield groups.pop(key)
            if len(alone) > 2:
                yield alone.popleft()
            if sum(len(group.members) for group in groups.values()) > _MAX_WAITING:
                yield groups.pop(max(groups, key=lambda key: len(groups[key].members)))
    except Exception:  # of build: the trainers built before are trained first
        yield from (*groups.values(), *alone)
        raise
    yield from (*groups.values(), *alone)


def _is_parallel(n_jobs: Any) -> bool:
    """Whether it is a joblib.Parallel; does not import joblib."""
    joblib = sys.modules.get("joblib")
    return joblib is not None and isinstance(n_jobs, joblib.Parallel)


def _in_processes(
    sweeper: _Sweeper, batches: Iterator[_Batch], parallel: Any
) -> Generator[tuple[_Batch, list[Outcome]], None, None]:
    """Trains in the workers of joblib."""
    delayed = sys.modules["joblib"].delayed
    tasks: list[Any] = []
    sent: list[_Batch] = []
    for batch in batches:  # all before the first starts: joblib would iterate in a thread of its own
        runs = [run for _, run in batch.members]
        tasks.append(delayed(_train_in_process)(len(sent), sweeper._build, sweeper._task, runs, batch.together))
        sent.append(_Batch(batch.places, [], batch.together))  # without the trainers: the workers build their own
    for number, outcomes in parallel(tasks):
        yield sent[number], outcomes


def _train_in_process(
    number: int, build: Callable[..., Trainer], task: SweepTask, runs: list[_Run], together: bool
) -> tuple[int, list[Outcome]]:
    """Builds and trains in a worker process."""
    sweeper = _Sweeper(build, task, InterruptGuard(), one_thread=True)
    return number, sweeper.train(_Batch([], [(sweeper.build(run), run) for run in runs], together))


def _note_where(error: Exception, where: str) -> None:
    """Adds the run to the exception's message."""
    if error.args and isinstance(error.args[0], str):
        error.args = (f"[sweep] {where}: {error.args[0]}", *error.args[1:])
    else:
        error.add_note(f"[sweep] {where}")
