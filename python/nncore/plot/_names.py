"""Names of classes and features in plots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore._support import checks
from nncore.errors import ConfigError
from nncore.plot._style import plain

_IN_A_ROW = 45  # characters below an axis


def class_texts(where: str, names: Any, classes: NDArray[Any], *, argument: str = "class_names") -> list[str] | None:
    """The name of each of the labels `classes`, ascending; None without names.

    Names are a dict label -> name, where a missing label stands for itself; or as many as there are classes, in
    ascending order of the labels; or, where some labels 0 … K-1 do not occur, K of them.
    """
    if names is None:
        return None
    if isinstance(names, Mapping) and not set(names).isdisjoint(classes.tolist()):
        return [str(names.get(label, label)) for label in classes.tolist()]
    row = None if isinstance(names, Mapping) else _row(names)
    if row is not None and len(row) == len(classes):
        return row
    known = classes.dtype.kind in "iu" and len(classes) and classes.min() >= 0
    if row is not None and known and classes.max() < len(row):
        return [row[label] for label in classes]
    raise ConfigError(
        f"[{where}] {argument}: expected {len(classes)} texts, for the labels {checks.describe(classes.tolist())}, "
        f"or a dict label -> text, got {checks.describe(names)}"
    )


def feature_texts(where: str, names: Any, X: Any, count: int, *, argument: str = "feature_names") -> list[str] | None:
    """The names of `count` columns: those given, else those of a DataFrame or Series; None if there are neither."""
    if names is None:
        columns = getattr(X, "columns", None)
        name = getattr(X, "name", None)
        row = [name] if columns is None and isinstance(name, str) else None if columns is None else _row(columns)
        return [plain(name) for name in row] if row is not None and len(row) == count else None
    row = [names] if isinstance(names, str) and count == 1 else _row(names)
    if row is None or len(row) != count:
        raise ConfigError(f"[{where}] {argument}: expected {count} texts, got {checks.describe(names)}")
    return [plain(name) for name in row]


def _row(names: Any) -> list[str] | None:
    row = None if isinstance(names, (str, bytes, Mapping)) else checks.as_list(names)
    return None if row is None else [str(name) for name in row]


def legend_texts(classes: NDArray[Any], texts: list[str] | None) -> dict[Any, str]:
    """label -> what the legend says: its name, else "class 0"."""
    shown = [f"class {label}" for label in classes.tolist()] if texts is None else list(map(plain, texts))
    return dict(zip(classes.tolist(), shown, strict=True))


def tick_texts(classes: NDArray[Any], texts: list[str] | None) -> list[str]:
    """What ticks say: names, else the labels."""
    return list(map(str, classes.tolist())) if texts is None else texts


def of_model(model: Any, X: Any) -> Any:
    """X, or what knows the names of its columns: an estimator that was fitted to a DataFrame."""
    known = getattr(model, "feature_names_in_", None)
    return X if known is None or hasattr(X, "columns") else _Columns(known)


class _Columns:
    def __init__(self, columns: Any) -> None:
        self.columns = np.asarray(columns)


def like(X: Any, grid: NDArray[Any]) -> Any:
    """Samples `grid` (M, F) as X has them: with the columns of a DataFrame, which estimators ask for."""
    return type(X)(grid, columns=X.columns) if hasattr(X, "columns") and hasattr(X, "iloc") else grid


def turned(texts: list[str]) -> dict[str, Any]:
    """The style of tick labels below an axis: slanted if they would not fit side by side."""
    return {"rotation": 45, "ha": "right"} if len(texts) * max(map(len, texts)) > _IN_A_ROW else {}
