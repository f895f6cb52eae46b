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
from nncore.errors import ConfigError, FormatError
from nncore.interop._keras_builder import Builder, Numbers
from nncore.interop._keras_config import Step, steps_of
from nncore.interop._keras_file import keras_file
from nncore.interop._keras_layers import convert
from nncore.interop._needs import needs
from nncore.nn._sequential import Sequential


def read_model(model: Any) -> Sequential:
    """See `from_keras`."""
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


def read_file(path: str | os.PathLike[str]) -> Sequential:
    """See `load_keras`."""
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
