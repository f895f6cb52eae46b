"""Sequential: layers one after the other."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from nncore import _core
from nncore._registry.registered import traits_of
from nncore._support.checks import LARGEST_SEED, describe, flag, integer, is_name
from nncore.errors import ConfigError, StateError
from nncore.nn._layer import Layer, handle_of, renewed
from nncore.nn._normalize import Normalize, numbers_of
from nncore.nn._parameter import Parameter, parameters_of
from nncore.nn._save import ModelParts, save_model
from nncore.nn._state_dict import checked_state, model_state
from nncore.nn._summary import Summary, html_of


class Sequential:
    """A model of layers that are computed one after the other.

    Parameters
    ----------
    *layers : Layer, or one dict name -> Layer
        Without names they are called "0", "1", … A layer object in two places shares its parameters.
    dtype : {"float32", "float64"}
        Type of parameters and of all arithmetic.
    seed : int, optional
        Of the initial parameters; None draws one and shows it in repr.
    input : Normalize, optional
        Applied to whatever the model is given.

    Examples
    --------
    >>> net = nc.Sequential(nc.Linear(2, 20), nc.ReLU(), nc.Linear(20, 2), seed=0)
    >>> net(np.zeros((5, 2))).shape
    (5, 2)
    """

    def __init__(
        self,
        *layers: Layer | Mapping[str, Layer],
        dtype: str = "float32",
        seed: int | None = None,
        input: Normalize | None = None,
    ) -> None:
        named = layers[0] if len(layers) == 1 and isinstance(layers[0], Mapping) else _numbered(layers)
        for name, layer in named.items():
            _check_layer(name, layer)
        if input is not None and not isinstance(input, Normalize):
            raise ConfigError(f"[Sequential] input: expected a Normalize or None, got {describe(input)}")
        self._layers: dict[str, Layer] = dict(named)
        self.seed = secrets.randbits(32) if seed is None else integer("Sequential", "seed", seed, 0, LARGEST_SEED)
        self.input = input
        self._link: str | None = None
        self._calls = 0
        self._core = self._make_core(_dtype_name(dtype), input)

    def _make_core(self, dtype: str, input: Normalize | None) -> Any:
        make = _core.Model32 if dtype == "float32" else _core.Model64
        places = [(name, handle_of(layer), [i]) for i, (name, layer) in enumerate(self._layers.items())]
        return make(places, self.seed, None if input is None else numbers_of(input))

    # ---- A sequence of layers -------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self._layers.values())

    @overload
    def __getitem__(self, index: int | str) -> Layer: ...
    @overload
    def __getitem__(self, index: slice) -> Sequential: ...
    def __getitem__(self, index: int | str | slice) -> Layer | Sequential:
        """A layer by position or name, or a model of some of the layers, with the same parameters."""
        if isinstance(index, str):
            return self._layers[index]
        if not isinstance(index, slice):
            return list(self._layers.values())[index]
        chosen = dict(list(self._layers.items())[index])
        first = bool(chosen) and next(iter(chosen)) == next(iter(self._layers))
        return Sequential(chosen, dtype=self.dtype, seed=self.seed, input=self.input if first else None)

    def append(self, layer: Layer) -> Sequential:
        """Adds a layer at the end. Arrays that were handed out before keep the old numbers."""
        _check_layer("append", layer)
        layers = {**self._layers, str(len(self._layers)): layer}
        if len(layers) == len(self._layers):
            raise ConfigError(f"[Sequential] append: a layer is called {str(len(self._layers))!r} already")
        with self._core.access_guard("Sequential.append", write=True):
            before, self._layers = self._layers, layers
            try:
                self._replace_core(self.dtype)
            except Exception:
                self._layers = before
                raise
        return self

    def _replace_core(self, dtype: str) -> None:
        """A new compiled model with the same numbers in new memory; the caller has access to the old one."""
        handles = [handle for handle in map(handle_of, self._layers.values()) if handle.dtype is not None]
        for handle in handles:
            handle.provisional = True
        try:
            self._core = self._make_core(dtype, self.input)
        except Exception:
            for handle in handles:
                handle.provisional = False
            raise

    # ---- Computing ------------------------------------------------------------------------------------------------

    def __call__(self, x: Any) -> Any:
        """Raw outputs for x (N, …) in inference: no dropout, nothing kept."""
        return self._core.forward(x, False, 0, 0)

    def forward(self, x: Any, training: bool = True, seed: int | None = None) -> Any:
        """Outputs for x (N, …). With training, what backward needs is kept.

        seed fixes the random numbers of Dropout; None: new ones at each call, the same in each run of a program
        when the model has a seed.
        """
        training = flag("Sequential", "training", training)
        if seed is not None:
            return self._core.forward(x, training, integer("Sequential", "seed", seed, 0, LARGEST_SEED), 0)
        self._calls += 1
        return self._core.forward(x, training, self.seed, self._calls % 2**32)

    def backward(self, dy: Any) -> Any:
        """dx for the gradient dy of the last forward's outputs; adds to the parameters' gradients.

        StateError without a forward(x, training=True) before it.
        """
        return self._core.backward(dy)

    def zero_grad(self) -> None:
        """Sets all gradients to zero."""
        self._core.zero_grad()

    def predict_proba(self, x: Any) -> Any:
        """Probabilities (N, C), or (N, 1) for one output.

        The link is that of the last Trainer's loss, else softmax for two outputs or more and sigmoid for one. It is
        not applied again when the model ends in Softmax, LogSoftmax or Sigmoid.
        """
        z = self(x)
        end = self._end()
        if end is not None:
            return np.exp(z) if end == "log_probabilities" else z
        link = self._link or ("softmax" if z.ndim == 2 and z.shape[1] > 1 else "sigmoid")
        if link not in ("softmax", "sigmoid"):
            raise StateError(
                f"[Sequential] predict_proba: the loss it was trained with ({link}) gives no probabilities"
            )
        return _core.apply(_core.Spec("layer", "Softmax" if link == "softmax" else "Sigmoid", {}), z)

    def predict(self, x: Any) -> Any:
        """Labels where the model is a classifier, values otherwise.

        Two outputs or more: the index of the largest; one output: 0 or 1 after a sigmoid, -1 or 1 for the losses of
        the perceptron and of margins, the value itself otherwise. A model trained with BCEWithLogitsLoss gives 0 or 1
        for each of its outputs. A model trained on values gives values.
        """
        z = self(x)
        link = self._link
        if link == "identity" or z.ndim != 2:
            return z
        if link == "sigmoid" and z.shape[1] > 1:
            return (z >= 0).astype(np.int64)
        if z.shape[1] > 1:
            return z.argmax(axis=1)
        if link == "sign":
            return np.where(z[:, 0] >= 0, 1, -1)
        ends_in_sigmoid = self._end() == "probabilities"
        if link == "sigmoid" or ends_in_sigmoid:
            return (z[:, 0] >= (0.5 if ends_in_sigmoid else 0.0)).astype(np.int64)
        return z

    def _end(self) -> str | None:
        """What the last layer gives: "probabilities", "log_probabilities"; None: raw outputs."""
        return traits_of(next(reversed(self._layers.values()), None)).get("outputs")

    def activations(self, x: Any) -> dict[str, Any]:
        """The output of every layer in inference, by the layer's name."""
        result: dict[str, Any] = self._core.activations(x)
        return result

    # ---- Parameters -----------------------------------------------------------------------------------------------

    @property
    def dtype(self) -> str:
        """ "float32" or "float64"."""
        return str(self._core.dtype)

    def parameters(self) -> list[Parameter]:
        """All parameters, in order, as views that can be read and assigned."""
        return parameters_of(self._core)

    @property
    def flat_parameters(self) -> NDArray[Any]:
        """All parameters as one writable row; it is the model's own memory."""
        flat: NDArray[Any] = self._core.flat_parameters()
        return flat

    @property
    def flat_gradients(self) -> NDArray[Any]:
        """All gradients as one writable row, in the order of flat_parameters."""
        flat: NDArray[Any] = self._core.flat_gradients()
        return flat

    def initialize(self, seed: int) -> Sequential:
        """Fills every parameter anew, as a new model with that seed would."""
        seed = integer("Sequential", "seed", seed, 0, LARGEST_SEED)
        self._core.initialize(seed)
        self.seed = seed
        return self

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Copies of all parameters and buffers, with PyTorch's keys and shapes."""
        return model_state(self._core, self.input)

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Takes over arrays by name: all of them or, with an error, none.

        Anything with `__array__` will do. With strict, every key has to be there and to be known.
        """
        copies, normalize = checked_state(self._core, self.input, state, strict)
        with self._core.access_guard("Sequential.load_state_dict", write=True):
            core = self._core if normalize is self.input else self._make_core(self.dtype, normalize)
            for array, values in copies:  # from here on nothing fails
                array[...] = values
            self.input, self._core = normalize, core

    def save(self, path: Any) -> None:
        """Writes the model to a safetensors file that `nc.load` reads: layers, parameters, buffers, normalisation.

        The file appears whole or not at all. ConfigError for layers written in Python, whose code no file holds;
        OSError when the disk refuses; ImportError without the package safetensors (pip install nncore[save]).
        """
        save_model(parts_of(self), path)

    def to(self, dtype: str) -> Sequential:
        """Converts the model itself to another dtype and returns it; arrays handed out before keep the old numbers."""
        name = _dtype_name(dtype)
        if name != self.dtype:
            with self._core.access_guard("Sequential.to", write=True):
                self._replace_core(name)
        return self

    def copy(self) -> Sequential:
        """A model of its own with the same numbers."""
        other = Sequential(self._renewed_layers(), dtype=self.dtype, seed=self.seed, input=self.input)
        other.load_state_dict(self.state_dict())
        other._link, other._calls = self._link, self._calls
        return other

    def __copy__(self) -> Sequential:
        return self.copy()

    def _renewed_layers(self) -> dict[str, Layer]:
        """New layers for all places, those that were in several places still shared."""
        memo: dict[int, Layer] = {}
        return {name: renewed(layer, memo) for name, layer in self._layers.items()}

    def __deepcopy__(self, memo: dict[int, Any]) -> Sequential:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        facts = {"dtype": self.dtype, "seed": self.seed, "input": self.input}
        return _rebuild, (self._renewed_layers(), facts, self.state_dict(), self._link, self._calls)

    # ---- Looking at it --------------------------------------------------------------------------------------------

    def summary(self, input_shape: int | Sequence[int] | None = None) -> Summary:
        """A table of output shapes, parameters and memory for samples of input_shape (without the batch)."""
        return Summary.of(self._core, self, input_shape)

    def __repr__(self) -> str:
        lines = [f"  ({name}): {layer!r}" for name, layer in self._layers.items()]
        facts = f"dtype={self.dtype!r}, seed={self.seed}"
        if self.input is not None:
            facts += f", input={self.input!r}"
        return "\n".join(["Sequential(", *lines, f"  {facts}", ")"])

    def _repr_html_(self) -> str:
        return html_of(self._core, self._layers, self.seed)


def restored(layers: Mapping[str, Layer], link: str | None, calls: int, **facts: Any) -> Sequential:
    """A model with the link and the count of forward passes of one that was; `facts`: dtype, seed, input."""
    net = Sequential(layers, **facts)
    net._link, net._calls = link, calls
    return net


def _rebuild(
    layers: dict[str, Layer],
    facts: dict[str, Any],
    state: dict[str, Any],
    link: str | None,
    calls: int,
) -> Sequential:
    net = restored(layers, link, calls, **facts)
    net.load_state_dict(state)
    return net


def core_of(net: Sequential) -> Any:
    """The compiled model; another one after `to`, `append` and a new Normalize."""
    return net._core


def layers_of(net: Sequential) -> Mapping[str, Layer]:
    """The layers by name."""
    return net._layers


def parts_of(net: Sequential) -> ModelParts:
    """What a file holds of it."""
    return ModelParts(net._core, net._layers, net.input, net.seed, net._link, net._calls)


def set_link(net: Sequential, link: str | None) -> None:
    """How predict reads the outputs: what the loss says that it is trained with."""
    net._link = link


def set_calls(net: Sequential, calls: int) -> None:
    """How many forward passes came before, which number the random streams of Dropout."""
    net._calls = calls


def _numbered(layers: Sequence[Any]) -> dict[str, Any]:
    return {str(i): layer for i, layer in enumerate(layers)}


def _check_layer(name: object, layer: object) -> None:
    if not isinstance(layer, Layer):
        hint = f" (write nc.{layer.__name__}(…))" if isinstance(layer, type) and issubclass(layer, Layer) else ""
        raise ConfigError(f"[Sequential] layer {name!r}: expected a layer, got {describe(layer)}{hint}")
    if not is_name(name):
        raise ConfigError(f"[Sequential] layer name: expected text without dots, got {describe(name)}")


def _dtype_name(dtype: Any) -> str:
    try:
        name = "" if dtype is None else str(np.dtype(dtype).name)
    except TypeError:
        name = ""
    if name not in ("float32", "float64"):
        raise ConfigError(f"[Sequential] dtype: expected 'float32' or 'float64', got {describe(dtype)}")
    return name
