"""Callback, the base of all callbacks, and Fit, the part of a Trainer that callbacks use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from nncore._support.checks import as_list, describe
from nncore.errors import ConfigError, StateError
from nncore.nn._loss import Loss
from nncore.nn._model import Model
from nncore.optim._optimizer import Optimizer
from nncore.train._history import History
from nncore.train._metrics import Metric
from nncore.train._observation import Observation, Observing, checked

Record = dict[str, Any]


class Fit(Protocol):
    """The trainer as a callback uses it: a Trainer, or any object with these attributes."""

    model: Model
    loss: Loss
    optimizer: Optimizer

    @property
    def options(self) -> dict[str, Any]:
        """The other arguments of the Trainer."""

    @property
    def epoch(self) -> int:
        """Whole epochs done."""

    @property
    def history(self) -> History:
        """All fits so far, the current one included."""

    @property
    def fitting(self) -> bool:
        """Whether a fit is running."""

    def evaluate(self, X: Any, y: Any, metrics: Iterable[Metric] | None = None) -> dict[str, float]:
        """The loss without penalties, and metrics."""


class Callback:
    """Base of all callbacks: a subclass overrides the methods it needs.

    The model may be read, evaluated and changed at the begin and the end of a fit and after each epoch, by the
    thread of the fit; other threads get a StateError for as long as the fit lasts. An exception of a callback reaches
    the caller of fit; the model is then in its state at the end of that epoch.
    """

    #: The column of the history that the callback follows, if any.
    monitor: str | None = None
    #: The interval of its observations; None: it gets none.
    observing: Observing | None = None
    #: The trainer it is used by, for callbacks that keep it: two fits at once are refused.
    _trainer: Fit | None = None

    def on_fit_begin(self, trainer: Any) -> None:
        """Before the first epoch of a fit. `trainer` is a Fit; a subclass may name it a Trainer."""

    def on_epoch_end(self, record: Record) -> bool | None:
        """After each epoch, with its row of the history; True ends the fit."""

    def on_observation(self, observation: Observation) -> None:
        """After each observed step, within the epoch: using the model here is a StateError."""

    def on_fit_end(self, history: History) -> None:
        """After the last epoch, or at an earlier end; not after an error."""


class LambdaCallback(Callback):
    """A callback of functions: on_fit_begin(trainer), on_epoch_end(record) -> None or True, on_fit_end(history)."""

    def __init__(
        self,
        on_fit_begin: Callable[[Any], object] | None = None,
        on_epoch_end: Callable[[Record], bool | None] | None = None,
        on_fit_end: Callable[[History], object] | None = None,
    ) -> None:
        given = {"on_fit_begin": on_fit_begin, "on_epoch_end": on_epoch_end, "on_fit_end": on_fit_end}
        for name, function in given.items():
            if function is not None and not callable(function):
                raise ConfigError(f"[LambdaCallback] {name}: expected a function or None, got {describe(function)}")
        self._functions: dict[str, Any] = {name: f for name, f in given.items() if f is not None}

    def on_fit_begin(self, trainer: Fit) -> None:
        """Calls the function given."""
        if "on_fit_begin" in self._functions:
            self._functions["on_fit_begin"](trainer)

    def on_epoch_end(self, record: Record) -> bool | None:
        """Calls the function given."""
        return bool(self._functions["on_epoch_end"](record)) if "on_epoch_end" in self._functions else None

    def on_fit_end(self, history: History) -> None:
        """Calls the function given."""
        if "on_fit_end" in self._functions:
            self._functions["on_fit_end"](history)


def as_callbacks(given: Iterable[Any]) -> list[Callback]:
    """Callbacks and plain functions as callbacks."""
    items = as_list(given)
    if items is None:
        raise ConfigError(f"[fit] callbacks: expected a list of functions, got {describe(given)}")
    for item in items:
        if isinstance(item, type) or not (isinstance(item, Callback) or callable(item)):
            hint = f" (write {item.__name__}(…))" if isinstance(item, type) else ""
            raise ConfigError(f"[fit] callbacks: expected functions, got {describe(item)}{hint}")
    for i, item in enumerate(items):
        if isinstance(item, Callback) and any(item is other for other in items[:i]):
            raise ConfigError(f"[fit] callbacks: expected each once, got {describe(item)} twice")
    return [item if isinstance(item, Callback) else LambdaCallback(on_epoch_end=item) for item in items]


def begin_fit(callbacks: Sequence[Callback], trainer: Fit) -> list[tuple[Callback, Observing]]:
    """Calls on_fit_begin of each; returns those with observations, each with its interval."""
    for callback in callbacks:
        other = callback._trainer
        if other is not None and other is not trainer and getattr(other, "fitting", False):
            name = type(callback).__name__
            raise StateError(f"[{name}] it serves another fit, which is not over: expected one {name} for each")
    for callback in callbacks:
        callback.on_fit_begin(trainer)
    return [(callback, checked(callback.observing)) for callback in callbacks if callback.observing is not None]


def check_monitors(callbacks: Sequence[Callback], columns: Sequence[str]) -> None:
    """ConfigError for a callback whose `monitor` is not a column of the fit."""
    for callback in callbacks:
        check_monitor(type(callback).__name__, callback.monitor, columns)


def check_monitor(where: str, monitor: str | None, columns: Sequence[str]) -> None:
    """ConfigError unless `monitor` is None or one of the columns."""
    if monitor is not None and monitor not in columns:
        hint = " (give fit validation_data or validation_split)" if str(monitor).startswith("val_") else ""
        raise ConfigError(f"[{where}] monitor: expected one of {list(columns)}, got {monitor!r}{hint}")
