"""Models in files: their arrays under PyTorch's keys, their layers as recipes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from numpy.typing import NDArray

from nncore._registry.recipe import Writer
from nncore._support.files import path_of
from nncore._support.tensor_file import write
from nncore.nn._layer import Layer
from nncore.nn._normalize import Normalize


class ModelParts(NamedTuple):
    """What makes a model: the compiled one, its layers by name, how a Graph joins them, and what predict and forward
    know besides.
    """

    kind: str
    core: Any
    layers: Mapping[str, Layer]
    joined: Mapping[str, Any]
    input: Normalize | None
    seed: int
    link: str | None
    calls: int


def arrays_of(core: Any) -> dict[str, NDArray[Any]]:
    """Parameters and buffers by name, each once however many places share it; the model's own memory."""
    return {name: value for name, value, *_ in core.parameters() + core.buffers()}


def model_arrays(core: Any, normalize: Normalize | None) -> dict[str, NDArray[Any]]:
    """All arrays of a model, those of its Normalize as well."""
    arrays = arrays_of(core)
    if normalize is not None:
        arrays |= {"input.mean": normalize.mean, "input.std": normalize.std}
    return arrays


def model_facts(parts: ModelParts, where: str) -> dict[str, Any]:
    """Everything about a model that is no array, as JSON."""
    writer = Writer(where, Layer)
    places = [[name, writer.layer(layer)] for name, layer in parts.layers.items()]
    return {
        "layers": writer.layers,
        "places": places,
        **parts.joined,
        "dtype": str(parts.core.dtype),
        "seed": parts.seed,
        "link": parts.link,
        "calls": parts.calls,
    }


def save_model(parts: ModelParts, path: object) -> None:
    """Writes the file; one that was there stays as it was if anything goes wrong."""
    with parts.core.access_guard(f"{parts.kind}.save", write=False):
        facts = {"model": model_facts(parts, "save")}
        write(path_of("save", path), "model", facts, model_arrays(parts.core, parts.input))
