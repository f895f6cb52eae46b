"""Layer: the base of all layers, compiled or written in Python.

A layer outside a model can be called, too: it computes in float64, and gets the model's dtype in a model.
"""

from __future__ import annotations

import copy
import functools
import inspect
import secrets
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from nncore import _core
from nncore._registry.registered import Registered, setting
from nncore._support.checks import LARGEST_SEED, flag, integer
from nncore._support.fits import refuse_during_fit
from nncore._support.strict import Strict, fixed
from nncore.errors import ConfigError
from nncore.nn._parameter import LayerParameter, Parameter, assign, parameters_of
from nncore.nn._symbol import Symbol, refuse_list, symbol_of

_MISSING = object()


class Layer(Strict):
    """Base of all layers; subclass it to write one in Python, with NumPy arrays in and out.

    A subclass has, in the order they are called:

    `__init__(self, …)`
        `self.add_parameter("weight", array)` declares a parameter.
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
    __slots__ = ("__dict__", "__weakref__", "_alone", "_calls", "_declared", "_handle", "_idle")

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Sets the attributes of the base, so that __init__ need not call super().__init__()."""
        if cls is Layer:
            raise ConfigError("[Layer] expected a subclass with forward and backward, got the base itself")
        layer = super().__new__(cls)
        layer._alone = None
        layer._calls = 0
        layer._declared = []
        layer._idle = [True]
        layer._handle = layer._make_handle()
        return layer

    _alone: tuple[int, Any] | None
    _calls: int
    _declared: list[LayerParameter]
    _handle: Any
    _idle: list[bool]  #: empty while a call is inside

    def __init__(self) -> None:
        """Nothing to do: for subclasses that call it."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """The array of a parameter that is declared under this name."""
            for parameter in self._declared if name[:1] != "_" else ():
                if parameter.name == name:
                    return parameter.value
            return Strict.__getattr__(self, name)

    def _join(self, model: weakref.ref[Any]) -> None:
        """The layer is part of this model."""

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
        parameter.join(self._handle, len(self._declared))
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
            y = layer.forward(x, training) if with_training else layer.forward(x)  # type: ignore[call-arg]
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
        finally:
            self._leave(layer)

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
        return _new, (type(self),), (self.__dict__, self._declared)

    def __setstate__(self, state: tuple[dict[str, Any], list[LayerParameter]]) -> None:
        attributes, declared = state
        for index, parameter in enumerate(declared):
            parameter.join(self._handle, index)
        self._declared = declared
        self.__dict__.update(attributes)

    def __copy__(self) -> Layer:
        return copy.deepcopy(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class CompiledLayer(Layer, Registered):
    """Base of the layers of the compiled core."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        replaced = sorted({"build", "forward", "backward"} & set(vars(cls)))
        if replaced:
            raise ConfigError(
                f"[{cls.__name__}] {replaced[0]}: expected a subclass of nc.Layer, got one of a compiled layer"
            )

    _array_names: tuple[str, ...] = ()  #: of parameters and buffers, those that some objects lack included

    _users: tuple[weakref.ref[Any], ...] = ()  #: the models that it is part of

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        Registered.__init__(self, *args, **kwargs)
        self._handle = _core.LayerHandle(self._spec)

    def _join(self, model: weakref.ref[Any]) -> None:
        self._users = (*(other for other in self._users if other() not in (None, model())), model)

    @classmethod
    def _properties(cls, schema: dict[str, Any]) -> dict[str, Any]:
        """Of arguments, and of parameters and buffers, which come first: `layer.bias` is the array, not the flag."""
        examples = [] if schema["traits"].get("variadic") else schema["examples"]  # a container's are its layers'
        specs = [_core.Spec("layer", schema["name"], args) for args, _ in examples]
        arrays = tuple(dict.fromkeys(name for spec in specs for name in _core.declared_names(spec)))
        found = super()._properties(schema)
        found |= {name: setting(name, "The array, a view that can be assigned; None without it.") for name in arrays}
        return {**found, "_array_names": arrays}

    def _setting(self, name: str) -> Any:
        return self._array(name) if name in self._array_names else Registered._setting(self, name)

    def _assign(self, name: str, value: Any) -> None:
        if name not in self._array_names:
            return self._assign_number(name, value)
        array = self._array(name)
        if array is None:
            fixed(self, name, f"this {type(self).__name__} was made without it: make a new one")
        with _core.layer_access_guard(self._handle, f"{type(self).__name__}.{name}", True):
            assign(array, value, name)
        return None

    def _assign_number(self, name: str, value: Any) -> None:
        """Numbers of the formula act from the next pass or fit on; what decides on shapes and memory is fixed."""
        if self.__signature__.parameters[name].annotation not in (float, float | None):
            return Registered._assign(self, name, value)
        spec, config = self._checked({**self._config, name: value})
        models = [model for model in (user() for user in self._users) if model is not None]
        refuse_during_fit(self, name, *models)
        with ExitStack() as guards:
            for guarded in (model._core for model in models):
                guards.enter_context(guarded.access_guard(f"{type(self).__name__}.{name}", write=True))
            before, self._handle.spec = self._handle.spec, spec
            try:
                cores = [model._make_core(model.dtype, model.input) for model in models]
            except Exception:
                self._handle.spec = before
                raise
            self._spec, self._config = spec, config
            for model, core in zip(models, cores, strict=True):
                model._core = core
        return None

    def _array(self, name: str) -> Any:
        """The array of a parameter or buffer; None if this object has none of that name."""
        core = self._core_model()
        found = (value for full, value, _ in core.parameters() + core.buffers() if full == f"0.{name}")
        return next(found, None)

    def _make_handle(self) -> Any:
        return None  # until the arguments are known

    _spec = None
    config = Registered.config

    def forward(self, x: Any, training: bool = True, seed: int | None = None) -> Any:
        """The outputs for x (N, …); with training, what backward needs is kept."""
        where = type(self).__name__
        training = flag(where, "training", training)
        if seed is not None:
            return self._core_model().forward(x, training, integer(where, "seed", seed, 0, LARGEST_SEED), 0)
        self._calls += 1
        return self._core_model().forward(x, training, self._calls, 0)

    def backward(self, dy: Any) -> Any:
        """The gradient of x for the gradient dy of the last forward's outputs; adds to the parameters' gradients."""
        return self._core_model().backward(dy)

    def parameters(self) -> list[Parameter]:
        """The layer's parameters, as views that can be read and assigned."""
        return parameters_of(self._core_model(), prefix="0.")

    def _copy(self, memo: dict[int, Layer]) -> Layer:
        return type(self)(**self.config)

    def __reduce__(self) -> tuple[Any, ...]:
        dtype, values = self._handle.dtype, []
        if dtype is not None:
            core = self._core_model()
            with core.access_guard("Layer.copy", write=False):
                values = [value.copy() for _, value, _ in core.parameters() + core.buffers()]
        return _rebuild_layer, (type(self), self._config, dtype, values), self._calls

    def __setstate__(self, calls: Any) -> None:
        self._calls = calls  # Dropout's random numbers go on

    __repr__ = Registered.__repr__


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


def _rebuild_layer(cls: type[CompiledLayer], config: dict[str, Any], dtype: str | None, values: list[Any]) -> Layer:
    layer = cls(**config)
    if dtype is not None:
        core = layer._core_model(dtype)
        for (_, array, _), value in zip(core.parameters() + core.buffers(), values, strict=True):
            array[...] = value
    return layer


def _twin(layer: Layer) -> Layer:
    """The same layer, with the same parameters, whose attributes may be set without changing those of the other."""
    twin: Layer = object.__new__(type(layer))
    attributes, slots = object.__getstate__(layer)  # type: ignore[misc, attr-defined]
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
