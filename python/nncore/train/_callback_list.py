"""CallbackList: the callbacks of one fit, how they are called and what becomes of their answers and errors."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy as np

from nncore._support.checks import describe
from nncore._support.functions import note
from nncore.errors import ConfigError, StateError
from nncore.train._callback import Callback, Fit, Record
from nncore.train._history import History
from nncore.train._observation import Observation, Observing, checked

State = dict[str, Any]


class CallbackStates:
    """What a trainer keeps of the callbacks of its fits, for the objects of later ones."""

    def __init__(self, states: Mapping[str, State] | None = None) -> None:
        self.states = dict(states or {})  #: by class and monitor
        self._served: list[weakref.ref[Callback]] = []  # their objects, which have their states themselves

    def hand_over(self, key: str, callback: Callback) -> None:
        """Gives the state of an earlier callback to another object."""
        if key in self.states and not any(known() is callback for known in self._served):
            callback.load_state_dict(self.states[key])

    def keep(self, callbacks: Sequence[Callback]) -> None:
        """Keeps the states at the end of a fit."""
        if not callbacks:
            return
        self.states |= states_of(callbacks)
        alive = [known for known in self._served if known() is not None and all(known() is not c for c in callbacks)]
        self._served = [*alive, *map(weakref.ref, callbacks)]


class CallbackList:
    """The callbacks of one fit, in their order.

    As a context it tells those that have begun and not ended of the exception that leaves the block.
    """

    def __init__(self, callbacks: Sequence[Callback], known: CallbackStates) -> None:
        """`known`: what the trainer keeps of earlier fits, and gets from this one."""
        self._callbacks, self._known = callbacks, known
        self._open: list[Callback] = []  # begun and not ended
        self._observers: list[tuple[Callback, Observing]] = []
        self.stop = False  #: whether one of them ended the fit when it began

    def begin(self, trainer: Fit) -> None:
        """on_fit_begin of each."""
        for callback in self._callbacks:
            other = callback._trainer
            if other is not None and other is not trainer and getattr(other, "fitting", False):
                name = type(callback).__name__
                raise StateError(f"[{name}] it serves another fit, which is not over: expected one {name} for each")
        for key, callback in zip(_keys(self._callbacks), self._callbacks, strict=True):
            self._known.hand_over(key, callback)
            answer = _asked(callback, "on_fit_begin", trainer)
            self._open.append(callback)
            self.stop |= _stops(callback, "on_fit_begin", answer)
        self._observers = [(each, checked(each.observing)) for each in self._callbacks if each.observing is not None]

    def __bool__(self) -> bool:
        return bool(self._callbacks)

    @property
    def intervals(self) -> list[Observing]:
        """Of the callbacks with observations."""
        return [interval for _, interval in self._observers]

    def epoch_end(self, record: Record) -> bool:
        """on_epoch_end of each; whether one of them ends the fit."""
        return self._each(
            "on_epoch_end", self._callbacks, lambda callback: _asked(callback, "on_epoch_end", dict(record))
        )

    def observation(self, number: int, observation: Observation) -> bool:
        """on_observation of the callback `number` of those with observations; whether it ends the fit."""
        callback = self._observers[number][0]
        return _stops(callback, "on_observation", _asked(callback, "on_observation", observation))

    def end(self, history: History) -> None:
        """on_fit_end of each."""

        def close(callback: Callback) -> bool | None:
            self._open.remove(callback)
            return _asked(callback, "on_fit_end", history)

        self._each("on_fit_end", list(self._open), close)
        self._known.keep(self._callbacks)

    def states(self) -> dict[str, State]:
        """The states of these callbacks and of those of earlier fits."""
        return {**self._known.states, **states_of(self._callbacks)}

    def __enter__(self) -> CallbackList:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if error is None:
            return
        begun = list(self._open)
        while self._open:
            callback = self._open.pop(0)
            try:
                _stops(callback, "on_fit_error", callback.on_fit_error(error))
            except Exception as further:  # the first error is the one that is raised
                error.add_note(f"[{type(callback).__name__}] on_fit_error failed as well: {further!r}")
        try:
            self._known.keep(begun)
        except Exception as further:
            error.add_note(f"[fit] state_dict of a callback failed as well: {further!r}")

    @staticmethod
    def _each(hook: str, callbacks: Sequence[Callback], call: Callable[[Callback], bool | None]) -> bool:
        """Calls every callback, also after an exception of one; the first exception is raised then."""
        stop, first = False, None
        for callback in callbacks:
            try:
                stop |= _stops(callback, hook, call(callback))
            except Exception as error:
                if first is None:
                    first = error
                else:
                    first.add_note(f"[{type(callback).__name__}] {hook} failed as well: {error!r}")
        if first is not None:
            raise first
        return stop


_ARGUMENT = {
    "on_fit_begin": "trainer",
    "on_epoch_end": "record",
    "on_observation": "observation",
    "on_fit_end": "history",
}


def _asked(callback: Callback, hook: str, argument: Any) -> bool | None:
    """What the callback answers; its exceptions say whose they are."""
    try:
        answer: bool | None = getattr(callback, hook)(argument)
        return answer
    except Exception as error:
        when = f" after epoch {argument['epoch']}" if hook == "on_epoch_end" else ""
        note(error, f"the callback {_name_of(callback)}, {hook}{when}", f"{hook}(self, {_ARGUMENT[hook]})")
        raise


def _name_of(callback: Callback) -> str:
    return repr(callback) if type(callback).__name__ == "LambdaCallback" else type(callback).__name__


def _stops(callback: Callback, hook: str, answer: object) -> bool:
    """Whether a callback's answer ends the fit."""
    if answer is None or isinstance(answer, (bool, np.bool_)):
        return bool(answer)
    if inspect.iscoroutine(answer):
        answer.close()  # else Python warns that nobody awaited it
    raise ConfigError(
        f"[{_name_of(callback)}] {hook}: expected True, which ends the fit, or None or False, got {describe(answer)} "
        f"(hint: end the function with `return None`)"
    )


def states_of(callbacks: Sequence[Callback]) -> dict[str, State]:
    """The states of callbacks that have one, by class and monitor."""
    found = zip(_keys(callbacks), (callback.state_dict() for callback in callbacks), strict=True)
    return {key: state for key, state in found if state}


def _keys(callbacks: Sequence[Callback]) -> list[str]:
    """Class and monitor of each, numbered where they are the same."""
    keys: list[str] = []
    for callback in callbacks:
        name = type(callback).__name__ + (f" {callback.monitor}" if isinstance(callback.monitor, str) else "")
        before = sum(key.split("#")[0] == name for key in keys)
        keys.append(f"{name}#{before + 1}" if before else name)
    return keys
