"""MLPClassifier: scikit-learn's multilayer perceptron for classes, trained by nncore."""

from __future__ import annotations

from typing import Any

from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call

from nncore._support.names import keywords
from nncore.estimators._classifier import Classifier
from nncore.estimators._mlp_base import MLPBase
from nncore.estimators._scikit_learn import with_callbacks
from nncore.estimators._targets import Labels, classifier_loss, classifier_targets, own_loss, takes_labels
from nncore.nn._loss import Loss
from nncore.nn.losses import PerceptronLoss
from nncore.optim._optimizer import Optimizer


class MLPClassifier(Classifier, MLPBase):
    """A multilayer perceptron that classifies: scikit-learn's MLPClassifier, trained by nncore.

    With the same settings, dtype="float64", shuffle=False and one output or class each, all numbers are those of
    scikit-learn to rounding. Labels may be of any type, or a 0/1 matrix of several labels.

    Parameters
    ----------
    hidden_layer_sizes : integers, default (100,)
    activation : str, layer, or one for each hidden layer, default "relu"
        "relu", "logistic", "tanh", "identity" or any activation of nncore, as "gelu" or nc.LeakyReLU(0.2).
    solver : {"adam", "sgd", "lbfgs"} or Optimizer, default "adam"
        "lbfgs" is SciPy's L-BFGS-B on the gradient of all samples, computed in float64.
    alpha : float, default 0.0001
        Adds alpha/2 ΣW² / n to a batch's loss; n is its number of samples, or the sum of their weights.
    batch_size : int, default "auto"
        min(200, N).
    learning_rate : {"constant", "invscaling", "adaptive"}
        Of "sgd": learning_rate_init; learning_rate_init / (samples seen + 1)^power_t after each epoch; a fifth of it
        whenever n_iter_no_change epochs brought nothing.
    learning_rate_init : float, default 0.001
    power_t : float, default 0.5
    max_iter : int, default 200
        Epochs at most; iterations of "lbfgs".
    shuffle : bool, default True
    random_state : int, RandomState or None
        Of first weights (Glorot's uniform, biases, too), the held-out part, orders and dropout.
    tol : float, default 0.0001
        The fit ends when n_iter_no_change epochs in a row lowered the loss, or raised the score, by less.
    verbose, warm_start : bool, default False
    momentum : float, default 0.9
    nesterovs_momentum : bool, default True
        Of "sgd".
    early_stopping : bool, default False
        Follows the score of held-out data, and gives the weights of the best epoch back.
    validation_fraction : float, default 0.1
    beta_1, beta_2, epsilon : float, default 0.9, 0.999, 1e-8
        Of "adam".
    n_iter_no_change : int, default 10
    max_fun : int, default 15000
        Evaluations of "lbfgs" at most.
    dropout : float in [0, 1), default 0
        Fraction dropped after each hidden layer.
    batch_norm : bool, default False
        A BatchNorm1d before each activation.
    class_weight : dict, "balanced" or None
    loss : Loss, optional
        In place of the cross-entropy, as nc.CrossEntropyLoss(label_smoothing=0.1).
    callbacks : nc.callbacks, functions
        As those of Trainer.fit.
    dtype : {"float32", "float64"}
        Of the net. Where all samples, 256 at most, make one batch, a float32 net computes in float64, and is rounded
        at the end of the fit.
    num_threads : int, optional

    Attributes
    ----------
    classes_ : array
    coefs_, intercepts_ : lists of arrays
        Weights (inputs, outputs) and biases of each layer: views of those of model_.
    n_iter_, t_ : int
        Epochs of the last fit, and samples seen in all.
    loss_, loss_curve_, best_loss_
        The loss of the last epoch, of each, and the least; the mean over an epoch's samples, each batch before its
        step. With weights a batch counts by their sum (in scikit-learn by its samples).
    validation_scores_, best_validation_score_
        With early_stopping.
    n_features_in_, feature_names_in_, n_outputs_, n_layers_, out_activation_
    history_ : History
        Curves of the last fit, of validation_data, too; not of "lbfgs".
    model_ : Sequential
        The net: for nc.plot, save, export_c.

    Examples
    --------
    >>> from nncore.estimators import MLPClassifier
    >>> X, y = nc.datasets.make_moons(200, noise=0.1, seed=0)
    >>> bool(MLPClassifier((20,), learning_rate_init=0.05, random_state=0).fit(X, y).score(X, y) > 0.95)
    True
    """

    @keywords(epochs="max_iter", lr="learning_rate_init", optimizer="solver=nc.Adam(…)", sizes="hidden_layer_sizes")
    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str | Optimizer = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        max_fun: int = 15000,
        dropout: float = 0.0,
        batch_norm: bool = False,
        class_weight: Any = None,
        loss: Loss | None = None,
        callbacks: Any = (),
        dtype: str = "float32",
        num_threads: int | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.class_weight = class_weight
        self.loss = loss
        self.callbacks = callbacks
        self.dtype = dtype
        self.num_threads = num_threads

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Any = None) -> MLPClassifier:
        """Learns from X (N, features) and y (N,) or (N, labels); returns itself.

        Parameters
        ----------
        X : array or sparse matrix (N, features)
        y : array (N,) of labels of any type, or a 0/1 matrix (N, labels)
        sample_weight : array (N,) of numbers >= 0, optional
            The loss of a batch is sum s l / sum s.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Evaluated after each epoch for history_; with early_stopping it takes the place of the held-out part.
        """
        fitted: MLPClassifier = self._fit(X, y, sample_weight, validation_data)
        return fitted

    @available_if(lambda estimator: estimator._check_solver())
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> MLPClassifier:
        """One epoch on X and y, with the optimizer's state of the last call; returns itself.

        classes : all labels there will be, for the first call.
        """
        with self._all_or_nothing():
            if _check_partial_fit_first_call(self, classes):
                self._labels = Labels(y, classes)
            fitted: MLPClassifier = self._fit(X, y, sample_weight, once=True)
        return fitted

    def _make_loss(self) -> Loss:
        return classifier_loss(self._labels) if self.loss is None else own_loss(type(self).__name__, self.loss)

    def _wanted_outputs(self, y: Any) -> int:
        if isinstance(self.loss, PerceptronLoss) and not self._labels.several and len(self.classes_) <= 2:
            return 1  # of which the sign tells the class
        if self.loss is not None and takes_labels(self._make_loss(), self._labels):
            return max(2, len(self.classes_))
        return 1 if len(self.classes_) <= 2 and not self._labels.several else len(self.classes_)

    def _targets_of(self, y: Any) -> Any:
        return classifier_targets(self._labels, self._make_loss(), y, self.n_outputs_)

    def _scale(self, loss: Loss) -> float:
        return 1.0 / self.n_outputs_ if self.loss is None and loss.link == "sigmoid" else 1.0
