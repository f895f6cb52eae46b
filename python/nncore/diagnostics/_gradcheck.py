"""Comparison of gradients with central differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore import _core
from nncore._support.checks import LARGEST_SEED, cast, describe, flag, integer, positive, real_array
from nncore._support.differences import STEP, central_differences
from nncore._support.html import table
from nncore._support.names import instance_hint, keywords
from nncore._support.strict import Strict
from nncore.errors import ConfigError
from nncore.nn._layer import Layer, renewed
from nncore.nn._loss import Loss, spec_of
from nncore.nn._model import Model, core_of
from nncore.nn._parameter import value_of
from nncore.nn._sequential import Sequential

_OK = 1e-6


class WorstElement(NamedTuple):
    """The element of one tensor where analytic and numeric gradient differ most; so many `kinks` are left out."""

    name: str
    max_relative_error: float
    position: int
    analytic: float
    numeric: float
    kinks: int = 0


class GradientReport(Strict):
    """The result of gradcheck.

    Attributes
    ----------
    per_parameter : dict name -> WorstElement
        One entry for each parameter and "x" for the input. Its `kinks` counts elements that are left out, for there the
        slopes of the loss to both sides differ, as of ReLU at 0, or of MaxPool2d where two numbers are equal.
    max_relative_error : float
        The largest of all.
    ok : bool
        It is below 1e-6.
    """

    per_parameter: dict[str, WorstElement]

    def __init__(self, worst: list[WorstElement]) -> None:
        self.per_parameter = {entry.name: entry for entry in worst}

    @property
    def max_relative_error(self) -> float:
        """The largest relative error of all tensors; NaN if there is one."""
        return float(np.max([entry.max_relative_error for entry in self.per_parameter.values()]))

    @property
    def ok(self) -> bool:
        """Every relative error is below 1e-6."""
        return self.max_relative_error < _OK

    @property
    def kinks(self) -> int:
        """Elements at which the loss has no derivative; they are not compared."""
        return sum(entry.kinks for entry in self.per_parameter.values())

    def __str__(self) -> str:
        width = max(len(name) for name in self.per_parameter)
        lines = [f"{'':<{width}}  max relative error  at index       analytic        numeric"]
        for e in self.per_parameter.values():
            lines.append(
                f"{e.name:<{width}}  {e.max_relative_error:18.3e}  {e.position:8d}  "
                f"{e.analytic:13.6e}  {e.numeric:13.6e}{_kinks_text(e.kinks, ', ')}"
            )
        lines.append(self._verdict())
        return "\n".join(lines)

    __repr__ = __str__

    def _verdict(self) -> str:
        left_out = f"; left out: {_kinks_text(self.kinks)}" if self.kinks else ""
        return f"{'ok' if self.ok else 'NOT ok'}: largest {self.max_relative_error:.3e}{left_out}, limit {_OK:.0e}"

    def _repr_html_(self) -> str:
        rows = [
            (name, f"{error:.3e}", position, f"{analytic:.6e}", f"{numeric:.6e}", _kinks_text(kinks))
            for name, error, position, analytic, numeric, kinks in self.per_parameter.values()
        ]
        head = ("", "max relative error", "at index", "analytic", "numeric", "")
        return table(head, rows, caption=self._verdict(), left=1)


def _kinks_text(count: int, before: str = "") -> str:
    return f"{before}{count} kink{'s' if count > 1 else ''}" if count else ""


@keywords(epsilon="eps")
def gradcheck(
    model: Model | Layer,
    loss: Loss,
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    eps: float = 1e-5,
    seed: int = 0,
    inputs: bool | None = None,
) -> GradientReport:
    """Compares every analytic gradient of a model with central differences, on a float64 copy.

        n = (L(w + eps) - L(w - eps)) / (2 eps),   error = |a - n| / max(1e-8, |a| + |n|)

    Where the slopes to both sides differ, as of ReLU at 0, there is no derivative, and the element is left out as a
    "kink".

    For gradients below the resolution of L the error is relative to that resolution: the denominator is at least 1e7
    times the difference that 8 units in the last place of L make.

    Parameters
    ----------
    model : Sequential, Graph or Layer
        Nothing in it changes.
    loss : Loss
    X : array (N, …)
    y : labels (N,) or what the loss wants
    sample_weight : array (N,), optional
        What each sample counts in the loss.
    eps : float, default 1e-5
    seed : int, default 0
        Fixes the masks of Dropout: the same in every pass.
    inputs : bool or None, default None
        Whether the gradient of X is compared, as "x". None: not if X are integers, which may be indices (of an
        embedding), and have no gradient then.

    Returns
    -------
    GradientReport
        `.ok`, `.max_relative_error`, `.per_parameter`; prints as a table.

    Examples
    --------
    >>> net = nc.Sequential(nc.Linear(2, 3), nc.Tanh(), nc.Linear(3, 2), seed=0)
    >>> nc.gradcheck(net, nc.CrossEntropyLoss(), np.array([[0.5, -1.0]]), np.array([1])).ok
    True
    """
    if isinstance(model, Layer):
        double: Model = Sequential({"0": renewed(model, {})}, dtype="float64", seed=0)
        for parameter, given in zip(double.parameters(), model.parameters(), strict=True):
            parameter.value = value_of(given, "nncore.gradcheck")
    elif isinstance(model, Model):
        double = model.copy().to("float64")
    else:
        raise ConfigError(f"[gradcheck] model: expected a Sequential, a Graph or a layer, got {describe(model)}")
    if not isinstance(loss, Loss):
        raise ConfigError(f"[gradcheck] loss: expected a Loss, got {describe(loss)}{instance_hint(loss, Loss)}")
    for parameter in double.parameters():
        parameter.requires_grad = True  # what is frozen has a formula, too
    step = positive("gradcheck", "eps", eps)
    seed = integer("gradcheck", "seed", seed, 0, LARGEST_SEED)
    if inputs is not None:
        inputs = flag("gradcheck", "inputs", inputs)
    else:
        try:
            inputs = np.asarray(X).dtype.kind not in "iub"
        except Exception:  # the core refuses it with its reason
            inputs = True
    found = _core.gradcheck(core_of(double), spec_of(loss), X, y, sample_weight, step, seed, inputs)
    return GradientReport([WorstElement(*entry) for entry in found])


@keywords(epsilon="eps")
def numeric_gradient(f: Callable[[NDArray[np.float64]], float], x: ArrayLike, eps: float = STEP) -> NDArray[np.float64]:
    """The gradient of a function by central differences.

        g_i = (f(x + eps e_i) - f(x - eps e_i)) / (2 eps)

    Parameters
    ----------
    f : function of an array like x that returns a number
    x : array of any shape; it is not changed
    eps : float, default 1e-5

    Returns
    -------
    ndarray of x's shape, float64

    Examples
    --------
    >>> nc.numeric_gradient(lambda x: (x ** 2).sum(), [1.0, 3.0]).round(6)
    array([2., 6.])
    """
    step = positive("numeric_gradient", "eps", eps)
    if not callable(f):
        raise ConfigError(f"[numeric_gradient] f: expected a function, got {describe(f)}")
    at = cast(real_array("numeric_gradient", "x", x), np.float64).copy()
    return central_differences("numeric_gradient", "f", f, at, step)
