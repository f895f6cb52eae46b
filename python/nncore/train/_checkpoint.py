"""Checkpoints: the complete state of a training run, validated, and as a file."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from nncore import _core
from nncore._registry.generate import schemas
from nncore._registry.recipe import Reader, Writer
from nncore._support.checks import describe, integer
from nncore._support.files import path_of
from nncore._support.tables import Names, as_columns
from nncore._support.tensor_file import TensorFile, reading
from nncore._support.tensor_file import write as write_tensors
from nncore.errors import ConfigError, FormatError
from nncore.nn._files.load import read_model
from nncore.nn._files.save import model_arrays, model_facts
from nncore.nn._loss import Loss
from nncore.nn._model import Model, parts_of
from nncore.nn._normalize import columns_known
from nncore.optim._optimizer import Optimizer, bind
from nncore.train._augment import Augment
from nncore.train._callback_files import callback_facts, callback_states
from nncore.train._class_weights import Weights, checked_weights
from nncore.train._history import STATE_FACTS, History, history_from

#: Keys of the progress: the counters and sums of the compiled trainer, and its model's number of forward passes.
_PROGRESS = {"calls", *(field["name"] for schema in schemas("progress") for field in schema["fields"])}


class Checkpoint(NamedTuple):
    """The content of a checkpoint file; `options` are the Trainer's keyword arguments, `state` its state_dict."""

    model: Model
    loss: Loss
    optimizer: Optimizer
    options: Mapping[str, Any]
    state: dict[str, Any]
    kernel_set: str = ""


def checked_state(state: Any) -> tuple[dict[str, Any], History, dict[str, Any], Names | None, Weights | None]:
    """The validated counters and history of a trainer's state_dict, the states of its callbacks, names of columns,
    weights of classes."""
    names = {"model", "optimizer", "progress", "history"}
    if not isinstance(state, Mapping) or set(state) - {"callbacks", "columns", "class_weights"} != names:
        raise ConfigError(f"[Trainer] state_dict: expected a dict with {sorted(names)}, got {describe(state)}")
    callbacks = state.get("callbacks", {})
    if not isinstance(callbacks, Mapping) or not all(isinstance(each, Mapping) for each in callbacks.values()):
        raise ConfigError(f"[Trainer] callbacks: expected states by name, got {describe(callbacks)}")
    columns = as_columns("Trainer", state["columns"]) if "columns" in state else None
    progress, history = _checked_progress(state["progress"]), history_from(state["history"])
    weights = checked_weights(state.get("class_weights"))
    return progress, history, copy.deepcopy(dict(callbacks)), columns, weights


def _checked_progress(given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping) or set(given) != _PROGRESS:
        raise ConfigError(f"[Trainer] progress: expected counters and sums by name, got {describe(given)}")
    calls = integer("Trainer", "calls", given["calls"], 0, 2**62)
    counters = {key: value for key, value in given.items() if key != "calls"}
    return {**_core.Spec("progress", "Trainer", counters).args, "calls": calls}


def write(path: str, checkpoint: Checkpoint) -> None:
    """Writes the file; after an error an existing one is unchanged."""
    model, state, writer = parts_of(checkpoint.model), checkpoint.state, Writer("save")
    optimizer, history = dict(state["optimizer"]), state["history"]
    own_state = optimizer.pop("state", {})
    augment = checkpoint.options["augment"]
    options = {**checkpoint.options, "augment": augment and [augment.crop_padding, augment.flip]}
    facts = {
        "model": model_facts(model, "save"),
        "loss": writer.value(checkpoint.loss),
        "optimizer": writer.value(checkpoint.optimizer),
        "options": writer.named(options),
        "progress": writer.named(state["progress"]),
        "optimizer_state": writer.named(optimizer),
        "history": {
            **{key: history[key] for key in STATE_FACTS},
            "epochs": list(history["epochs"]),
            "steps": list(history["steps"]),
        },
    }
    arrays = {f"model/{key}": value for key, value in model_arrays(model.core, model.input).items()}
    arrays |= {f"optimizer/{key}/{name}": value for key, own in own_state.items() for name, value in own.items()}
    for table in ("epochs", "steps"):
        arrays |= {f"history/{table}/{key}": value for key, value in history[table].items()}
    if "callbacks" in state:
        facts["callbacks"], own_arrays = callback_facts(state["callbacks"], writer)
        arrays |= own_arrays
    if "class_weights" in state:
        facts["class_weights"] = list(state["class_weights"])
    write_tensors(path, "trainer", facts, arrays)


@contextmanager
def opened(path: object) -> Iterator[Checkpoint]:
    """The checkpoint of a file; an error within the block becomes a FormatError that names the file."""
    with reading(path_of("resume", path), "trainer") as file:
        facts, reader = file.facts, Reader()
        model = read_model(file, facts["model"], "model/")
        loss, optimizer = reader.value(facts["loss"]), reader.value(facts["optimizer"])
        options = reader.named(facts["options"])
        options["augment"] = _augment(options.get("augment"))
        state: dict[str, Any] = {
            "model": model.state_dict(),
            "optimizer": _optimizer_state(file, optimizer, model, reader),
            "progress": reader.named(facts["progress"]),
            "history": _history(file, facts["history"]),
        }
        if (columns := columns_known(model)) is not None:
            state["columns"] = columns
        if "callbacks" in facts:
            state["callbacks"] = callback_states(file, facts["callbacks"], reader)
        if "class_weights" in facts:
            state["class_weights"] = facts["class_weights"]
        yield Checkpoint(model, loss, optimizer, options, state, facts["kernel_set"])


def _augment(given: Any) -> Augment | None:
    if given is None:
        return None
    if not isinstance(given, list) or len(given) != 2:
        raise FormatError(f"expected crop_padding and flip, got {describe(given)}")
    return Augment(*given)


def _optimizer_state(file: TensorFile, optimizer: Any, model: Model, reader: Reader) -> dict[str, Any]:
    """The optimizer's state, with each array of the shape that the optimizer has for this model."""
    if not isinstance(optimizer, Optimizer):
        raise FormatError(f"expected an optimizer, got {describe(optimizer)}")
    bind(optimizer, model)
    state = reader.named(file.facts["optimizer_state"])
    state["state"] = {}
    for key, arrays in optimizer.state_dict()["state"].items():
        state["state"][key] = {}
        for name, own in arrays.items():
            file.check(f"optimizer/{key}/{name}", own.shape, own.dtype)
            state["state"][key][name] = file[f"optimizer/{key}/{name}"]
    return state


def _history(file: TensorFile, facts: Mapping[str, Any]) -> dict[str, Any]:
    tables = {table: {key: file[f"history/{table}/{key}"] for key in facts[table]} for table in ("epochs", "steps")}
    return {**tables, **{key: facts[key] for key in STATE_FACTS}}
