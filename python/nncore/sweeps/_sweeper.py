"""The runs of a sweep, one after the other or as batches of models: built, trained, measured."""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nncore._support.checks import describe
from nncore._support.interrupt import InterruptGuard
from nncore.errors import ConfigError, NumericError
from nncore.optim._optimizer import building
from nncore.sweeps._grid import text_of, with_own_copies
from nncore.sweeps._model_batch import batch_key, fit_model_batch
from nncore.sweeps._outcome import BEST, Outcome, Point, failed
from nncore.sweeps._task import RunData, SweepTask
from nncore.train._history import History
from nncore.train._metrics import FACTS
from nncore.train._settings import set_options
from nncore.train._trainer import Trainer


class Run(NamedTuple):
    """A point and a seed."""

    point: Point
    seed: int


class Batch(NamedTuple):
    """Runs that are trained by one call: as one batch of models, or one alone."""

    places: list[int]  # among all runs
    members: list[tuple[Trainer, Run]]
    together: bool


class Sweeper:
    """Builds and trains.

    `raises`: errors of a run are raised, with its name; else they are outcomes.
    """

    def __init__(
        self, build: Callable[..., Trainer], task: SweepTask, guard: InterruptGuard, *, one_thread: bool, raises: bool
    ) -> None:
        self.function, self.task, self.raises = build, task, raises
        self._guard, self._one_thread = guard, one_thread
        self._met: weakref.WeakSet[Any] = weakref.WeakSet()

    def build(self, run: Run) -> Trainer | Outcome:
        """The trainer of a run, in the thread of the caller; an outcome if that failed."""
        where = f"build({text_of(run.point, run.seed)})"
        self._guard.check()
        start = time.perf_counter()
        try:
            return self._checked(self._made(run))
        except Exception as error:
            return self._failed(error, where, start)

    def _made(self, run: Run) -> Any:
        token = building.set(True)
        try:
            with self._guard.lifted():
                return self.function(**with_own_copies(run.point), seed=run.seed)
        finally:
            building.reset(token)

    def _checked(self, trainer: Any) -> Trainer:
        """The trainer that build returned, ready to train."""
        if not isinstance(trainer, Trainer):
            raise ConfigError(f"expected a Trainer, got {describe(trainer)}")
        for made in (trainer, trainer.model):
            if made in self._met:
                raise ConfigError(f"expected a new {type(made).__name__}, got one that build returned before")
            self._met.add(made)
        options: dict[str, Any] = {"num_threads": 1} if self._one_thread else {}
        if trainer.options["on_nonfinite"] == "stop":
            options["on_nonfinite"] = "raise"  # a diverged run is a row of the table, not a warning
        if options:
            set_options(trainer, **options)
        self.task.convert(trainer.model)
        self.task.name_columns(trainer.model)
        trainer._scale_told = True  # a warning in a run would be one of thousands
        return trainer

    def _failed(self, error: Exception, where: str, start: float) -> Outcome:
        if self.raises:
            _note_where(error, where)
            raise error
        return failed(error, time.perf_counter() - start)

    def batch_key(self, trainer: Trainer) -> Any:
        """Equal for trainers that can train as one batch of models; None: this one trains alone."""
        key = batch_key(trainer, self.task.samples, self.task.metrics)
        split = trainer.options["seed"] if self.task.split else None  # models of a batch have the same data
        return None if key is None else (*key, split)

    def train(self, batch: Batch) -> list[Outcome]:
        """Fits a batch, in any thread."""
        data = self.task.data(batch.members[0][0])
        histories: list[History | None] = [None]
        if batch.together:
            trainers = [trainer for trainer, _ in batch.members]
            histories = fit_model_batch(trainers, data, self.task.epochs, self.task.steps, self.task.metrics)
        pairs = zip(batch.members, histories, strict=True)
        return [self._outcome(trainer, run, data, history) for (trainer, run), history in pairs]

    def _outcome(self, trainer: Trainer, run: Run, data: RunData, history: History | None) -> Outcome:
        """The outcome of a run; one without a history is fitted first."""
        task = self.task
        start = time.perf_counter()
        try:
            if history is None:
                history = trainer.fit(
                    *data.train,
                    task.epochs,
                    steps=task.steps,
                    validation_data=data.validation,
                    test_data=data.test,
                    metrics=task.metrics,
                    progress=False,
                )
                history.seconds = time.perf_counter() - start
            if history.interrupted:
                raise KeyboardInterrupt
            return self._measured(trainer, data, history)
        except NumericError as error:
            return Outcome("diverged", time.perf_counter() - start, message=str(error))
        except Exception as error:
            return self._failed(error, text_of(run.point, run.seed), start)

    def _measured(self, trainer: Trainer, data: RunData, history: History) -> Outcome:
        """The numbers after the last epoch, or after the last step, and those of the best epoch."""
        task = self.task
        numbers = {
            name: float(values[-1]) for name, values in history.epochs.items() if len(values) and name not in FACTS
        }
        if task.steps is not None or not numbers:
            pairs = {"": data.train, "val_": data.validation, "test_": data.test}
            numbers = {
                prefix + name: value
                for prefix, pair in pairs.items()
                if pair is not None
                for name, value in trainer.evaluate(*pair, task.metrics).items()
            }
        broken = _not_finite(trainer, data, numbers)
        numbers |= best_epoch(history, task.monitor)
        message = f"{broken} is not finite at the end" if broken else ""
        return Outcome("diverged" if broken else "ok", history.seconds, numbers, message)


def _not_finite(trainer: Trainer, data: RunData, numbers: dict[str, float]) -> str:
    """The loss that shows that a run diverged, or "". It is none that held-out data without labels have no loss."""
    if not math.isfinite(numbers.get("loss", 0.0)):
        return "loss"
    value = numbers.get("val_loss", 0.0)
    if data.validation is None or math.isfinite(value):
        return ""
    without_labels = math.isnan(value) and bool(np.isfinite(trainer.model(data.validation[0])).all())
    return "" if without_labels else "val_loss"


def best_epoch(history: History, monitor: str) -> dict[str, float]:
    """The epoch with the smallest monitored loss, that loss, and what was measured on held-out data then."""
    losses = history.epochs.get(monitor, np.zeros(0))
    at = int(losses.argmin()) if len(losses) else 0
    if not len(losses) or not math.isfinite(losses[at]):  # argmin of NaN is NaN
        finite = np.isfinite(losses)
        if not finite.any():
            return {}
        at = int(np.where(finite, losses, np.inf).argmin())
    held_out = [name for name in history.epochs if name.startswith(("val_", "test_")) and name != monitor]
    found = {f"{BEST}epoch": float(history.epochs["epoch"][at])}
    return found | {BEST + name: float(history.epochs[name][at]) for name in (monitor, *held_out)}


def _note_where(error: Exception, where: str) -> None:
    """Adds the run to the exception's message."""
    if error.args and isinstance(error.args[0], str):
        error.args = (f"[sweep] {where}: {error.args[0]}", *error.args[1:])
    else:
        error.add_note(f"[sweep] {where}")
