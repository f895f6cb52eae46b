"""Builder: the layers of nncore that a Keras model becomes, with their numbers, while its layers are gone through."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import describe
from nncore.errors import ConfigError, FormatError
from nncore.interop._keras_config import Step
from nncore.nn._initializer import restoring
from nncore.nn._normalize import Normalize
from nncore.nn._sequential import Sequential, chain

_LEARNT_OTHERWISE = (
    "kernel_regularizer", "bias_regularizer", "activity_regularizer", "beta_regularizer", "gamma_regularizer",
    "depthwise_regularizer", "pointwise_regularizer", "kernel_constraint", "bias_constraint", "beta_constraint",
    "gamma_constraint", "depthwise_constraint", "pointwise_constraint",
)  # fmt: skip


class Numbers(Protocol):
    """Where the numbers of the layers come from."""

    def arrays(self, step: Step) -> Sequence[NDArray[Any]]:
        """Those of one layer, in Keras' order."""

    def reserve(self, count: int) -> None:
        """FormatError if there cannot be that many numbers more."""


class Builder:
    """What is known of the model so far.

    `shape` is that of a sample in Keras, None where it is not known. nncore's images are (C, H, W); `layout` says what
    Keras' are. Behind a Flatten of images `order` holds their (C, H, W): features lie otherwise than in Keras.
    """

    def __init__(self, numbers: Numbers, shape: object) -> None:
        self.shape = _sample_shape(shape)
        self.layout: str | None = None
        self.order: tuple[int, int, int] | None = None
        self.input: Normalize | None = None
        self._numbers, self._dtype = numbers, dict[str, str]()
        self._layers: dict[str, Any] = {}
        self._state: dict[str, NDArray[Any]] = {}
        self._frozen: list[tuple[Any, tuple[str, ...]]] = []
        self._read: dict[tuple[str, ...], list[NDArray[Any]]] = {}
        self._shared: dict[tuple[str, ...], dict[str, Any]] = {}

    @property
    def empty(self) -> bool:
        """Whether no layer has been added yet."""
        return not self._layers

    # ---- Layers ------------------------------------------------------------------------------------------------------

    def begin(self, step: Step) -> None:
        """Notes what all layers have: the dtype; warns of penalties and constraints."""
        policy = step.config.get("dtype")
        if isinstance(policy, dict) and isinstance(policy.get("config"), dict):
            policy = policy["config"].get("name")
        if policy not in ("float32", "float64"):
            step.refuse(f"expected dtype float32 or float64, got {describe(policy)}")
        self._dtype.setdefault(str(policy), step.place)
        if len(self._dtype) > 1:
            names = " and ".join(f"{name} ({place})" for name, place in self._dtype.items())
            step.refuse(f"expected one dtype, got {names}")
        found = [name for name in _LEARNT_OTHERWISE if step.config.get(name) is not None]
        if found:
            what = f"{step.place}: {found[0]} is no part of the model here (l1=, l2= of Trainer penalise all weights)"
            warnings.warn(f"[from_keras] {what}", stacklevel=7)

    def add(
        self,
        step: Step,
        layer: Any,
        arrays: Mapping[str, NDArray[Any]] | None = None,
        fixed: Iterable[str] = (),
        part: str = "",
    ) -> None:
        """Adds a layer; `fixed`: its arrays that Keras' layer has not; `part` tells the layers of one step apart."""
        made = self._shared.setdefault(step.names, {})
        layer = made.setdefault(part, layer)  # a layer that is called twice is one layer in two places
        name = self._free_name(".".join(each.replace(".", "_") for each in (*step.names[:-1], step.names[-1] + part)))
        self._layers[name] = layer
        self._state |= {f"{name}.{key}": array for key, array in (arrays or {}).items()}
        if arrays and not step.trainable:
            self._frozen.append((layer, ()))
        elif tuple(fixed):
            self._frozen.append((layer, tuple(fixed)))

    def _free_name(self, name: str) -> str:
        names, count = name, 1
        while names in self._layers:
            count += 1
            names = f"{name}_{count}"
        return names

    def arrays(self, step: Step, *shapes: tuple[int | None, ...]) -> list[NDArray[Any]]:
        """The numbers of a layer; FormatError unless they have these shapes, None for any length."""
        if step.names not in self._read:
            self._read[step.names] = list(self._numbers.arrays(step))
        arrays = list(self._read[step.names])
        got = [array.shape for array in arrays]
        if len(got) != len(shapes) or not all(_fits(a, b) for a, b in zip(got, shapes, strict=True)):
            raise FormatError(f"{step.place}: expected weights of shapes {list(shapes)}, got {got}")
        return arrays

    def constant(self, step: Step, value: float, shape: Sequence[int]) -> NDArray[Any]:
        """Numbers that Keras' layer has not."""
        self._numbers.reserve(math.prod(shape))
        return np.full(tuple(shape), value)

    # ---- Shapes ------------------------------------------------------------------------------------------------------

    def image(self, step: Step, layout: object) -> tuple[int | None, int | None, int | None]:
        """(C, H, W) of an image in this layout."""
        if layout not in ("channels_last", "channels_first"):
            raise FormatError(f"{step.place}: expected data_format, got {describe(layout)}")
        if len(self.shape) != 3:
            step.refuse(f"expected images, got samples {self.shape}")
        if self.layout not in (None, layout):
            step.refuse(f"expected data_format={self.layout!r} as before, got {layout!r}")
        self.layout = str(layout)
        a, b, c = self.shape
        return (c, a, b) if layout == "channels_last" else (a, b, c)

    def put_image(self, channels: int | None, height: int | None, width: int | None) -> None:
        """The shape of the image that a layer has made."""
        last = self.layout == "channels_last"
        self.shape = (height, width, channels) if last else (channels, height, width)

    def known(self, step: Step, *sizes: int | None) -> tuple[int, ...]:
        """Sizes that have to be known."""
        if any(size is None for size in sizes):
            step.refuse(f"expected a known input shape, got {self.shape} (hint: keras.Input(shape) with all sizes)")
        return tuple(size for size in sizes if size is not None)

    def features(self, vector: NDArray[Any]) -> NDArray[Any]:
        """Numbers by feature, along the first axis, in the order that features have here."""
        if self.order is None:
            return vector
        C, H, W = self.order
        return vector.reshape(H, W, C, -1).transpose(2, 0, 1, 3).reshape(vector.shape)

    # ---- The model ---------------------------------------------------------------------------------------------------

    def model(self) -> Sequential:
        """The model of all layers."""
        if self.order is not None:
            raise ConfigError(
                "model: expected a Dense behind the Flatten of images, got features in the order of Keras"
            )
        dtype = next(iter(self._dtype), "float32")
        with restoring():
            net = chain(self._layers, dtype=dtype, seed=0, input=self.input)
        state = dict(self._state)
        if self.input is not None:
            state |= {"input.mean": self.input.mean, "input.std": self.input.std}
        net.load_state_dict(state)
        for layer, names in self._frozen:
            if not names:
                layer.freeze()
            for parameter in layer.parameters():
                if parameter.name in names:
                    parameter.requires_grad = False
        return net


def _sample_shape(given: object) -> tuple[int | None, ...]:
    if not isinstance(given, (list, tuple)) or len(given) < 2:
        raise ConfigError(
            f"model: expected an input shape, got {describe(given)} (hint: begin with keras.Input(shape), or "
            "model.build((None, …)))"
        )
    shape = tuple(given[1:])
    if len(shape) > 3 or not all(n is None or (type(n) is int and 0 < n < 2**31) for n in shape):
        raise ConfigError(f"model: expected samples of one to three axes, got {describe(given)}")
    return shape


def _fits(got: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(got) == len(wanted) and all(b in (None, a) for a, b in zip(got, wanted, strict=True))
