"""The points of a sweep: from a grid, as text, and as a key of a run."""

from __future__ import annotations

import copy
import difflib
import hashlib
import inspect
import itertools
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from nncore._support.checks import LARGEST_SEED, describe, integer
from nncore.errors import ConfigError
from nncore.nn._layer import Layer
from nncore.nn._loss import Loss
from nncore.nn._model import Model
from nncore.sweeps._outcome import Point


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


def check_arguments(build: Callable[..., Any], points: Iterable[Point]) -> None:
    """ConfigError for a point that build cannot be called with; it names the arguments that build has."""
    try:
        signature = inspect.signature(build)
    except (TypeError, ValueError):  # not every callable has one
        return
    named = [p for p in signature.parameters.values() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    takes_all = any(p.kind == p.VAR_KEYWORD for p in signature.parameters.values())
    have = [p.name for p in named if p.name != "seed"]
    if not takes_all and "seed" not in signature.parameters:
        raise ConfigError(f"[sweep] build: expected an argument 'seed' beside {have} (write def build(…, seed))")
    needed = [p.name for p in named if p.default is p.empty and p.name != "seed"]
    for point in points:
        for name in point:
            if name not in have and not takes_all:
                near = difflib.get_close_matches(name, have, 1)
                hint = f" (did you mean {near[0]!r}?)" if near else ""
                raise ConfigError(f"[sweep] grid: expected arguments of build, {have}, got {name!r}{hint}")
        missing = [name for name in needed if name not in point]
        if missing:
            raise ConfigError(f"[sweep] grid: expected values for {missing}, which build needs, got {sorted(point)}")


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


def digest(*arrays: Any) -> str:
    """A hash of the arrays' types, shapes and elements."""
    state = hashlib.blake2b(digest_size=16)
    for array in map(np.asarray, arrays):
        state.update(f"{array.dtype.str} {array.shape};".encode())
        state.update(np.ascontiguousarray(array).view(np.uint8).data if array.size else b"")
    return state.hexdigest()
