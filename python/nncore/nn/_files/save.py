"""Models as arrays by name, and in files: their arrays under PyTorch's keys, their layers as recipes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nncore._registry.recipe import Writer
from nncore._support.checks import cast, describe, flag
from nncore._support.files import path_of
from nncore._support.freezing import kept
from nncore._support.labels import IGNORED
from nncore._support.tables import Names
from nncore._support.tensor_file import write
from nncore.errors import ConfigError
from nncore.nn._layer import Layer, handle_of
from nncore.nn._normalize import Normalize
from nncore.nn._parameter import checked

_OPTIONAL = "num_batches_tracked"  # int64 as in PyTorch; may be missing in a given state


class ModelParts(NamedTuple):
    """A model as files store it: the compiled model, layers by name, connections of a Graph (`joined`), Normalize,
    seed, link, number of forward passes, names of columns and ignored label.
    """

    kind: str
    core: Any
    layers: Mapping[str, Layer]
    joined: Mapping[str, Any]
    input: Normalize | None
    seed: int
    link: str | None
    calls: int
    columns: Names | None
    ignored: int | None


class IncompatibleKeys(NamedTuple):
    """What load_state_dict did not find in the state, and what of it the model has no place for."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def arrays_of(core: Any) -> dict[str, NDArray[Any]]:
    """Parameters and buffers by name, shared ones once; views of the model's memory."""
    return {name: value for name, value, *_ in core.parameters() + core.buffers()}


def model_arrays(core: Any, normalize: Normalize | None) -> dict[str, NDArray[Any]]:
    """All arrays of a model, those of its Normalize as well."""
    arrays = arrays_of(core)
    if normalize is not None:
        arrays |= {"input.mean": normalize.mean, "input.std": normalize.std}
    return arrays


def model_facts(parts: ModelParts, where: str) -> dict[str, Any]:
    """Everything about a model except its arrays, as JSON."""
    writer = Writer(where, Layer)
    places = [[name, writer.layer(layer)] for name, layer in parts.layers.items()]
    frozen = {str(number): kept(handle_of(layer)) for layer, number in writer.numbers()}
    frozen = {number: freezing for number, freezing in frozen.items() if freezing is not None}
    return {
        **({"frozen": frozen} if frozen else {}),
        **({} if parts.ignored == IGNORED else {"ignored": parts.ignored}),
        **({} if parts.columns is None else {"columns": parts.columns}),
        "layers": writer.layers,
        "places": places,
        **parts.joined,
        "dtype": str(parts.core.dtype),
        "seed": parts.seed,
        "link": parts.link,
        "calls": parts.calls,
    }


def save_model(parts: ModelParts, path: object) -> None:
    """Writes the file; after an error an existing one is unchanged."""
    with parts.core.access_guard(f"{parts.kind}.save", write=False):
        facts = {"model": model_facts(parts, "save")}
        write(path_of("save", path), "model", facts, model_arrays(parts.core, parts.input))


def model_state(core: Any, normalize: Normalize | None) -> dict[str, NDArray[Any]]:
    """Copies of parameters and buffers by name; a layer in two places is there under both names, as in PyTorch."""
    state: dict[str, NDArray[Any]] = dict(core.copies())
    for name, value in state.items():
        if name.endswith(_OPTIONAL):
            state[name] = value.astype(np.int64)
    if normalize is not None:
        state["input.mean"], state["input.std"] = normalize.mean.copy(), normalize.std.copy()
    return state


def checked_state(
    kind: str, core: Any, normalize: Normalize | None, state: Mapping[str, Any], strict: bool
) -> tuple[list[tuple[NDArray[Any], NDArray[Any]]], Normalize | None, IncompatibleKeys]:
    """The checked assignments of load_state_dict, (array of the model, new values), the Normalize after it, and the
    keys that are only here or only there."""
    flag(kind, "strict", strict)
    if not isinstance(state, Mapping) or not all(isinstance(name, str) for name in state):
        raise ConfigError(f"[{kind}] state_dict: expected a dict of arrays by name, got {describe(state)}")
    targets: dict[str, NDArray[Any]] = dict(core.entries())  # the arrays themselves, place by place
    known = dict.fromkeys([*targets, *(("input.mean", "input.std") if normalize is not None else ())])
    given = dict.fromkeys(name for name in state if not name.endswith(_OPTIONAL) or name in known)
    missing = [name for name in known if name not in given and not name.endswith(_OPTIONAL)]
    unknown = [name for name in given if name not in known]
    if strict and (missing or unknown):
        parts = [f"{what} {sorted(names)}" for what, names in (("missing", missing), ("unknown", unknown)) if names]
        raise ConfigError(f"[{kind}] state_dict: expected the keys of this model; {'; '.join(parts)}")
    found = [(targets[name], checked(state[name], targets[name].shape, name)) for name in given if name in targets]
    # Copies: the given arrays may be views of this model.
    copies = [(target, cast(values, target.dtype).copy()) for target, values in found]
    if normalize is not None and not given.keys().isdisjoint({"input.mean", "input.std"}):
        other = Normalize(state.get("input.mean", normalize.mean), state.get("input.std", normalize.std))
        if not (np.array_equal(other.mean, normalize.mean) and np.array_equal(other.std, normalize.std)):
            normalize = other  # the same numbers: it stays, and knows what it was made of
    return copies, normalize, IncompatibleKeys(missing, unknown)
