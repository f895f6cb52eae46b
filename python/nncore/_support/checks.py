"""Argument checks: each returns the checked value or raises an error `[function] argument: expected …, got …`."""

from __future__ import annotations

import contextlib
import itertools
import math
import numbers
import operator
import reprlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore import _core
from nncore._support.tables import mend_of, other_columns, table_numbers
from nncore.errors import ConfigError, ShapeError

LARGEST_SEED = 2**64 - 1


def describe(value: object) -> str:
    """A short text for an error message, whatever the value."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    try:
        return reprlib.repr(value)
    except Exception:  # an integer of thousands of digits, or a __repr__ that raises
        return f"a {type(value).__name__}"


def shown(value: object) -> str:
    """The repr of an argument; the name of what has its address there, as functions have."""
    text = repr(value)
    return str(getattr(value, "__name__", type(value).__name__)) if " at 0x" in text else text


def integer(where: str, name: str, value: object, low: int, high: int, *, or_none: bool = False) -> int:
    """`value` as an int in [low, high]; Python and NumPy integers pass, bools and floats do not."""
    try:
        result = operator.index(value)  # type: ignore[arg-type]
        valid = not isinstance(value, (bool, np.bool_)) and low <= result <= high
    except TypeError:
        valid = False
    if not valid:
        none = " or None" if or_none else ""
        raise ConfigError(f"[{where}] {name}: expected an integer in [{low}, {high}]{none}, got {describe(value)}")
    return result


def extents(where: str, name: str, value: object, high: int) -> tuple[int, ...]:
    """`value`, one integer or several, as a shape of at most 64 extents in [0, high]."""
    items = [value] if hasattr(value, "__index__") else as_list(value, 64)
    if items is None:
        raise ConfigError(f"[{where}] {name}: expected a shape, got {describe(value)}")
    return tuple(integer(where, name, n, 0, high) for n in items)


def as_list(value: object, max_items: int = 10_000) -> list[Any] | None:
    """The items of an iterable; None if it is not iterable, or has more than `max_items` items (it may be infinite)."""
    try:
        items = list(itertools.islice(value, max_items + 1))  # type: ignore[call-overload]
    except (TypeError, NotImplementedError):  # the latter: a memoryview with more than one axis
        return None
    return items if len(items) <= max_items else None


def number(where: str, name: str, value: object, low: float = -math.inf, below: float = math.inf) -> float:
    """`value` as a finite float in [low, below)."""
    result = math.nan
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):  # an int beyond the largest float
            result = float(value)
    if not (math.isfinite(result) and low <= result < below):
        if math.isfinite(below):
            expected = f"a number in [{low:g}, {below:g})"
        else:
            expected = f"a number >= {low:g}" if math.isfinite(low) else "a finite number"
        raise ConfigError(f"[{where}] {name}: expected {expected}, got {describe(value)}")
    return result


def positive(where: str, name: str, value: object) -> float:
    """`value` as a finite float > 0."""
    result = number(where, name, value, 0.0)
    if result == 0.0:
        raise ConfigError(f"[{where}] {name}: expected a number > 0, got {describe(value)}")
    return result


def pair(where: str, name: str, given: object) -> tuple[Any, Any]:
    """`given` as (samples, targets)."""
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise ConfigError(f"[{where}] {name}: expected a pair (X, y), got {describe(given)}")
    return given[0], given[1]


def flag(where: str, name: str, value: object) -> bool:
    """`value` when it is True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ConfigError(f"[{where}] {name}: expected True or False, got {describe(value)}")
    return bool(value)


def is_name(value: object) -> bool:
    """Whether `value` may name a layer or a parameter: text without dots and without lone surrogates."""
    return isinstance(value, str) and value != "" and "." not in value and encodable(value)


def encodable(text: str) -> bool:
    """Whether `text` can be encoded as UTF-8: it has no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def generator(where: str, seed: object, random_state: object) -> np.random.Generator:
    """The random generator of `seed`, or of `random_state`, scikit-learn's name for it; None: a random seed."""
    if seed is not None and random_state is not None:
        raise ConfigError(f"[{where}] random_state: expected seed or random_state, got both")
    name, value = ("seed", seed) if random_state is None else ("random_state", random_state)
    entropy = None if value is None else integer(where, name, value, 0, LARGEST_SEED, or_none=True)
    return np.random.Generator(np.random.PCG64(entropy))


def cast(array: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """`array` contiguous, aligned and of dtype; numbers beyond its range become infinite, without a warning."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.require(np.asarray(array, dtype, order="C"), requirements="A")


def number_from(where: str, name: str, given: object) -> float:
    """The return value of a user's function, as a float that may be infinite or NaN."""
    if isinstance(given, float):
        return float(given)  # np.float64 becomes float, too: its arithmetic warns on overflow
    result = real_array(where, name, given)
    if result.ndim:
        raise ShapeError(f"[{where}] {name}: expected a function that returns a number, got {describe(given)}")
    return float(result)


def real_array(where: str, name: str, value: object, kinds: str = "biuf") -> NDArray[Any]:
    """`value` as an array whose dtype kind is one of `kinds`; lists are converted, arrays are not copied."""
    if isinstance(value, np.ma.MaskedArray):  # np.asarray drops the mask and keeps the masked numbers
        raise ShapeError(f"[{where}] {name}: expected an array of real numbers, got a masked array")
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, OverflowError, RuntimeError):  # the last: of a tensor that requires grad
        got = f"{describe(value)}{_core.refusal(value)}{in_brackets(mend_of(value, '', name))}"
        raise ShapeError(f"[{where}] {name}: expected a rectangular array, got {got}") from None
    if array.dtype.kind == "O" and (numbers := table_numbers(value)) is not None:
        array = numbers
    if array.dtype.kind not in kinds:
        expected = "integers" if set(kinds) <= set("biu") else "real numbers"
        got = f"dtype {array.dtype}" if array.ndim else describe(value)
        mend = other_columns(value) or in_brackets(mend_of(value, array.dtype.kind, name))
        raise ConfigError(f"[{where}] {name}: expected {expected}, got {got}{mend}")
    return array


def in_brackets(hint: str) -> str:
    """The end of a message: a hint, if there is one."""
    return f" ({hint})" if hint else ""


def dtype_name(where: str, dtype: Any) -> str:
    """The name of a dtype of models: "float32" or "float64"."""
    try:
        name = "" if dtype is None else str(np.dtype(dtype).name)
    except TypeError:
        name = ""
    if name not in ("float32", "float64"):
        raise ConfigError(f"[{where}] dtype: expected 'float32' or 'float64', got {describe(dtype)}")
    return name
