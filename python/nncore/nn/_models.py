"""Models made in one call: mlp from a list of sizes, mnist_cnn for images of 28 x 28 pixels."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

from nncore._support.checks import as_list, describe, flag, integer, number
from nncore._support.names import keywords
from nncore.errors import ConfigError
from nncore.nn._initializer import Function, Initializer, is_initializer
from nncore.nn._layer import Layer
from nncore.nn._normalize import Normalize
from nncore.nn._sequential import Sequential
from nncore.nn.activations import activation_class
from nncore.nn.layers import BatchNorm1d, Conv2d, Dropout, Flatten, Linear, MaxPool2d


@keywords(seeds="did you mean seed?")
def mlp(
    sizes: Iterable[int],
    activation: str = "relu",
    *,
    init: str | Initializer | Function | None = None,
    dropout: float = 0.0,
    batch_norm: bool = False,
    dtype: str = "float32",
    seed: int | None = None,
    input: Normalize | None = None,
) -> Sequential:
    """A multilayer perceptron: Linear - [BatchNorm1d] - activation - [Dropout] for each hidden layer, then Linear.

    Parameters
    ----------
    sizes : two or more integers >= 1
        Inputs, each hidden layer, outputs.
    activation : str, default "relu"
        "relu", "tanh" or any other function of `nc.functional` that acts on each element.
    init : str, Initializer or function (shape, rng) -> array, optional
        Of the weights; the biases start at zero then. None: PyTorch's default for both.
    dropout : float in [0, 1), default 0
        Fraction dropped after each hidden layer; 0: no Dropout layers.
    batch_norm : bool, default False
    dtype, seed, input
        As for Sequential.

    Raises
    ------
    ConfigError
        an argument outside its range

    Examples
    --------
    >>> nc.mlp([2, 20, 2], "tanh", init="xavier", seed=0)
    Sequential(
      (0): Linear(in_features=2, out_features=20, weight_init='xavier', bias_init='zeros')
      (1): Tanh()
      (2): Linear(in_features=20, out_features=2, weight_init='xavier', bias_init='zeros')
      dtype='float32', seed=0
    )
    """
    widths = _checked_sizes(sizes)
    make_activation, inits, drop = _shared_arguments("mlp", activation, init, dropout)
    normalise = flag("mlp", "batch_norm", batch_norm)
    layers: list[Layer] = []
    for n_in, n_out in itertools.pairwise(widths[:-1]):
        layers += [
            Linear(n_in, n_out, **inits),
            *([BatchNorm1d(n_out)] if normalise else []),
            make_activation(),
            *drop(),
        ]
    layers.append(Linear(widths[-2], widths[-1], **inits))
    return Sequential(*layers, dtype=dtype, seed=seed, input=input)


@keywords()
def mnist_cnn(
    activation: str = "relu",
    *,
    init: str | Initializer | Function | None = None,
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
        "relu", "tanh" or any other function of `nc.functional` that acts on each element.
    init : str, Initializer or function (shape, rng) -> array, optional
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
    make_activation, inits, drop = _shared_arguments("mnist_cnn", activation, init, dropout)
    layers: list[Layer] = []
    for n_in, n_out in ((1, 32), (32, 64)):
        layers += [Conv2d(n_in, n_out, 5, padding=2, **inits), make_activation(), MaxPool2d(2)]
    layers += [Flatten(), Linear(64 * 7 * 7, 1024, **inits), make_activation(), *drop(), Linear(1024, 10, **inits)]
    return Sequential(*layers, dtype=dtype, seed=seed, input=input)


def _shared_arguments(
    where: str, activation: object, init: object, dropout: object
) -> tuple[type[Layer], dict[str, Any], Callable[[], list[Layer]]]:
    """The activation's class, the arguments of layers with weights, and what makes the Dropout layer, or none."""
    make_activation = activation_class(where, "activation", activation)
    if init is not None and not isinstance(init, str) and not is_initializer(init):
        raise ConfigError(
            f"[{where}] init: expected an initialiser of nncore.init, the name of one, or a function (shape, rng) -> "
            f"array, got {describe(init)}"
        )
    share = number(where, "dropout", dropout, 0.0, 1.0)
    inits: dict[str, Any] = {} if init is None else {"weight_init": init, "bias_init": "zeros"}
    return make_activation, inits, lambda: [Dropout(share)] if share > 0 else []


def _checked_sizes(sizes: Any) -> list[int]:
    given = None if isinstance(sizes, (str, bytes)) else as_list(sizes)
    if given is None or len(given) < 2:
        raise ConfigError(
            f"[mlp] sizes: expected two or more integers, inputs first and outputs last, got {describe(sizes)}"
        )
    return [integer("mlp", f"sizes[{i}]", n, 1, 2**31) for i, n in enumerate(given)]
