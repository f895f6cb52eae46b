"""Checks of true and predicted labels."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore._support import checks
from nncore._support.labels import IGNORED
from nncore.errors import ConfigError, NumericError, ShapeError
from nncore.nn._model import Model, ignored_of


def labels_for(where: str, name: str, value: Any, count: int | None = None) -> NDArray[np.int64]:
    """`value` as labels (N,): `count` of them, or at least one."""
    labels = checks.real_array(where, name, value, kinds="biu")
    if labels.ndim != 1 or (len(labels) == 0 if count is None else len(labels) != count):
        hint = f"; use {name}.ravel()" if labels.ndim == 2 and labels.shape[1] == 1 else ""
        raise ShapeError(f"[{where}] {name}: expected ({'N' if count is None else count},), got {labels.shape}{hint}")
    return labels.astype(np.int64)


def counted(where: str, name: str, model: Any, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which labels count: not those that the model's loss ignores, which is -100 where the model does not tell.

    A model with `classes_` knows its classes itself.
    """
    known = getattr(model, "classes_", None)
    if known is not None:
        ignored = None if IGNORED in np.asarray(known) else IGNORED
    else:
        ignored = ignored_of(model) if isinstance(model, Model) else IGNORED
    there = np.full(labels.shape, True) if ignored is None else labels != ignored
    if not there.any():
        raise ConfigError(f"[{where}] {name}: expected labels that count, got {ignored} alone, which is ignored")
    return there


def predicted(where: str, model: Any, samples: Any) -> NDArray[np.int64]:
    """The labels that the model predicts for the samples, checked; NumericError where it has none."""
    if not callable(getattr(model, "predict", None)) or isinstance(model, type):
        raise ConfigError(f"[{where}] model: expected an object with predict, got {checks.describe(model)}")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", r"\[predict\]", RuntimeWarning)  # of rows without a label
        try:
            said = np.asarray(model.predict(samples))
        except RuntimeWarning as warning:
            raise NumericError(f"[{where}] model: expected a label for each sample; {warning}") from None
    if said.dtype.kind not in "biu" or said.shape != (len(samples),):
        got = checks.describe(said)
        raise ConfigError(f"[{where}] model: expected predict to return integer labels ({len(samples)},), got {got}")
    return said.astype(np.int64)
