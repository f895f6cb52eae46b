"""TrainerState: how far a training is, its history, and both in checkpoints."""

from __future__ import annotations

import copy
import functools
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from nncore import _core
from nncore._support.files import path_of
from nncore._support.functions import check_function
from nncore._support.tables import Names
from nncore.nn._loss import Loss
from nncore.nn._model import Model, core_of, parts_of, set_calls, set_link
from nncore.nn._normalize import columns_known, set_columns
from nncore.optim._optimizer import Optimizer
from nncore.train._callback import Callback
from nncore.train._callback_list import CallbackList, CallbackStates
from nncore.train._checkpoint import Checkpoint, checked_state, opened, write
from nncore.train._class_weights import Weights
from nncore.train._history import History, history_state, joined
from nncore.train._settings import TrainerSettings


class Origin(NamedTuple):
    """What a report needs beside the numbers of a history. `data`: held-out (X, y); `shape`: of one sample."""

    trainer: TrainerState
    callbacks: Sequence[Callback] = ()
    data: tuple[Any, Any] | None = None
    shape: tuple[int, ...] | None = None


class TrainerState(TrainerSettings):
    """The part of a Trainer that knows how far the training is."""

    _past: Sequence[History] = ()  #: of finished fits
    _unjoined = 0  #: recorded steps in all but the first of them
    _running: CallbackList | None = None  #: the callbacks of the fit that is running

    @functools.cached_property
    def _callback_states(self) -> CallbackStates:
        return CallbackStates()

    @property
    def epoch(self) -> int:
        """Whole epochs done."""
        return int(self._bind().state["epoch"])

    @property
    def steps_into_epoch(self) -> int:
        """Steps done of the next epoch: 0 unless a fit ended within it."""
        return int(self._bind().state["step"])

    @property
    def history(self) -> History:
        """All fits so far, concatenated; in a callback the current one included."""
        running = [History(self._core.result(False))] if self.fitting else []
        self._join()
        return joined([*self._past, *running], origin=Origin(self))

    @property
    def fitting(self) -> bool:
        """Whether a fit is running, as in a callback."""
        return self._running is not None

    def _remember(self, history: History) -> None:
        if history.n_steps:
            self._unjoined += len(history.steps["step"]) if self._past else 0
            self._past = [*self._past, history]
        if len(self._past) > 1000 or self._unjoined > 1_000_000:
            self._join()

    def _join(self) -> None:
        self._past, self._unjoined = [joined(self._past)] if self._past else [], 0

    def state_dict(self) -> dict[str, Any]:
        """The complete state of training: "model", "optimizer", "progress" (epochs and steps done, the sums of the
        current epoch, counters of random numbers), "history", "callbacks" where some have a state, "columns" where the
        data have names, and "class_weights" where the loss has balanced ones."""
        with core_of(self.model).access_guard("Trainer.state_dict", write=False):
            columns = columns_known(self.model)
            callbacks = self._callback_states.states if self._running is None else self._running.states()
            return {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "progress": {**self._bind().state, "calls": parts_of(self.model).calls},
                "history": history_state(self.history),
                **({"callbacks": copy.deepcopy(callbacks)} if callbacks else {}),
                **({} if columns is None else {"columns": columns}),
                **({} if self.class_weights is None else {"class_weights": self.class_weights}),
            }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores a state_dict: all of it or, with an error, nothing."""
        parts = checked_state(state)
        with core_of(self.model).access_guard("Trainer.load_state_dict", write=True):
            before = self.model.state_dict()
            self.model.load_state_dict(state["model"])
            try:
                self._bind()  # loading a Normalize replaced the compiled model
                self.optimizer.load_state_dict(state["optimizer"])
            except Exception:
                self.model.load_state_dict(before)
                raise
            self._take(*parts)

    def _take(
        self,
        progress: dict[str, Any],
        history: History,
        callbacks: dict[str, Any],
        columns: Names | None,
        weights: Weights | None,
    ) -> None:
        set_columns(self.model, columns)
        self._class_weights = weights
        set_calls(self.model, progress.pop("calls"))
        self._bind().state = progress
        self._past, self._unjoined = [history], 0
        self._callback_states = CallbackStates(callbacks)

    # ---- Copies -----------------------------------------------------------------------------------------------------

    def __reduce__(self) -> tuple[Any, ...]:
        with core_of(self.model).access_guard("Trainer.copy", write=False):
            state = {key: value for key, value in self.state_dict().items() if key not in ("model", "optimizer")}
            facts = {**self._options, "link": parts_of(self.model).link}
        own = {key: value for key, value in self.__dict__.items() if key not in _OF_THIS_PROCESS}
        for metric in own["_metrics"].others if "_metrics" in own else []:
            if not isinstance(metric, str):
                check_function("[Trainer] metrics", metric[1])
        return _rebuild, (type(self), self.model, self.loss, self.optimizer, facts, state, own)

    def __copy__(self) -> Self:
        return copy.deepcopy(self)

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
    def resume(cls, path: Any) -> Self:
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


#: Attributes that a copy makes anew: what `_rebuild` is given otherwise, and compiled objects.
_OF_THIS_PROCESS = {
    "_model", "_loss", "_optimizer", "_options", "_options_spec", "_core", "_made_from", "_begins_epoch", "_past",
    "_unjoined", "_running", "_callback_states", "_class_weights", "_weighted",
}  # fmt: skip


def _rebuild(
    cls: type[TrainerState],
    model: Model,
    loss: Loss,
    optimizer: Optimizer,
    facts: dict[str, Any],
    state: dict[str, Any],
    own: dict[str, Any],
) -> TrainerState:
    """A copy that goes on to the same bits as the original."""
    trainer = cls.__new__(cls)
    link = facts.pop("link")
    TrainerSettings.__init__(trainer, model, loss, optimizer, **facts)
    set_link(model, link)
    trainer._take(*checked_state({"model": {}, "optimizer": {}, **state}))
    trainer.__dict__.update(own)
    return trainer
