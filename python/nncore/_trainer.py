"""Trainer: the epoch loop, compiled."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from nncore import _core
from nncore._augment import Augment
from nncore._checkpoint import load_trainer_state, resume_trainer, save_trainer, trainer_state
from nncore._fit import Metric, Metrics, metrics_of, split_off
from nncore._history import History, Origin
from nncore._loss import CompiledLoss, Loss
from nncore._observation import Observation
from nncore._optimizer import Optimizer, copied
from nncore._sequential import Sequential
from nncore._support.checks import describe, flag, integer, number
from nncore._support.interrupt import InterruptGuard
from nncore._support.progress import Progress
from nncore.callbacks import Callback, begun, check_monitor, check_monitors, listed
from nncore.errors import ConfigError

#: Losses that apply a link of their own, and the last layers that would apply it a second time.
_TWICE = {"CrossEntropyLoss": ("Softmax", "LogSoftmax"), "BCEWithLogitsLoss": ("Sigmoid",)}


class Trainer:
    """Trains a model: the whole epoch loop runs in C++ without the interpreter's lock.

    Parameters
    ----------
    model : Sequential
    loss : Loss
    optimizer : Optimizer
        Serves this model alone.
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
        model: Sequential,
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
        for name, given, wanted in (("model", model, Sequential), ("loss", loss, Loss), ("optimizer", optimizer, Optimizer)):
            if not isinstance(given, wanted):
                article = "an" if wanted is Optimizer else "a"
                raise ConfigError(f"[Trainer] {name}: expected {article} {wanted.__name__}, got {describe(given)}")
        _check_end(model, loss)
        if on_nonfinite not in ("raise", "stop", "ignore"):
            raise ConfigError(f"[Trainer] on_nonfinite: expected 'raise', 'stop' or 'ignore', got {describe(on_nonfinite)}")
        if augment is not None and not isinstance(augment, Augment):
            raise ConfigError(f"[Trainer] augment: expected an Augment or None, got {describe(augment)}")
        self.model = model
        self.loss = loss
        self.optimizer = optimizer._new() if copied.get() else optimizer
        self._options: dict[str, Any] = {
            "batch_size": 0 if batch_size is None else integer("Trainer", "batch_size", batch_size, 1, 2**62, or_none=True),
            "shuffle": flag("Trainer", "shuffle", shuffle),
            "seed": integer("Trainer", "seed", seed, 0, 2**64 - 1),
            "l2": number("Trainer", "l2", l2, 0.0),
            "l1": number("Trainer", "l1", l1, 0.0),
            "clip_grad_norm": _bound("clip_grad_norm", clip_grad_norm),
            "clip_grad_value": _bound("clip_grad_value", clip_grad_value),
            "drop_last": flag("Trainer", "drop_last", drop_last),
            "on_nonfinite": on_nonfinite,
            "num_threads": 0 if num_threads is None else integer("Trainer", "num_threads", num_threads, 1, 256, or_none=True),
            "augment": None if augment is None else [augment.crop_padding, augment.flip],
        }
        self.optimizer._bind(model)
        self._core: Any = None
        self._model_core: Any = None
        self._metrics = Metrics(True, [])
        self._past: list[History] = []  # of the fits that are over
        self._fitting = False
        model._link = loss.link

    def _bind(self) -> Any:
        """The compiled trainer for the model as it is now."""
        if self._model_core is not self.model._core:
            state = None if self._core is None else self._core.state
            make = _core.Trainer32 if self.model.dtype == "float32" else _core.Trainer64
            optimizer = self.optimizer._bind(self.model)
            self._core = make(self.model._core, self.loss._spec, optimizer, self._options)
            if state is not None:
                self._core.state = state
            self._model_core = self.model._core
        self.model._link = self.loss.link
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

        A fit that ends within an epoch (after `steps`, by Ctrl-C, by an error) is taken up there by the next one, and
        the parts together are the same, bit for bit, as one fit of their sum. Data with another N begin the epoch anew.

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
            A bar: where somebody may watch, always, never.

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
        watchers = listed(callbacks)
        if progress not in (True, False, "auto"):
            raise ConfigError(f"[fit] progress: expected 'auto', True or False, got {describe(progress)}")
        pairs = [_pair("validation_data", validation_data), _pair("test_data", test_data)]
        if pairs[0] is None:
            X, y, pairs[0] = split_off(X, y, validation_split, self._options["seed"])
        elif validation_split:
            raise ConfigError("[fit] validation_split: expected 0 beside validation_data, got both")
        with self.model._core.hold("Trainer.fit", True):
            return self._fit(X, y, pairs, epochs, length, wanted, watchers, progress)

    def _fit(
        self,
        X: Any,
        y: Any,
        pairs: list[Any],
        epochs: int,
        length: int,
        wanted: Metrics,
        watchers: list[Callback],
        progress: bool | str,
    ) -> History:
        """fit with checked arguments, while no other thread may use the model."""
        prefixes = ["", *(p for p, pair in zip(("val_", "test_"), pairs, strict=True) if pair is not None)]
        columns = wanted.columns(self._has_classes(y), prefixes)
        check_monitors(watchers, columns)
        check_monitor("ReduceLROnPlateau", self.optimizer._monitor, columns)
        self._metrics = wanted
        onlookers = begun(watchers, self)
        core = self._bind()
        before = core.state
        with InterruptGuard() as guard, Progress(progress, before["epoch"], before["step"]) as bar:

            def poll(epoch: int, last: int, step: int, of: int, loss: float) -> bool:
                bar.update(epoch, last, step, of, f"loss {loss:.4f}")
                return guard.requested

            def epoch_done(record: dict[str, Any]) -> bool:
                stops = [bool(watcher.on_epoch_end(dict(record))) for watcher in watchers]
                return any(stops) or guard.requested

            def observed(number: int, raw: dict[str, Any]) -> None:
                onlookers[number][0].on_observation(Observation(raw))

            watched = epoch_done if watchers else None
            looks = [observing for _, observing in onlookers]
            result = self._run(
                core, X, y, *pairs, epochs, length, wanted.accuracy, wanted.others, poll, watched, looks, observed
            )
            self.model._link = core.link  # some losses know it when they see the targets
            bar.close(f"loss {result['epochs']['loss'][-1]:.4f}" if len(result["epochs"]["loss"]) else "")
        result["interrupted"] = result["interrupted"] or guard.requested
        if result["nonfinite"]:
            warnings.warn(f"training stopped: {result['nonfinite']}", RuntimeWarning, stacklevel=3)
        history = History(result)
        history._origin = Origin(self, watchers, pairs[1] or pairs[0], np.shape(X)[1:])
        for watcher in watchers:
            watcher.on_fit_end(history)
        return history

    def _has_classes(self, y: Any) -> bool:
        """Is there an accuracy? A loss written in Python leaves it to the targets."""
        if self.loss.link is None:
            targets = np.asarray(y)
            return targets.ndim == 1 and targets.dtype.kind in "biu"
        return self.loss.link != "identity"

    def _run(self, core: Any, *arguments: Any) -> dict[str, Any]:
        """One fit; whatever ends it, its history is kept."""
        result: dict[str, Any] = {}
        outer, self._fitting = self._fitting, True
        try:
            core.fit(*arguments)
        finally:
            self._fitting = outer
            if not outer:  # else a callback called fit, which the core refuses
                result = core.result(True)
                self._remember(History(result))
        return result

    def _remember(self, history: History) -> None:
        if history.n_steps:
            self._past.append(history)
        if len(self._past) > 1000 or sum(len(past.steps["step"]) for past in self._past[1:]) > 1_000_000:
            self._past = [History._joined(self._past)]

    @property
    def epoch(self) -> int:
        """Whole epochs done."""
        return int(self._bind().state["epoch"])

    @property
    def history(self) -> History:
        """All fits so far, one after the other; in a callback with the fit under way."""
        running = [History(self._core.result(False))] if self._fitting else []
        self._past = [History._joined(self._past)] if self._past else []
        whole = History._joined(self._past + running)
        whole._origin = Origin(self)
        return whole

    def state_dict(self) -> dict[str, Any]:
        """All that decides how training goes on: "model", "optimizer", "progress" (epochs and steps done, the sums of
        the epoch under way, counters of random numbers), "history"."""
        return trainer_state(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over what state_dict gave; all of it or, with an error, nothing."""
        load_trainer_state(self, state)

    def save(self, path: Any) -> None:
        """Writes model, loss, optimizer, options and state to a file from which `Trainer.resume` trains on.

        It may be called between fits and from a callback. The file appears whole or not at all. ConfigError for what
        is written in Python, whose code no file holds; OSError when the disk refuses; ImportError without the package
        safetensors (pip install nncore[save]).
        """
        save_trainer(self, path)

    @classmethod
    def resume(cls, path: Any) -> Trainer:
        """A trainer as it was when it was saved, with a model, loss and optimizer of its own.

        The data are given to fit again; training then has the bits, weights and history, of one that never stopped.
        A warning says when the kernel set is another, because bits may differ then. FormatError for a file that is
        damaged or no checkpoint; OSError when it cannot be read.
        """
        return resume_trainer(cls, path)

    def _arguments(self) -> dict[str, Any]:
        """The keyword arguments that make a trainer like this one."""
        none_at_zero = ("batch_size", "clip_grad_norm", "clip_grad_value", "num_threads")
        return {key: None if key in none_at_zero and value == 0 else value for key, value in self._options.items()}

    def step(self, xb: Any, yb: Any) -> float:
        """One update on one batch; returns the loss with penalties before it."""
        core = self._bind()
        loss: float = core.step(xb, yb)
        self.model._link = core.link
        return loss

    def evaluate(self, X: Any, y: Any, metrics: Iterable[Metric] | None = None) -> dict[str, float]:
        """The loss without penalties, and metrics as in fit; None: accuracy and those of the last fit."""
        wanted = self._metrics._replace(accuracy=True) if metrics is None else metrics_of("evaluate", metrics)
        result: dict[str, float] = self._bind().evaluate(X, y, wanted.accuracy, wanted.others)
        return result

    def __repr__(self) -> str:
        return f"Trainer({self.loss!r}, {self.optimizer!r}, batch_size={self._options['batch_size'] or None})"


def _check_end(model: Sequential, loss: Loss) -> None:
    last = type(model[len(model) - 1]).__name__ if len(model) else ""
    if isinstance(loss, CompiledLoss) and last in _TWICE.get(type(loss).__name__, ()):
        other = ", or use NLLLoss after LogSoftmax" if last == "LogSoftmax" else ""
        raise ConfigError(
            f"[Trainer] model: expected raw outputs for {type(loss).__name__}, got a model that ends in {last} "
            f"(the loss applies it: drop the layer{other})"
        )


def _bound(name: str, value: float | None) -> float:
    if value is None:
        return 0.0
    result = number("Trainer", name, value, 0.0)
    if result == 0.0:
        raise ConfigError(f"[Trainer] {name}: expected a number > 0 or None, got {describe(value)}")
    return result


def _pair(name: str, given: Any) -> Any:
    if given is None:
        return None
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise ConfigError(f"[fit] {name}: expected a pair (X, y), got {describe(given)}")
    return tuple(given)

