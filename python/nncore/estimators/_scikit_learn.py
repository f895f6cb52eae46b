"""What differs between the scikit-learns from 1.4 to 1.9: checks of data, tags, callbacks."""

from __future__ import annotations

from typing import Any, TypeVar

from sklearn.base import BaseEstimator

__all__ = ["NO_Y", "CallbackSupportMixin", "Tagged", "dense", "validated", "with_callbacks"]

try:
    from sklearn.utils.validation import validate_data as _validate_data
except ImportError:  # before 1.6 it was a method
    _validate_data = None

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """An estimator that callbacks of scikit-learn cannot follow."""

    _Method = TypeVar("_Method")

    def with_callbacks(method: _Method) -> _Method:
        """The method as it is."""
        return method


#: No y to check; None is one that is missing.
NO_Y: Any = object()


def validated(estimator: BaseEstimator, X: Any, y: Any = NO_Y, **options: Any) -> Any:
    """X, or X and y, as checked arrays; sets or compares n_features_in_ and feature_names_in_."""
    given = {} if y is NO_Y else {"y": y}
    if _validate_data is not None:
        return _validate_data(estimator, X, **given, **options)
    return estimator._validate_data(X, **given, **options)


def dense(X: Any) -> Any:
    """A sparse matrix as an array, which a Trainer takes."""
    return X.toarray() if hasattr(X, "toarray") else X


class Tagged(CallbackSupportMixin, BaseEstimator):
    """An estimator with the tags of both ways to tell them."""

    _multi_label = False  #: a classifier that takes 0/1 matrices
    _any_rank = False

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = self._any_rank
        return tags

    def _more_tags(self) -> dict[str, Any]:  # before 1.6
        return {"multilabel": self._multi_label, "multioutput": not self._multi_label}
