"""Whether a rule in Python changes parameters in place, or names of its own alone."""

from __future__ import annotations

import dis
import inspect
import linecache
import types
import warnings
from typing import Any

import numpy as np

from nncore.errors import ConfigError

#: Steps after which one is told that no parameter has changed.
PATIENCE = 10


def check_effect(
    optimizer: Any, before: list[Any], values: list[Any], gradients: list[Any], states: list[dict[str, Any]]
) -> None:
    """Until a step changes something: ConfigError for a rule that binds its arguments anew, a warning after ten steps.

    A rule may wait for some steps, but one that writes `p = p - self.lr * g` changes a name, not the parameter.
    """
    where = type(optimizer).__name__
    found = None if any(states) else _rebinding(type(optimizer), 3)
    if found is not None:
        name, line = found
        raise ConfigError(
            f"[{where}] update: expected it to keep arrays in {name}, got {line!r}, which makes a new dict and leaves "
            f'the given one empty (hint: {name}["v"] = v)'
        )
    if any((old != new).any() for old, new in zip(before, values, strict=True)):
        optimizer._steps_unmoved = None
        return
    if not optimizer.lr > 0 or not any(np.any(gradient) for gradient in gradients):
        return
    found = _rebinding(type(optimizer), 1)
    if found is not None:
        name, line = found
        raise ConfigError(
            f"[{where}] update: expected it to change {name} in place, got {line!r}, which makes a new array and "
            f"leaves the parameter as it was (hint: {name} -= self.lr * gradient, or {name}[...] = …)"
        )
    optimizer._steps_unmoved += 1
    if optimizer._steps_unmoved == PATIENCE:
        warnings.warn(
            f"[{where}] update: no parameter has changed in {PATIENCE} steps with gradients that are not 0 (hint: "
            f"parameter -= self.lr * gradient, or parameter[...] = …)",
            RuntimeWarning,
            stacklevel=2,
        )


def _rebinding(cls: type, place: int) -> tuple[str, str] | None:
    """The name of an argument of update, of self 0, and the line that binds it to something else, if there is one."""
    for base in cls.__mro__:
        function: Any = inspect.unwrap(vars(base)["update"]) if "update" in vars(base) else None
        if isinstance(function, types.FunctionType) and function.__code__.co_argcount > place:
            name = function.__code__.co_varnames[place]
            line = _line_that_binds(function.__code__, name)
            if line is not None:
                return name, line
    return None


def _line_that_binds(code: types.CodeType, name: str) -> str | None:
    """`p -= …` stores the name, too, after an operation in place; any other store is another array."""
    last: dis.Instruction | None = None
    for step in dis.get_instructions(code):
        stored = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        if step.opname.startswith("STORE_FAST") and stored[0] == name:
            in_place = last is not None and last.opname == "BINARY_OP" and last.argrepr.endswith("=")
            number = step.positions.lineno if step.positions is not None else None
            if not in_place:
                return linecache.getline(code.co_filename, number or 0).strip() or f"{name} = …"
        if step.opname != "CACHE":
            last = step
    return None
