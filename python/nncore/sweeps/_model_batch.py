"""Model batches: small models of the same structure train together, one in each vector lane."""

from __future__ import annotations

from collections.abc import Sequence

from nncore._registry.registered import is_generated
from nncore._support.interrupt import InterruptGuard
from nncore.sweeps._task import RunData
from nncore.train._history import History
from nncore.train._metrics import ManyMetrics, metrics_of
from nncore.train._settings import bound
from nncore.train._trainer import Trainer, take_over


def batch_key(trainer: Trainer, samples: int, metrics: ManyMetrics) -> tuple[str, str] | None:
    """Trainers with equal keys can train as one batch on `samples` samples; None: this one trains alone.

    The core computes it (ModelBatch::key); subclasses and metrics that are functions are excluded here.
    """
    if not all(isinstance(metric, str) for metric in metrics_of("fit", metrics).others):
        return None
    generated = all(map(is_generated, (*trainer.model, trainer.loss)))
    plain = type(trainer) is Trainer and "fit" not in vars(trainer) and generated
    if not plain:
        return None
    key = bound(trainer).model_batch_key(samples)
    return None if key is None else (trainer.model.dtype, key)


def models_at_once(trainer: Trainer) -> int:
    """Models in a batch: the lanes of a vector register."""
    lanes: int = type(bound(trainer)).lanes
    return lanes


def fit_model_batch(
    trainers: Sequence[Trainer],
    data: RunData,
    epochs: int,
    steps: int | None,
    metrics: ManyMetrics,
) -> list[History | None]:
    """The history of each; None for trainers that have to be fitted alone, which are unchanged."""
    wanted = metrics_of("fit", metrics)
    if wanted.accuracy == "required" and trainers[0].loss.link == "identity":
        return [None] * len(trainers)  # the kernels measure no accuracy of values
    cores = [bound(trainer) for trainer in trainers]
    length = -1 if steps is None else steps
    with InterruptGuard() as guard:

        def poll(*_: object) -> bool:
            return guard.requested

        try:
            broken = type(cores[0]).fit_model_batch(
                cores, *data.train, data.validation, data.test, epochs, length, wanted.accuracy, wanted.others, poll
            )
        except Exception:  # of wrong data, of a metric: nothing has changed
            return [None] * len(trainers)  # fitted alone, the faulty one raises its own error
    histories: list[History | None] = []
    for trainer, core, alone in zip(trainers, cores, broken, strict=True):
        history = History(core.result(True))
        if not alone:
            take_over(trainer, wanted, history)
        histories.append(None if alone else history)
    return histories
