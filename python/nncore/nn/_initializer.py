"""Initializer: the base of all initialisers; functions in place of them."""

from __future__ import annotations

import functools
import inspect
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from nncore import _core
from nncore._registry.registered import CLASSES, Registered
from nncore._support.checks import LARGEST_SEED, extents, integer, shown
from nncore._support.functions import check_function, note
from nncore._support.names import did_you_mean
from nncore._support.strict import Strict
from nncore.errors import ConfigError

if TYPE_CHECKING:
    from numpy.random import Generator  # takes a while to import

#: Names of other libraries.
FOREIGN = {
    **{f"he{end}": f"did you mean kaiming{end}?" for end in ("_uniform", "_normal")},
    **{f"glorot{end}": f"did you mean xavier{end}?" for end in ("_uniform", "_normal")},
    "he": "did you mean kaiming_uniform or kaiming_normal?",
    "glorot": "did you mean xavier_uniform or xavier_normal?",
}
#: A function that makes the first numbers of a parameter.
Function: TypeAlias = "Callable[[tuple[int, ...], Generator], ArrayLike]"

_restoring: ContextVar[bool] = ContextVar("restoring", default=False)


class Initializer(Registered):
    """Base of all initialisers: an argument of layers, and a function that returns an initialised array.

    A function `f(shape, rng) -> array` may stand in its place, or an object with such a `__call__`, also of a subclass.
    `shape` is the parameter's: (out, in) for the weight of Linear, (out, in / groups, height, width) for that of
    Conv2d, (out,) for biases; `rng` is a numpy.random.Generator that follows from the model's seed and the name of the
    parameter. It returns finite numbers of that shape, else a ShapeError or ConfigError names the layer.

    It is called when a model is made, and by `initialize`. Copies and pickles keep it, and its numbers without calling
    it. Files hold no code: a model from a file has its numbers, and cannot be initialised anew.

    Examples
    --------
    >>> def he(shape, rng):
    ...     return rng.normal(0.0, np.sqrt(2 / shape[1]), shape)
    >>> net = nc.Sequential(nc.Linear(2, 20, weight_init=he, bias_init="zeros"), seed=0)
    >>> bool((net.copy().initialize(0)[0].weight == net[0].weight).all())
    True
    """

    _own_spec: Any = None
    _config: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__
        if _is_code(self):
            if args or kwargs:
                raise ConfigError(f"[{name}] __init__: expected super().__init__() without arguments")
        elif not hasattr(self, "_kind") and type(self) is not Initializer:
            raise ConfigError(f"[{name}] expected a method __call__(self, shape, rng), got none")
        else:
            super().__init__(*args, **kwargs)

    @property
    def _spec(self) -> Any:
        """The spec that the core makes it from. One written in Python is in its own, which is not stored: it would be a
        cycle that is never freed."""
        return own_spec(type(self).__name__, self) if _is_code(self) else self._own_spec

    @_spec.setter
    def _spec(self, spec: Any) -> None:
        self._own_spec = spec

    def __reduce__(self) -> tuple[Any, ...]:
        if not _is_code(self):
            return super().__reduce__()
        check_function(f"[{type(self).__name__}]", type(self))
        return _new, (type(self),), self.__dict__

    def __call__(self, shape: int | Sequence[int], seed: int | None = None) -> Any:
        """A new float64 array; a matrix (out, in) has fan_in = in and fan_out = out."""
        where = f"init.{type(self).__name__}"
        own = extents(where, "shape", shape, 2**31)
        seed = secrets.randbits(32) if seed is None else integer(where, "seed", seed, 0, LARGEST_SEED)
        return _core.initialize_array(self._spec, own, seed)


class MissingFunction(Initializer):
    """Stands for a function in a model from a file, which holds its name only."""

    _kind = "initializer"

    def __init__(self, name: str) -> None:
        self._config = {"name": str(name)}

    def __call__(self, shape: Any, rng: Any = None) -> Any:
        """ConfigError."""
        raise ConfigError(
            f"[initialize] {self._config['name']}: expected an initialiser, got the name of a function from a file, "
            f"which holds no code (hint: build the model anew, and load_state_dict into it)"
        )


CLASSES["initializer", MissingFunction.__name__] = MissingFunction


def _new(cls: type[Initializer]) -> Initializer:
    return cls.__new__(cls)


def _is_code(given: object) -> bool:
    """Whether it is a function, or an object with a __call__ of its own, in place of a registered initialiser."""
    kind: Any = type(given)
    if not callable(given) or isinstance(given, type):
        return False
    if isinstance(given, Initializer):
        return kind.__call__ is not Initializer.__call__
    return not isinstance(given, Strict)  # layers and losses are called with something else


def is_initializer(given: object) -> bool:
    """Whether a layer takes it for one, names apart."""
    return isinstance(given, Initializer) or _is_code(given)


def code_of(where: str, argument: str, given: object) -> Any:
    """The spec of a function in place of an initialiser; None for anything else. ConfigError for wrong arguments."""
    if given is None or isinstance(given, str) or not _is_code(given):
        return None
    function: Any = given
    try:
        inspect.signature(function).bind((), None)
    except TypeError:
        raise ConfigError(
            f"[{where}] {argument}: expected a function (shape, rng) -> array, got {shown(given)}"
            f"{inspect.signature(function)} (hint: lambda shape, rng: rng.normal(0, 0.1, shape))"
        ) from None
    except ValueError:  # compiled, and tells nothing: the call will show
        pass
    return own_spec(shown(given), function)


def near(name: str) -> str:
    """ " (did you mean kaiming_normal?)" for a name that no initialiser has."""
    if name in FOREIGN:
        return f" ({FOREIGN[name]})"
    return did_you_mean(name, [known for kind, known in CLASSES if kind == "initializer" and known[:1].islower()])


def own_spec(name: str, function: Any) -> Any:
    """The spec that the core makes a function's initialiser from."""
    return _core.python_initializer(name, functools.partial(_values, function))


def stored(given: object) -> object:
    """What files hold of an argument: of a function the name."""
    is_code = given is not None and not isinstance(given, str | MissingFunction) and _is_code(given)
    return MissingFunction(shown(given)) if is_code else given


@contextmanager
def restoring() -> Iterator[None]:
    """Models made in this block get their numbers afterwards: no function is called for them."""
    token = _restoring.set(True)
    try:
        yield
    finally:
        _restoring.reset(token)


def _values(function: Any, shape: tuple[int, ...], *key: int) -> Any:
    """What a function makes of a shape; called by the core, with the key of the parameter's random numbers."""
    if _restoring.get():
        return np.zeros(shape)
    try:
        return function(shape, np.random.Generator(np.random.PCG64(key)))
    except Exception as error:
        note(error, f"the initialiser {shown(function):.80}, for the shape {shape}", "f(shape, rng)")
        raise
