"""The common part of a sweep's runs: the data, converted once, the length and the metrics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import as_list, integer, pair, real_array
from nncore.errors import ShapeError
from nncore.sweeps._grid import digest
from nncore.train._metrics import Metric, metrics_of


class Pair:
    """Samples and targets, converted once for each dtype of the models."""

    def __init__(self, where: str, X: Any, y: Any) -> None:
        for name, array in (("X", X), ("y", y)):
            if hasattr(array, "mask"):
                raise ShapeError(f"[sweep] {where}{name}: expected an array of real numbers, got a masked array")
        self.arrays = real_array("sweep", f"{where}X", X), real_array("sweep", f"{where}y", y)
        self.ready: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {}

    def convert(self, dtype: str) -> None:
        """Makes arrays that the core uses without a copy: bytes stay bytes, labels become int64."""
        if dtype in self.ready:
            return
        X, y = self.arrays
        samples = X.dtype if X.dtype == np.uint8 else np.dtype(dtype)
        labels = y.dtype.kind in "bi" or (y.dtype.kind == "u" and y.dtype.itemsize < 8)
        targets = np.dtype(np.int64) if labels else y.dtype if y.dtype.kind == "u" else np.dtype(dtype)
        with np.errstate(over="ignore"):  # fit raises for infinite numbers
            self.ready[dtype] = np.asarray(X, samples, order="C"), np.asarray(y, targets, order="C")


class SweepTask(NamedTuple):
    """The data, length and metrics of all runs."""

    train: Pair
    validation: Pair | None
    epochs: int
    steps: int | None
    metrics: tuple[Metric, ...]

    @classmethod
    def of(cls, X: Any, y: Any, validation: Any, epochs: Any, steps: Any, metrics: Iterable[Metric]) -> SweepTask:
        """The task of sweep's arguments, checked."""
        if validation is not None:
            validation = pair("sweep", "validation_data", validation)
        row = None if isinstance(metrics, (str, list, tuple)) else as_list(metrics)  # an iterator is consumed
        metrics = metrics if row is None else row
        metrics_of("sweep", metrics)
        return cls(
            Pair("", X, y),
            None if validation is None else Pair("validation_data: ", *validation),
            10 if epochs is None else integer("sweep", "epochs", epochs, 0, 2**31, or_none=True),
            None if steps is None else integer("sweep", "steps", steps, 0, 2**62, or_none=True),
            tuple(metrics),
        )

    def columns(self) -> list[str]:
        """Columns of the result, which points cannot have as names."""
        prefixes = ["", "val_"] if self.validation else [""]
        names = metrics_of("sweep", self.metrics).columns(True, prefixes)
        return ["seed", "status", "message", *(name for name in names if name != "lr")]

    def facts(self) -> list[Any]:
        """The part of a run's key besides point and seed: length, metrics, data."""
        named = metrics_of("sweep", self.metrics)
        metrics = [named.accuracy, *(other if isinstance(other, str) else other[0] for other in named.others)]
        length = ["epochs", self.epochs] if self.steps is None else ["steps", self.steps]
        arrays = [*self.train.arrays, *(self.validation.arrays if self.validation else ())]
        return [length, metrics, digest(*arrays)]
