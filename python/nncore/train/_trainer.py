"""Trainer: the epoch loop, compiled."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from nncore import _core
from nncore._support.checks import describe, integer, pair
from nncore._support.files import path_of
from nncore._support.interrupt import InterruptGuard
from nncore._support.progress import Progress
from nncore.errors import ConfigError
from nncore.nn._loss import Loss, has_classes
from nncore.nn._loss import spec_of as spec_of_loss
from nncore.nn._model import Model, core_of, parts_of, set_calls, set_link
from nncore.optim._optimizer import Optimizer, bind, building, fresh, monitor_of
from nncore.train._augment import Augment
from nncore.train._callback import Callback, as_callbacks, begin_fit, check_monitor, check_monitors
from nncore.train._checkpoint import Checkpoint, checked_state, opened, write
from nncore.train._history import History, history_state, joined
from nncore.train._metrics import Metric, Metrics, metrics_of
from nncore.train._observer import Observer
from nncore.train._options import check_end, options_spec
from nncore.train._validation import split_off


class Origin(NamedTuple):
    """What a report needs beside the numbers of a history. `data`: held-out (X, y); `shape`: of one sample."""

    trainer: Trainer
    callbacks: Sequence[Callback] = ()
    data: tuple[Any, Any] | None = None
    shape: tuple[int, ...] | None = None


class Trainer:
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

    Examples
    --------
    >>> X, y = nc.datasets.make_moons(100, noise=0.1, seed=0)
    >>> net = nc.Sequential(nc.Linear(2, 20), nc.ReLU(), nc.Linear(20, 2), seed=0)
    >>> trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.5), batch_size=16)
    >>> history = trainer.fit(X, y, epochs=100)
    >>> bool(history["accuracy"][-1] > 0.9)
    True
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        optimizer: Optimizer,
        *,
        batch_size: int | None = 32,
        shuffle: bool = True,
        seed: int = 0,
        l2: float = 0.0,
        l1: float = 0.0,
        clip_grad_norm: float | None = None,
        clip_grad_value: float | None = None,
        drop_last: bool = False,
        on_nonfinite: str = "raise",
        num_threads: int | None = None,
        augment: Augment | None = None,
    ) -> None:
        for name, given, wanted in (
            ("model", model, Model),
            ("loss", loss, Loss),
            ("optimizer", optimizer, Optimizer),
        ):
            if not isinstance(given, wanted):
                what = {"model": "a Sequential or a Graph", "loss": "a Loss", "optimizer": "an Optimizer"}[name]
                raise ConfigError(f"[Trainer] {name}: expected {what}, got {describe(given)}")
        check_end(model, loss)
        self._set_options(
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            l2=l2,
            l1=l1,
            clip_grad_norm=clip_grad_norm,
            clip_grad_value=clip_grad_value,
            drop_last=drop_last,
            on_nonfinite=on_nonfinite,
            num_threads=num_threads,
            augment=augment,
        )
        self.model = model
        self.loss = loss
        self.optimizer = fresh(optimizer) if building.get() else optimizer
        bind(self.optimizer, model)
        self._core: Any = None
        self._model_core: Any = None
        self._metrics = Metrics(True, [])
        self._past: list[History] = []  # of finished fits
        self._fitting = False
        set_link(model, loss.link)

    def _set_options(self, **options: Any) -> None:
        self._options_spec = options_spec(options)
        self._options = {**self._options_spec.args, "augment": options["augment"]}

    def _bind(self) -> Any:
        """The compiled trainer for the model as it is now."""
        model_core = core_of(self.model)
        if self._model_core is not model_core:
            state = None if self._core is None else self._core.state
            make = _core.Trainer32 if self.model.dtype == "float32" else _core.Trainer64
            optimizer = bind(self.optimizer, self.model)
            self._core = make(model_core, spec_of_loss(self.loss), optimizer, self._options_spec)
            if state is not None:
                self._core.state = state
            self._model_core = model_core
        set_link(self.model, self.loss.link)
        return self._core

    def fit(
        self,
        X: Any,
        y: Any,
        epochs: int = 10,
        *,
        steps: int | None = None,
        validation_data: tuple[Any, Any] | None = None,
        validation_split: float = 0.0,
        test_data: tuple[Any, Any] | None = None,
        metrics: Iterable[Metric] = ("accuracy",),
        callbacks: Iterable[Callback | Callable[[dict[str, Any]], bool | None]] = (),
        progress: bool | str = "auto",
    ) -> History:
        """Trains on: to the end of `epochs` more epochs, or for `steps` steps.

        After a fit that ended within an epoch (after `steps`, by Ctrl-C, by an error) the next one continues there, and
        together they are the same, bit for bit, as one fit of their sum. Data with another N restart the epoch.

        Parameters
        ----------
        X : array (N, …)
            Real numbers; bytes for a model with a Normalize.
        y : array
            Integer labels (N,), or what the loss wants.
        epochs : int, default 10
        steps : int, optional
            Takes exactly so many steps instead.
        validation_data, test_data : (X, y), optional
            Evaluated after each whole epoch.
        validation_split : float in [0, 1), default 0
            Holds this share of X and y out as validation_data: at random by the trainer's seed, integer labels (N,)
            class by class, the same samples in every fit on as many.
        metrics : names and functions, default ("accuracy",)
            Columns beside the loss: "accuracy" (where the loss has classes), "top5" (label among the five largest
            outputs), "mse", "mae", "r2" (raw outputs against the targets), or f(y_true, outputs) -> number, which goes
            by its name. The training set's accuracy is gathered from the epoch's own steps, as its loss is; all other
            numbers are measured in inference after the epoch.
        callbacks : nc.callbacks, functions
            A function is called with the record of each epoch, a dict; True ends the fit.
        progress : "auto", True or False
            A bar: in terminals and notebooks, always, never.

        Returns
        -------
        History

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
        given = {"validation_data": validation_data, "test_data": test_data}
        pairs = [None if data is None else pair("fit", name, data) for name, data in given.items()]
        if pairs[0] is None:
            X, y, pairs[0] = split_off(X, y, validation_split, self._options["seed"])
        elif validation_split:
            raise ConfigError("[fit] validation_split: expected 0 beside validation_data, got both")
        with core_of(self.model).access_guard("Trainer.fit", write=True):
            return self._fit(X, y, pairs, epochs, length, wanted, active, progress)

    def _fit(
        self,
        X: Any,
        y: Any,
        pairs: list[Any],
        epochs: int,
        length: int,
        wanted: Metrics,
        active: list[Callback],
        progress: bool | str,
    ) -> History:
        """fit with checked arguments, under the model's access guard."""
        prefixes = ["", *(p for p, pair in zip(("val_", "test_"), pairs, strict=True) if pair is not None)]
        columns = wanted.columns(has_classes(self.loss, y), prefixes)
        check_monitors(active, columns)
        check_monitor("ReduceLROnPlateau", monitor_of(self.optimizer), columns)
        self._metrics = wanted
        observers = begin_fit(active, self)
        core = self._bind()
        before = core.state
        with InterruptGuard() as guard, Progress(progress, before["epoch"], before["step"]) as bar:
            observer = Observer(guard, bar, active, observers)
            result = self._run(
                core, X, y, *pairs, epochs, length, wanted.accuracy, wanted.others, *observer.arguments()
            )
            set_link(self.model, core.link)  # for some losses it is inferred from the targets
            bar.close(f"loss {result['epochs']['loss'][-1]:.4f}" if len(result["epochs"]["loss"]) else "")
        result["interrupted"] = result["interrupted"] or guard.requested
        return self._finish(result, active, Origin(self, active, pairs[1] or pairs[0], np.shape(X)[1:]))

    def _finish(self, result: dict[str, Any], active: list[Callback], origin: Origin) -> History:
        """The history of a fit that ended without an error; calls on_fit_end of the callbacks."""
        if result["nonfinite"]:
            warnings.warn(f"training stopped: {result['nonfinite']}", RuntimeWarning, stacklevel=4)
        history = History(result, origin=origin)
        for callback in active:
            callback.on_fit_end(history)
        return history

    def _run(self, core: Any, *arguments: Any) -> dict[str, Any]:
        """One fit of the compiled trainer; its history is kept after an error, too."""
        result: dict[str, Any] = {}
        outer, self._fitting = self._fitting, True
        try:
            core.fit(*arguments)
        finally:
            self._fitting = outer
            if not outer:  # else a callback called fit, which raised
                result = core.result(True)
                self._remember(History(result))
        return result

    def _remember(self, history: History) -> None:
        if history.n_steps:
            self._past.append(history)
        if len(self._past) > 1000 or sum(len(past.steps["step"]) for past in self._past[1:]) > 1_000_000:
            self._past = [joined(self._past)]

    @property
    def epoch(self) -> int:
        """Whole epochs done."""
        return int(self._bind().state["epoch"])

    @property
    def history(self) -> History:
        """All fits so far, concatenated; in a callback the current one included."""
        running = [History(self._core.result(False))] if self._fitting else []
        self._past = [joined(self._past)] if self._past else []
        return joined(self._past + running, origin=Origin(self))

    @property
    def fitting(self) -> bool:
        """Whether a fit is running, as in a callback."""
        return self._fitting

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of this trainer, given and default ones."""
        return dict(self._options)

    def state_dict(self) -> dict[str, Any]:
        """The complete state of training: "model", "optimizer", "progress" (epochs and steps done, the sums of the
        current epoch, counters of random numbers), "history"."""
        with core_of(self.model).access_guard("Trainer.state_dict", write=False):
            return {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "progress": {**self._bind().state, "calls": parts_of(self.model).calls},
                "history": history_state(self.history),
            }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores a state_dict: all of it or, with an error, nothing."""
        progress, history = checked_state(state)
        with core_of(self.model).access_guard("Trainer.load_state_dict", write=True):
            before = self.model.state_dict()
            self.model.load_state_dict(state["model"])
            try:
                core = self._bind()  # loading a Normalize replaced the compiled model
                self.optimizer.load_state_dict(state["optimizer"])
            except Exception:
                self.model.load_state_dict(before)
                raise
            set_calls(self.model, progress.pop("calls"))
            core.state = progress
            self._past = [history]

    def save(self, path: Any) -> None:
        """Writes model, loss, optimizer, options and state to a file from which `Trainer.resume` trains on.

        It may be called between fits and from a callback. The file appears whole or not at all. ConfigError for classes
        written in Python, as files hold no code; OSError when the disk refuses; ImportError without the package
        safetensors (pip install nncore[save]).
        """
        name = path_of("save", path)
        with core_of(self.model).access_guard("Trainer.save", write=False):
            write(name, Checkpoint(self.model, self.loss, self.optimizer, self._options, self.state_dict()))

    @classmethod
    def resume(cls, path: Any) -> Trainer:
        """A trainer as it was when it was saved, with a model, loss and optimizer of its own.

        The data are given to fit again; training then has the bits, weights and history, of one that never stopped.
        A warning says when the kernel set is another, because bits may differ then. FormatError for a file that is
        damaged or no checkpoint; OSError when it cannot be read.
        """
        with opened(path) as saved:
            trainer = cls(saved.model, saved.loss, saved.optimizer, **saved.options)
            trainer.load_state_dict(saved.state)
        if saved.kernel_set != _core.kernel_set():
            warnings.warn(
                f"[resume] {path_of('resume', path)} was saved with the kernel set {saved.kernel_set!s:.20}, this is "
                f"{_core.kernel_set()}: training goes on, but not to the same bits",
                RuntimeWarning,
                stacklevel=2,
            )
        return trainer

    def step(self, xb: Any, yb: Any) -> float:
        """One update on one batch; returns the loss with penalties before it."""
        core = self._bind()
        loss: float = core.step(xb, yb)
        set_link(self.model, core.link)
        return loss

    def evaluate(self, X: Any, y: Any, metrics: Iterable[Metric] | None = None) -> dict[str, float]:
        """The loss without penalties, and metrics as in fit; None: accuracy and those of the last fit."""
        wanted = self._metrics._replace(accuracy=True) if metrics is None else metrics_of("evaluate", metrics)
        result: dict[str, float] = self._bind().evaluate(X, y, wanted.accuracy, wanted.others)
        return result

    def __repr__(self) -> str:
        return f"Trainer({self.loss!r}, {self.optimizer!r}, batch_size={self._options['batch_size']})"


def bound(trainer: Trainer) -> Any:
    """The compiled trainer for the model as it is now."""
    return trainer._bind()


def set_options(trainer: Trainer, **options: Any) -> None:
    """Changes options, from the next fit on."""
    trainer._set_options(**{**trainer._options, **options})
    trainer._model_core = None  # the next use rebuilds the C++ trainer


def take_over(trainer: Trainer, wanted: Metrics, history: History) -> None:
    """Stores the result of a fit within a model batch, as `fit` does for its own."""
    trainer._metrics = wanted
    trainer._remember(history)
    set_link(trainer.model, trainer._core.link)
