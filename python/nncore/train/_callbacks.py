"""EarlyStopping and ModelCheckpoint, which follow a number of the history."""

from __future__ import annotations

import itertools
import math
import numbers
import os
import warnings
import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np

from nncore._support.checks import describe, flag, integer, number, number_from
from nncore._support.files import path_of
from nncore._support.strict import Setting
from nncore.errors import ConfigError
from nncore.train._callback import Callback, Fit, Record
from nncore.train._history import History
from nncore.train._metrics import larger_is_better


class _Best:
    """The best value of a monitored number so far. NaN is never the best."""

    def __init__(self, where: str, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        if not isinstance(monitor, str):
            raise ConfigError(f"[{where}] monitor: expected the name of a number, got {describe(monitor)}")
        self.where, self.monitor = where, monitor
        self.sign = 1.0 if larger_is_better(where, monitor, mode) else -1.0
        self.min_delta = number(where, "min_delta", min_delta, 0.0)
        self.best = math.nan

    def improved(self, record: Record) -> bool:
        """Whether the record's number is better than the best by more than min_delta; keeps it if so."""
        if self.monitor not in record:
            raise ConfigError(f"[{self.where}] monitor: expected one of {list(record)}, got {self.monitor!r}")
        value = float(record[self.monitor])
        first = math.isnan(self.best) and not math.isnan(value)
        if first or self.sign * (value - self.best) > self.min_delta:
            self.best = value
            return True
        return False


class _Watched(Setting[Any]):
    """An argument of _Best as an attribute: with another one the best so far starts anew."""

    def __init__(self, doc: str) -> None:
        super().__init__(lambda where, name, value: value, doc)

    def __set__(self, given: Any, value: Any) -> None:
        names = ("monitor", "mode", "min_delta")
        settings = {name: getattr(given, name) for name in names if hasattr(type(given), name)} | {self._name: value}
        if settings["monitor"] is not None:
            _Best(type(given).__name__, **settings)
        vars(given)[self._name] = value
        given._forget()


def _shapes(state: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: np.shape(array) for name, array in state.items()}


def _earlier(trainer: Fit, monitor: str | None, after: int = 0) -> list[Record]:
    """Epoch and monitored number of the trainer's epochs beyond `after`, from the first number on."""
    if monitor is None or trainer.epoch <= after or monitor not in trainer.history:
        return []
    epochs = trainer.history.epochs
    rows = [{"epoch": e, monitor: v} for e, v in zip(epochs["epoch"].tolist(), epochs[monitor].tolist(), strict=True)]
    rows = [row for row in rows if row["epoch"] > after]
    return list(itertools.dropwhile(lambda row: math.isnan(row[monitor]), rows))


class EarlyStopping(Callback):
    """Ends a fit when a number has not become better for some epochs.

    Parameters
    ----------
    monitor : str, default "val_loss"
        A column of the history.
    patience : int, default 10
        Epochs without a new best after which the fit ends.
    min_delta : float, default 0
        By how much a new best has to be better.
    restore_best : bool, default True
        At the end of the fit, also of one that was not stopped or that ended in an error or by Ctrl-C, the model gets
        the parameters of its best epoch back. The optimizer's state stays that of the last.
    mode : {"auto", "min", "max"}
        "auto": what the monitor's name tells, after "val_" or "test_": larger is better for accuracy,
        balanced_accuracy, top5, r2, f1, precision, recall and auc; smaller for loss and names that end in _loss, mse,
        mae and perplexity. Any other name needs "min" or "max".

    Attributes
    ----------
    best, best_epoch
        The best number and its epoch, from 1; NaN and 0 before there is one.
    stopped_epoch
        The epoch after which it ended the fit; 0 when it did not.

    Raises
    ------
    ConfigError
        mode="auto" for a name that does not tell; the fit has no number of that name: "val_loss" needs validation_data
        or validation_split.

    Notes
    -----
    It goes on where the trainer's history ends: several fits, and fits of a trainer that was resumed, end after the
    same epoch as one fit of all epochs, and best is the best of all of them. After the epoch in which it ended a fit it
    begins anew, and so it does with another trainer; for other data make another Trainer. The parameters of the best
    epoch are saved with the trainer; where they are not known (an EarlyStopping that comes to a training later) a
    warning says so, and the model gets those of the best epoch since.
    Source: Prechelt, Early Stopping — But When?, 1998.

    Examples
    --------
    >>> X, y = nc.datasets.make_moons(100, noise=0.2, seed=0)
    >>> net = nc.Sequential(nc.Linear(2, 20), nc.ReLU(), nc.Linear(20, 2), seed=0)
    >>> stop = nc.EarlyStopping(patience=3, min_delta=1e-3)
    >>> history = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.5)).fit(
    ...     X, y, epochs=500, validation_split=0.2, callbacks=[stop])
    >>> len(history["loss"]) == stop.stopped_epoch == stop.best_epoch + 3
    True
    """

    monitor = _Watched("The column of the history that it follows.")
    min_delta = _Watched("By how much a new best has to be better.")
    mode = _Watched("Which way the number is better.")
    patience = Setting(lambda where, name, value: integer(where, name, value, 1, 2**62), "Epochs without a new best.")
    restore_best = Setting(flag, "Whether the model gets the parameters of its best epoch back.")
    best_epoch: int
    stopped_epoch: int

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 10,
        min_delta: float = 0.0,
        restore_best: bool = True,
        mode: str = "auto",
    ) -> None:
        vars(self).update(monitor=monitor, mode=mode, min_delta=min_delta)
        self._forget()
        self.patience = patience
        self.restore_best = restore_best
        self._trainer = None
        self._served: weakref.ref[Any] | None = None  # the trainer that the numbers are of
        self._epoch = 0  # the last one it knows of
        self._here = False  # whether it has had an epoch of this fit
        self._loaded = False

    def _forget(self) -> None:
        settings = (self.monitor, self.mode, self.min_delta)
        self._watch = _Best("EarlyStopping", *settings)
        self._kept_watch = _Best("EarlyStopping", *settings)  # the best of those with known parameters
        self._kept: tuple[int, dict[str, Any]] | None = None  # their epoch, and they
        self.best_epoch = self.stopped_epoch = self._waited = 0

    @property
    def best(self) -> float:
        """The best number so far."""
        return self._watch.best

    def on_fit_begin(self, trainer: Fit) -> None:
        """Goes on where the trainer's history ends."""
        same = self._served is not None and self._served() is trainer
        if not (same or self._loaded) or self._epoch > trainer.epoch:
            self._forget()
            self._epoch = 0
        elif self.stopped_epoch:
            self._forget()
        if self._kept is not None and _shapes(self._kept[1]) != _shapes(trainer.model.state_dict()):
            self._kept, self._kept_watch.best = None, math.nan  # the model has other layers now
        for row in _earlier(trainer, self.monitor, self._epoch):
            if self._count(row):
                self._forget()
            elif row["epoch"] == self.best_epoch == trainer.epoch and self._loaded and trainer.steps_into_epoch == 0:
                self._keep(trainer, row)  # saved in that epoch, before this callback had its turn
        self._trainer, self._served, self._here, self._loaded = trainer, weakref.ref(trainer), False, False
        self._epoch = trainer.epoch

    def on_epoch_end(self, record: Record) -> bool | None:
        """True after `patience` epochs without a new best."""
        if self._trainer is not None:
            self._keep(self._trainer, record)
        stop = self._count(record)
        self._epoch, self._here = record["epoch"], True
        if stop:
            self.stopped_epoch = record["epoch"]
        return stop

    def _keep(self, trainer: Fit, record: Record) -> None:
        """Keeps the parameters if they are the best of those that were seen."""
        if self._kept_watch.improved(record) and self.restore_best:
            self._kept = record["epoch"], trainer.model.state_dict()

    def _count(self, record: Record) -> bool:
        """Whether this is the last of `patience` epochs without a new best."""
        if self._watch.improved(record):
            self.best_epoch, self._waited = record["epoch"], 0
        else:
            self._waited += 1
        return self._waited >= self.patience

    def on_fit_end(self, history: History) -> None:
        """Restores the best parameters."""
        self._restore()

    def on_fit_error(self, error: BaseException) -> None:
        """Restores the best parameters."""
        self._restore()

    def _restore(self) -> None:
        trainer, self._trainer = self._trainer, None
        if trainer is None or self._kept is None or not self._here or not self.restore_best:
            return
        epoch, state = self._kept
        trainer.model.load_state_dict(state)
        if epoch != self.best_epoch:
            text = (
                f"[EarlyStopping] the parameters of the best epoch, {self.best_epoch}, are not known: the model gets "
                f"those of epoch {epoch}, the best since"
            )
            warnings.warn(text, RuntimeWarning, stacklevel=2)

    def state_dict(self) -> dict[str, Any]:
        """Numbers so far, and the best parameters."""
        epoch, kept = self._kept or (0, {})
        return {
            "epoch": self._epoch,
            "best": self._watch.best,
            "best_epoch": self.best_epoch,
            "stopped_epoch": self.stopped_epoch,
            "waited": self._waited,
            "kept_best": self._kept_watch.best,
            "kept_epoch": epoch,
            "kept": kept,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from the state of another one."""
        usual = EarlyStopping.state_dict(EarlyStopping())
        if set(state) != set(usual) or not isinstance(state["kept"], Mapping):
            raise ConfigError(f"[EarlyStopping] state_dict: expected {list(usual)}, got {describe(state)}")
        epochs = ("epoch", "best_epoch", "stopped_epoch", "waited", "kept_epoch")
        counts = {key: integer("EarlyStopping", key, state[key], 0, 2**62) for key in epochs}
        best, kept_best = (number_from("EarlyStopping", key, state[key]) for key in ("best", "kept_best"))
        self._forget()
        self._watch.best, self._kept_watch.best = best, kept_best
        self._epoch, self.best_epoch = counts["epoch"], counts["best_epoch"]
        self.stopped_epoch, self._waited = counts["stopped_epoch"], counts["waited"]
        self._kept = (counts["kept_epoch"], dict(state["kept"])) if state["kept"] else None
        self._loaded = True

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_trainer": None, "_served": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        given = dict(state)
        settings = given.pop("_settings", None)  # of earlier versions, which had fewer attributes
        monitor, mode, min_delta = settings or (state["monitor"], state["mode"], state["min_delta"])
        EarlyStopping.__init__(self, monitor, state["patience"], min_delta, state["restore_best"], mode)
        vars(self).update(given)

    def __repr__(self) -> str:
        others = {"min_delta": 0.0, "restore_best": True, "mode": "auto"}
        shown = {key: getattr(self, key) for key in ("monitor", "patience", *others)}
        parts = [f"{key}={value!r}" for key, value in shown.items() if key not in others or value != others[key]]
        return f"EarlyStopping({', '.join(parts)})"


def _bound(where: str, name: str, value: Any) -> float | None:
    """A first best: None or any number but NaN."""
    if value is None:
        return None
    if isinstance(value, numbers.Real) and not isinstance(value, bool) and not math.isnan(value):
        return float(value)
    raise ConfigError(f"[{where}] {name}: expected a number or None, got {describe(value)}")


class ModelCheckpoint(Callback):
    """Saves the model after each epoch, or after each that is the best so far, with `Sequential.save`.

    Parameters
    ----------
    path : path
        May hold columns of the history in braces: "net-{epoch}.safetensors", "net-{val_loss:.3f}.safetensors". The
        same path is written over.
    monitor : str, optional
        Save only when this number is better than ever in the trainer's history, that of a resumed trainer included;
        None: after each epoch.
    mode : {"auto", "min", "max"}
        As in EarlyStopping.
    initial_best : float, optional, keyword only
        Save only when the number is better than this one, and not than those of epochs before the first fit with this
        object; `math.inf` (of what is to be large `-math.inf`): begin anew.

    Attributes
    ----------
    saved : list of str
        The files written, in order.
    """

    _served: weakref.ref[Any] | None = None  # the trainer that the best is of
    path = Setting(lambda where, name, value: path_of(where, value), "Where the model is saved.")
    monitor = _Watched("Save only when this number is better than ever; None: after each epoch.")
    mode = _Watched("Which way the number is better.")
    initial_best = Setting(_bound, "The best number before the first epoch.")
    saved: list[str]

    def __init__(
        self,
        path: str | os.PathLike[str],
        monitor: str | None = None,
        mode: str = "auto",
        *,
        initial_best: float | None = None,
    ) -> None:
        self.path = path
        vars(self).update(monitor=monitor, mode=mode)
        if monitor is not None:
            _Best("ModelCheckpoint", monitor, mode)
        elif initial_best is not None:
            raise ConfigError("[ModelCheckpoint] initial_best: expected it beside monitor, got it alone")
        self.initial_best = initial_best
        self._forget()
        self._trainer = None
        self.saved = []

    def _forget(self) -> None:
        self._watch: _Best | None = None

    @property
    def best(self) -> float:
        """The best number so far; NaN before there is one."""
        return math.nan if self._watch is None else self._watch.best

    def on_fit_begin(self, trainer: Fit) -> None:
        """The best number is that of the trainer's history, so that a worse model does not overwrite a better one."""
        self._trainer = trainer
        if self.monitor is None:
            return
        same = self._served is not None and self._served() is trainer
        if self._watch is None or not same:
            self._watch = _Best("ModelCheckpoint", self.monitor, self.mode)
            self._served = weakref.ref(trainer)
            if self.initial_best is not None:
                self._watch.best = self.initial_best
                return
        if self.initial_best is None:
            for row in _earlier(trainer, self.monitor):
                self._watch.improved(row)

    def on_epoch_end(self, record: Record) -> bool | None:
        """Saves the model, if the monitored number improved."""
        if self._trainer is not None and (self._watch is None or self._watch.improved(record)):
            try:
                path = self.path.format(**record)
            except (LookupError, AttributeError, TypeError, ValueError, MemoryError) as error:
                raise ConfigError(
                    f"[ModelCheckpoint] path: expected names in braces of {sorted(record)}, got {self.path!r} "
                    f"({error!r})"
                ) from None
            self._trainer.model.save(path)
            self.saved.append(path)
        return None

    def on_fit_end(self, history: History) -> None:
        """Drops the reference to the trainer."""
        self._trainer = None

    def on_fit_error(self, error: BaseException) -> None:
        """Drops the reference to the trainer."""
        self._trainer = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_trainer": None, "_served": None}

    def __repr__(self) -> str:
        others = {"monitor": None, "mode": "auto", "initial_best": None}
        shown = [f"{key}={getattr(self, key)!r}" for key, usual in others.items() if getattr(self, key) != usual]
        return f"ModelCheckpoint({', '.join([repr(self.path), *shown])})"
