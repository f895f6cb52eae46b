"""Parameter: a name with two arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore._checks import real_array
from nncore.errors import ShapeError


class Parameter:
    """A parameter of a model: views of its memory, so that changes arrive where the model computes.

    Attributes
    ----------
    name : str
        "0.weight": the layer's name, then the parameter's.
    value, grad : ndarray
        Same shape and dtype. Both can be changed in place or assigned any array of that shape.
    """

    def __init__(self, name: str, value: NDArray[Any], grad: NDArray[Any]) -> None:
        self.name = name
        self._value = value
        self._grad = grad

    @property
    def value(self) -> NDArray[Any]:
        """The numbers themselves, as a view."""
        return self._value

    @value.setter
    def value(self, given: ArrayLike) -> None:
        assign(self._value, given, self.name)

    @property
    def grad(self) -> NDArray[Any]:
        """The gradient, as a view."""
        return self._grad

    @grad.setter
    def grad(self, given: ArrayLike) -> None:
        assign(self._grad, given, f"{self.name} grad")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of value and grad."""
        return self._value.shape

    def __repr__(self) -> str:
        return f"Parameter({self.name!r}, shape={self.shape}, dtype={self._value.dtype})"


def checked(given: object, shape: tuple[int, ...], name: str) -> NDArray[Any]:
    """`given` as an array of real numbers of exactly that shape."""
    array = real_array("parameter", name, given)
    if array.shape != shape:
        raise ShapeError(f"[parameter] {name}: expected {shape}, got {array.shape}")
    return array


def assign(target: NDArray[Any], given: object, name: str) -> None:
    """Copies `given` into `target` when the shape is right."""
    np.copyto(target, checked(given, target.shape, name), casting="unsafe")


def parameters_of(core: Any, prefix: str = "") -> list[Parameter]:
    """The parameters of a compiled model; `prefix` is taken off their names."""
    return [Parameter(name.removeprefix(prefix), value, grad) for name, value, grad in core.parameters()]
