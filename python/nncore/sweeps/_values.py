"""The values of points in files: JSON that keeps their types. Files name no code that would be imported or run."""

from __future__ import annotations

import math
import sys
import types
from typing import Any

import numpy as np

from nncore._registry.recipe import Reader, Writer
from nncore._registry.registered import is_generated
from nncore.errors import ConfigError
from nncore.nn._layer import Layer
from nncore.optim._optimizer import Optimizer, follows_schedule
from nncore.sweeps._grid import to_text

_MAX_DEPTH = 40
_MAX_ELEMENTS = 10_000  # of an array in a file


def encode(value: Any, depth: int = 0) -> Any:
    """`value` as JSON; objects that files cannot hold as the text that tables show."""
    if depth > _MAX_DEPTH:
        return {"text": to_text(value)}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [encode(item, depth + 1) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[encode(key), encode(item, depth + 1)] for key, item in value.items()]}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufU" and value.size <= _MAX_ELEMENTS:
        return {"array": encode(value.ravel().tolist()), "dtype": value.dtype.str, "shape": list(value.shape)}
    if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
        return {"name": [value.__module__, value.__qualname__]}
    if is_generated(value):
        try:
            writer = Writer("sweep", Layer)
            recipe = {"made": writer.value(value), "layers": writer.layers}
        except ConfigError:  # a function among its arguments
            return {"text": to_text(value)}
        own_rate = isinstance(value, Optimizer) and not follows_schedule(value)
        return {**recipe, "lr": value.lr} if own_rate else recipe
    return {"text": to_text(value)}


def decode(given: Any, depth: int = 0) -> Any:
    """The value from JSON; ValueError, KeyError, TypeError, … if it is none that `encode` wrote."""
    if depth > 2 * _MAX_DEPTH:
        raise ValueError("too many levels")
    if given is None or isinstance(given, (bool, int, float, str)):
        return given
    if not isinstance(given, dict):
        raise ValueError("not a value")
    if "made" in given:
        return _made(given)
    if "array" in given:
        return np.array(decode(given["array"], depth + 1), dtype=given["dtype"]).reshape(given["shape"])
    (kind, content), *_ = given.items()
    if kind in ("list", "tuple"):
        items = [decode(item, depth + 1) for item in content]
        return items if kind == "list" else tuple(items)
    if kind == "dict":
        return {decode(key, depth + 1): decode(item, depth + 1) for key, item in content}
    if kind == "name":
        return _named(*content)
    return {"float": float, "text": str}[kind](content)


def _made(given: dict[str, Any]) -> Any:
    """A layer, loss, optimizer, … from its recipe."""
    made = Reader(given["layers"]).value(given["made"])
    if "lr" in given and made.lr != given["lr"]:
        made.lr = given["lr"]
    return made


def _named(module: str, name: str) -> Any:
    """A function or class of a module that has been imported, else its last name."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    code = (type, types.FunctionType, types.BuiltinFunctionType)
    return found if isinstance(found, code) else name.rpartition(".")[2]
