"""from_keras and load_keras: models of Keras 3, from memory and from .keras files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import describe
from nncore._support.files import path_of
from nncore._support.names import keywords
from nncore.errors import ConfigError, FormatError
from nncore.interop._keras_builder import Builder, Numbers
from nncore.interop._keras_config import Step, steps_of
from nncore.interop._keras_file import keras_file
from nncore.interop._keras_layers import convert
from nncore.interop._needs import needs
from nncore.nn._sequential import Sequential


@keywords()
def from_keras(model: Any) -> Sequential:
    """A model of nncore from a Keras 3 model, with the same numbers.

    nncore's images are (N, C, H, W): where Keras' are channels_last, give `x.transpose(0, 3, 1, 2)`. Kernels are
    transposed, the Dense behind the Flatten of images is permuted, an activation inside a layer becomes a layer behind
    it ("dense_activation"), a Rescaling at the beginning the model's Normalize.

    Parameters
    ----------
    model : keras.Sequential or keras.Model
        Built, a chain of layers: Dense, Conv2D, DepthwiseConv2D, SeparableConv2D, MaxPooling2D, AveragePooling2D,
        GlobalAveragePooling2D, Flatten, BatchNormalization, LayerNormalization, Dropout, Identity, Rescaling,
        Activation, ReLU, LeakyReLU, ELU, Softmax; models inside it. float32 or float64. Its numbers are copied.

    Returns
    -------
    Sequential
        Its layers have Keras' names. It has the seed 0, of which Dropout draws.

    Raises
    ------
    ConfigError
        With the layer's name: one that nncore has not, or a setting (padding "same" that adds more behind than before
        in a strided convolution, activations, axes, dtypes, …); a model that is no chain, or not built.
    ImportError
        Without Keras (pip install nncore[keras]).

    Warns
    -----
    UserWarning
        For regularizers and constraints, which change what is learnt from here on and are no part of a model.

    Notes
    -----
    BatchNormalization's momentum is the share that is kept, here the share that is new: 0.99 becomes 0.01. Layers with
    trainable False are frozen. In training Keras keeps the biased variance of a batch, nncore, as PyTorch, the unbiased
    one. Optimizers are not taken over. Source: Keras 3.15.

    Examples
    --------
    >>> import keras
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "tanh", name="hidden")])
    >>> list(nc.from_keras(model).state_dict())
    ['hidden.weight', 'hidden.bias']
    """
    keras = needs("from_keras", "keras", "nncore[keras]")
    if not isinstance(model, (keras.Sequential, keras.Model)):
        raise ConfigError(f"[from_keras] model: expected a Sequential or Model of Keras, got {describe(model)}")
    with _named("from_keras"):
        if not model.built:
            raise ConfigError(
                "model: expected one that is built, got one without weights (hint: model.build((None, …)))"
            )
        try:
            config = json.loads(model.to_json())
        except (TypeError, ValueError, NotImplementedError) as error:
            raise ConfigError(f"model: expected a configuration, got {str(error)[:200]}") from error
        return _model(config, _Live(keras, model))


@keywords()
def load_keras(path: str | os.PathLike[str]) -> Sequential:
    """A model of nncore from a `.keras` file, without Keras; see `from_keras` for what becomes of it.

    Parameters
    ----------
    path : str or path
        A file that `model.save("….keras")` of Keras 3 wrote.

    Returns
    -------
    Sequential
        As `from_keras` makes it.

    Raises
    ------
    FormatError
        What is no such file, or a damaged one.
    ConfigError
        As for from_keras: what nncore has no layer for.
    OSError
        A file that cannot be opened.
    ImportError
        Without h5py (pip install nncore[keras]).

    Notes
    -----
    Nothing in the file is executed, no other file is read, and the file's weights are all that takes memory.
    Source: Keras 3.15, `saving_lib`.

    Examples
    --------
    >>> import keras, tempfile
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/model.keras")
    ...     net = nc.load_keras(f"{folder}/model.keras")
    >>> net(np.zeros((5, 2))).shape
    (5, 3)
    """
    name = path_of("load_keras", path)
    with _named("load_keras"), keras_file(name) as file:
        return _model(file.config, file)


def _model(config: Any, numbers: Numbers) -> Sequential:
    steps, shape = steps_of(config)
    builder = Builder(numbers, shape)
    for step in steps:
        convert(builder, step)
    return builder.model()


@contextmanager
def _named(where: str) -> Iterator[None]:
    """Errors begin with the function's name."""
    try:
        yield
    except (ConfigError, FormatError) as error:
        text = str(error)
        raise type(error)(text if text.startswith(f"[{where}]") else f"[{where}] {text}") from error.__cause__


class _Live:
    """The numbers of a model in memory."""

    def __init__(self, keras: Any, model: Any) -> None:
        self._keras, self._model = keras, model

    def arrays(self, step: Step) -> Sequence[NDArray[Any]]:
        """Those that a file would have, in its order."""
        layer = self._model
        for name in step.names:
            layer = next(each for each in layer.layers if each.name == name)
        store: dict[str, Any] = {}
        layer.save_own_variables(store)
        convert_to_numpy = self._keras.ops.convert_to_numpy
        return [np.array(convert_to_numpy(store[str(i)])) for i in range(len(store))]

    def reserve(self, count: int) -> None:
        """A model in memory is as large as it says."""
