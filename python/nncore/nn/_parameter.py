"""Parameter: a name, a value and a gradient."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore import _core
from nncore._support.checks import cast, describe, flag, is_name, real_array
from nncore._support.fits import refuse_during_fit
from nncore._support.freezing import freeze_one, is_frozen
from nncore._support.strict import Strict, fixed
from nncore.errors import ConfigError, ShapeError


class Parameter(Strict):
    """A parameter of a model: views of its memory, so that the model computes with changed numbers.

    Attributes
    ----------
    name : str
        "0.weight": the layer's name, then the parameter's.
    value, grad : ndarray
        Same shape and dtype. Both can be changed in place or assigned any array of that shape.
    requires_grad : bool
        False: it does not learn, see `Layer.freeze`. May be assigned between fits.
    """

    _hints: ClassVar[Mapping[str, str]] = {
        "data": "the array is .value",
        "trainable": "did you mean requires_grad?",
        "name": "names are given by the model",
    }

    _layer: weakref.ref[Any] | None = None  #: the layer that was asked for it

    def __init__(
        self, name: str, value: NDArray[Any], grad: NDArray[Any], core: Any = None, index: int = 0, layer: Any = None
    ) -> None:
        self._name = name
        self._own = (value, grad)
        self._core, self._index, self._layer = core, index, layer  # of the compiled model; None: a copy outside a model

    def _arrays(self) -> tuple[NDArray[Any], NDArray[Any]]:
        return self._own

    def _access_guard(self, what: str, write: bool = True, changes: bool = True) -> AbstractContextManager[None]:
        """The model's access guard: writing excludes use by other threads, reading excludes writing.

        changes: what is written are parameters, after which backward needs another forward.
        """
        return self._core.access_guard(what, write, changes) if self._core is not None else nullcontext()

    def __reduce__(self) -> tuple[Any, ...]:
        return Parameter, (self.name, *self._own)

    @property
    def name(self) -> str:
        """The layer's name, then the parameter's."""
        return self._name

    @property
    def value(self) -> NDArray[Any]:
        """The value, as a view."""
        return self._arrays()[0]

    @value.setter
    def value(self, given: ArrayLike) -> None:
        with self._access_guard("Parameter.value"):
            assign(self._arrays()[0], given, self.name)

    @property
    def grad(self) -> NDArray[Any]:
        """The gradient, as a view."""
        return self._arrays()[1]

    @grad.setter
    def grad(self, given: ArrayLike) -> None:
        with self._access_guard("Parameter.grad", changes=False):
            assign(self._arrays()[1], given, f"{self.name} grad")

    @property
    def requires_grad(self) -> bool:
        """Whether it learns."""
        return self._core is None or bool(self._core.learns(self._index))

    @requires_grad.setter
    def requires_grad(self, given: bool) -> None:
        learns = flag("parameter", f"{self.name} requires_grad", given)
        layer = None if self._layer is None else self._layer()
        refuse_during_fit(self, "requires_grad", self._core, *([] if layer is None else layer._models()))
        with self._access_guard("Parameter.requires_grad"):
            self._set_learns(learns)

    def _set_learns(self, learns: bool) -> None:
        if self._core is None:
            fixed(self, "requires_grad", "a copy belongs to no model: net.parameters() has its own")
        self._core.set_learns(self._index, learns)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of value and grad."""
        return self._arrays()[0].shape

    def __repr__(self) -> str:
        return f"Parameter({self.name!r}, shape={self.shape}, dtype={self._arrays()[0].dtype})"


class LayerParameter(Parameter):
    """A parameter of a layer written in Python: it refers to the memory of the layer's current model."""

    def __init__(self, name: str, start: ArrayLike, where: str) -> None:
        if not is_name(name):
            raise ConfigError(f"[{where}] add_parameter: expected a name without dots, got {describe(name)}")
        array = real_array(where, name, start)
        if array.size == 0:
            raise ShapeError(f"[{where}] {name}: expected at least one number, got shape {array.shape}")
        self._name = name
        self._start = cast(array, np.float64).copy()
        self._waiting = self._start  # its value until it joins a layer (unpickling)
        self._handle: Any = None
        self._core: Any = None
        self._views: tuple[int, tuple[NDArray[Any], NDArray[Any]]] | None = None

    def join(self, handle: Any, index: int, layer: weakref.ref[Any]) -> None:
        """Becomes parameter `index` of the layer."""
        _core.add_parameter(handle, self.name, self._start, self._waiting, self._start.ndim > 1)
        self._handle, self._index, self._layer, self._waiting = handle, index, layer, self._start

    @property
    def requires_grad(self) -> bool:
        """Whether it learns."""
        return self._handle is None or not is_frozen(self._handle, self._index)

    @requires_grad.setter
    def requires_grad(self, given: bool) -> None:
        Parameter.requires_grad.__set__(self, given)  # type: ignore[attr-defined]

    def _set_learns(self, learns: bool) -> None:
        if self._handle is None:
            fixed(self, "requires_grad", "a copy belongs to no layer")
        freeze_one(self._handle, self._index, not learns)
        if not learns:
            self.grad[...] = 0

    def _arrays(self) -> tuple[NDArray[Any], NDArray[Any]]:
        if self._handle is None:  # a copy outside a layer
            return self._waiting, np.zeros_like(self._waiting)
        if self._views is None or self._views[0] != self._handle.generation:
            self._views = (self._handle.generation, _core.parameter_arrays(self._handle, self._index))
        return self._views[1]

    def _access_guard(self, what: str, write: bool = True, changes: bool = True) -> AbstractContextManager[None]:
        if self._handle is None:  # a copy outside a layer
            return nullcontext()
        guard: AbstractContextManager[None] = _core.layer_access_guard(self._handle, what, write, changes)
        return guard

    def __reduce__(self) -> tuple[Any, ...]:
        with self._access_guard("Parameter.copy", write=False):
            return _rebuild_parameter, (self.name, self._start, self.value.astype(np.float64))


def _rebuild_parameter(name: str, start: NDArray[Any], value: NDArray[Any]) -> LayerParameter:
    parameter = LayerParameter(name, start, "Layer")
    parameter._waiting = value
    return parameter


def value_of(parameter: Parameter, what: str) -> NDArray[Any]:
    """A copy of the value, under the access guard; `what` names this reader in errors of other threads."""
    with parameter._access_guard(what, write=False):
        return parameter.value.copy()


def checked(given: object, shape: tuple[int, ...], name: str) -> NDArray[Any]:
    """`given` as an array of real numbers of exactly that shape."""
    array = real_array("parameter", name, given)
    if array.shape != shape:
        raise ShapeError(f"[parameter] {name}: expected {shape}, got {array.shape}")
    return array


def assign(target: NDArray[Any], given: object, name: str) -> None:
    """Copies `given` into `target` when the shape is right."""
    target[...] = cast(checked(given, target.shape, name), target.dtype)


def parameters_of(core: Any, prefix: str = "", layer: weakref.ref[Any] | None = None) -> list[Parameter]:
    """The parameters of a compiled model, or of the one of a layer alone; `prefix` is taken off their names."""
    return [
        Parameter(name.removeprefix(prefix), value, grad, core, i, layer)
        for i, (name, value, grad) in enumerate(core.parameters())
    ]
