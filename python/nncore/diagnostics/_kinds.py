"""What the tensors of a net are, by the layers that have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nncore.nn import layers
from nncore.nn._layer import Layer
from nncore.nn._sequential import Sequential, layers_of
from nncore.nn.functional import ACTIVATIONS

_POOLS = (layers.MaxPool2d, layers.AvgPool2d, layers.GlobalAvgPool2d)
_NETS = (layers.Linear, layers.Conv2d, layers.BatchNorm1d, layers.BatchNorm2d, layers.LayerNorm)


def kinds_of(model: Sequential) -> dict[str, str]:
    """What each tensor is: "weight", "bias" or another parameter's own name; of a layer's output "net input",
    "activation", "pooled activation" or "output"; the gradient of any, "weight gradient"."""
    activations = tuple(getattr(layers, name) for name in ACTIVATIONS.values())
    outputs = (("net input", _NETS), ("pooled activation", _POOLS), ("activation", activations))
    kinds = {parameter.name: parameter.name.rpartition(".")[2] for parameter in model.parameters()}
    for name, layer in _everywhere(layers_of(model)):
        kinds[f"{name}.output"] = next((kind for kind, classes in outputs if isinstance(layer, classes)), "output")
    return kinds | {f"{name}.grad": f"{kind} gradient" for name, kind in kinds.items()}


def _everywhere(row: Mapping[str, Layer]) -> Iterator[tuple[str, Layer]]:
    """All layers with their names, those inside of others included."""
    for name, layer in row.items():
        if isinstance(layer, layers.Residual):
            yield from _everywhere({f"{name}.{i}": inside for i, inside in enumerate(layer)})
        yield name, layer
