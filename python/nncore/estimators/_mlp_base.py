"""The fit of MLPClassifier and MLPRegressor: scikit-learn's net, first weights, loss and solvers, on a Trainer."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from nncore.errors import ConfigError, NumericError
from nncore.estimators._base import Data, NetEstimator
from nncore.estimators._parameters import MLP, activations, check_parameters, glorot_factor, hidden_sizes
from nncore.estimators._scikit_learn import dense
from nncore.estimators._solvers import STOCHASTIC, change_rate, minimize_lbfgs, optimizer_for
from nncore.estimators._targets import out_activation
from nncore.estimators._watch import Tasks
from nncore.nn._loss import Loss
from nncore.nn._model import set_link
from nncore.nn._sequential import Sequential
from nncore.nn.layers import BatchNorm1d, Dropout, Linear
from nncore.optim._optimizer import Optimizer
from nncore.train._history import History


class MLPBase(NetEstimator):
    """Base of both."""

    _rate: float  #: of SGD, in scikit-learn's units

    # ---- What a fit leaves ------------------------------------------------------------------------------------------

    def _linear(self) -> list[Linear]:
        if "model_" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} is not fitted: coefs_ and intercepts_ are those of model_")
        return [layer for layer in self.model_ if isinstance(layer, Linear)]

    @property
    def coefs_(self) -> list[Any]:
        """The weights (inputs, outputs) of each layer: views of those of model_."""
        return [layer.weight.T for layer in self._linear()]

    @property
    def intercepts_(self) -> list[Any]:
        """The biases of each layer: views of those of model_."""
        return [layer.bias for layer in self._linear()]

    # ---- The net ----------------------------------------------------------------------------------------------------

    def _net(self, sizes: list[int], random_state: Any) -> Sequential:
        """Linear - [BatchNorm1d] - activation - [Dropout] for each hidden layer, then Linear."""
        where = type(self).__name__
        layers: list[Any] = []
        between = activations(where, self.activation, len(sizes) - 2)
        for n_in, n_out, activation in zip(sizes, sizes[1:-1], between, strict=False):
            layers += [Linear(n_in, n_out), *([BatchNorm1d(n_out)] if self.batch_norm else []), activation]
            layers += [Dropout(self.dropout)] if self.dropout else []
        net = Sequential(*layers, Linear(sizes[-2], sizes[-1]), dtype=self.dtype, seed=0)
        factor = glorot_factor(self.activation)
        linear = [layer for layer in net if isinstance(layer, Linear)]
        for layer, (n_in, n_out) in zip(linear, itertools.pairwise(sizes), strict=True):
            bound = np.sqrt(factor / (n_in + n_out))
            layer.weight = random_state.uniform(-bound, bound, (n_in, n_out)).T
            layer.bias = random_state.uniform(-bound, bound, n_out)
        return net

    def _make_loss(self) -> Loss:
        raise NotImplementedError

    def _scale(self, loss: Loss) -> float:
        """What the loss is of scikit-learn's, whose gradient is that of the sum over outputs."""
        return 1.0

    def _curve(self, loss: Loss, data: Data, batch: int, scale: float) -> Any:
        """scikit-learn's loss of an epoch, from its record."""
        return lambda record: record["loss"] / scale

    def _told(self, value: float, data: Data) -> float:
        """What scikit-learn tells of a loss without penalties."""
        return value

    # ---- The fit ----------------------------------------------------------------------------------------------------

    def _fit(self, X: Any, y: Any, sample_weight: Any, validation_data: Any = None, *, once: bool = False) -> Any:
        with self._all_or_nothing():
            return self._fit_checked(X, y, sample_weight, validation_data, once=once)

    def _fit_checked(self, X: Any, y: Any, sample_weight: Any, validation_data: Any, *, once: bool) -> Any:
        check_parameters(self, MLP)
        hidden = hidden_sizes(type(self).__name__, self.hidden_layer_sizes)
        if once and self.early_stopping:
            raise ConfigError(
                f"[{type(self).__name__}] early_stopping: expected False, as partial_fit does not support it, got True"
            )
        first = "model_" not in self.__dict__ or not (self.warm_start or once)
        X, y = self._checked(X, y, reset=first)
        weights = self._weights(X, y, sample_weight)
        self._prepare(y, first=first)
        loss = self._make_loss()
        random_state = check_random_state(self.random_state)
        if first:
            self._first_net([X.shape[1], *hidden, self._wanted_outputs(y)], random_state, loss)
        else:
            self._refuse_other_net([X.shape[1], *hidden, self._wanted_outputs(y)])
        self.out_activation_, self._loss_link = out_activation(loss), loss.link or "identity"
        data, held_out = Data(X, self._targets_of(y), weights, dense(y)), self._held_out(validation_data)
        tasks = None if once else self._tasks(X, y, sample_weight, self.max_iter)
        if self.solver == "lbfgs":
            self._fit_lbfgs(data, loss, tasks)
        else:
            self._fit_stochastic(data, held_out, loss, random_state, tasks, once=once)
        if tasks is not None:
            tasks.fit_ended()
        if not np.isfinite(self.model_.flat_parameters).all():
            raise NumericError(f"[{type(self).__name__}] fit: expected finite weights, got others (hint: scale X)")
        return self

    def _first_net(self, sizes: list[int], random_state: Any, loss: Loss) -> None:
        self.__dict__.pop("_optimizer", None)
        self.n_layers_, self.n_outputs_ = len(sizes), sizes[-1]
        self.model_ = self._net(sizes, random_state)
        self.n_iter_ = 0
        self._begin_curves()
        if self.solver == "lbfgs":
            for name in ("loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_", "history_"):
                self.__dict__.pop(name, None)

    def _refuse_other_net(self, sizes: list[int]) -> None:
        linear = self._linear()
        there = [linear[0].in_features, *(layer.out_features for layer in linear)]
        if there != sizes:
            raise ConfigError(
                f"[{type(self).__name__}] hidden_layer_sizes: expected the net of the fit before it, {there}, got "
                f"{sizes} (hint: warm_start=False)"
            )
        if not hasattr(self, "loss_curve_") and self.solver != "lbfgs":
            self._begin_curves()

    def _batch(self, n: int) -> int:
        if isinstance(self.batch_size, str):
            return min(200, n)
        if self.batch_size > n:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=5
            )
        return min(int(self.batch_size), n)

    def _fit_stochastic(
        self, data: Data, held_out: Data | None, loss: Loss, random_state: Any, tasks: Tasks | None, *, once: bool
    ) -> None:
        scale = self._scale(loss)
        if not once or "_optimizer" not in self.__dict__:
            self._optimizer = optimizer_for(self, scale)
            self._rate = float(self.learning_rate_init)
        if self.early_stopping and held_out is None:
            data, held_out = self._split(data, random_state)
        batch = self._batch(len(data.X))
        set_rate = None
        if self.solver == "sgd" and self.learning_rate != "constant":

            def set_rate(rate: float) -> None:
                change_rate(self._optimizer, rate / scale)
                self._rate = rate

        watch = self._watch(held_out, self._curve(loss, data, batch, scale), set_rate, tasks)
        if tasks is not None:
            tasks.begin_epoch()
        # Each call of partial_fit has an order and masks of its own.
        seed = (int(random_state.randint(2**31 - 1)) + self.t_) % 2**31
        history = self._train(
            loss,
            data,
            held_out,
            watch,
            1 if once else self.max_iter,
            once=once,
            batch_size=batch,
            shuffle=bool(self.shuffle),
            seed=seed,
            l2=float(self.alpha) * scale,
            penalty_per_sample=True,
        )
        self._keep_history(history, once=once)

    def _keep_history(self, history: History, *, once: bool) -> None:
        self.history_ = history

    def _fit_lbfgs(self, data: Data, loss: Loss, tasks: Tasks | None) -> None:
        """In float64, whatever type the net has: line searches end early with fewer digits."""
        where = type(self).__name__
        for name in ("callbacks", "dropout", "early_stopping"):
            if getattr(self, name):
                usual = "()" if name == "callbacks" else "0" if name == "dropout" else "False"
                raise ConfigError(
                    f"[{where}] {name}: expected {usual} beside solver='lbfgs', got {getattr(self, name)!r}"
                )
        self._begun = True
        net = self.model_.to("float64")
        follow = None
        if tasks is not None:
            tasks.begin_epoch()

            def follow() -> None:
                tasks.epoch_ended(last=False)

        try:
            scale = self._scale(loss)
            arrays = (data.X, data.y, data.weights)
            value, penalty, self.n_iter_ = minimize_lbfgs(self, net, loss, arrays, scale, follow)
            self.loss_ = self._told(value, data) + penalty
        finally:
            net.to(self.dtype)
        set_link(net, loss.link)

    def _check_solver(self) -> bool:
        if self.solver not in STOCHASTIC and not isinstance(self.solver, Optimizer):
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic."
            )
        return True
