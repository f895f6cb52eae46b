"""What all estimators share: arrays checked, classes weighted, held-out data, one fit of a Trainer, outputs."""

from __future__ import annotations

import contextlib
import functools
import math
import warnings
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from nncore._support.checks import as_list, describe
from nncore.errors import ConfigError
from nncore.estimators._scikit_learn import Tagged, dense, validated
from nncore.estimators._watch import Tasks, Watch
from nncore.nn._loss import Loss
from nncore.nn._model import layers_of
from nncore.nn._sequential import Sequential
from nncore.nn.layers import BatchNorm1d, BatchNorm2d
from nncore.optim._optimizer import Optimizer
from nncore.train._history import History
from nncore.train._trainer import Trainer, tell_no_scales

#: A fit in one batch of at most so many samples is computed in float64: see NetEstimator._train.
_FEW = 256
_FLOATS = (np.float64, np.float32)


def _needs_two(layer: Any) -> bool:
    return isinstance(layer, (BatchNorm1d, BatchNorm2d))


class Data(NamedTuple):
    """Samples, targets as the loss takes them, and weights; `given` are the targets as scores take them."""

    X: Any
    y: Any
    weights: Any
    given: Any


class NetEstimator(Tagged):
    """Base of the estimators: subclasses say how the net is made, and what their targets are."""

    model_: Sequential
    history_: History
    loss_curve_: list[float]
    best_loss_: float | None
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    _optimizer: Optimizer
    _loss_link: str | None
    _x_options: ClassVar[dict[str, Any]] = {"accept_sparse": ["csr", "csc"], "dtype": _FLOATS}

    def _more_options(self) -> dict[str, Any]:
        return {"multi_output": True}

    # ---- Data -------------------------------------------------------------------------------------------------------

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        X, y = validated(self, X, y, reset=reset, **self._x_options, **self._more_options())
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return dense(X), y

    def _weights(self, X: Any, y: Any, sample_weight: Any) -> Any:
        """sample_weight times class_weight; None where neither is given."""
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        classes = getattr(self, "class_weight", None)
        if classes is None:
            return weights
        own = compute_sample_weight(classes, y)
        return own if weights is None else weights * own

    def _held_out(self, validation_data: Any) -> Data | None:
        """validation_data, checked as X and y are."""
        if validation_data is None:
            return None
        items = as_list(validation_data)
        if items is None or len(items) not in (2, 3):
            raise ConfigError(
                f"[{type(self).__name__}] validation_data: expected (X, y) or (X, y, sample_weight), "
                f"got {describe(validation_data)}"
            )
        X, y = self._checked(items[0], items[1], reset=False)
        self._check_held_out(y)
        weights = None if len(items) == 2 or items[2] is None else _check_sample_weight(items[2], X)
        return Data(X, self._targets_of(y), weights, dense(y))

    def _prepare(self, y: Any, *, first: bool) -> None:
        """Learns what there is to know of the targets."""

    def _wanted_outputs(self, y: Any) -> int:
        """How many outputs the net has for these targets."""
        raise NotImplementedError

    def _check_held_out(self, y: Any) -> None:
        """An error for targets that the training data have not."""

    def _targets_of(self, y: Any) -> Any:
        """The targets as the loss takes them."""
        raise NotImplementedError

    def _strata(self, data: Data) -> Any:
        """What both parts have the same shares of, as in scikit-learn: two classes, but not more."""
        return data.y[:, 0] if self._of_classes and np.ndim(data.y) == 2 and data.y.shape[1] == 1 else None

    def _split(self, data: Data, random_state: Any) -> tuple[Data, Data]:
        """Training data and held-out ones, as scikit-learn's MLPs draw them."""
        arrays = [item for item in data if item is not None]
        parts = train_test_split(
            *arrays,
            random_state=random_state,
            test_size=self.validation_fraction,
            stratify=self._strata(data),
        )
        if data.weights is None:
            parts[4:4] = [None, None]
        train, held_out = Data(*parts[::2]), Data(*parts[1::2])
        if len(held_out.X) < 2:
            raise ConfigError(
                f"[{type(self).__name__}] validation_fraction: expected at least two held-out samples, got "
                f"{len(held_out.X)} of {len(data.X)} (hint: a larger validation_fraction, or validation_data)"
            )
        return train, held_out

    @contextlib.contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """An error before the first epoch is over leaves the estimator as it was, but for scikit-learn's callbacks."""
        before = dict(self.__dict__)
        try:
            yield
        except BaseException:
            if "_begun" not in self.__dict__:
                callbacks = {key: value for key, value in self.__dict__.items() if "callback" in key and key[0] == "_"}
                self.__dict__.clear()
                self.__dict__.update({**before, **callbacks})
            raise
        finally:
            self.__dict__.pop("_begun", None)

    # ---- The fit ----------------------------------------------------------------------------------------------------

    def _begin_curves(self) -> None:
        """The attributes of a first fit; a warm start goes on with them."""
        self.loss_curve_ = []
        self.t_ = self._no_improvement_count = 0
        early = self.early_stopping
        self.best_loss_ = None if early else np.inf
        self.validation_scores_ = [] if early else None
        self.best_validation_score_ = -np.inf if early else None

    def _score_of(self, held_out: Data, record: dict[str, float]) -> float:
        """The score of the held-out data after an epoch."""
        raise NotImplementedError

    def _watch(self, held_out: Data | None, loss_of: Any, set_rate: Any, tasks: Any) -> Watch:
        score = None
        if self.early_stopping and held_out is not None:
            score = functools.partial(self._score_of, held_out)
        watch = Watch(self, self.model_, loss_of, score, set_rate, tasks)
        if score is not None:  # where no epoch is better, the net stays as it was
            watch.best_state = self.model_.state_dict()
        return watch

    def _train(
        self,
        loss: Loss,
        data: Data,
        held_out: Data | None,
        watch: Watch,
        epochs: int,
        *,
        once: bool = False,
        **options: Any,
    ) -> History:
        """One fit of a Trainer.

        A float32 net that sees few samples, all in one batch, computes in float64 and is rounded at the end: integer
        weights then do what repeated samples do, to the last digits, and it costs nothing.
        """
        net, dtype, n = self.model_, self.model_.dtype, len(data.X)
        whole = not once and n <= _FEW and (options["batch_size"] or n) >= n
        watch.n_samples = n
        if n % (options["batch_size"] or n) == 1 and n > 1 and any(map(_needs_two, layers_of(net).values())):
            options["drop_last"] = True  # a batch of one sample has no variance
        if whole:
            net.to("float64")
        try:
            trainer = Trainer(net, loss, self._optimizer, num_threads=self.num_threads, **options)
            tell_no_scales(trainer)
            history = trainer.fit(
                data.X,
                data.y,
                epochs,
                sample_weight=data.weights,
                validation_data=None if held_out is None else held_out[: 2 if held_out.weights is None else 3],
                metrics=("accuracy",) if self._counts_right(loss) else (),
                callbacks=[watch, *(as_list(self.callbacks) or self._refuse_callbacks())],
                progress=False,
            )
        finally:
            if watch.best_state is not None:
                net.load_state_dict(watch.best_state)
            net.to(dtype)
        if history.interrupted:
            warnings.warn("Training interrupted by user.", stacklevel=4)
        elif not once and not watch.stopped and watch.n_epochs == epochs:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({epochs}) reached and the optimization hasn't converged "
                "yet.",
                ConvergenceWarning,
                stacklevel=4,
            )
        return history

    _of_classes = False

    def _counts_right(self, loss: Loss) -> bool:
        """Whether the Trainer measures the accuracy."""
        return self._of_classes

    def _refuse_callbacks(self) -> list[Any]:
        if as_list(self.callbacks) is None:
            got = describe(self.callbacks)
            raise ConfigError(f"[{type(self).__name__}] callbacks: expected a list of functions, got {got}")
        return []

    def _tasks(self, X: Any, y: Any, weights: Any, max_subtasks: int) -> Tasks | None:
        """For scikit-learn's callbacks, where it has them and some are set."""
        if not hasattr(self, "_init_callback_context"):
            return None
        context = self._init_callback_context(max_subtasks=max_subtasks)
        if not getattr(self, "_skl_callbacks", None):
            return None
        return Tasks(self, context, max_subtasks, X, y, weights, lambda: {"model_": self.model_.copy()})

    # ---- Outputs ----------------------------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> tuple[Any, Any]:
        """The net's raw outputs for X, and the type that predictions have: float32 for X of float32."""
        if not self._plain(X):
            check_is_fitted(self)
            X = dense(validated(self, X, reset=False, **self._x_options))
        z = self.model_(X)
        return z, np.float32 if X.dtype == np.float32 else np.float64

    def _plain(self, X: Any) -> bool:
        """Whether X needs no more checks: finite floats of the right shape, and no names of columns to compare."""
        return (
            type(X) is np.ndarray
            and X.dtype in _FLOATS
            and X.ndim == 2
            and len(X) > 0
            and X.shape[1] == getattr(self, "n_features_in_", -1)
            and not hasattr(self, "feature_names_in_")
            and hasattr(self, "model_")
            and math.isfinite(X.sum() if X.size < 4096 else math.nan)
        )
