"""Rules of optimizers written in Python: what is called for each step, and the arrays they keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from nncore import _core
from nncore._support.checks import describe
from nncore._support.functions import note
from nncore.errors import ConfigError, ShapeError
from nncore.optim._effect import check_effect

_MOST = 3  #: arrays for each parameter


def is_rule(optimizer: Any) -> bool:
    """Whether its step is computed by Python code."""
    return not any("_traits" in vars(cls) for cls in type(optimizer).__mro__)


def spec_of_rule(optimizer: Any, given: dict[str, Any]) -> Any:
    """The spec that makes the compiled side of it."""
    name = type(optimizer).__name__
    if not callable(getattr(type(optimizer), "update", None)):
        raise ConfigError(
            f"[{name}] update: expected a method update(self, parameter, gradient, state) that changes parameter in "
            f"place, got none"
        )
    if not given:
        raise ConfigError(f"[{name}] __init__: expected a call super().__init__(lr=lr), got none")
    return _core.python_optimizer(name, optimizer, given["lr"])


def learn(optimizer: Any, names: Sequence[Any]) -> None:
    """Gives the arrays of these names a place in the state."""
    known = list(optimizer._state_names)
    for name in names:
        if not isinstance(name, str) or not name:
            raise ConfigError(f"[{type(optimizer).__name__}] state: expected names, got {describe(name)}")
        if name not in known:
            known.append(name)
    if len(known) > _MOST:
        raise ConfigError(
            f"[{type(optimizer).__name__}] state: expected at most {_MOST} arrays for each parameter, got {known}"
        )
    optimizer._state_names = tuple(known)


def is_set(array: Any) -> bool:
    """Whether the rule has set this array: until then it is NaN throughout."""
    return not np.isnan(array).all()


def run(optimizer: Any, values: list[Any], gradients: list[Any], states: list[Any]) -> list[list[Any]]:
    """The rule on copies of all parameters; the arrays of the state afterwards, by parameter."""
    where, given = type(optimizer).__name__, []
    before = None if optimizer._steps_unmoved is None else [value.copy() for value in values]
    for value, gradient, arrays in zip(values, gradients, states, strict=True):
        named = zip(optimizer._state_names, arrays, strict=False)
        state = {name: array for name, array in named if array.size and is_set(array)}
        try:
            answer = optimizer.update(value, gradient, state)
        except Exception as error:
            note(error, f"{where}, update, for a parameter {value.shape}", "update(self, parameter, gradient, state)")
            raise
        if answer is not None:
            raise ConfigError(
                f"[{where}] update: expected it to change parameter in place and return None, got {describe(answer)} "
                f"(hint: parameter[...] = …)"
            )
        given.append(state)
    if before is not None:
        check_effect(optimizer, before, values, gradients, given)
    names = optimizer._state_names
    try:
        learn(optimizer, [name for state in given for name in state])
        return [
            _in_places(optimizer, state, value, arrays)
            for state, value, arrays in zip(given, values, states, strict=True)
        ]
    except Exception:
        optimizer._state_names = names
        raise


def _in_places(optimizer: Any, state: dict[str, Any], value: Any, arrays: list[Any]) -> list[Any]:
    """The state's arrays in the order of their names."""
    found = []
    for i, old in enumerate(arrays):
        name = optimizer._state_names[i] if i < len(optimizer._state_names) else None
        if name not in state:
            found.append(np.full_like(old, np.nan))
            continue
        array = np.asarray(state[name])
        if array.shape != value.shape or array.dtype.kind not in "biuf":
            raise ShapeError(
                f"[{type(optimizer).__name__}] state[{name!r}]: expected an array of the parameter's shape "
                f"{value.shape}, got {describe(state[name])} (hint: the number of the step is self.t; other numbers "
                f"are attributes of self)"
            )
        found.append(array.astype(value.dtype, copy=False))
    return found


def attributes_of(optimizer: Any) -> dict[str, Any]:
    """What the user's class keeps on self."""
    own = {"_core", "_model_core", "_model", "_own_spec", "_pending", "_copied_rate", "_step", "_config"}
    return {key: value for key, value in vars(optimizer).items() if key not in own}


@contextmanager
def in_step(optimizer: Any, rate: float, t: int) -> Iterator[None]:
    """self.lr and self.t are those of this step."""
    optimizer._step = rate, t
    try:
        yield
    finally:
        optimizer._step = None


def refuse_rule_of_compiled(cls: type[Any]) -> None:
    """A subclass of a compiled optimizer cannot have a rule of its own: nothing would call it."""
    if "update" in vars(cls):
        raise ConfigError(
            f"[{cls.__name__}] update: expected a subclass of nc.Optimizer, got one of a compiled optimizer"
        )
