"""sweep: trains once for each point of a grid and each seed."""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

from nncore import _core
from nncore._support.checks import describe, integer
from nncore._support.interrupt import InterruptGuard
from nncore._support.jobs import as_done
from nncore._support.names import keywords
from nncore._support.progress import Progress
from nncore.errors import ConfigError
from nncore.sweeps._grid import check_arguments, points_of, seeds_of
from nncore.sweeps._model_batch import models_at_once
from nncore.sweeps._outcome import Outcome
from nncore.sweeps._outcomes import Outcomes
from nncore.sweeps._sweeper import Batch, Run, Sweeper
from nncore.sweeps._table import SweepTable
from nncore.sweeps._task import SweepTask
from nncore.train._metrics import DEFAULT_METRICS, ManyMetrics
from nncore.train._trainer import Trainer

_MAX_WAITING = 1000  # trainers that wait for a full batch of models


@keywords(
    batch_size="an argument of Trainer, in build",
    lr="a key of the grid, or in build",
    callbacks="not in sweeps, whose nets train side by side",
    verbose="progress=False",
)
def sweep(
    build: Callable[..., Trainer],
    grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]],
    X: Any,
    y: Any,
    *,
    validation_data: tuple[Any, Any] | None = None,
    validation_split: float = 0.0,
    test_data: tuple[Any, Any] | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    seeds: int | Sequence[int] = 1,
    n_jobs: Any = 1,
    folder: Any = None,
    progress: bool | str = "auto",
    metrics: ManyMetrics = DEFAULT_METRICS,
    on_error: str = "row",
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
    validation_data, test_data : (X, y), optional
        Adds val_loss, val_accuracy, …; test_loss, test_accuracy, …
    validation_split : float in [0, 1), default 0
        Holds this share of X and y out as validation data, as Trainer.fit does: by the seed of each trainer.
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
        Keeps each run in a small file. A stopped sweep continues, and another grid uses the runs that exist: build is
        called for every run, but a run is not trained again that has the same point, seed, length, metrics, data and
        kernel set, and for which build made the same: layers, their arguments, connections and first parameters, loss,
        optimizer, schedule, the trainer's options. Python code counts as it is compiled: that of build, and that of
        layers, losses, metrics and schedules of one's own with the functions and values that it reads, but for lists
        and dicts that it changes. Failed runs are tried again. `SweepTable.load(folder)` reads the runs back.
    progress : "auto", True or False
        One bar for all runs.
    metrics : names and functions, or dict name -> function, default ("accuracy",)
        As in Trainer.fit.
    on_error : {"row", "raise"}
        What becomes of a run for which build or the fit raises an exception: a row with the status "failed" and the
        message, and a warning when all runs are done; or the exception ends the sweep.

    Returns
    -------
    SweepTable
        A list of dicts with `.best(metric)`, `.summary(metric)`, `.where(…)`, `.to_pandas()`, `.plot()`. The numbers
        are those of the fit's last epoch; with `steps` they are measured after the last step. best_epoch is that of
        the smallest val_loss (without validation data the smallest loss); best_val_loss, best_val_accuracy,
        best_test_loss, … are the numbers after it. A run that diverges is a row with that status.

    Raises
    ------
    ConfigError
        Wrong arguments; names in the grid that are no arguments of build, and arguments that the grid leaves out.
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
    if on_error not in ("row", "raise"):
        raise ConfigError(f"[sweep] on_error: expected 'row' or 'raise', got {describe(on_error)}")
    parallel = n_jobs if _is_parallel(n_jobs) else None
    jobs = 2 if parallel else integer("sweep", "n_jobs", n_jobs, -1, 256)
    if jobs == 0:
        raise ConfigError("[sweep] n_jobs: expected a number of runs at a time, or -1 for as many as CPUs, got 0")
    task = SweepTask.of(X, y, validation_data, validation_split, test_data, epochs, steps, metrics)
    points, numbers = points_of(grid, task.columns()), seeds_of(seeds)
    check_arguments(build, points)
    jobs = _core.default_num_threads() if jobs == -1 else jobs
    runs = [Run(point, seed) for point in points for seed in numbers]
    guard = InterruptGuard()
    sweeper = Sweeper(build, task, guard, one_thread=jobs > 1, raises=on_error == "raise")
    with Progress(progress) as bar, contextlib.nullcontext() if parallel else guard:
        outcomes = Outcomes(runs, sweeper, folder, bar)
        batches = _batches(sweeper, outcomes)
        trained = (
            _in_processes(sweeper, batches, parallel) if parallel else as_done(sweeper.train, batches, jobs, guard)
        )
        with contextlib.closing(trained):
            for batch, found in trained:
                for place, outcome in zip(batch.places, found, strict=True):
                    outcomes.put(place, outcome)
        bar.close(f"{len(runs)} runs")
    outcomes.warn_of_failures()
    return outcomes.table()


def _batches(sweeper: Sweeper, outcomes: Outcomes) -> Iterator[Batch]:
    """Builds run by run. Trainers with equal keys wait until they fill the vector lanes; of those without, two wait."""
    groups: dict[Any, Batch] = {}
    alone: deque[Batch] = deque()
    try:
        for place, run in enumerate(outcomes.runs):
            trainer = sweeper.build(run)
            if isinstance(trainer, Outcome):
                outcomes.put(place, trainer)
                continue
            if outcomes.has(place, trainer):
                continue
            key = sweeper.batch_key(trainer)
            if key is None:
                alone.append(Batch([place], [(trainer, run)], together=False))
            else:
                group = groups.setdefault(key, Batch([], [], together=True))
                group.places.append(place)
                group.members.append((trainer, run))
                if len(group.members) == models_at_once(trainer):
                    yield groups.pop(key)
            if len(alone) > 2:
                yield alone.popleft()
            if sum(len(group.members) for group in groups.values()) > _MAX_WAITING:
                yield groups.pop(max(groups, key=lambda key: len(groups[key].members)))
    except Exception:  # of build, if it is raised: the trainers built before are trained first
        yield from (*groups.values(), *alone)
        raise
    yield from (*groups.values(), *alone)


def _is_parallel(n_jobs: Any) -> bool:
    """Whether it is a joblib.Parallel; does not import joblib."""
    joblib = sys.modules.get("joblib")
    return joblib is not None and isinstance(n_jobs, joblib.Parallel)


def _in_processes(
    sweeper: Sweeper, batches: Iterator[Batch], parallel: Any
) -> Generator[tuple[Batch, list[Outcome]], None, None]:
    """Trains in the workers of joblib."""
    delayed = sys.modules["joblib"].delayed
    tasks: list[Any] = []
    sent: list[Batch] = []
    for batch in batches:  # all before the first starts: joblib would iterate in a thread of its own
        runs = [run for _, run in batch.members]
        given = sweeper.function, sweeper.task, runs, batch.together, sweeper.raises
        tasks.append(delayed(_train_in_process)(len(sent), *given))
        sent.append(Batch(batch.places, [], batch.together))  # without the trainers: the workers build their own
    for number, outcomes in parallel(tasks):
        yield sent[number], outcomes


def _train_in_process(
    number: int, build: Callable[..., Trainer], task: SweepTask, runs: list[Run], together: bool, raises: bool
) -> tuple[int, list[Outcome]]:
    """Builds and trains in a worker process."""
    sweeper = Sweeper(build, task, InterruptGuard(), one_thread=True, raises=raises)
    made = [sweeper.build(run) for run in runs]
    members = [(trainer, run) for trainer, run in zip(made, runs, strict=True) if isinstance(trainer, Trainer)]
    trained = iter(sweeper.train(Batch([], members, together)) if members else [])
    return number, [one if isinstance(one, Outcome) else next(trained) for one in made]
