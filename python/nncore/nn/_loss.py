"""Loss: the base of all losses, compiled or written in Python."""

from __future__ import annotations

import numbers
import os
import threading
import weakref
from typing import Any

import numpy as np

from nncore import _core
from nncore._registry.registered import Registered
from nncore._support.checks import describe, real_array
from nncore._support.fits import refuse_during_fit
from nncore._support.functions import note
from nncore._support.strict import Strict
from nncore.errors import ConfigError, ShapeError


class Loss(Strict):
    """Base of all losses: `loss(z, y)` is the value and its gradient w.r.t. the outputs z.

    Subclass it to write one in Python, with NumPy arrays:

    `forward(self, z, y)`
        The value for outputs z (N, …) and targets y, of the shape that was given: integer labels if they are integers,
        else numbers of z's dtype.
    `backward(self)`
        The gradient of the last value w.r.t. z, of z's shape, including the 1/N of a mean over the batch.

    or, in one method, `__call__(self, z, y)` that returns `(value, dz)`.

    `link` defines how predict and accuracy interpret outputs: "identity", "softmax", "log_softmax", "sigmoid", "sign",
    or None: softmax where the targets are labels (N,) and there are two outputs or more, else identity.

    Examples
    --------
    >>> class Quadratic(nc.Loss):
    ...     def forward(self, z, y):
    ...         self.error = z - y
    ...         return (self.error ** 2).mean()
    ...     def backward(self):
    ...         return 2 * self.error / self.error.size
    >>> value, dz = Quadratic()(np.array([[3.0]]), np.array([[1.0]]))
    >>> value, dz
    (4.0, array([[4.]]))
    """

    __slots__ = ("__dict__", "__weakref__", "_lock", "_python_spec")

    _python_spec: Any
    _lock: Any  # one call at a time: backward uses what forward of the same call stored

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Sets the attributes of the base, so that __init__ need not call super().__init__()."""
        if cls is Loss:
            raise ConfigError("[Loss] expected a subclass with forward and backward, got the base itself")
        loss = super().__new__(cls)
        loss._python_spec = loss._make_spec()
        loss._lock = threading.RLock()
        _alive[id(loss)] = loss
        return loss

    def __init__(self) -> None:
        """Nothing to do: for subclasses that call it."""

    def _make_spec(self) -> Any:
        kind = type(self)
        if kind.forward is Loss.forward and kind.__call__ is Loss.__call__:
            raise ConfigError(f"[{kind.__name__}] forward: expected a method forward(self, z, y), got none")
        return _core.python_loss(kind.__name__, self)

    @property
    def _spec(self) -> Any:
        return self._python_spec

    #: Link of raw outputs: "softmax", "log_softmax", "sigmoid", "sign", "identity"; None: inferred from the targets.
    link: str | None = None

    def forward(self, z: Any, y: Any) -> Any:
        """The value for outputs z and targets y."""
        raise NotImplementedError

    def backward(self) -> Any:
        """The gradient of the last value w.r.t. z."""
        raise ConfigError(f"[{type(self).__name__}] backward: expected a method backward(self), got none")

    def __call__(self, z: Any, y: Any, sample_weight: Any = None) -> tuple[float, Any]:
        """The value for outputs z (N, …) and targets y, and its gradient dz, which carries the 1/N.

        With sample_weight s (N,) the mean is sum s l / sum s, l the loss of a sample, and the sum is sum s l; where all
        are 0, the mean is NaN and dz 0. Losses written in Python take none. Computes in float32 when z is float32, else
        in float64.
        """
        value, dz = _core.loss(self._spec, z, y, sample_weight, True)
        return value, dz

    def value(self, z: Any, y: Any, sample_weight: Any = None) -> float:
        """The value alone."""
        result: float = _core.loss(self._spec, z, y, sample_weight, False)[0]
        return result

    def _run(self, z: Any, y: Any, gradient: bool) -> tuple[float, Any]:
        """(value, dz or None); called by the core."""
        with self._lock:
            return self._run_alone(z, y, gradient)

    def _run_alone(self, z: Any, y: Any, gradient: bool) -> tuple[float, Any]:
        kind, method = type(self), "__call__(self, z, y)"
        pair: Any
        try:
            if kind.value is not Loss.value and not gradient:
                method = "value(self, z, y)"
                return self._number(self.value(z, y)), None
            if kind.__call__ is Loss.__call__:
                method = "forward(self, z, y)"
                value = self._number(self.forward(z, y))
                method = "backward(self)"
                return value, self.backward() if gradient else None
            pair = self(z, y)
        except Exception as error:
            where = f"{kind.__name__}, {method.partition('(')[0]}, for z {z.shape} and y {y.shape}"
            note(error, where, method)
            raise
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise ShapeError(f"[{kind.__name__}] __call__: expected a pair (value, dz), got {describe(pair)}")
        return self._number(pair[0]), pair[1]

    def _number(self, value: Any) -> float:
        if isinstance(value, numbers.Real) or (
            isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "fiu"
        ):
            return float(value)
        raise ShapeError(f"[{type(self).__name__}] value: expected a number, got {describe(value)}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _new, (type(self),), self.__dict__

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def spec_of(loss: Loss) -> Any:
    """The spec that the compiled core makes it from."""
    return loss._spec


def ignored_label(loss: Loss) -> int | None:
    """The label of samples that do not count: `ignore_index`, for a loss of one's own an attribute of that name."""
    label = spec_of(loss).args.get("ignore_index", getattr(loss, "ignore_index", None))
    return int(label) if isinstance(label, numbers.Integral) else None


def has_classes(loss: Loss, y: Any) -> bool:
    """Whether accuracy is defined; for a loss without link it is inferred from the targets: labels (N,) are classes."""
    if loss.link is None:
        targets = real_array(type(loss).__name__, "y", y)
        return targets.ndim == 1 and targets.dtype.kind in "biu"
    return loss.link != "identity"


_alive: weakref.WeakValueDictionary[int, Loss] = weakref.WeakValueDictionary()


def _renew_locks() -> None:
    """Called in a forked child, where the threads that held the locks do not exist."""
    for loss in _alive.values():
        loss._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


def _new(cls: type[Loss]) -> Loss:
    loss: Loss = cls.__new__(cls)
    return loss


class CompiledLoss(Loss, Registered):
    """Base of the losses of the compiled core."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        Registered.__init__(self, *args, **kwargs)
        self._link = str(_core.loss_link(self._spec))

    _link: str

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        replaced = sorted({"forward", "backward", "__call__", "value"} & set(vars(cls)))
        if replaced:
            raise ConfigError(
                f"[{cls.__name__}] {replaced[0]}: expected a subclass of nc.Loss, got one of a compiled loss"
            )

    def _make_spec(self) -> Any:
        return None  # until the arguments are known

    _spec = None
    __reduce__, __repr__ = Registered.__reduce__, Registered.__repr__

    def _assign(self, name: str, value: Any) -> None:
        """Acts from the next call or fit on."""
        spec, config = self._checked({**self._config, name: value})
        refuse_during_fit(self, name)
        self._spec, self._config, self._link = spec, config, str(_core.loss_link(spec))

    @property
    def link(self) -> str:  # type: ignore[override]
        """How raw outputs are read: "softmax", "log_softmax", "sigmoid", "sign" or "identity"."""
        return self._link
