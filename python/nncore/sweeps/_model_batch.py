"""Batches of small models that are alike: they train side by side, one model in each lane of a vector register.

Sizes and kinds alone decide which trainers may, never how many there are: a trainer's numbers are the same with any
neighbours, or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nncore._registry.registered import is_generated, spec_of
from nncore._support.interrupt import InterruptGuard
from nncore.errors import ConfigError, ShapeError, StateError
from nncore.nn._layer import spec_of as spec_of_layer
from nncore.nn._loss import spec_of as spec_of_loss
from nncore.nn._normalize import numbers_of
from nncore.optim._optimizer import follows_schedule, steps_done
from nncore.train._history import History
from nncore.train._metrics import Metric, metrics_of
from nncore.train._trainer import Trainer, bound, take_over

#: A net of more weights, or more samples a step, keeps vector units busy by itself: a full group gains less than
#: twofold. For steps of a single sample there is a kernel of its own.
_MAX_WEIGHTS = 512
_MAX_SAMPLES = 32

_ACTIVATIONS = ("ReLU", "LeakyReLU", "Tanh", "Sigmoid")
_LOSSES = ("CrossEntropyLoss", "MSELoss", "BCEWithLogitsLoss")
#: Arguments that each model has for itself; all others are those of the batch.
_PER_MODEL = {
    "SGD": ("lr", "momentum", "dampening", "weight_decay"),
    "Adam": ("lr", "betas", "eps", "weight_decay", "bias_correction"),
    "AdamW": ("lr", "betas", "eps", "weight_decay", "bias_correction"),
}
_PER_MODEL_OPTIONS = ("seed", "l1", "l2", "num_threads")


def batch_key(trainer: Trainer, samples: int, metrics: Sequence[Metric]) -> tuple[Any, ...] | None:
    """What trainers on so many samples have in common when one batch can hold them; None: this one trains alone."""
    options, net, loss = trainer.options, _net_of(trainer), spec_of_loss(trainer.loss)
    if not 1 < min(options["batch_size"] or samples, samples) <= _MAX_SAMPLES:
        return None
    if type(trainer) is not Trainer or "fit" in vars(trainer) or net is None:
        return None
    if loss.name not in _LOSSES or not is_generated(trainer.loss):
        return None
    if options["on_nonfinite"] != "raise" or options["clip_grad_norm"] or options["clip_grad_value"]:
        return None
    if options["augment"] is not None:
        return None
    if not all(isinstance(metric, str) for metric in metrics) or not _new(trainer):
        return None
    common = tuple(value for name, value in options.items() if name not in _PER_MODEL_OPTIONS)
    penalized = bool(options["l1"] or options["l2"])
    return trainer.model.dtype, net, _facts(loss), _optimizer_of(trainer), common, penalized


def _facts(spec: Any, but: Sequence[str] = ()) -> tuple[Any, ...]:
    return spec.name, *((name, repr(value)) for name, value in spec.args.items() if name not in but)


def _net_of(trainer: Trainer) -> tuple[Any, ...] | None:
    """Sizes and activations of a small net of Linear layers, each with at most one activation behind it."""
    model = trainer.model
    if not all(map(is_generated, model)) or len(set(model)) < len(model):
        return None
    facts, weights, before = [], 0, ""
    for spec in map(spec_of_layer, model):
        if spec.name == "Linear":
            weights += (spec.args["in_features"] + 1) * spec.args["out_features"]
            facts.append(_facts(spec, ("weight_init", "bias_init")))
        elif spec.name in _ACTIVATIONS and before == "Linear":
            facts.append(_facts(spec))
        else:
            return None
        before = spec.name
    if not facts or weights > _MAX_WEIGHTS:
        return None
    return *facts, None if model.input is None else repr(numbers_of(model.input))


def _new(trainer: Trainer) -> bool:
    """Has nothing been trained yet, at a rate that stays?"""
    if follows_schedule(trainer.optimizer):
        return False
    state = bound(trainer).state
    return not (state["epoch"] or state["step"] or state["hand_steps"] or steps_done(trainer.optimizer))


def _optimizer_of(trainer: Trainer) -> tuple[Any, ...]:
    spec = spec_of(trainer.optimizer)
    own = _PER_MODEL.get(spec.name, ())
    rate = () if own else (trainer.optimizer.lr,)
    return *_facts(spec, own), bool(spec.args.get("momentum")), *rate


def models_at_once(trainer: Trainer) -> int:
    """How many models a batch holds: the lanes of a register."""
    lanes: int = type(bound(trainer)).lanes
    return lanes


def fit_model_batch(
    trainers: Sequence[Trainer],
    data: tuple[Any, Any],
    held: tuple[Any, Any] | None,
    epochs: int,
    steps: int | None,
    metrics: Sequence[Metric],
) -> list[History | None]:
    """The history of each; None for those that have to be fitted alone, and are as they were."""
    wanted = metrics_of("fit", metrics)
    cores = [bound(trainer) for trainer in trainers]
    length = -1 if steps is None else steps
    with InterruptGuard() as guard:

        def poll(*_: object) -> bool:
            return guard.requested

        try:
            broken = type(cores[0]).fit_model_batch(
                cores, *data, held, epochs, length, wanted.accuracy, wanted.others, poll
            )
        except (ConfigError, ShapeError, StateError):
            return [None] * len(trainers)  # a fit alone says what is wrong
    histories: list[History | None] = []
    for trainer, core, alone in zip(trainers, cores, broken, strict=True):
        history = History(core.result(True))
        if not alone:
            take_over(trainer, wanted, history)
        histories.append(None if alone else history)
    return histories
