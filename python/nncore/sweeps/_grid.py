"""The points of a sweep: from a grid, as text, and as a key of a run."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import types
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from nncore._registry.registered import Registered
from nncore._support.checks import LARGEST_SEED, describe, integer
from nncore.errors import ConfigError
from nncore.nn._layer import Layer
from nncore.nn._loss import Loss
from nncore.nn._model import Model

Point = dict[str, Any]


def points_of(grid: Any, taken: Iterable[str]) -> list[Point]:
    """The product of a dict of lists, the last name fastest; or the dicts of a list. `taken`: reserved names."""
    if isinstance(grid, Mapping):
        lists = {name: _values(name, values) for name, values in grid.items()}
        points = [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]
    elif isinstance(grid, (list, tuple)) and grid and all(isinstance(point, Mapping) for point in grid):
        points = [dict(point) for point in grid]
    else:
        raise ConfigError(f"[sweep] grid: expected a dict of lists or a list of dicts, got {describe(grid)}")
    reserved = set(taken)
    for name in dict.fromkeys(name for point in points for name in point):
        if not isinstance(name, str):
            raise ConfigError(f"[sweep] grid: expected names of arguments of build, got {describe(name)}")
        if name in reserved:
            hint = "give seeds= to sweep" if name == "seed" else "a column of the result has this name; take another"
            raise ConfigError(f"[sweep] grid: expected another name than {name!r} ({hint})")
    return points


def _values(name: object, values: Any) -> list[Any]:
    """The values of one name; NumPy arrays become lists of Python numbers."""
    if isinstance(values, np.ndarray) and values.ndim:
        values = values.tolist() if values.ndim == 1 else list(values)
    if not isinstance(values, (list, tuple, range)) or not values:
        hint = "" if isinstance(values, (list, tuple, range, set, Mapping)) else f" (one value: [{describe(values)}])"
        raise ConfigError(f"[sweep] grid: expected a list of values for {name!r}, got {describe(values)}{hint}")
    return list(values)


def seeds_of(seeds: Any) -> list[int]:
    """0 … n - 1 for a number n, or the seeds of a list."""
    if isinstance(seeds, (list, tuple, range, np.ndarray)):
        given = [integer("sweep", "seeds", seed, 0, LARGEST_SEED) for seed in seeds]
        if not given or len(set(given)) != len(given):
            raise ConfigError(f"[sweep] seeds: expected a number of seeds, or different ones, got {describe(seeds)}")
        return given
    return list(range(integer("sweep", "seeds", seeds, 1, 10**6)))


def with_own_copies(point: Point) -> Point:
    """The point with copies of its layers, losses and models, so that runs do not share trained parameters."""
    memo: dict[int, Any] = {}

    def copy_of(value: Any) -> Any:
        if isinstance(value, (Layer, Loss, Model)):
            return copy.deepcopy(value, memo)
        if type(value) in (list, tuple):
            return type(value)(copy_of(item) for item in value)
        if type(value) is dict:
            return {key: copy_of(item) for key, item in value.items()}
        return value

    return {name: copy_of(value) for name, value in point.items()}


def to_text(value: Any) -> str:
    """A value in a table or a message."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
        return value.__name__
    return value if isinstance(value, str) else describe(value)


def text_of(point: Point, seed: int) -> str:
    """The arguments of build, as text."""
    return ", ".join(f"{name}={describe(value)}" for name, value in {**point, "seed": seed}.items())


def key_of(point: Point, seed: int, rest: Any) -> str:
    """A hash of a run, the same in every process and on every machine."""
    named = {name: _portable(name, value) for name, value in point.items()}
    text = json.dumps([named, seed, rest], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _portable(name: str, value: Any) -> Any:
    """`value` as JSON that determines it in every process."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *(_portable(name, item) for item in value)]
    if isinstance(value, Mapping):
        return {"dict": [[_portable(name, k), _portable(name, v)] for k, v in value.items()]}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufcSU":
        return {"array": digest(value)}
    if isinstance(value, Registered):
        rate = getattr(value, "lr", None)  # an optimizer's, which may have been set after it was made
        return {"recipe": [type(value).__name__, _portable(name, value.config), _portable(name, rate)]}
    if isinstance(value, type) or (isinstance(value, types.FunctionType) and "<" not in value.__qualname__):
        return {"name": f"{value.__module__}.{value.__qualname__}"}
    raise ConfigError(
        f"[sweep] folder: expected values that another process knows again, got {name}={describe(value)} "
        "(numbers, texts, named functions, nncore's own objects; or a name that build looks up)"
    )


def digest(*arrays: Any) -> str:
    """A hash of the arrays' types, shapes and elements."""
    state = hashlib.blake2b(digest_size=16)
    for array in map(np.asarray, arrays):
        state.update(f"{array.dtype.str} {array.shape};".encode())
        state.update(np.ascontiguousarray(array).view(np.uint8).data if array.size else b"")
    return state.hexdigest()
