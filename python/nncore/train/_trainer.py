"""Trainer: the epoch loop, compiled."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from nncore._support.checks import describe, flag, integer
from nncore._support.fits import using
from nncore._support.interrupt import InterruptGuard
from nncore._support.names import keywords
from nncore._support.progress import Progress
from nncore._support.tables import Names
from nncore.errors import ConfigError, StateError
from nncore.nn._loss import has_classes
from nncore.nn._model import core_of, set_link
from nncore.nn._normalize import columns_known, set_columns
from nncore.optim._optimizer import monitor_of, step_alone
from nncore.train._callback import Callback, as_callbacks, check_monitor, check_monitors
from nncore.train._callback_list import CallbackList
from nncore.train._class_weights import balanced_weights, is_balanced
from nncore.train._history import History
from nncore.train._metrics import DEFAULT_METRICS, ManyMetrics, Metrics, metrics_of
from nncore.train._observer import Observer
from nncore.train._scales import scale_hint
from nncore.train._state import Origin, TrainerState
from nncore.train._validation import Samples, checked_columns, samples_of, split_off


class Trainer(TrainerState):
    """Trains a model: the whole epoch loop runs in C++ without the interpreter's lock.

    Parameters
    ----------
    model : Sequential or Graph
    loss : Loss
    optimizer : Optimizer
        Must not be used for another model.
    batch_size : int or None, default 32
        Samples a step; None or anything >= N is full batch. The last batch may be shorter.
    shuffle : bool, default True
        A new order each epoch.
    seed : int, default 0
        Of the order and of Dropout.
    l2, l1 : float, default 0
        Adds l2/2 ΣW² + l1 Σ|W| to the loss, of weights, not of biases.
    clip_grad_norm, clip_grad_value : float, optional
        Bound on the norm of all gradients together (PyTorch's clip_grad_norm_), on each element's size.
    drop_last : bool, default False
        Leave out a last batch that is shorter.
    on_nonfinite : {"raise", "stop", "ignore"}
        A loss, gradient or parameter that is not finite: NumericError that names epoch, step, layer and tensor; or
        an end with a warning; or nothing. With the first two the model holds its last finite parameters.
    augment : Augment, optional
        How images are moved before the model trains on them; None: not at all.
    num_threads : int, optional
        None: as many as nncore uses. Results do not depend on it.
    penalty_per_sample : bool, default False
        Divides l2 and l1 by the samples of the batch, or by the sum of their weights, as scikit-learn's alpha is.

    Notes
    -----
    A copy (copy, deepcopy, pickle, joblib) has a model, loss and optimizer of its own and goes on to the same bits,
    with the history so far. A pickle holds parts written in Python by name, as pickles do; `save` writes a file that
    runs no code.

    Examples
    --------
    >>> X, y = nc.datasets.make_moons(100, noise=0.1, seed=0)
    >>> net = nc.Sequential(nc.Linear(2, 20), nc.ReLU(), nc.Linear(20, 2), seed=0)
    >>> trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.5), batch_size=16)
    >>> history = trainer.fit(X, y, epochs=100)
    >>> bool(history["accuracy"][-1] > 0.9)
    True
    """

    _metrics = Metrics("default", [])  #: of the last fit
    _scale_told = False  #: whether the scales of the data have been looked at

    @keywords(
        y="targets; of a loader take the batches: for xb, yb in loader: trainer.step(xb, yb)",
        batch_size="an argument of Trainer: nc.Trainer(…, batch_size=64), or trainer.batch_size = 64",
        shuffle="an argument of Trainer, or trainer.shuffle = False",
        lr="an argument of the optimizer, or trainer.optimizer.lr = 0.1",
        verbose="progress=False, or True",
        n_epochs="did you mean epochs?",
        max_epochs="did you mean epochs?",
    )
    def fit(
        self,
        X: Any,
        y: Any,
        epochs: int = 10,
        *,
        sample_weight: Any = None,
        steps: int | None = None,
        validation_data: tuple[Any, ...] | None = None,
        validation_split: float = 0.0,
        test_data: tuple[Any, ...] | None = None,
        metrics: ManyMetrics = DEFAULT_METRICS,
        callbacks: Iterable[Callback | Callable[[dict[str, Any]], bool | None]] = (),
        progress: bool | str = "auto",
    ) -> History:
        """Trains on: to the end of `epochs` more epochs, or for `steps` steps.

        After a fit that ended within an epoch (after `steps`, by Ctrl-C, by an error) the next one continues there, and
        together they are the same, bit for bit, as one fit of their sum. Data with another N restart the epoch.

        Parameters
        ----------
        X : array (N, …)
            Real numbers; bytes for a model with a Normalize. The names of a DataFrame's columns are kept as
            `trainer.columns`, and DataFrames with others, or in another order, are refused from then on.
        y : array
            Labels (N,), or what the loss wants: numbers (N, outputs), for one output also (N,).
        epochs : int, default 10
        sample_weight : array (N,) of numbers >= 0, optional
            What each sample counts: the loss of a batch is sum s l / sum s, so that whole numbers do what repeated
            samples do. A batch of zeros changes nothing, and is counted as a step. Metrics are weighted alike; of those
            of one's own, functions with an argument `sample_weight` are given the weights.
        steps : int, optional
            Takes exactly so many steps instead.
        validation_data, test_data : (X, y) or (X, y, sample_weight), optional
            Evaluated after each whole epoch.
        validation_split : float in [0, 1), default 0
            Holds this share of X and y out as validation_data: at random by the trainer's seed, labels (N,) class by
            class, the same samples in every fit on as many. Both parts are copies in memory: for large or
            memory-mapped data give validation_data.
        metrics : names and functions, or dict name -> function, default ("accuracy",)
            Columns beside the loss: "accuracy", "top5" (label among the five largest outputs), "mse", "mae", "r2" (raw
            outputs against the targets), or f(y_true, outputs) -> number, which goes by its name, or by that in a dict,
            also in the list: ["accuracy", {"spread": f}]. The default leaves the accuracy out where the loss has no
            classes; asked for, it is then measured on targets that are classes (one-hot rows: the largest output; 0 and
            1: outputs from 1/2 on), and an error on others. The training set's accuracy is gathered from the epoch's
            own steps, as its loss is; all other numbers are measured in inference after the epoch, on all samples.

            Of classes, with scikit-learn's values: "f1", "precision", "recall" (of class 1, where there are two; of
            several the mean over those that occur in targets or predictions; 0 where they are 0/0),
            "balanced_accuracy", and from the numbers of predict_proba "auc" (area under the ROC curve; of several
            classes the mean of each against the rest; NaN where a class has no sample) and "log_loss". Of several
            outputs of 0 and 1 f1, precision, recall and auc are means over the outputs.
        callbacks : nc.callbacks, functions
            A function is called with the record of each epoch, a dict: True ends the fit, None and False do not,
            anything else is a ConfigError.
        progress : "auto", True or False
            A bar: in terminals and notebooks, always, never.

        Returns
        -------
        History

        Warns
        -----
        RuntimeWarning
            In a trainer's first fit, by a look at 32 rows: the numbers of one feature are 1000 times those of another
            and beyond 100, and neither Normalize nor another layer stands before the first Linear; targets of a loss of
            values are beyond 10 000.

        Raises
        ------
        ShapeError, ConfigError
            Data that do not fit; nothing has changed then.
        NumericError
            See `on_nonfinite`.
        StateError
            Another thread uses the model or its layers. While the fit lasts, such threads get this error themselves.
        """
        epochs = integer("fit", "epochs", epochs, 0, 2**31)
        length = -1 if steps is None else integer("fit", "steps", steps, 0, 2**62, or_none=True)
        wanted = metrics_of("fit", metrics)
        active = as_callbacks(callbacks)
        if progress not in (True, False, "auto"):
            raise ConfigError(f"[fit] progress: expected 'auto', True or False, got {describe(progress)}")
        train = Samples(X, y, sample_weight)
        held_out = {
            name: samples_of("fit", name, given)
            for name, given in (("validation_data", validation_data), ("test_data", test_data))
        }
        named = checked_columns("fit", columns_known(self.model), X, held_out)
        if validation_data is None:
            train, held_out["validation_data"] = split_off(train, validation_split, self._options["seed"], self.loss)
        elif validation_split:
            raise ConfigError("[fit] validation_split: expected 0 beside validation_data, got both")
        if not self._scale_told:
            self._scale_told = True
            if hint := scale_hint(self._model, self._loss, X, y):
                warnings.warn(hint, RuntimeWarning, stacklevel=3)
        with core_of(self.model).access_guard("Trainer.fit", write=True):
            return self._fit(train, [*held_out.values()], named, epochs, length, wanted, active, progress)

    def _fit(
        self,
        train: Samples,
        held_out: list[Samples | None],
        named: Names | None,
        epochs: int,
        length: int,
        wanted: Metrics,
        active: list[Callback],
        progress: bool | str,
    ) -> History:
        """fit with checked arguments, under the model's access guard."""
        prefixes = ["", *(p for p, data in zip(("val_", "test_"), held_out, strict=True) if data is not None)]
        columns = wanted.columns(has_classes(self.loss, train.y), prefixes)
        check_monitors(active, columns)
        check_monitor("ReduceLROnPlateau", monitor_of(self.optimizer), columns)
        if self.fitting:
            raise StateError("[Trainer] fit: a fit of this trainer is under way")
        self._metrics = wanted
        with self._counting(train.X, train.y), CallbackList(active, self._callback_states) as calls:
            calls.begin(self)
            core = self._bind()
            before = core.state
            if calls.stop:
                epochs, length = 0, -1
            with InterruptGuard() as guard, Progress(progress, before["epoch"], before["step"]) as bar:
                observer = Observer(guard, bar, calls)
                arguments = (*train, *held_out, epochs, length, wanted.accuracy, wanted.others, *observer.arguments())
                result = self._run(calls, core, named, *arguments)
                set_link(self.model, core.link)  # for some losses it is inferred from the targets
                bar.close(f"loss {result['epochs']['loss'][-1]:.4f}" if len(result["epochs"]["loss"]) else "")
            result["interrupted"] = result["interrupted"] or guard.requested
            if result["nonfinite"]:
                warnings.warn(f"training stopped: {result['nonfinite']}", RuntimeWarning, stacklevel=3)
            seen = held_out[1] or held_out[0]
            shown = None if seen is None else (seen.X, seen.y)
            history = History(result, origin=Origin(self, active, shown, np.shape(train.X)[1:]))
            calls.end(history)
        return history

    @contextmanager
    def _counting(self, X: Any, y: Any) -> Iterator[None]:
        """Works out balanced class weights; a fit that fails before its first step leaves them as they were."""
        if not is_balanced(self.loss):
            yield
            return
        before, weights = self._class_weights, balanced_weights(self.model, self.loss, X, y)
        state = self._bind().state
        self._class_weights = weights or before
        try:
            yield
        except BaseException:
            if self._core.state == state:
                self._class_weights = before
            raise

    def _run(self, calls: CallbackList, core: Any, named: Names | None, *arguments: Any) -> dict[str, Any]:
        """One fit of the compiled trainer; its history is kept after an error, too."""
        result: dict[str, Any] = {}
        self._running = calls
        before = columns_known(self.model)
        set_columns(self.model, named)
        try:
            with using(self, self.model, self.loss, self.optimizer, core_of(self.model)):
                core.fit(*arguments)
        finally:
            self._running = None
            result = core.result(True)
            history = History(result)
            if not history.n_steps:
                set_columns(self.model, before)
            self._remember(history)
        return result

    def step(self, xb: Any, yb: Any, sample_weight: Any = None) -> float:
        """One update on one batch; returns the loss with penalties before it. sample_weight: as in fit.

        A schedule that counts epochs is told of their ends by `trainer.optimizer.end_epoch()`.
        """
        if self._model._columns is not None:
            checked_columns("step", self._model._columns, xb, {})
        core = self._bind()
        loss: float = core.step(xb, yb, sample_weight)
        step_alone(self._optimizer)
        if self._loss.link is None:
            set_link(self._model, core.link)
        return loss

    def evaluate(
        self,
        X: Any,
        y: Any,
        metrics: ManyMetrics | None = None,
        *,
        sample_weight: Any = None,
        allow_nan: bool = False,
    ) -> dict[str, float]:
        """The loss without penalties, and metrics as in fit; None: accuracy and those of the last fit.

        A loss with reduction="sum" is the sum over all of X (in a history: of a batch of the training's size).

        sample_weight: as in fit.

        NaN and infinity in X are a ConfigError that names the place. With allow_nan they are let through: the loss and
        whatever else they reach are NaN, and a sample for which an output is NaN counts as wrong.
        """
        allow = flag("evaluate", "allow_nan", allow_nan)
        if self._model._columns is not None:
            checked_columns("evaluate", self._model._columns, X, {})
        again = self._metrics._replace(accuracy=self._metrics.accuracy or "default")
        wanted = again if metrics is None else metrics_of("evaluate", metrics)
        result: dict[str, float] = self._bind().evaluate(X, y, sample_weight, wanted.accuracy, wanted.others, allow)
        return result


def tell_no_scales(trainer: Trainer) -> None:
    """No hint about scales: for users of scikit-learn, who scale in a pipeline."""
    trainer._scale_told = True


def take_over(trainer: Trainer, wanted: Metrics, history: History) -> None:
    """Stores the result of a fit within a model batch, as `fit` does for its own."""
    trainer._metrics = wanted
    trainer._remember(history)
    set_link(trainer.model, trainer._core.link)
