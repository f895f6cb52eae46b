"""TrainerSettings: the arguments of a Trainer, checked, and the compiled trainer made from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nncore import _core
from nncore._registry.registered import traits_of
from nncore._support.checks import describe
from nncore.errors import ConfigError
from nncore.nn._loss import CompiledLoss, Loss
from nncore.nn._loss import spec_of as spec_of_loss
from nncore.nn._model import Model, core_of, set_link
from nncore.optim._optimizer import Optimizer, bind, building, fresh
from nncore.train._augment import Augment


class TrainerSettings:
    """The part of a Trainer that holds its arguments."""

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
        if self.loss.link is not None:  # else fit and step set the link that the targets tell
            set_link(self.model, self.loss.link)
        return self._core

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of this trainer, given and default ones."""
        return dict(self._options)

    def __repr__(self) -> str:
        return f"Trainer({self.loss!r}, {self.optimizer!r}, batch_size={self._options['batch_size']})"


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


def bound(trainer: TrainerSettings) -> Any:
    """The compiled trainer for the model as it is now."""
    return trainer._bind()


def set_options(trainer: TrainerSettings, **options: Any) -> None:
    """Changes options, from the next fit on."""
    trainer._set_options(**{**trainer._options, **options})
    trainer._model_core = None  # the next use rebuilds the C++ trainer
