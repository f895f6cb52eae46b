"""mlp: a multilayer perceptron from a list of sizes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from nncore._activations import activation_class
from nncore._initializer import Initializer
from nncore._layer import Layer
from nncore._normalize import Normalize
from nncore._sequential import Sequential
from nncore._support.checks import describe, flag, integer, number, row_of
from nncore.errors import ConfigError
from nncore.layers import BatchNorm1d, Dropout, Linear


def mlp(
    sizes: Iterable[int],
    activation: str = "relu",
    *,
    init: str | Initializer | None = None,
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
        "elu", "gelu", "identity", "leaky_relu", "relu", "sigmoid", "silu", "softplus" or "tanh".
    init : str or Initializer, optional
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
    row = _checked_sizes(sizes)
    make_activation = activation_class("mlp", "activation", activation)
    if init is not None and not isinstance(init, (str, Initializer)):
        raise ConfigError(f"[mlp] init: expected an initialiser of nncore.init or the name of one, got {describe(init)}")
    share = number("mlp", "dropout", dropout, 0.0, 1.0)
    normalise = flag("mlp", "batch_norm", batch_norm)
    inits: dict[str, Any] = {} if init is None else {"weight_init": init, "bias_init": "zeros"}
    layers: list[Layer] = []
    for n_in, n_out in itertools.pairwise(row[:-1]):
        layers.append(Linear(n_in, n_out, **inits))
        if normalise:
            layers.append(BatchNorm1d(n_out))
        layers.append(make_activation())
        if share > 0:
            layers.append(Dropout(share))
    layers.append(Linear(row[-2], row[-1], **inits))
    return Sequential(*layers, dtype=dtype, seed=seed, input=input)


def _checked_sizes(sizes: Any) -> list[int]:
    row = None if isinstance(sizes, (str, bytes)) else row_of(sizes)
    if row is None or len(row) < 2:
        raise ConfigError(f"[mlp] sizes: expected two or more integers, inputs first and outputs last, got {describe(sizes)}")
    return [integer("mlp", f"sizes[{i}]", n, 1, 2**31) for i, n in enumerate(row)]
