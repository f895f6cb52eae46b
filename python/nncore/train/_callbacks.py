"""EarlyStopping, ModelCheckpoint and CSVLogger."""

from __future__ import annotations

import csv
import math
import os
from typing import Any

from nncore._support.checks import describe, flag, integer, number
from nncore._support.files import path_of
from nncore.errors import ConfigError, FormatError
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
        At the end of the fit, also of one that was not stopped, the model gets the parameters of its best epoch back.
        The optimizer's state stays that of the last.
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
    Each fit starts afresh. Source: Prechelt, Early Stopping — But When?, 1998.

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

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 10,
        min_delta: float = 0.0,
        restore_best: bool = True,
        mode: str = "auto",
    ) -> None:
        self._watch = _Best("EarlyStopping", monitor, mode, min_delta)
        self._settings = (monitor, mode, min_delta)
        self.monitor = monitor
        self.patience = integer("EarlyStopping", "patience", patience, 1, 2**62)
        self.restore_best = flag("EarlyStopping", "restore_best", restore_best)
        self.best_epoch = self.stopped_epoch = 0
        self._trainer = None
        self._state: dict[str, Any] | None = None
        self._waited = 0

    @property
    def best(self) -> float:
        """The best number so far."""
        return self._watch.best

    def on_fit_begin(self, trainer: Fit) -> None:
        """Resets the state of earlier fits."""
        self._watch = _Best("EarlyStopping", *self._settings)
        self._trainer, self._state, self._waited = trainer, None, 0
        self.best_epoch = self.stopped_epoch = 0

    def on_epoch_end(self, record: Record) -> bool | None:
        """True after `patience` epochs without a new best."""
        if self._watch.improved(record):
            self.best_epoch, self._waited = record["epoch"], 0
            if self.restore_best and self._trainer is not None:
                self._state = self._trainer.model.state_dict()
            return None
        self._waited += 1
        if self._waited >= self.patience:
            self.stopped_epoch = record["epoch"]
        return self._waited >= self.patience

    def on_fit_end(self, history: History) -> None:
        """Restores the best parameters."""
        if self._state is not None and self._trainer is not None:
            self._trainer.model.load_state_dict(self._state)
        self._trainer = self._state = None


class ModelCheckpoint(Callback):
    """Saves the model after each epoch, or after each that is the best so far, with `Sequential.save`.

    Parameters
    ----------
    path : path
        May hold columns of the history in braces: "net-{epoch}.safetensors", "net-{val_loss:.3f}.safetensors". The
        same path is written over.
    monitor : str, optional
        Save only when this number is better than ever; None: after each epoch.
    mode : {"auto", "min", "max"}
        As in EarlyStopping.

    Attributes
    ----------
    saved : list of str
        The files written, in order.
    """

    def __init__(self, path: str | os.PathLike[str], monitor: str | None = None, mode: str = "auto") -> None:
        self.path = path_of("ModelCheckpoint", path)
        self.monitor = monitor
        self._watch = None if monitor is None else _Best("ModelCheckpoint", monitor, mode)
        self._trainer = None
        self.saved: list[str] = []

    def on_fit_begin(self, trainer: Fit) -> None:
        """Keeps the best value of earlier fits, so that a worse model does not overwrite a better one."""
        self._trainer = trainer

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


class CSVLogger(Callback):
    """Writes the row of each epoch to a table, at once.

    A fit that goes on, of this trainer or of one that was resumed, appends; a first fit writes a new file.

    Parameters
    ----------
    path : path
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path_of("CSVLogger", path)
        self._append = False

    def on_fit_begin(self, trainer: Fit) -> None:
        """A trainer with earlier epochs continues the table."""
        self._append = trainer.epoch > 0

    def on_epoch_end(self, record: Record) -> bool | None:
        """Writes one line."""
        columns = self._columns() if self._append else None
        if columns is not None and set(columns) != set(record):
            raise ConfigError(f"[CSVLogger] {self.path}: expected the columns {columns} it has, got {list(record)}")
        with open(self.path, "w" if columns is None else "a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if columns is None:
                writer.writerow(record)
            writer.writerow(record[key] for key in columns or record)
        self._append = True
        return None

    def _columns(self) -> list[str] | None:
        try:
            with open(self.path, newline="", encoding="utf-8") as file:
                return next(csv.reader(file), None)
        except FileNotFoundError:
            return None
        except (csv.Error, UnicodeDecodeError) as error:
            raise FormatError(
                f"[CSVLogger] {self.path}: expected a table of this kind, got something else ({error})"
            ) from None
