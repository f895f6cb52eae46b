"""Which last layers a loss can have before it."""

from __future__ import annotations

from nncore._support.checks import describe
from nncore.errors import ConfigError
from nncore.nn._loss import CompiledLoss, Loss
from nncore.nn._model import Model, core_of

_LINKS = ("identity", "softmax", "log_softmax", "sigmoid", "sign")
_DROP = "the loss applies it: drop the layer"


def check_end(model: Model, loss: Loss) -> None:
    """ConfigError for a model whose last layer gives numbers that the loss takes for others.

    Compiled losses apply their link to raw outputs, but for NLLLoss, which wants log-probabilities. A loss of one's own
    may do as it likes, but labels cannot be read from the sign of numbers that all have the same.
    """
    link, kind = loss.link, core_of(model).kind_of_outputs
    if link is not None and not (isinstance(link, str) and link in _LINKS):
        expected = ", ".join(map(repr, _LINKS))
        raise ConfigError(f"[{type(loss).__name__}] link: expected {expected} or None, got {describe(link)}")
    compiled = isinstance(loss, CompiledLoss)
    wanted, hint = "raw outputs", _DROP
    if kind == "unknown" or link in ("identity", None):
        return
    if link == "log_softmax":
        wanted, hint = "log-probabilities", "end in nc.LogSoftmax(), or use nc.CrossEntropyLoss() on raw outputs"
        fits = core_of(model).kind_in_training == "log_probabilities" or not compiled
    elif link == "softmax":
        fits = kind == "raw" or not compiled
        hint += ", or use NLLLoss after LogSoftmax"
    elif link == "sigmoid":
        fits = kind == "raw" or (kind == "probabilities" and not compiled)
    else:
        fits, hint = kind == "raw", "labels are read from its sign: drop the layer"
    if not fits:
        name, last = type(loss).__name__, type(model[len(model) - 1]).__name__
        raise ConfigError(f"[Trainer] model: expected {wanted} for {name}, got a model that ends in {last} ({hint})")
