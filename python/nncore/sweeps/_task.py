"""The common part of a sweep's runs: the data, converted once, the length and the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import as_list, integer, number, pair, real_array
from nncore._support.tables import Names, check_names
from nncore.errors import ConfigError
from nncore.nn._model import Model
from nncore.nn._normalize import columns_known, set_columns
from nncore.sweeps._grid import digest
from nncore.sweeps._identity import Identity
from nncore.sweeps._outcome import BEST
from nncore.train._metrics import ManyMetrics, metrics_of
from nncore.train._trainer import Trainer
from nncore.train._validation import checked_columns, held_mask

Data = tuple[Any, Any]


class Pair:
    """Samples and targets, converted once for each dtype of the models, and apart for those that normalise."""

    def __init__(self, where: str, X: Any, y: Any) -> None:
        self.arrays = real_array("sweep", f"{where}X", X), real_array("sweep", f"{where}y", y)
        self._ready: dict[tuple[str, bool], tuple[NDArray[Any], NDArray[Any]]] = {}

    def ready(self, model: Model) -> tuple[NDArray[Any], NDArray[Any]]:
        """Arrays for a model, that the core uses without a copy: bytes stay bytes, labels become int64.

        Samples that the model normalises are not rounded to its dtype before.
        """
        normalised = model.input is not None
        key = model.dtype, normalised
        if key not in self._ready:
            self._ready[key] = self._converted(model.dtype, normalised)
        return self._ready[key]

    def _converted(self, dtype: str, normalised: bool) -> tuple[NDArray[Any], NDArray[Any]]:
        X, y = self.arrays
        samples = X.dtype if X.dtype == np.uint8 or normalised else np.dtype(dtype)
        labels = y.dtype.kind in "bi" or (y.dtype.kind == "u" and y.dtype.itemsize < 8)
        targets = np.dtype(np.int64) if labels else y.dtype if y.dtype.kind == "u" else np.dtype(dtype)
        with np.errstate(over="ignore"):  # fit raises for infinite numbers
            return np.asarray(X, samples, order="C"), np.asarray(y, targets, order="C")


class RunData(NamedTuple):
    """What one fit is given."""

    train: Data
    validation: Data | None
    test: Data | None


class SweepTask(NamedTuple):
    """The data, length and metrics of all runs."""

    train: Pair
    validation: Pair | None
    test: Pair | None
    split: float  # the share of the training data that each run holds out by its trainer's seed
    epochs: int
    steps: int | None
    metrics: Any
    named: Names | None  # columns of X, if it is a DataFrame

    @classmethod
    def of(
        cls, X: Any, y: Any, validation: Any, split: Any, test: Any, epochs: Any, steps: Any, metrics: ManyMetrics
    ) -> SweepTask:
        """The task of sweep's arguments, checked."""
        held, apart = (
            None if given is None else Pair(f"{name}: ", *pair("sweep", name, given))
            for name, given in (("validation_data", validation), ("test_data", test))
        )
        share = number("sweep", "validation_split", split, 0.0, 1.0)
        if share and held is not None:
            raise ConfigError("[sweep] validation_split: expected 0 beside validation_data, got both")
        if not isinstance(metrics, (str, list, tuple, Mapping)):
            row = as_list(metrics)  # an iterator is consumed
            metrics = metrics if row is None else row
        metrics_of("sweep", metrics)
        train = Pair("", X, y)
        if share:
            held_mask("sweep", *train.arrays, share, 0)  # raises for a share that leaves a part empty
        return cls(
            train,
            held,
            apart,
            share,
            10 if epochs is None else integer("sweep", "epochs", epochs, 0, 2**31, or_none=True),
            None if steps is None else integer("sweep", "steps", steps, 0, 2**62, or_none=True),
            _kept(metrics),
            checked_columns("sweep", None, X, {"validation_data": validation, "test_data": test}),
        )

    @property
    def monitor(self) -> str:
        """The number whose best epoch is told."""
        return "val_loss" if self.validation is not None or self.split else "loss"

    def columns(self) -> list[str]:
        """Columns of the result, which points cannot have as names."""
        prefixes = ["", *(["val_"] if self.monitor == "val_loss" else []), *(["test_"] if self.test else [])]
        names = [name for name in metrics_of("sweep", self.metrics).columns(True, prefixes) if name != "lr"]
        return ["seed", "status", "message", *names, f"{BEST}epoch", *(BEST + name for name in names)]

    def facts(self) -> list[Any]:
        """The part of a run's key besides point, seed and what was built: length, metrics, data."""
        named = metrics_of("sweep", self.metrics)
        metrics = [other if isinstance(other, str) else [other[0], Identity().of(other[1])] for other in named.others]
        length = ["epochs", self.epochs] if self.steps is None else ["steps", self.steps]
        arrays = [None if one is None else digest(*one.arrays) for one in (self.train, self.validation, self.test)]
        return [length, [named.accuracy, *metrics], [*arrays, self.split.hex()]]

    @property
    def samples(self) -> int:
        """How many samples a run trains on."""
        samples = self.train.arrays[0]
        total = len(samples) if samples.ndim else 0
        return total - round(self.split * total)

    def convert(self, model: Model) -> None:
        """Makes the arrays for models of this kind."""
        for arrays in (self.train, self.validation, self.test):
            if arrays is not None:
                arrays.ready(model)

    def name_columns(self, model: Model) -> None:
        """Gives the model the names of the columns of X; ConfigError if its normalisation has others."""
        if self.named is not None:
            known = columns_known(model)
            if known is not None:
                check_names("[sweep]", self.named, known, "X[net.columns]")
            set_columns(model, known or self.named)

    def data(self, trainer: Trainer) -> RunData:
        """The converted arrays for a run. Those of a split are copies."""
        X, y = self.train.ready(trainer.model)
        validation, test = (None if one is None else one.ready(trainer.model) for one in (self.validation, self.test))
        held = held_mask("sweep", *self.train.arrays, self.split, trainer.options["seed"], trainer.loss)
        if held is not None:
            (X, y), validation = (X[~held], y[~held]), (X[held], y[held])
        return RunData((X, y), validation, test)


def _kept(metrics: Any) -> Any:
    """The metrics in a container that the caller cannot change; the default ones stay known as such."""
    if isinstance(metrics, tuple):
        return metrics
    return dict(metrics) if isinstance(metrics, Mapping) else tuple(metrics)
