"""NetClassifier and NetRegressor: any net as an estimator of scikit-learn."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import _check_partial_fit_first_call

from nncore._support.checks import describe
from nncore._support.names import keywords
from nncore.errors import ConfigError, ShapeError
from nncore.estimators._base import Data, NetEstimator
from nncore.estimators._classifier import Classifier
from nncore.estimators._parameters import NET, check_parameters
from nncore.estimators._regressor import Regressor
from nncore.estimators._scikit_learn import dense, with_callbacks
from nncore.estimators._targets import Labels, classifier_targets, out_activation, own_loss, takes_labels
from nncore.nn._loss import Loss
from nncore.nn._model import Model
from nncore.nn._models import mlp
from nncore.nn.layers import LogSoftmax
from nncore.nn.losses import BCEWithLogitsLoss, CrossEntropyLoss, MSELoss, NLLLoss
from nncore.optim._optimizer import Optimizer, fresh
from nncore.optim.optimizers import Adam


def _default_net(input_shape: tuple[int, ...], n_outputs: int, seed: int) -> Model:
    """One hidden layer of 100, for rows of numbers."""
    if len(input_shape) != 1:
        raise ConfigError(f"[NetEstimator] net: expected a net for samples of shape {input_shape}, got None")
    return mlp([input_shape[0], 100, n_outputs], seed=seed)


class NetBase(NetEstimator):
    """Base of both."""

    _any_rank = True
    _x_options: ClassVar[dict[str, Any]] = {"accept_sparse": ["csr", "csc"], "dtype": "numeric", "allow_nd": True}

    def _net(self, input_shape: tuple[int, ...], n_outputs: int, seed: int) -> Any:
        """A copy of the net with first numbers of the seed, or what the function makes."""
        where = type(self).__name__
        make = _default_net if self.net is None else self.net
        if isinstance(make, Model):
            net = make.copy()
            net.initialize(seed)
            return net
        if isinstance(make, type) or not callable(make):
            raise ConfigError(
                f"[{where}] net: expected a Sequential or a function (input_shape, n_outputs, seed) -> Sequential, got "
                f"{describe(make)}"
            )
        try:
            inspect.signature(make).bind(input_shape, n_outputs, seed)
        except TypeError as error:
            raise ConfigError(
                f"[{where}] net: expected a function (input_shape, n_outputs, seed) -> Sequential, got "
                f"{describe(make)}: {error}"
            ) from None
        made = make(input_shape, n_outputs, seed)
        if not isinstance(made, Model):
            raise ConfigError(f"[{where}] net: expected its function to return a Sequential, got {describe(made)}")
        return made

    def _make_loss(self, n_outputs: int) -> Loss:
        raise NotImplementedError

    def _fit(self, X: Any, y: Any, sample_weight: Any, validation_data: Any = None, *, once: bool = False) -> Any:
        with self._all_or_nothing():
            return self._fit_checked(X, y, sample_weight, validation_data, once=once)

    def _fit_checked(self, X: Any, y: Any, sample_weight: Any, validation_data: Any, *, once: bool) -> Any:
        check_parameters(self, NET)
        where = type(self).__name__
        if once and self.early_stopping:
            raise ConfigError(f"[{where}] early_stopping: expected False, as partial_fit does not support it, got True")
        first = "model_" not in self.__dict__ or not (self.warm_start or once)
        X, y = self._checked(X, y, reset=first)
        weights = self._weights(X, y, sample_weight)
        self._prepare(y, first=first)
        random_state = check_random_state(self.random_state)
        if first:
            self._first_net(X, y, random_state)
        elif X.shape[1:] != self._input_shape:
            raise ShapeError(f"[{where}] X: expected samples of shape {self._input_shape}, got {X.shape[1:]}")
        loss = self._make_loss(self.n_outputs_)
        self.out_activation_, self._loss_link = out_activation(loss), loss.link or "identity"
        data, held_out = Data(X, self._targets_of(y), weights, dense(y)), self._held_out(validation_data)
        if self.early_stopping and held_out is None:
            data, held_out = self._split(data, random_state)
        if not once or "_optimizer" not in self.__dict__:
            self._optimizer = Adam() if self.optimizer is None else fresh(self.optimizer)
        tasks = None if once else self._tasks(X, y, sample_weight, self.max_epochs)
        if tasks is not None:
            tasks.begin_epoch()
        self.history_ = self._train(
            loss,
            data,
            held_out,
            self._watch(held_out, lambda record: record["loss"], None, tasks),
            1 if once else self.max_epochs,
            once=once,
            batch_size=self.batch_size,
            shuffle=bool(self.shuffle),
            seed=(int(random_state.randint(2**31 - 1)) + self.t_) % 2**31,
            l2=float(self.l2),
        )
        if tasks is not None:
            tasks.fit_ended()
        return self

    def _first_net(self, X: Any, y: Any, random_state: Any) -> None:
        self.__dict__.pop("_optimizer", None)
        wanted = self._wanted_outputs(y)
        net = self._net(X.shape[1:], wanted, int(random_state.randint(2**31 - 1)))
        z = net(X[:1])
        if z.ndim != 2 or not self._fits(z.shape[1], wanted):
            raise ShapeError(
                f"[{type(self).__name__}] net: expected {wanted} outputs, as y has it, got outputs {z.shape}"
            )
        self.model_, self.n_outputs_, self._input_shape = net, z.shape[1], X.shape[1:]
        self.n_iter_ = 0
        self._begin_curves()

    def _fits(self, there: int, wanted: int) -> bool:
        return there == wanted


class NetClassifier(Classifier, NetBase):
    """Any net as a classifier of scikit-learn; X may have any rank.

    Parameters
    ----------
    net : Sequential, or function (input_shape, n_outputs, seed) -> Sequential
        A Sequential is copied, and initialised anew at each fit. None: one hidden layer of 100. input_shape is that
        of a sample, n_outputs the number of classes or labels.
    loss : Loss, optional
        None: cross-entropy; of a sigmoid for one output and for several labels.
    optimizer : Optimizer, optional
        A copy is used, without its state. None: Adam().
    batch_size : int or None, default 32
        None: all samples.
    max_epochs : int, default 10
    early_stopping : bool, default False
        Follows the score of held-out data, and gives the weights of the best epoch back.
    validation_fraction : float, default 0.1
    class_weight : dict, "balanced" or None
    callbacks : nc.callbacks, functions
    random_state : int, RandomState or None
        Of first numbers, the held-out part, orders and dropout.
    shuffle : bool, default True
    l2 : float, default 0
        As the Trainer's.
    tol : float, default 0.0001
        The fit ends when n_iter_no_change epochs in a row lowered the loss, or raised the score, by less.
    n_iter_no_change : int, default 10
    warm_start, verbose : bool, default False
    num_threads : int, optional

    Attributes
    ----------
    classes_ : array
    model_, history_
    n_iter_, t_, loss_, loss_curve_, best_loss_, validation_scores_, best_validation_score_, n_features_in_
        As those of MLPClassifier.

    Notes
    -----
    Where all samples, 256 at most, make one batch, a float32 net computes in float64, and is rounded at the end of the
    fit.

    Examples
    --------
    >>> from nncore.estimators import NetClassifier
    >>> X, y = nc.datasets.make_moons(200, noise=0.1, seed=0)
    >>> net = nc.Sequential(nc.Linear(2, 20), nc.ReLU(), nc.Linear(20, 2), seed=0)
    >>> bool(NetClassifier(net, optimizer=nc.Adam(0.05), random_state=0).fit(X, y).score(X, y) > 0.95)
    True
    """

    @keywords(
        epochs="max_epochs", max_iter="max_epochs", lr="optimizer=nc.Adam(lr)", module="net", model="net", alpha="l2"
    )
    def __init__(
        self,
        net: Any = None,
        *,
        loss: Loss | None = None,
        optimizer: Optimizer | None = None,
        batch_size: int | None = 32,
        max_epochs: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        class_weight: Any = None,
        callbacks: Any = (),
        random_state: Any = None,
        shuffle: bool = True,
        l2: float = 0.0,
        tol: float = 1e-4,
        n_iter_no_change: float = 10,
        warm_start: bool = False,
        verbose: bool = False,
        num_threads: int | None = None,
    ) -> None:
        self.net = net
        self.loss = loss
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.class_weight = class_weight
        self.callbacks = callbacks
        self.random_state = random_state
        self.shuffle = shuffle
        self.l2 = l2
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.verbose = verbose
        self.num_threads = num_threads

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Any = None) -> NetClassifier:
        """Trains the net, from first numbers of random_state; returns itself. As MLPClassifier's, for X (N, …)."""
        fitted: NetClassifier = self._fit(X, y, sample_weight, validation_data)
        return fitted

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> NetClassifier:
        """One epoch on X and y, with the optimizer's state of the last call; returns itself.

        classes : all labels there will be, for the first call.
        """
        with self._all_or_nothing():
            if _check_partial_fit_first_call(self, classes):
                self._labels = Labels(y, classes)
            fitted: NetClassifier = self._fit(X, y, sample_weight, once=True)
        return fitted

    def _strata(self, data: Data) -> Any:
        """The classes, where both parts have room for each."""
        if self._labels.several:
            return None
        counts = np.unique(data.given, return_counts=True)[1]
        held_out = int(np.ceil(self.validation_fraction * len(data.X)))
        room = counts.min() >= 2 and len(counts) <= min(held_out, len(data.X) - held_out)
        return data.given if room else None

    def _wanted_outputs(self, y: Any) -> int:
        labels = self._labels
        if not labels.several and self.loss is not None and not takes_labels(self.loss, labels):
            return 1 if len(labels.classes) <= 2 else len(labels.classes)
        return len(labels.classes) if labels.several else max(2, len(labels.classes))

    def _fits(self, there: int, wanted: int) -> bool:
        one_for_two = not self._labels.several and len(self.classes_) <= 2 and there in (1, 2)
        return there == wanted or one_for_two

    def _make_loss(self, n_outputs: int) -> Loss:
        if self.loss is not None:
            return own_loss(type(self).__name__, self.loss)
        if self._labels.several or n_outputs == 1:
            return BCEWithLogitsLoss()
        return NLLLoss() if isinstance(self.model_[-1], LogSoftmax) else CrossEntropyLoss()

    def _targets_of(self, y: Any) -> Any:
        return classifier_targets(self._labels, self._make_loss(self.n_outputs_), y, self.n_outputs_)


class NetRegressor(Regressor, NetBase):
    """Any net as a regressor of scikit-learn; X may have any rank.

    Parameters
    ----------
    net : Sequential, or function (input_shape, n_outputs, seed) -> Sequential
        A Sequential is copied, and initialised anew at each fit. None: one hidden layer of 100. input_shape is that
        of a sample, n_outputs that of targets.
    loss : Loss, optional
        None: MSELoss().
    optimizer : Optimizer, optional
        A copy is used, without its state. None: Adam().
    batch_size : int or None, default 32
        None: all samples.
    max_epochs : int, default 10
    early_stopping : bool, default False
        Follows the score of held-out data, and gives the weights of the best epoch back.
    validation_fraction : float, default 0.1
    callbacks : nc.callbacks, functions
    random_state : int, RandomState or None
        Of first numbers, the held-out part, orders and dropout.
    shuffle : bool, default True
    l2 : float, default 0
        As the Trainer's.
    tol : float, default 0.0001
        The fit ends when n_iter_no_change epochs in a row lowered the loss, or raised the score, by less.
    n_iter_no_change : int, default 10
    warm_start, verbose : bool, default False
    num_threads : int, optional

    Attributes
    ----------
    model_, history_
    n_iter_, t_, loss_, loss_curve_, best_loss_, validation_scores_, best_validation_score_, n_features_in_
        As those of MLPRegressor.

    Notes
    -----
    Where all samples, 256 at most, make one batch, a float32 net computes in float64, and is rounded at the end of the
    fit.

    Examples
    --------
    >>> from nncore.estimators import NetRegressor
    >>> X = np.linspace(-1, 1, 200)[:, None]
    >>> net = nc.mlp([1, 20, 1], "tanh", seed=0)
    >>> model = NetRegressor(net, optimizer=nc.Adam(0.02), max_epochs=100, random_state=0)
    >>> bool(model.fit(X, X[:, 0] ** 2).score(X, X[:, 0] ** 2) > 0.95)
    True
    """

    @keywords(
        epochs="max_epochs", max_iter="max_epochs", lr="optimizer=nc.Adam(lr)", module="net", model="net", alpha="l2"
    )
    def __init__(
        self,
        net: Any = None,
        *,
        loss: Loss | None = None,
        optimizer: Optimizer | None = None,
        batch_size: int | None = 32,
        max_epochs: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        callbacks: Any = (),
        random_state: Any = None,
        shuffle: bool = True,
        l2: float = 0.0,
        tol: float = 1e-4,
        n_iter_no_change: float = 10,
        warm_start: bool = False,
        verbose: bool = False,
        num_threads: int | None = None,
    ) -> None:
        self.net = net
        self.loss = loss
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.callbacks = callbacks
        self.random_state = random_state
        self.shuffle = shuffle
        self.l2 = l2
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.verbose = verbose
        self.num_threads = num_threads

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Any = None) -> NetRegressor:
        """Trains the net, from first numbers of random_state; returns itself. As MLPRegressor's, for X (N, …)."""
        fitted: NetRegressor = self._fit(X, y, sample_weight, validation_data)
        return fitted

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> NetRegressor:
        """One epoch on X and y, with the optimizer's state of the last call; returns itself."""
        fitted: NetRegressor = self._fit(X, y, sample_weight, once=True)
        return fitted

    def _make_loss(self, n_outputs: int) -> Loss:
        return MSELoss() if self.loss is None else own_loss(type(self).__name__, self.loss)
