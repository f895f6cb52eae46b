"""History: metrics by epoch and step."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nncore._support import views
from nncore._support.checks import describe, integer
from nncore._support.files import path_of, write_file
from nncore._support.html import cell, curve, number, table
from nncore._support.names import did_you_mean
from nncore._support.plain import plain
from nncore._support.strict import Strict
from nncore.errors import ConfigError
from nncore.train._metrics import FACTS, has_curve, known_direction

_MAX_STEPS = 1_000_000

#: Keys of history_state beside the two tables of columns.
STATE_FACTS = ("stride", "interrupted", "n_steps", "seconds")

_ACCURACY = (
    "accuracy is measured during the epoch, each step before its update; evaluate, afterwards, gives another number"
)


class History(Strict):
    """Metrics of a fit, by epoch and by step.

    Attributes
    ----------
    epochs : dict of arrays
        "epoch" (from 1), "loss" (mean over the epoch's steps, penalties included, each before its update), "lr" (at
        its start), "seconds", and if requested "accuracy" (fraction, of the same outputs as loss),
        "val_loss" (without penalties), "val_accuracy", "test_loss", "test_accuracy", and other metrics likewise. With
        reduction="sum" all losses are the sum over all N samples times batch_size / N, so that curves can be compared.
    steps : dict of arrays
        "step" (from 1, the optimizer's count), "loss", "lr", and "grad_norm" when gradients are clipped by norm. Beyond
        a million steps only every second, fourth, … is kept.
    interrupted : bool
        Ended by Ctrl-C.
    n_steps : int
        Updates done.
    seconds : float
        Duration of the fit.

    The history that fit returns remembers its trainer, its callbacks and the data held out, for `report`; a pickle or
    a copy of it does not.

    `history["val_loss"]` is short for `history.epochs["val_loss"]`; a loop over a history goes over the names of its
    columns, and `dict(history)` is a dict of arrays.
    """

    epochs: dict[str, NDArray[Any]]
    steps: dict[str, NDArray[Any]]
    interrupted: bool
    n_steps: int
    seconds: float
    _hints: ClassVar[Mapping[str, str]] = {"history": 'history.epochs and history.steps, or history["loss"]'}

    def __init__(self, result: dict[str, Any] | None = None, *, origin: Any = None) -> None:
        self.epochs = {key: np.zeros(0) for key in ("epoch", "loss", "lr", "seconds")}
        self.steps = {key: np.zeros(0) for key in ("step", "loss", "lr")}
        self.epochs["epoch"] = self.steps["step"] = np.zeros(0, np.int64)
        self.interrupted, self.n_steps, self.seconds, self._stride = False, 0, 0.0, 1
        self._origin = origin  # a trainer's Origin, for `report` alone
        if result is not None:
            self._take(result)

    def _take(self, result: dict[str, Any]) -> None:
        self.epochs = result["epochs"]
        loss = result["step_loss"]
        first, self._stride = result["first_step"] + 1, result["stride"]
        self.steps = {
            "step": np.arange(first, first + self._stride * len(loss), self._stride, dtype=np.int64),
            "loss": loss,
            "lr": result["step_lr"],
        }
        if len(result["step_grad_norm"]):
            self.steps["grad_norm"] = result["step_grad_norm"]
        self.interrupted = result["interrupted"]
        self.n_steps = result["steps"]
        self.seconds = result["seconds"]

    def _thin_out(self) -> None:
        if self._stride > 1:
            kept = (self.steps["step"] - 1) % self._stride == 0
            self.steps = {key: values[kept] for key, values in self.steps.items()}

    def __getitem__(self, key: str) -> NDArray[Any]:
        if key not in self.epochs:
            advice = did_you_mean(key, self.epochs) if isinstance(key, str) else ""
            raise KeyError(f"[History] {describe(key)}: the columns are {', '.join(self.epochs)}{advice}")
        return self.epochs[key]

    def __contains__(self, key: object) -> bool:
        return key in self.epochs

    def __iter__(self) -> Iterator[str]:
        return iter(self.epochs)

    def __len__(self) -> int:
        return len(self.epochs)

    def keys(self) -> list[str]:
        """The names of the columns, so that dict(history) is a dict of arrays."""
        return list(self.epochs)

    def to_pandas(self) -> Any:
        """The epochs as a DataFrame; ImportError without pandas."""
        try:
            import pandas  # type: ignore[import-untyped,import-not-found,unused-ignore]
        except ImportError as error:
            raise ImportError("[to_pandas] pandas is needed: pip install pandas") from error
        return pandas.DataFrame(self.epochs)

    def _advice(self, name: str) -> str:
        """A column's name is a key, not an attribute."""
        return f' (history["{name}"])' if name in vars(self).get("epochs", ()) else super()._advice(name)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, ready for strict JSON: what is NaN or infinite is None."""
        facts: dict[str, Any] = plain(
            {
                "epochs": self.epochs,
                "steps": self.steps,
                "interrupted": self.interrupted,
                "n_steps": self.n_steps,
                "seconds": self.seconds,
            }
        )
        return facts

    def to_csv(self, path: Any) -> None:
        """Writes the epochs as a table with a header; the file appears whole or not at all."""
        table = io.StringIO(newline="")
        writer = csv.writer(table)
        writer.writerow(self.epochs)
        writer.writerows(zip(*(values.tolist() for values in self.epochs.values()), strict=True))
        write_file(path_of("to_csv", path), table.getvalue().encode())

    def report(
        self,
        path: Any,
        *,
        data: tuple[Any, Any] | None = None,
        title: str | None = None,
        class_names: Any = None,
        feature_names: Any = None,
    ) -> None:
        """Writes the fit as one HTML page that needs no other file and no network.

        On it: curves, the model, what monitors saw, the confusion matrix, the boundary of a classifier of points in
        the plane, predictions and residuals of a regression, gradients, filters of the first convolution, settings,
        versions; below each number and picture a line on what it means and what is usual. The model is shown as it is
        now. Without matplotlib the page has simple curves, and says so. It appears whole or not at all.

        Parameters
        ----------
        path : path, such as "run.html"
        data : (X, y) or None, default None
            What the model is shown on; None: the fit's test_data, else its validation data.
        title : str or None, default None
        class_names, feature_names : as in `nc.plot.confusion_matrix` and `nc.plot.decision_boundary`

        Raises
        ------
        OSError
            The path cannot be written.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> X, y = nc.datasets.make_moons(100, noise=0.1, seed=0)
        >>> net = nc.Sequential(nc.Linear(2, 20), nc.ReLU(), nc.Linear(20, 2), seed=0)
        >>> history = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.5)).fit(X, y, epochs=10, validation_split=0.2)
        >>> path = pathlib.Path(tempfile.mkdtemp(), "run.html")
        >>> history.report(path)
        >>> path.read_text(encoding="utf-8")[:15]
        '<!DOCTYPE html>'
        """
        views.report(self, path, data, title, class_names, feature_names)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_origin": None}

    def plot(self, ax: Any = None, *, figsize: Any = None, title: str | None = None) -> Any:
        """`nc.plot.history` of this history."""
        return views.plot(self, ax=ax, figsize=figsize, title=title)

    def __repr__(self) -> str:
        parts = self._facts()
        if len(self.epochs["epoch"]):
            parts += [f"{k} {self.epochs[k][-1]:.4f}" for k in self.epochs if k not in FACTS]
        if self.interrupted:
            parts.append("interrupted")
        return f"History({', '.join(parts)})"

    def _repr_html_(self) -> str:
        rows = []
        for key, values in self.epochs.items():
            there = values[~np.isnan(values)] if has_curve(key) else values[:0]
            if len(there):
                larger = known_direction(key)  # without one, as for lr, there is no best
                best = "" if larger is None else there.max() if larger else there.min()
                drawn = curve(values, about=f"{key} over the epochs")
                rows.append((key, *map(number, (values[0], best, values[-1])), drawn))
        caption = ", ".join([*self._facts(), *(["interrupted"] if self.interrupted else [])])
        shown = table(("", "first", "best", "last", ""), rows, caption=caption, left=1)
        if "accuracy" not in self.epochs:
            return shown
        return f'<div>{shown}<p style="font-size: 85%; opacity: 0.7; margin: 0.3em 0">{cell(_ACCURACY)}</p></div>'

    def _facts(self) -> list[str]:
        """Epochs, steps and seconds, as text."""
        n = len(self.epochs["epoch"])
        micros = 1e6 * self.seconds / self.n_steps if self.n_steps else 0.0
        each = f"{micros:,.0f}" if micros >= 1000 else f"{micros:.2f}"
        whole = f"{self.seconds:.2f} s" if self.seconds >= 1 else f"{1e3 * self.seconds:.3g} ms"
        return [f"{n} epoch{'s' if n != 1 else ''}", f"{self.n_steps} steps of {each} µs", whole]


def joined(parts: Sequence[History], *, origin: Any = None) -> History:
    """The histories concatenated, with the steps thinned out as in one history of all."""
    whole = History(origin=origin)
    if not parts:
        return whole
    whole.epochs = _stacked([part.epochs for part in parts])
    whole.steps = _stacked(_counted_on([part.steps for part in parts]))
    whole._stride = max(part._stride for part in parts)
    whole._thin_out()
    while len(whole.steps["step"]) > _MAX_STEPS:
        whole._stride *= 2
        whole._thin_out()
    whole.interrupted = parts[-1].interrupted
    whole.n_steps = sum(part.n_steps for part in parts)
    whole.seconds = sum(part.seconds for part in parts)
    return whole


def _counted_on(tables: Sequence[dict[str, NDArray[Any]]]) -> list[dict[str, NDArray[Any]]]:
    """Tables of steps, one after the other; where another optimizer began to count anew, the count goes on."""
    last, out = 0, []
    for columns in tables:
        steps = columns["step"]
        if len(steps) and steps[0] <= last:
            steps = steps + (last + 1 - steps[0])
        out.append({**columns, "step": steps})
        last = int(steps[-1]) if len(steps) else last
    return out


def origin_of(history: History) -> Any:
    """The `origin` it was made with; None for one that was copied, unpickled or made without."""
    return history._origin


def _stacked(tables: Sequence[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Tables concatenated by column; NaN where a table lacks a column."""
    rows = [(len(next(iter(table.values()))), table) for table in tables]
    rows = [row for row in rows if row[0]] or rows[:1]
    keys = dict.fromkeys(key for _, table in rows for key in table)
    return {key: np.concatenate([table.get(key, np.full(n, np.nan)) for n, table in rows]) for key in keys}


def history_state(history: History) -> dict[str, Any]:
    """A history as a dict of arrays and numbers."""
    facts = {key: getattr(history, key) for key in STATE_FACTS if key != "stride"}
    return {"epochs": dict(history.epochs), "steps": dict(history.steps), "stride": history._stride, **facts}


def history_from(given: Any) -> History:
    """The history from the dict of history_state, validated."""
    if not isinstance(given, Mapping) or set(given) != {"epochs", "steps", *STATE_FACTS}:
        raise ConfigError(f"[Trainer] history: expected what state_dict gave, got {describe(given)}")
    history = History()
    for name, own, counter in (("epochs", history.epochs, "epoch"), ("steps", history.steps, "step")):
        if not isinstance(given[name], Mapping):
            raise ConfigError(f"[Trainer] history: expected {name} as columns by name, got {describe(given[name])}")
        columns = {str(key): np.asarray(values) for key, values in given[name].items()}
        shapes = {values.shape for values in columns.values()}
        kinds = {key: values.dtype == (np.int64 if key == counter else np.float64) for key, values in columns.items()}
        if not set(own) <= set(columns) or len(shapes) != 1 or len(shapes.pop()) != 1 or not all(kinds.values()):
            raise ConfigError(f"[Trainer] history: expected {name} as columns of one length, got {describe(columns)}")
        setattr(history, name, columns)
    history._stride = integer("Trainer", "stride", given["stride"], 1, 2**62)
    history.n_steps = integer("Trainer", "n_steps", given["n_steps"], 0, 2**62)
    history.interrupted, history.seconds = bool(given["interrupted"]), float(given["seconds"])
    return history
