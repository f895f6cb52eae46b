"""The names of activations, as nncore.functional and mlp take them."""

from __future__ import annotations

from nncore._support.checks import describe
from nncore.errors import ConfigError
from nncore.nn import layers
from nncore.nn._layer import Layer

#: name -> class
ACTIVATIONS = {
    "elu": "ELU",
    "gelu": "GELU",
    "identity": "Identity",
    "leaky_relu": "LeakyReLU",
    "relu": "ReLU",
    "sigmoid": "Sigmoid",
    "silu": "SiLU",
    "softplus": "Softplus",
    "tanh": "Tanh",
}


def activation_class(where: str, argument: str, name: object) -> type[Layer]:
    """The layer behind a name."""
    if not isinstance(name, str) or name.lower() not in ACTIVATIONS:
        raise ConfigError(f"[{where}] {argument}: expected one of {list(ACTIVATIONS)}, got {describe(name)}")
    made: type[Layer] = getattr(layers, ACTIVATIONS[name.lower()])
    return made
