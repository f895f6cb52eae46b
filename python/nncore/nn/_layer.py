"""Layer: the base of all layers, compiled or written in Python.

A layer outside a model can be called, too: it computes in float64, and gets the model's dtype in a model.
"""

from __future__ import annotations

import copy
import functools
import inspect
import secrets
import weakref
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

from numpy.typing import ArrayLike

from nncore import _core
from nncore._support import freezing
from nncore._support.fits import refuse_during_fit
from nncore._support.functions import note
from nncore._support.strict import Strict
from nncore.errors import ConfigError
from nncore.nn._initializer import restoring
from nncore.nn._parameter import LayerParameter, Parameter
from nncore.nn._symbol import Symbol, refuse_list, symbol_of

_MISSING = object()


class Layer(Strict):
    """Base of all layers; subclass it to write one in Python, with NumPy arrays in and out.

    A subclass has, in the order they are called:

    `__init__(self, …)`
        `self.weight = self.add_parameter("weight", array)` declares a parameter. An array that is only an attribute is
        a constant: it is not trained, nor saved.
    `build(self, shape)`
        Optional: the shape of one output sample for one input sample, both without the batch. Left out: the same.
    `forward(self, x, training)`
        The outputs for x (N, …). Keep on self what backward needs.
    `backward(self, dy)`
        dx for the gradient dy of the last forward's outputs; adds to the `grad` of the parameters.

    It runs beside compiled layers in Sequential, Trainer and gradcheck. Arrays have the model's dtype; the
    layer may keep and change them. For a layer in two places, backward sees the attributes of self that forward set in
    the same place; threads that predict at once each see those of their own call. A layer that draws random numbers
    needs a generator of its own.

    Raises
    ------
    ShapeError
        forward or backward returned something else than numbers of the right shape.

    Examples
    --------
    >>> class Scale(nc.Layer):
    ...     def __init__(self, n):
    ...         self.weight = self.add_parameter("weight", np.ones((1, n)))
    ...     def forward(self, x, training):
    ...         self.x = x
    ...         return x * self.weight.value
    ...     def backward(self, dy):
    ...         self.weight.grad += (dy * self.x).sum(axis=0, keepdims=True)
    ...         return dy * self.weight.value
    >>> X, y = nc.datasets.make_moons(20, noise=0.1, seed=0)
    >>> nc.gradcheck(nc.Sequential(Scale(2), nc.Linear(2, 2), seed=0), nc.CrossEntropyLoss(), X, y).ok
    True
    """

    # Slots separate nncore's attributes from those that a subclass sets, which are in __dict__.
    __slots__ = ("__dict__", "__weakref__", "_alone", "_calls", "_declared", "_handle", "_idle", "_users")
    _hints: ClassVar[Mapping[str, str]] = {
        "trainable": "layer.freeze() and layer.unfreeze()",
        "requires_grad": "layer.freeze(), or parameter.requires_grad = False of one of layer.parameters()",
        "frozen": "layer.freeze() and layer.unfreeze()",
        "kernel": "did you mean weight?",
        "W": "did you mean weight?",
        "w": "did you mean weight?",
        "b": "did you mean bias?",
        "rate": "did you mean p?",
    }

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Sets the attributes of the base, so that __init__ need not call super().__init__()."""
        if cls is Layer:
            raise ConfigError("[Layer] expected a subclass with forward and backward, got the base itself")
        layer = super().__new__(cls)
        set = object.__setattr__  # a quarter of the time of Strict's
        set(layer, "_alone", None)
        set(layer, "_calls", 0)
        set(layer, "_declared", [])
        set(layer, "_idle", [True])
        set(layer, "_users", ())
        set(layer, "_handle", layer._make_handle())
        return layer

    _alone: tuple[int, Any] | None
    _calls: int
    _declared: list[LayerParameter]
    _handle: Any
    _idle: list[bool]  #: empty while a call is inside
    _users: tuple[weakref.ref[Any], ...]  #: the models that it is part of

    def __init__(self) -> None:
        """Nothing to do: for subclasses that call it."""

    def _missing(self, name: str) -> Any:
        """The array of a parameter that is declared under this name."""
        for parameter in self._declared:
            if parameter.name == name:
                return parameter.value
        return super()._missing(name)

    def _join(self, model: weakref.ref[Any]) -> None:
        """The layer is part of this model."""
        others = tuple(other for other in self._users if other() not in (None, model())) if self._users else ()
        self._users = (*others, model)

    def _models(self) -> list[Any]:
        return [model for model in (user() for user in self._users) if model is not None]

    def _make_handle(self) -> Any:
        if type(self).forward is Layer.forward:
            raise ConfigError(
                f"[{type(self).__name__}] forward: expected a method forward(self, x, training), got none"
            )
        return _core.python_layer(type(self).__name__, self)

    # ---- Methods for subclasses -------------------------------------------------------------------------------------

    def add_parameter(self, name: str, array: ArrayLike) -> LayerParameter:
        """Declares a parameter that starts as a copy of `array`; for use in __init__.

        The model may hold it in float32; `.value` and `.grad` are always the numbers it computes with. Penalties
        (l2, l1) act on arrays with two axes or more, as on the weights of compiled layers, not on biases.
        """
        parameter = LayerParameter(name, array, type(self).__name__)
        if any(own.name == name for own in self._declared):
            raise ConfigError(f"[{type(self).__name__}] add_parameter: expected a new name, got {name!r} again")
        parameter.join(self._handle, len(self._declared), weakref.ref(self))
        self._declared.append(parameter)
        return parameter

    def build(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of one output sample for one input sample."""
        return shape

    def forward(self, x: Any, training: bool) -> Any:
        """The outputs for x (N, …)."""
        raise NotImplementedError

    def backward(self, dy: Any) -> Any:
        """dx for the gradient dy of the last forward's outputs."""
        raise ConfigError(f"[{type(self).__name__}] backward: expected a method backward(self, dy), got none")

    # ---- Called by the core -----------------------------------------------------------------------------------------

    def _run_forward(self, x: Any, training: bool, kept: dict[str, Any]) -> Any:
        """forward; `kept` receives the attributes that a training pass sets on self, for backward."""
        layer = self._enter()
        try:
            before = dict(layer.__dict__)
            with_training = _takes_training(type(self).forward)
            try:
                y = layer.forward(x, training) if with_training else layer.forward(x)  # type: ignore[call-arg]
            except Exception as error:
                note(error, f"{self._place()}, forward, for x {x.shape}", "forward(self, x, training)")
                raise
            if training:
                kept.clear()
                kept.update((k, v) for k, v in layer.__dict__.items() if before.get(k, _MISSING) is not v)
            return y
        finally:
            self._leave(layer)

    def _run_backward(self, dy: Any, kept: dict[str, Any]) -> Any:
        layer = self._enter()
        try:
            layer.__dict__.update(kept)
            return layer.backward(dy)
        except Exception as error:
            note(error, f"{self._place()}, backward, for dy {dy.shape}", "backward(self, dy)")
            raise
        finally:
            self._leave(layer)

    def _run_build(self, shape: tuple[int, ...]) -> Any:
        try:
            return self.build(shape)
        except Exception as error:
            note(error, f"{self._place()}, build, for samples {shape}", "build(self, shape)")
            raise

    def _place(self) -> str:
        """The layer in messages: its class, and its names in models."""
        names = {name: None for model in self._models() for name, layer in model._layers.items() if layer is self}
        return " ".join([type(self).__name__, *(f'"{name}"' for name in names)])

    def _mend_shape(self) -> str:
        """What helps where forward returned another shape than build says."""
        if type(self).build is Layer.build:
            return "define build(self, shape), which returns the shape of one output sample; without it that is x's"
        return "build(self, shape) returns the shape of one output sample"

    def _enter(self) -> Layer:
        """self or, while another thread's call is inside, a twin: no call sees the attributes that others set."""
        try:
            self._idle.pop()  # of two threads one gets it
            return self
        except IndexError:
            return _twin(self)

    def _leave(self, layer: Layer) -> None:
        if layer is self:
            self._idle.append(True)

    # ---- Outside a model --------------------------------------------------------------------------------------------

    def _core_model(self, dtype: str = "float64") -> Any:
        """A model of this layer alone, with its existing parameters if it is in a model; else new ones of `dtype`."""
        handle = self._handle
        if self._alone is None or self._alone[0] != handle.generation:
            kind = _core.Model32 if (handle.dtype or dtype) == "float32" else _core.Model64
            core = kind.alone(handle, secrets.randbits(32), type(self).__name__)
            self._alone = (handle.generation, core)
            return core
        return self._alone[1]

    def __call__(self, x: Any) -> Any:
        """The outputs for x (N, …) in inference; nothing is kept. For a symbol the output's symbol in a Graph."""
        if isinstance(x, Symbol):
            return symbol_of(self, (x,))
        refuse_list(type(self).__name__, x)
        return self._core_model().forward(x, False, 0, 0)

    def parameters(self) -> list[Parameter]:
        """The layer's parameters, as views that can be read and assigned."""
        return list(self._declared)

    def zero_grad(self) -> None:
        """Sets all gradients to zero."""
        self._core_model().zero_grad()

    # ---- Freezing ---------------------------------------------------------------------------------------------------

    def freeze(self) -> Self:
        """The layer, with all layers inside, does not learn any more, wherever it is used; returns itself.

        As with PyTorch's requires_grad its parameters have no gradient (it is 0), are not updated, decayed or
        penalised, and do not count where gradients are clipped by norm. Gradients still flow through to layers before
        it. BatchNorm, moreover, uses its running statistics in training, too, and keeps them. Frozen layers stay frozen
        in copies, pickles, files and checkpoints. Optimizers count their steps on and keep their state. A single
        parameter is frozen by `parameter.requires_grad = False`. StateError during a fit.

        Examples
        --------
        >>> net = nc.Sequential(nc.Linear(2, 3), nc.ReLU(), nc.Linear(3, 2), seed=0)
        >>> before = net[0].freeze().weight.copy()
        >>> X, y = nc.datasets.make_moons(20, noise=0.1, seed=0)
        >>> history = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.5)).fit(X, y, epochs=2)
        >>> bool((net[0].weight == before).all())
        True
        """
        self._set_frozen("freeze", True)
        return self

    def unfreeze(self) -> Self:
        """All parameters of the layer, and of those inside, learn again; returns itself."""
        self._set_frozen("unfreeze", False)
        return self

    @property
    def frozen(self) -> bool:
        """Whether it was frozen as a whole: of a container, all layers inside."""
        return bool(self._handle.freezing[0])

    def _set_frozen(self, what: str, frozen: bool) -> None:
        refuse_during_fit(self, what, *self._models())
        with _core.layer_access_guard(self._handle, f"{type(self).__name__}.{what}", True):
            freezing.freeze(self._handle, frozen, self._n_declared())
            for parameter in self.parameters() if frozen and self._handle.dtype is not None else ():
                parameter.grad[...] = 0

    def _n_declared(self) -> int:
        return len(self._declared)

    # ---- Copies -----------------------------------------------------------------------------------------------------

    @property
    def config(self) -> dict[str, Any]:
        """The arguments that were given; {} for a layer written in Python."""
        return {}

    @property
    def _spec(self) -> Any:
        return self._handle.spec

    def _copy(self, memo: dict[int, Layer]) -> Layer:
        """A copy with parameters of its own; `memo`: id of a layer -> its copy, for shared layers."""
        return copy.deepcopy(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _new, (type(self),), (self.__dict__, self._declared, freezing.kept(self._handle))

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        attributes, declared, *frozen = state  # earlier versions had no frozen ones
        for index, parameter in enumerate(declared):
            parameter.join(self._handle, index, weakref.ref(self))
        freezing.restore(self._handle, *frozen or [None])
        self._declared = declared
        self.__dict__.update(attributes)

    def __copy__(self) -> Layer:
        return copy.deepcopy(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def handle_of(layer: Layer) -> Any:
    """The layer's handle in the compiled core, which models share that share the layer."""
    return layer._handle


def join(layer: Layer, model: weakref.ref[Any]) -> None:
    """The layer is part of this model: what is set of the layer acts on it."""
    layer._join(model)


def spec_of(layer: Layer) -> Any:
    """The spec that the compiled core makes it from."""
    return layer._spec


def renewed(layer: Layer, memo: dict[int, Layer]) -> Layer:
    """A copy with new parameters; with the same `memo` a layer in several places is copied once."""
    if id(layer) not in memo:
        memo[id(layer)] = layer._copy(memo)
    return memo[id(layer)]


def rebuild_layer(
    cls: type[Layer], config: dict[str, Any], dtype: str | None, values: list[Any], frozen: Any = None
) -> Layer:
    layer = cls(**config)
    freezing.restore(layer._handle, frozen)
    if dtype is not None:
        with restoring():
            core = layer._core_model(dtype)
        for (_, array, _), value in zip(core.parameters() + core.buffers(), values, strict=True):
            array[...] = value
    return layer


_rebuild_layer = rebuild_layer  # its name in pickles of earlier versions


def _twin(layer: Layer) -> Layer:
    """The same layer, with the same parameters, whose attributes may be set without changing those of the other."""
    twin: Layer = object.__new__(type(layer))
    state: Any = object.__getstate__(layer)
    attributes, slots = state
    twin.__dict__.update(attributes or {})
    for name, value in slots.items():
        object.__setattr__(twin, name, value)
    return twin


def _new(cls: type[Layer]) -> Layer:
    layer: Layer = cls.__new__(cls)
    return layer


@functools.cache
def _takes_training(forward: Callable[..., Any]) -> bool:
    """Whether forward has the argument `training`, which a layer may leave out."""
    parameters = list(inspect.signature(forward).parameters.values())[1:]
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(positional) > 1 or any(p.kind is p.VAR_POSITIONAL for p in parameters)
