"""The kinds of a net's tensors, from its layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nncore._registry.registered import traits_of
from nncore.nn._container import Container
from nncore.nn._layer import Layer
from nncore.nn._model import Model, layers_of


def kinds_of(model: Model) -> dict[str, str]:
    """Tensor name -> kind: for a parameter its own name, "weight" or "bias"; for a layer's output "net input",
    "activation", "pooled activation" or "output"; for gradients the kind of the tensor + " gradient"."""
    kinds = {parameter.name: parameter.name.rpartition(".")[2] for parameter in model.parameters()}
    for name, layer in _everywhere(layers_of(model)):
        kinds[f"{name}.output"] = _kind_of_output(layer)
    return kinds | {f"{name}.grad": f"{kind} gradient" for name, kind in kinds.items()}


def _kind_of_output(layer: Layer) -> str:
    traits = traits_of(layer)
    return "activation" if "activation" in traits else str(traits.get("observed_as", "output"))


def _everywhere(layers: Mapping[str, Layer]) -> Iterator[tuple[str, Layer]]:
    """All layers with their names, those inside of others included."""
    for name, layer in layers.items():
        if isinstance(layer, Container):
            yield from _everywhere({f"{name}.{i}": inside for i, inside in enumerate(layer)})
        yield name, layer
