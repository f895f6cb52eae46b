"""Callback, the base of all callbacks, and Fit, the part of a Trainer that callbacks use."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from nncore._support.checks import as_list, describe, shown
from nncore._support.functions import check_function
from nncore._support.names import did_you_mean
from nncore._support.strict import Strict
from nncore.errors import ConfigError
from nncore.nn._loss import Loss
from nncore.nn._model import Model
from nncore.optim._optimizer import Optimizer
from nncore.train._history import History
from nncore.train._metrics import Metric
from nncore.train._observation import Observation, Observing

Record = dict[str, Any]


#: The methods that a fit calls.
HOOKS = ("on_fit_begin", "on_epoch_end", "on_observation", "on_fit_end", "on_fit_error")
#: Those of other libraries, by what stands for them here.
_ELSEWHERE = {
    "on_train_begin": "on_fit_begin",
    "on_train_start": "on_fit_begin",
    "on_fit_start": "on_fit_begin",
    "on_train_end": "on_fit_end",
    "on_train_epoch_end": "on_epoch_end",
    "on_validation_end": "on_epoch_end, whose record has val_loss",
    "on_validation_epoch_end": "on_epoch_end, whose record has val_loss",
    "on_test_end": "on_epoch_end, whose record has test_loss",
    "on_epoch_begin": "on_epoch_end of the epoch before, and on_fit_begin",
    "on_epoch_start": "on_epoch_end of the epoch before, and on_fit_begin",
    **dict.fromkeys(
        ("on_batch_end", "on_train_batch_end", "on_step_end"),
        "on_observation, with observing = nc.Monitor(every=1).observing",
    ),
    "on_exception": "on_fit_error",
}


class Fit(Protocol):
    """The trainer as a callback uses it: a Trainer, or any object with these attributes."""

    loss: Loss
    optimizer: Optimizer

    @property
    def model(self) -> Model:
        """The model in training."""

    @property
    def options(self) -> dict[str, Any]:
        """The other arguments of the Trainer."""

    @property
    def epoch(self) -> int:
        """Whole epochs done."""

    @property
    def steps_into_epoch(self) -> int:
        """Steps done of the next epoch."""

    @property
    def history(self) -> History:
        """All fits so far, the current one included."""

    @property
    def fitting(self) -> bool:
        """Whether a fit is running."""

    def evaluate(self, X: Any, y: Any, metrics: Iterable[Metric] | None = None) -> dict[str, float]:
        """The loss without penalties, and metrics."""


class Callback(Strict):
    """Base of all callbacks: a subclass overrides the methods it needs.

    The model may be read, evaluated and changed at the begin and the end of a fit and after each epoch, by the
    thread of the fit; other threads get a StateError for as long as the fit lasts. An exception of a callback reaches
    the caller of fit once the other callbacks have had the epoch, too; the model is then in its state at the end of
    that epoch.

    Each method may return True, which ends the fit (after on_observation within the epoch), or None or False; anything
    else is a ConfigError. After on_fit_begin there is one call of on_fit_end, or of on_fit_error.

    What `state_dict` returns is kept with the trainer, also in its files and copies, and given to `load_state_dict` of
    the callback of the same class and the same monitor, before on_fit_begin, when the training goes on with another
    object.
    """

    #: The column of the history that the callback follows, if any.
    monitor: Any = None
    #: The interval of its observations; None: it gets none.
    observing: Observing | None = None
    #: The trainer it is used by, for callbacks that keep it: two fits at once are refused.
    _trainer: Fit | None = None

    def _may_set(self, name: str, value: Any) -> bool:
        return name in HOOKS and callable(value)  # a function in place of the method is called

    def on_fit_begin(self, trainer: Any) -> bool | None:
        """Before the first epoch of a fit. `trainer` is a Fit; a subclass may name it a Trainer."""
        return None

    def on_epoch_end(self, record: Record) -> bool | None:
        """After each epoch, with its row of the history."""
        return None

    def on_observation(self, observation: Observation) -> bool | None:
        """After each observed step, within the epoch: using the model here is a StateError."""
        return None

    def on_fit_end(self, history: History) -> bool | None:
        """After the last epoch, or at an earlier end; not after an error."""
        return None

    def on_fit_error(self, error: BaseException) -> bool | None:
        """After an exception that fit is about to raise: of the numbers, of a callback, a metric or a layer, or a
        second Ctrl-C. Here files are closed and weights given back."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """Numbers, texts, arrays, and dicts of arrays, by name: what another object of the class needs to go on."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over the state of another object of the class."""

    def __repr__(self) -> str:
        values = {name: getattr(self, name, self) for name in inspect.signature(type(self)).parameters}
        known = [f"{name}={shown(value)}" for name, value in values.items() if value is not self]
        return f"{type(self).__name__}({', '.join(known)})"


class LambdaCallback(Callback):
    """A callback of functions: on_fit_begin(trainer), on_epoch_end(record), on_fit_end(history), on_fit_error(error).

    True ends the fit, None and False do not; anything else is a ConfigError.
    """

    def __init__(
        self,
        on_fit_begin: Callable[[Any], bool | None] | None = None,
        on_epoch_end: Callable[[Record], bool | None] | None = None,
        on_fit_end: Callable[[History], bool | None] | None = None,
        on_fit_error: Callable[[BaseException], bool | None] | None = None,
    ) -> None:
        given = {
            "on_fit_begin": on_fit_begin,
            "on_epoch_end": on_epoch_end,
            "on_fit_end": on_fit_end,
            "on_fit_error": on_fit_error,
        }
        for name, function in given.items():
            if function is not None and not callable(function):
                raise ConfigError(f"[LambdaCallback] {name}: expected a function or None, got {describe(function)}")
        self._functions: dict[str, Any] = {name: f for name, f in given.items() if f is not None}

    def on_fit_begin(self, trainer: Fit) -> bool | None:
        """Calls the function given."""
        return self._call("on_fit_begin", trainer)

    def on_epoch_end(self, record: Record) -> bool | None:
        """Calls the function given."""
        return self._call("on_epoch_end", record)

    def on_fit_end(self, history: History) -> bool | None:
        """Calls the function given."""
        return self._call("on_fit_end", history)

    def on_fit_error(self, error: BaseException) -> bool | None:
        """Calls the function given."""
        return self._call("on_fit_error", error)

    def __getstate__(self) -> dict[str, Any]:
        for name, function in self._functions.items():
            check_function(f"[LambdaCallback] {name}", function)
        return dict(self.__dict__)

    def _call(self, name: str, argument: Any) -> bool | None:
        answer: bool | None = self._functions[name](argument) if name in self._functions else None
        return answer

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={shown(f)}' for name, f in self._functions.items())})"


def as_callbacks(given: Iterable[Any]) -> list[Callback]:
    """Callbacks and plain functions as callbacks."""
    items = as_list(given)
    if items is None:
        raise ConfigError(f"[fit] callbacks: expected a list of functions, got {describe(given)}")
    for item in items:
        if isinstance(item, type) or not (isinstance(item, Callback) or callable(item)):
            hint = f" (write {item.__name__}(…))" if isinstance(item, type) else ""
            raise ConfigError(f"[fit] callbacks: expected functions, got {describe(item)}{hint}")
        if isinstance(item, Callback):
            _check_hooks(item)
    for i, item in enumerate(items):
        if isinstance(item, Callback) and any(item is other for other in items[:i]):
            raise ConfigError(f"[fit] callbacks: expected each once, got {describe(item)} twice")
    return [item if isinstance(item, Callback) else LambdaCallback(on_epoch_end=item) for item in items]


def _check_hooks(callback: Callback) -> None:
    """ConfigError for a hook that cannot be called; a warning for names like hooks that nothing calls."""
    kind = type(callback)
    for name in HOOKS:
        if not callable(getattr(callback, name)):
            got = describe(getattr(callback, name))
            raise ConfigError(f"[{kind.__name__}] {name}: expected a method or a function, got {got}")
    if kind.__module__.partition(".")[0] == "nncore":
        return
    for name in sorted({name for name in (*dir(kind), *vars(callback)) if name[:3] == "on_"} - {*HOOKS}):
        instead = _ELSEWHERE.get(name)
        advice = f" ({instead} is)" if instead else did_you_mean(name, HOOKS) or f" (there are: {', '.join(HOOKS)})"
        warnings.warn(f"[{kind.__name__}] {name}: it is not called by a fit{advice}", RuntimeWarning, stacklevel=5)


def check_monitors(callbacks: Sequence[Callback], columns: Sequence[str]) -> None:
    """ConfigError for a callback whose `monitor` is not a column of the fit."""
    for callback in callbacks:
        check_monitor(type(callback).__name__, callback.monitor, columns)


def check_monitor(where: str, monitor: str | None, columns: Sequence[str]) -> None:
    """ConfigError unless `monitor` is None or one of the columns."""
    if monitor is not None and monitor not in columns:
        hint = " (give fit validation_data or validation_split)" if str(monitor).startswith("val_") else ""
        raise ConfigError(f"[{where}] monitor: expected one of {list(columns)}, got {monitor!r}{hint}")
