"""The states of callbacks in checkpoints: facts as JSON, arrays beside those of the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore._registry.recipe import Reader, Writer
from nncore._support.tensor_file import TensorFile
from nncore.errors import ConfigError

Arrays = dict[str, NDArray[Any]]


def callback_facts(states: Mapping[str, Mapping[str, Any]], writer: Writer) -> tuple[list[Any], Arrays]:
    """Facts and arrays of the states; ConfigError for what is neither number nor text nor array."""
    facts, arrays = [], Arrays()
    for key, state in states.items():
        values: dict[str, Any] = {}
        places: list[tuple[str, str | None, str]] = []  # of arrays: attribute, key in it, name in the file
        for name, value in state.items():
            inner = value if isinstance(value, Mapping) else {None: value}
            if not inner or not all(isinstance(each, np.ndarray) for each in inner.values()):
                values[name] = value
                continue
            for part, array in inner.items():
                if array.dtype not in (np.float32, np.float64, np.int64):
                    raise ConfigError(f"[save] {key}: expected arrays of float32, float64 or int64, got {array.dtype}")
                place = f"callbacks/{len(arrays)}"
                places.append((name, part, place))
                arrays[place] = array
        facts.append({"callback": key, "values": writer.named(values), "arrays": places})
    return facts, arrays


def callback_states(file: TensorFile, facts: Any, reader: Reader) -> dict[str, dict[str, Any]]:
    """The states from a file."""
    states: dict[str, dict[str, Any]] = {}
    for each in facts:
        state = states[str(each["callback"])] = reader.named(each["values"])
        for name, part, place in each["arrays"]:
            if part is None:
                state[name] = file[place]
            else:
                state.setdefault(name, {})[part] = file[place]
    return states
