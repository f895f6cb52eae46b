"""minimize: the optimizers applied to functions of a few variables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore import _core
from nncore._registry.registered import spec_of
from nncore._support.checks import cast, describe, integer, number, number_from, real_array
from nncore._support.differences import STEP, central_differences
from nncore._support.html import Markup, curve, facts
from nncore._support.names import keywords
from nncore._support.strict import Strict
from nncore.errors import ConfigError, ShapeError
from nncore.optim import objectives
from nncore.optim._epochs import counts_epochs, remedy
from nncore.optim._objective import Objective
from nncore.optim._optimizer import Optimizer, fresh

_MESSAGES = ("all steps done", "gradient within tol", "diverged at step {}", "interrupted at step {}")


@dataclass(frozen=True, repr=False)
class OptimizeResult(Strict):
    """The result of minimize; fields can be read as `result.x` and as `result["x"]`.

    Attributes
    ----------
    x, fun : ndarray (d,), float
        The last finite point, and f there.
    nit : int
        Steps done; after a divergence the last of them led out of the finite numbers.
    success : bool
        It neither diverged nor was stopped.
    status, message : int, str
        0 all steps done, 1 gradient within tol, 2 diverged.
    path, values : ndarray (rows, d), (rows,)
        Points from the start to the end, and f there; steps + 1 of them with record="all".
    steps : ndarray (rows,)
        Updates done before each row of path: 0, k, 2 k, … and the last.
    """

    x: NDArray[np.float64]
    fun: float
    nit: int
    success: bool
    status: int
    message: str
    path: NDArray[np.float64]
    values: NDArray[np.float64]
    steps: NDArray[np.int64]

    def __getitem__(self, key: str) -> Any:
        if key not in self.__dataclass_fields__:
            raise KeyError(key)
        return getattr(self, key)

    def __repr__(self) -> str:
        return (
            f"OptimizeResult(x={self.x}, fun={self.fun!r}, nit={self.nit}, success={self.success}, "
            f"message={self.message!r}, path of {len(self.path)} points)"
        )

    def _repr_html_(self) -> str:
        shown = {name: getattr(self, name) for name in ("x", "fun", "nit", "success", "message")}
        path = Markup(f"{len(self.path)} points {curve(self.values, about='values')}")
        return facts([*shown.items(), ("path", path)], caption="OptimizeResult")


@keywords(method="the optimizer: nc.SGD(0.1)", maxiter="steps", lr="an argument of the optimizer: nc.SGD(lr=0.1)")
def minimize(
    objective: str | Objective | Callable[[NDArray[np.float64]], Any] | None = None,
    x0: ArrayLike | None = None,
    optimizer: Optimizer | None = None,
    steps: int = 1000,
    *,
    fun: Callable[[NDArray[np.float64]], float] | None = None,
    jac: Callable[[NDArray[np.float64]], ArrayLike] | None = None,
    record: str | int | None = "all",
    tol: float | None = None,
) -> OptimizeResult:
    """Minimises a function of a few variables with one of the library's optimizers.

    Parameters
    ----------
    objective : str, Objective or function
        A name ("rosenbrock", "himmelblau", "beale", "booth", "ackley", "rastrigin", "saddle", "quadratic"), compiled;
        or a function x -> (f, gradient), or x -> f. Instead: `fun` and `jac`.
    x0 : array (d,)
        Start; None: the objective's own.
    optimizer : Optimizer
        Only its settings are used: it stays as it is. A schedule has to count steps: there are no epochs.
    steps : int, default 1000
        Updates.
    fun, jac : functions x -> f and x -> gradient
        Without a gradient, central differences stand for it, as `nc.numeric_gradient` has them: 2 d more calls of the
        function for each step, and about 10 correct digits.
    record : "all", int k or None
        Keep every point, every k-th, or only the end.
    tol : float, optional
        Stop when no component of the gradient is larger.

    Returns
    -------
    OptimizeResult
        Divergence is a result: success is False, and the path keeps the values up to there.

    Examples
    --------
    >>> result = nc.minimize("rosenbrock", [-4.0, -2.0], nc.SGD(lr=1e-4, momentum=0.9), 60_000)
    >>> result.x.round(3)
    array([1., 1.])
    """
    if not isinstance(optimizer, Optimizer):
        raise ConfigError(f"[minimize] optimizer: expected an Optimizer, got {describe(optimizer)}")
    function, start = _function(objective, fun, jac)
    x = start if x0 is None else x0
    if x is None:
        raise ConfigError("[minimize] x0: expected a starting point, got None")
    array = cast(real_array("minimize", "x0", x), np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ShapeError(f"[minimize] x0: expected (d,) with d >= 1, got {array.shape}")
    if not np.isfinite(array).all():
        raise ConfigError(f"[minimize] x0: expected finite numbers, got {describe(x)}")
    steps = integer("minimize", "steps", steps, 0, 2**40)
    if record == "all":
        every = 1
    else:
        every = 0 if record is None else integer("minimize", "record", record, 1, 2**62, or_none=True)
    tolerance = -1.0 if tol is None else number("minimize", "tol", tol, 0.0)
    unbound = fresh(optimizer)  # held until the end: the rule of one in Python is called on it
    spec = spec_of(unbound)
    by_epochs = counts_epochs(spec.args["lr"])
    if by_epochs is not None:
        raise ConfigError(
            f"[minimize] optimizer: expected a schedule that counts steps, got {by_epochs}, which counts epochs "
            f"({remedy(by_epochs)})"
        )
    found = _core.minimize(function, array.tolist(), spec, steps, every, tolerance)
    status = found["status"]
    return OptimizeResult(
        x=found["x"],
        fun=found["fun"],
        nit=found["nit"],
        success=status < 2,
        status=status,
        message=_MESSAGES[status].format(found["nit"]),
        path=found["path"],
        values=found["values"],
        steps=found["steps"],
    )


def _function(objective: Any, fun: Any, jac: Any) -> tuple[Any, list[float] | None]:
    """The core's argument, a compiled objective's spec or a function x -> (f, g), and the objective's start."""
    if objective is None:
        if not callable(fun) or not (jac is None or callable(jac)):
            raise ConfigError("[minimize] objective: expected a name, a function x -> (f, g), or fun= and jac=")
        if jac is None:
            return lambda x: _with_differences("fun", fun, x, fun(x.copy())), None
        return lambda x: (number_from("minimize", "fun", fun(x.copy())), jac(x.copy())), None
    if fun is not None or jac is not None:
        raise ConfigError("[minimize] fun, jac: expected them instead of an objective, got both")
    if isinstance(objective, str):
        objective = objectives.get(objective)
    if isinstance(objective, Objective):
        return spec_of(objective), objective.start
    if not callable(objective):
        raise ConfigError(f"[minimize] objective: expected a name or a function x -> (f, g), got {describe(objective)}")

    def function(x: NDArray[np.float64]) -> tuple[float, Any]:
        answer = objective(x.copy())
        if not isinstance(answer, tuple):
            return _with_differences("objective", objective, x, answer)
        if len(answer) != 2:
            raise ConfigError(f"[minimize] objective: expected it to return (f, gradient), got {describe(answer)}")
        return number_from("minimize", "objective", answer[0]), answer[1]

    return function, None


def _with_differences(name: str, f: Any, x: NDArray[np.float64], answer: Any) -> tuple[float, NDArray[np.float64]]:
    """f(x), which is `answer`, and its gradient by central differences."""
    value = number_from("minimize", name, answer)
    return value, central_differences("minimize", name, lambda at: f(at.copy()), x.copy(), STEP)
