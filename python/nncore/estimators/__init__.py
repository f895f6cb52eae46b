"""Models with fit and predict of their own, as in scikit-learn.

MLPClassifier and MLPRegressor are scikit-learn's, trained by nncore; NetClassifier and NetRegressor make an estimator
of any net. scikit-learn is imported by the first use of these names.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from nncore._support.names import names_of
from nncore.estimators._perceptron import Perceptron

if TYPE_CHECKING:
    from nncore.estimators._mlp_classifier import MLPClassifier
    from nncore.estimators._mlp_regressor import MLPRegressor
    from nncore.estimators._net import NetClassifier, NetRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "NetClassifier", "NetRegressor", "Perceptron"]

_HOME = {
    "MLPClassifier": "_mlp_classifier",
    "MLPRegressor": "_mlp_regressor",
    "NetClassifier": "_net",
    "NetRegressor": "_net",
}
_unknown = names_of(__name__)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        _unknown(name)
    try:
        importlib.import_module("sklearn")
    except ImportError as error:
        raise ImportError(f"[{name}] needs scikit-learn: pip install nncore[sklearn]") from error
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
