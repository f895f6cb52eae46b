"""Checks of what an estimator was made with; scikit-learn wants them in fit, not in __init__."""

from __future__ import annotations

import copy
import math
import numbers
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from nncore._support.checks import as_list, describe
from nncore._support.names import instance_hint
from nncore.errors import ConfigError
from nncore.nn._layer import Layer
from nncore.nn.activations import ACTIVATIONS, activation_class
from nncore.optim._optimizer import Optimizer

Check = Callable[[Any], bool]
#: scikit-learn's names of activations where nncore has another.
_NAMES = {"logistic": "sigmoid"}


def real(low: float, high: float = math.inf, *, open_low: bool = False, open_high: bool = True) -> tuple[Check, str]:
    """A check for numbers between two bounds, and what it expects."""

    def check(value: Any) -> bool:
        if not isinstance(value, numbers.Real) or isinstance(value, (bool, np.bool_)):
            return False
        given = float(value)
        above = given > low if open_low else given >= low
        return above and (given < high if open_high else given <= high)

    left, right = "(" if open_low else "[", ")" if open_high else "]"
    return check, f"a number in {left}{low:g}, {high:g}{right}"


def whole(low: int) -> tuple[Check, str]:
    """A check for integers from `low` on."""

    def check(value: Any) -> bool:
        return isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.bool_)) and int(value) >= low

    return check, f"an integer >= {low}"


def one_of(*names: Any) -> tuple[Check, str]:
    """A check for words."""
    return lambda value: isinstance(value, str) and value in names, " or ".join(map(repr, names))


def any_of(*checks: tuple[Check, str]) -> tuple[Check, str]:
    """A check that one of the others passes."""
    return lambda value: any(check(value) for check, _ in checks), " or ".join(text for _, text in checks)


def exactly(constant: Any) -> tuple[Check, str]:
    """A check for a single value, such as None."""
    return lambda value: value is constant or (isinstance(value, float) and value == constant), repr(constant)


BOOLEAN: tuple[Check, str] = (lambda value: isinstance(value, (bool, np.bool_)), "True or False")
VERBOSE = any_of(BOOLEAN, whole(0))
CLASS_WEIGHT: tuple[Check, str] = (
    lambda value: value is None or isinstance(value, (dict, list)) or (isinstance(value, str) and value == "balanced"),
    "a dict, 'balanced' or None",
)
OPTIMIZER: tuple[Check, str] = (lambda value: isinstance(value, Optimizer), "an Optimizer")

#: Of both families.
SHARED: dict[str, tuple[Check, str]] = {
    "early_stopping": BOOLEAN,
    "validation_fraction": real(0.0, 1.0),
    "tol": real(0.0),
    "n_iter_no_change": any_of(whole(1), exactly(math.inf)),
    "shuffle": BOOLEAN,
    "verbose": VERBOSE,
    "warm_start": BOOLEAN,
    "num_threads": any_of(whole(1), exactly(None)),
}
MLP: dict[str, tuple[Check, str]] = {
    **SHARED,
    "solver": any_of(one_of("lbfgs", "sgd", "adam"), OPTIMIZER),
    "alpha": real(0.0),
    "batch_size": any_of(one_of("auto"), whole(1)),
    "learning_rate": one_of("constant", "invscaling", "adaptive"),
    "learning_rate_init": real(0.0, open_low=True),
    "power_t": real(0.0),
    "max_iter": whole(1),
    "momentum": real(0.0, 1.0),
    "nesterovs_momentum": BOOLEAN,
    "beta_1": real(0.0, 1.0),
    "beta_2": real(0.0, 1.0),
    "epsilon": real(0.0, open_low=True),
    "max_fun": whole(1),
    "dropout": real(0.0, 1.0),
    "batch_norm": BOOLEAN,
    "dtype": one_of("float32", "float64"),
}
NET: dict[str, tuple[Check, str]] = {
    **SHARED,
    "optimizer": any_of(OPTIMIZER, exactly(None)),
    "batch_size": any_of(whole(1), exactly(None)),
    "max_epochs": whole(1),
    "l2": real(0.0),
}


def check_parameters(estimator: Any, checks: dict[str, tuple[Check, str]]) -> None:
    """ConfigError for the first parameter out of its range."""
    where = type(estimator).__name__
    if hasattr(estimator, "class_weight"):
        checks = {**checks, "class_weight": CLASS_WEIGHT}
    for name, (check, expected) in checks.items():
        value = getattr(estimator, name)
        if not check(value):
            hint = ""
            if name in ("solver", "optimizer"):
                hint = instance_hint(value, Optimizer)
            raise ConfigError(f"[{where}] {name}: expected {expected}, got {describe(value)}{hint}")


def hidden_sizes(where: str, given: Any) -> list[int]:
    """hidden_layer_sizes as a list: of one integer, or several."""
    items = [given] if isinstance(given, numbers.Integral) else as_list(given)
    check, _ = whole(1)
    if items is None or not all(check(item) for item in items):
        raise ConfigError(f"[{where}] hidden_layer_sizes: expected integers >= 1, got {describe(given)}")
    return [int(item) for item in items]


def activations(where: str, given: Any, n_hidden: int) -> list[Layer]:
    """A layer for each hidden layer, of names, classes or layers: one for all, or one for each."""
    several = isinstance(given, Iterable) and not isinstance(given, (str, Layer, type))
    items = list(given) if several else [given] * n_hidden
    if len(items) != n_hidden:
        raise ConfigError(
            f"[{where}] activation: expected one for each of {n_hidden} hidden layers, got {describe(given)}"
        )
    if not items:
        _activation(where, given)
    return [_activation(where, item) for item in items]


def _activation(where: str, given: Any) -> Layer:
    if isinstance(given, Layer):
        return copy.deepcopy(given)
    if isinstance(given, type) and issubclass(given, Layer):
        made: Layer = given()
        return made
    name = _NAMES.get(given, given) if isinstance(given, str) else given
    if not isinstance(name, str) or name.lower() not in ACTIVATIONS:
        known = ["logistic", *ACTIVATIONS]
        raise ConfigError(f"[{where}] activation: expected one of {known}, or a layer, got {describe(given)}")
    layer: Layer = activation_class(where, "activation", name)()
    return layer


def glorot_factor(given: Any) -> float:
    """Of 1 / (inputs + outputs) in the squared bound of first weights: 2 for the logistic function, else 6."""
    return 2.0 if isinstance(given, str) and given.lower() in ("logistic", "sigmoid") else 6.0
