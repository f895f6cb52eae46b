"""Checkpoints: a trainer as a dict of its state, and as a file that training goes on from."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore import _core
from nncore._augment import Augment
from nncore._history import History
from nncore._model_file import model_arrays, model_facts, read_model
from nncore._recipe import Reader, Writer
from nncore._support.checks import describe, integer
from nncore._support.files import path_of
from nncore._support.tensor_file import TensorFile, reading, write
from nncore.errors import ConfigError, FormatError

if TYPE_CHECKING:
    from nncore._trainer import Trainer

#: The core's counters, and those of its sums that are no whole numbers.
_COUNTERS = ("epoch", "hand_steps", "samples", "step", "seen", "correct", "counted")
_SUMS = ("loss_sum", "rate", "seconds")
_FACTS = ("stride", "interrupted", "n_steps", "seconds")


def trainer_state(trainer: Trainer) -> dict[str, Any]:
    """Copies of everything that decides how training goes on."""
    with trainer.model._core.hold("Trainer.state_dict", False):
        core = trainer._bind()
        return {
            "model": trainer.model.state_dict(),
            "optimizer": trainer.optimizer.state_dict(),
            "progress": {**core.state, "calls": trainer.model._calls},
            "history": history_state(trainer.history),
        }


def load_trainer_state(trainer: Trainer, state: Mapping[str, Any]) -> None:
    """Checks what can be checked, then takes it over; an error leaves all as it was."""
    names = {"model", "optimizer", "progress", "history"}
    if not isinstance(state, Mapping) or set(state) != names:
        raise ConfigError(f"[Trainer] state_dict: expected a dict with {sorted(names)}, got {describe(state)}")
    progress, history = _checked_progress(state["progress"]), history_from(state["history"])
    with trainer.model._core.hold("Trainer.load_state_dict", True):
        _take_over(trainer, state, progress, history)


def _take_over(trainer: Trainer, state: Mapping[str, Any], progress: dict[str, Any], history: History) -> None:
    before = trainer.model.state_dict()
    trainer.model.load_state_dict(state["model"])
    try:
        core = trainer._bind()  # loading a Normalize makes a new one
        trainer.optimizer.load_state_dict(state["optimizer"])
    except Exception:
        trainer.model.load_state_dict(before)
        raise
    trainer.model._calls = progress.pop("calls")
    core.state = progress
    trainer._past = [history]


def _checked_progress(given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping) or set(given) != {*_COUNTERS, *_SUMS, "calls"}:
        raise ConfigError(f"[Trainer] progress: expected counters and sums by name, got {describe(given)}")
    most = {"hand_steps": 2**32 - 1, "step": 2**32 - 1, "epoch": 2**32 - 1}
    progress: dict[str, Any] = {
        key: integer("Trainer", key, given[key], 0, most.get(key, 2**62)) for key in (*_COUNTERS, "calls")
    }
    for key in _SUMS:
        if not isinstance(given[key], float):
            raise ConfigError(f"[Trainer] {key}: expected a number, got {describe(given[key])}")
        progress[key] = given[key]
    return progress


def history_state(history: History) -> dict[str, Any]:
    """A history as arrays and numbers."""
    facts = {key: getattr(history, key) for key in _FACTS if key != "stride"}
    return {"epochs": dict(history.epochs), "steps": dict(history.steps), "stride": history._stride, **facts}


def history_from(given: Any) -> History:
    """The history of what history_state gave."""
    if not isinstance(given, Mapping) or set(given) != {"epochs", "steps", *_FACTS}:
        raise ConfigError(f"[Trainer] history: expected what state_dict gave, got {describe(given)}")
    history = History()
    for table, own, counter in (("epochs", history.epochs, "epoch"), ("steps", history.steps, "step")):
        if not isinstance(given[table], Mapping):
            raise ConfigError(f"[Trainer] history: expected {table} as columns by name, got {describe(given[table])}")
        columns = {str(key): np.asarray(values) for key, values in given[table].items()}
        shapes = {values.shape for values in columns.values()}
        kinds = {key: values.dtype == (np.int64 if key == counter else np.float64) for key, values in columns.items()}
        if not set(own) <= set(columns) or len(shapes) != 1 or len(shapes.pop()) != 1 or not all(kinds.values()):
            raise ConfigError(f"[Trainer] history: expected {table} as columns of one length, got {describe(columns)}")
        setattr(history, table, columns)
    history._stride = integer("Trainer", "stride", given["stride"], 1, 2**62)
    history.n_steps = integer("Trainer", "n_steps", given["n_steps"], 0, 2**62)
    history.interrupted, history.seconds = bool(given["interrupted"]), float(given["seconds"])
    return history


def save_trainer(trainer: Trainer, path: object) -> None:
    """Writes the file; one that was there stays as it was if anything goes wrong."""
    name = path_of("save", path)
    with trainer.model._core.hold("Trainer.save", False):
        _write(trainer, name)


def _write(trainer: Trainer, name: str) -> None:
    state = trainer_state(trainer)
    writer = Writer("save")
    slots, history = state["optimizer"].pop("state", {}), state["history"]
    facts = {
        "model": model_facts(trainer.model, "save"),
        "loss": writer.value(trainer.loss),
        "optimizer": writer.value(trainer.optimizer),
        "options": writer.named(trainer._arguments()),
        "progress": writer.named(state["progress"]),
        "optimizer_state": writer.named(state["optimizer"]),
        "history": {
            **{key: history[key] for key in _FACTS},
            "epochs": list(history["epochs"]),
            "steps": list(history["steps"]),
        },
    }
    arrays = {f"model/{key}": value for key, value in model_arrays(trainer.model).items()}
    arrays |= {f"optimizer/{key}/{slot}": value for key, own in slots.items() for slot, value in own.items()}
    for table in ("epochs", "steps"):
        arrays |= {f"history/{table}/{key}": value for key, value in history[table].items()}
    write(name, "trainer", facts, arrays)


def resume_trainer(cls: type[Trainer], path: object) -> Trainer:
    """A new trainer from a file."""
    name = path_of("resume", path)
    with reading(name, "trainer") as file:
        facts, reader = file.facts, Reader()
        saved = facts["kernel_set"]
        model = read_model(file, facts["model"], "model/")
        parts = reader.value(facts["loss"]), reader.value(facts["optimizer"])
        options = reader.named(facts["options"])
        options["augment"] = _augment(options.get("augment"))
        trainer = cls(model, *parts, **options)
        load_trainer_state(
            trainer,
            {
                "model": model.state_dict(),
                "optimizer": _optimizer_state(file, trainer, reader),
                "progress": reader.named(facts["progress"]),
                "history": _history(file, facts["history"]),
            },
        )
    if saved != _core.kernel_set():
        warnings.warn(
            f"[resume] {name} was saved with the kernel set {saved!s:.20}, this is {_core.kernel_set()}: "
            f"training goes on, but not to the same bits",
            RuntimeWarning,
            stacklevel=3,
        )
    return trainer


def _augment(given: Any) -> Augment | None:
    if given is None:
        return None
    if not isinstance(given, list) or len(given) != 2:
        raise FormatError(f"expected crop_padding and flip, got {describe(given)}")
    return Augment(*given)


def _optimizer_state(file: TensorFile, trainer: Trainer, reader: Reader) -> dict[str, Any]:
    state = reader.named(file.facts["optimizer_state"])
    state["state"] = {}
    for key, slots in trainer.optimizer.state_dict()["state"].items():
        state["state"][key] = {}
        for slot, own in slots.items():
            file.check(f"optimizer/{key}/{slot}", own.shape, own.dtype)
            state["state"][key][slot] = file[f"optimizer/{key}/{slot}"]
    return state


def _history(file: TensorFile, facts: Mapping[str, Any]) -> dict[str, Any]:
    tables = {table: {key: file[f"history/{table}/{key}"] for key in facts[table]} for table in ("epochs", "steps")}
    return {**tables, **{key: facts[key] for key in _FACTS}}
