"""mnist_cnn: the convolutional net for images of 28 x 28 pixels."""

from __future__ import annotations

from typing import Any

from nncore._activations import activation_class
from nncore._initializer import Initializer
from nncore._layer import Layer
from nncore._normalize import Normalize
from nncore._sequential import Sequential
from nncore._support.checks import describe, number
from nncore.errors import ConfigError
from nncore.layers import Conv2d, Dropout, Flatten, Linear, MaxPool2d


def mnist_cnn(
    activation: str = "relu",
    *,
    init: str | Initializer | None = None,
    dropout: float = 0.5,
    dtype: str = "float32",
    seed: int | None = None,
    input: Normalize | None = None,
) -> Sequential:
    """A convolutional net for images (N, 1, 28, 28) of ten classes, with 3 274 634 parameters.

    Conv2d 5x5 to 32 channels - activation - MaxPool2d(2) - Conv2d 5x5 to 64 channels - activation - MaxPool2d(2) -
    Flatten - Linear(3136, 1024) - activation - Dropout - Linear(1024, 10); both convolutions keep the images' size.

    Parameters
    ----------
    activation : str, default "relu"
        "elu", "gelu", "identity", "leaky_relu", "relu", "sigmoid", "silu", "softplus" or "tanh".
    init : str or Initializer, optional
        Of the weights; the biases start at zero then. None: PyTorch's default for both.
    dropout : float in [0, 1), default 0.5
        Fraction dropped before the last layer; 0: no Dropout layer.
    dtype, seed, input
        As for Sequential.

    Raises
    ------
    ConfigError
        an argument outside its range

    Examples
    --------
    >>> nc.mnist_cnn(seed=0).summary((1, 28, 28)).parameters
    3274634
    """
    make_activation = activation_class("mnist_cnn", "activation", activation)
    if init is not None and not isinstance(init, (str, Initializer)):
        raise ConfigError(
            f"[mnist_cnn] init: expected an initialiser of nncore.init or the name of one, got {describe(init)}"
        )
    share = number("mnist_cnn", "dropout", dropout, 0.0, 1.0)
    inits: dict[str, Any] = {} if init is None else {"weight_init": init, "bias_init": "zeros"}
    layers: list[Layer] = []
    for n_in, n_out in ((1, 32), (32, 64)):
        layers += [Conv2d(n_in, n_out, 5, padding=2, **inits), make_activation(), MaxPool2d(2)]
    layers += [Flatten(), Linear(64 * 7 * 7, 1024, **inits), make_activation()]
    if share > 0:
        layers.append(Dropout(share))
    layers.append(Linear(1024, 10, **inits))
    return Sequential(*layers, dtype=dtype, seed=seed, input=input)
