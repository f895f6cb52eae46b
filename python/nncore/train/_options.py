"""The options of a Trainer: checked, and as the compiled one takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nncore._registry.registered import traits_of
from nncore._support.checks import LARGEST_SEED, describe, flag, integer, number, positive
from nncore.errors import ConfigError
from nncore.nn._loss import CompiledLoss, Loss
from nncore.nn._sequential import Sequential
from nncore.train._augment import Augment

_NONE = ("batch_size", "clip_grad_norm", "clip_grad_value", "num_threads")  # the compiled trainer has 0 for None


def checked_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments of a Trainer."""
    on_nonfinite, augment = given["on_nonfinite"], given["augment"]
    if on_nonfinite not in ("raise", "stop", "ignore"):
        raise ConfigError(f"[Trainer] on_nonfinite: expected 'raise', 'stop' or 'ignore', got {describe(on_nonfinite)}")
    if augment is not None and not isinstance(augment, Augment):
        raise ConfigError(f"[Trainer] augment: expected an Augment or None, got {describe(augment)}")
    return {
        "batch_size": _count("batch_size", given["batch_size"], 2**62),
        "shuffle": flag("Trainer", "shuffle", given["shuffle"]),
        "seed": integer("Trainer", "seed", given["seed"], 0, LARGEST_SEED),
        "l2": number("Trainer", "l2", given["l2"], 0.0),
        "l1": number("Trainer", "l1", given["l1"], 0.0),
        "clip_grad_norm": _bound("clip_grad_norm", given["clip_grad_norm"]),
        "clip_grad_value": _bound("clip_grad_value", given["clip_grad_value"]),
        "drop_last": flag("Trainer", "drop_last", given["drop_last"]),
        "on_nonfinite": on_nonfinite,
        "num_threads": _count("num_threads", given["num_threads"], 256),
        "augment": augment,
    }


def core_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The same as the compiled trainer takes them."""
    augment = options["augment"]
    return {
        **{key: 0 if key in _NONE and value is None else value for key, value in options.items()},
        "augment": None if augment is None else [augment.crop_padding, augment.flip],
    }


def check_end(model: Sequential, loss: Loss) -> None:
    """Refuses a model whose last layer applies what the loss applies anyway."""
    end = model[len(model) - 1] if len(model) else None
    if isinstance(loss, CompiledLoss) and traits_of(end).get("link", "none") == loss.link:
        last = type(end).__name__
        other = ", or use NLLLoss after LogSoftmax" if last == "LogSoftmax" else ""
        raise ConfigError(
            f"[Trainer] model: expected raw outputs for {type(loss).__name__}, got a model that ends in {last} "
            f"(the loss applies it: drop the layer{other})"
        )


def _count(name: str, value: Any, high: int) -> int | None:
    return None if value is None else integer("Trainer", name, value, 1, high, or_none=True)


def _bound(name: str, value: Any) -> float | None:
    return None if value is None else positive("Trainer", name, value, or_none=True)
