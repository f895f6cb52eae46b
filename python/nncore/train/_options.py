"""The options of a Trainer, as the core's schema "Trainer" defines and checks them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nncore import _core
from nncore._registry.registered import traits_of
from nncore._support.checks import describe
from nncore.errors import ConfigError
from nncore.nn._loss import CompiledLoss, Loss
from nncore.nn._model import Model
from nncore.train._augment import Augment


def options_spec(given: Mapping[str, Any]) -> Any:
    """The checked keyword arguments of a Trainer as a spec for the compiled one."""
    augment = given["augment"]
    if augment is not None and not isinstance(augment, Augment):
        raise ConfigError(f"[Trainer] augment: expected an Augment or None, got {describe(augment)}")
    pair = None if augment is None else (augment.crop_padding, int(augment.flip))
    return _core.Spec("trainer", "Trainer", {**given, "augment": pair})


def check_end(model: Model, loss: Loss) -> None:
    """ConfigError for a model that ends in the link that the loss applies itself (Softmax before CrossEntropyLoss)."""
    end = model[len(model) - 1] if len(model) else None
    if isinstance(loss, CompiledLoss) and traits_of(end).get("link", "none") == loss.link:
        last = type(end).__name__
        other = ", or use NLLLoss after LogSoftmax" if last == "LogSoftmax" else ""
        raise ConfigError(
            f"[Trainer] model: expected raw outputs for {type(loss).__name__}, got a model that ends in {last} "
            f"(the loss applies it: drop the layer{other})"
        )
