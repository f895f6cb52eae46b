"""The metrics argument of fit and evaluate, and the meaning of a history's columns."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from nncore import _core
from nncore._support.checks import as_list, describe, encodable
from nncore._support.names import did_you_mean
from nncore.errors import ConfigError

Metric = str | Callable[[Any, Any], float]
#: What the argument `metrics` takes.
ManyMetrics = Iterable[Metric | Mapping[str, Metric]] | Mapping[str, Metric]
_BUILT_IN: tuple[str, ...] = _core.METRICS
_MODES = ("auto", "min", "max")

#: Columns of a history, and of a run, that are no metrics.
FACTS: tuple[str, ...] = _core.FACTS

#: Names that functions cannot have: those of other columns, and of metrics that were measured by name from the first.
#: A function called f1 or auc is measured in place of the metric of that name.
_TAKEN = (*FACTS, "loss", "val", "test", "accuracy", "top5", "mse", "mae", "r2")
_PREFIXES = ("", "val_", "test_")


class DefaultMetrics(tuple[str, ...]):
    """The metrics of a fit that was told none: measured where they can be, where others are errors if they cannot."""

    __slots__ = ()


DEFAULT_METRICS = DefaultMetrics(("accuracy",))


class Metrics(NamedTuple):
    """The requested metrics.

    `accuracy`: None, "default" (where the loss has classes) or "required"; `others`: names and triples (name, function,
    whether it has an argument sample_weight).
    """

    accuracy: str | None
    others: list[Any]

    def columns(self, has_classes: bool, prefixes: Iterable[str]) -> list[str]:
        """The columns of an epoch's record."""
        there = self.accuracy == "required" or (self.accuracy is not None and has_classes)
        names = ["loss", *(["accuracy"] if there else [])]
        names += [other if isinstance(other, str) else other[0] for other in self.others]
        return [*(prefix + name for prefix in prefixes for name in names), "lr", "seconds"]


def metrics_of(where: str, given: ManyMetrics) -> Metrics:
    """Checked metrics: names of built-in ones, functions f(y_true, outputs), which go by their `__name__`, and dicts of
    such functions by other names."""
    found: dict[str, Any] = {}
    taken = {prefix + "loss" for prefix in _PREFIXES}
    for name, item in _named(where, given):
        if not isinstance(name, str) or not encodable(name):
            raise ConfigError(f"[{where}] metrics: expected functions with names of whole characters, got {name!r}")
        columns = {prefix + name for prefix in _PREFIXES}
        if columns & taken or (not isinstance(item, str) and name in _TAKEN):
            hint = '(a dict gives names: metrics={"name": function})'
            raise ConfigError(f"[{where}] metrics: expected different names, got {name!r} again {hint}")
        taken |= columns
        found[name] = item
    others = [
        name if isinstance(item, str) else (name, item, _takes_weights(item))
        for name, item in found.items()
        if name != "accuracy"
    ]
    measured = "default" if isinstance(given, DefaultMetrics) else "required"
    return Metrics(measured if "accuracy" in found else None, others)


def _named(where: str, given: Any) -> Iterator[tuple[Any, Any]]:
    """Each metric with its name."""
    items = [given] if isinstance(given, Mapping) else None if isinstance(given, str) else as_list(given)
    if items is None or (not items and not isinstance(given, (list, tuple))):
        raise ConfigError(f"[{where}] metrics: expected a list of names, or functions by name, got {describe(given)}")
    for item in items:
        pairs = list(item.items()) if isinstance(item, Mapping) else [(_name_of(item), item)]
        for name, metric in pairs:
            function = callable(metric) and not isinstance(metric, type)
            if not function and not (isinstance(metric, str) and metric == name and metric in _BUILT_IN):
                expected = f"names of {_BUILT_IN} or functions"
                unknown = isinstance(metric, str) and metric not in _BUILT_IN
                mend = did_you_mean(metric.removesuffix("_score"), _BUILT_IN) if unknown else ""
                raise ConfigError(f"[{where}] metrics: expected {expected}, got {describe(metric)}{mend}")
            yield name, metric


def _takes_weights(metric: Callable[..., Any]) -> bool:
    try:
        return "sample_weight" in inspect.signature(metric).parameters
    except (TypeError, ValueError):  # a builtin without a signature
        return False


def _name_of(metric: Any) -> str:
    return metric if isinstance(metric, str) else str(getattr(metric, "__name__", type(metric).__name__))


def quantity(column: str) -> str:
    """A column's name without the prefix of its data: "loss" for "val_loss"."""
    name: str = _core.quantity(column)
    return name


def is_metric(column: str) -> bool:
    """Whether a column of a history is a metric other than the loss."""
    return quantity(column) not in (*FACTS, "loss")


def has_curve(column: str) -> bool:
    """Whether a column of a history is drawn over the epochs: all but the epoch's number and its duration."""
    return column not in ("epoch", "seconds")


def larger_is_better(where: str, column: str, mode: object = "auto") -> bool:
    """Whether larger values of a column are better. ConfigError for "auto" where the column's name does not tell.

    The names that do, after "val_" or "test_": accuracy, balanced_accuracy, top5, r2, f1, precision, recall and auc, of
    which more is better; loss, names that end in _loss, mse, mae and perplexity, of which less is better.
    """
    if not isinstance(mode, str) or mode not in _MODES:
        raise ConfigError(f"[{where}] mode: expected one of {_MODES}, got {describe(mode)}")
    larger: bool = _core.larger_is_better(f"[{where}]", column, mode)
    return larger


def known_direction(column: str) -> bool | None:
    """Whether larger values of a column are better; None where its name does not tell."""
    larger: bool | None = _core.known_direction(column)
    return larger
