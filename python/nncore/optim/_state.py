"""The state of an optimizer as a dict, and back."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

from nncore._registry.registered import Registered
from nncore._support.checks import cast, describe, integer, number
from nncore.errors import ConfigError
from nncore.nn._parameter import checked
from nncore.optim import _rule

_COUNTS = ("step", "epoch", "hand_epochs")


class OptimizerState(Registered):
    """state_dict and load_state_dict of Optimizer."""

    _core: Any = None
    _model_core: Any = None
    _model: Any = None
    _state_names: tuple[str, ...] = ()  # of a rule in Python, in the order of its arrays

    _pending: dict[str, Any]
    _copied_rate: float | None
    _follows_schedule: bool

    def _access_guard(self, what: str) -> Any: ...

    def _set_rate(self, rate: float) -> None: ...

    def state_dict(self) -> dict[str, Any]:
        """Step count, epoch, rate (when it was set), the schedule's state, and the state arrays of each parameter."""
        if self._core is None:
            return copy.deepcopy(self._pending)
        with self._access_guard("state_dict"):
            return self._state()

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = {"step": self._core.t, "epoch": self._core.epoch}
        if self._core.hand_epochs:
            state["hand_epochs"] = self._core.hand_epochs
        if not self._follows_schedule:
            state["lr"] = self._core.rate
        if self._core.schedule_state:
            state["schedule"] = self._core.schedule_state
        state["state"] = {
            name: {key: array.reshape(value.shape).copy() for key, array in self._arrays(i).items()}
            for i, (name, value, _) in enumerate(self._model_core.parameters())
        }
        return state

    def _arrays(self, i: int) -> dict[str, Any]:
        """The state of parameter i; of a rule in Python what it has set."""
        arrays: dict[str, Any] = self._core.state(i)
        return {key: array for key, array in arrays.items() if _rule.is_set(array)} if _rule.is_rule(self) else arrays

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores a state_dict: all of it or, with an error, nothing."""
        where = type(self).__name__
        known = {"step", "epoch", "hand_epochs", "lr", "schedule", "state"}
        unknown = [key for key in self._mapping(state) if key not in known]
        if unknown:
            raise ConfigError(f"[{where}] state_dict: expected keys of {sorted(known)}, got {describe(unknown[0])}")
        counts = {key: integer(where, key, state[key], 0, 2**62) for key in _COUNTS if key in state}
        if "lr" in state:
            number(where, "lr", state["lr"], 0.0)
        if self._core is None:
            self._pending = copy.deepcopy(dict(state))  # a copy: the caller may change its own before the first step
            self._copied_rate = None
            return
        copies = self._checked_state(state.get("state", {}))
        with self._access_guard("load_state_dict"):
            if "schedule" in state:
                self._core.schedule_state = _numbers(where, state["schedule"])
            self._core.t = counts.get("step", self._core.t)
            self._core.epoch = counts.get("epoch", self._core.epoch)
            self._core.hand_epochs = counts.get("hand_epochs", 0)
            if "lr" in state:
                self._set_rate(float(state["lr"]))
            if _rule.is_rule(self) and "state" in state:
                for i in range(len(self._model_core.parameters())):
                    for array in self._core.state(i).values():
                        array[...] = math.nan
            for array, values in copies:
                array[...] = values

    def _mapping(self, given: Any) -> Mapping[str, Any]:
        if not isinstance(given, Mapping):
            raise ConfigError(f"[{type(self).__name__}] state_dict: expected a dict, got {describe(given)}")
        return given

    def _checked_state(self, state: Any) -> list[tuple[Any, Any]]:
        names = {name: (i, value.shape) for i, (name, value, _) in enumerate(self._model_core.parameters())}
        names_before = self._state_names
        if _rule.is_rule(self):
            _rule.learn(self, [key for own in self._mapping(state).values() for key in self._mapping(own)])
        try:
            return self._checked_arrays(names, state)
        except Exception:
            self._state_names = names_before
            raise

    def _checked_arrays(self, names: dict[str, Any], state: Any) -> list[tuple[Any, Any]]:
        copies = []
        for name, given in self._mapping(state).items():
            if name not in names:
                raise ConfigError(f"[{type(self).__name__}] state_dict: the model has no parameter {describe(name)}")
            index, shape = names[name]
            arrays = self._core.state(index)
            for key, values in self._mapping(given).items():
                if key not in arrays:
                    raise ConfigError(f"[{type(self).__name__}] state_dict: no state is called {describe(key)}")
                copies.append((arrays[key], cast(checked(values, shape, f"{name} {key}"), arrays[key].dtype).ravel()))
        return copies


def _numbers(where: str, given: Any) -> dict[str, float]:
    """A schedule's state, checked."""
    if isinstance(given, dict) and all(isinstance(k, str) and isinstance(v, (int, float)) for k, v in given.items()):
        return {key: float(value) for key, value in given.items()}
    raise ConfigError(f"[{where}] state_dict: expected numbers by name for 'schedule', got {describe(given)}")
