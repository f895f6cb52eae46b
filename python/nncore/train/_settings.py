"""TrainerSettings: the arguments of a Trainer, checked, and the compiled trainer made from them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Self, TypeVar, cast, overload

from nncore import _core
from nncore._registry.generate import schemas
from nncore._support.checks import describe
from nncore._support.fits import refuse_during_fit
from nncore._support.names import instance_hint
from nncore._support.strict import Strict
from nncore.errors import ConfigError
from nncore.nn._loss import Loss, ignored_label
from nncore.nn._loss import spec_of as spec_of_loss
from nncore.nn._model import Model, core_of, set_ignored, set_link
from nncore.optim._optimizer import Optimizer, bind, building, compiled, fresh
from nncore.train._augment import Augment
from nncore.train._class_weights import Weights, is_balanced
from nncore.train._ends import check_end

_Value = TypeVar("_Value")
_EXPECTED = {"model": "a Sequential or a Graph", "loss": "a Loss", "optimizer": "an Optimizer"}


class _Option(Generic[_Value]):
    """A keyword argument of the Trainer as an attribute; a new value acts from the next step or fit on."""

    def __init__(self, doc: str) -> None:
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, given: None, owner: type) -> Self: ...
    @overload
    def __get__(self, given: TrainerSettings, owner: type) -> _Value: ...
    def __get__(self, given: TrainerSettings | None, owner: type) -> Self | _Value:
        if given is None:
            return self
        value: _Value = given._options[self._name]
        return value

    def __set__(self, given: TrainerSettings, value: _Value) -> None:
        refuse_during_fit(given, self._name)
        given._change_options({self._name: value})


class TrainerSettings(Strict):
    """The part of a Trainer that holds its arguments."""

    batch_size = _Option[int | None]("Samples a step; None: all.")
    shuffle = _Option[bool]("A new order each epoch.")
    seed = _Option[int]("Of the order and of Dropout.")
    l2 = _Option[float]("Adds l2/2 ΣW² to the loss.")
    l1 = _Option[float]("Adds l1 Σ|W| to the loss.")
    clip_grad_norm = _Option[float | None]("Bound on the norm of all gradients together.")
    clip_grad_value = _Option[float | None]("Bound on the size of each element of a gradient.")
    drop_last = _Option[bool]("Leave out a last batch that is shorter.")
    on_nonfinite = _Option[str]("What happens when a number is not finite.")
    num_threads = _Option[int | None]("None: as many as nncore uses.")
    augment = _Option[Augment | None]("How images are moved before the model trains on them.")
    penalty_per_sample = _Option[bool]("Divides l2 and l1 by the samples of the batch.")

    _hints: ClassVar[Mapping[str, str]] = {
        "model": "a Trainer trains one model: make a new Trainer, or net.load_state_dict(…)",
        "lr": "trainer.optimizer.lr",
        "learning_rate": "trainer.optimizer.lr",
        "momentum": "trainer.optimizer.momentum",
        "weight_decay": "trainer.l2, or trainer.optimizer.weight_decay",
        "clip_norm": "did you mean clip_grad_norm?",
        "options": "each option is an attribute: trainer.batch_size = 64",
        **{
            name: f"an argument of fit: trainer.fit(X, y, {name}=…)"
            for name in (
                "epochs",
                "callbacks",
                "metrics",
                "validation_data",
                "validation_split",
                "test_data",
                "progress",
            )
        },
        **dict.fromkeys(("lr_finder", "lr_find"), "nc.lr_finder(trainer, X, y)"),
        "predict": "trainer.model.predict(X)",
        "predict_proba": "trainer.model.predict_proba(X)",
    }

    def _may_set(self, name: str, value: Any) -> bool:
        return callable(value) and callable(getattr(type(self), name, None))  # in place of a method: it is called

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
        penalty_per_sample: bool = False,
    ) -> None:
        _check("model", model, Model)
        _check("loss", loss, Loss)
        _check("optimizer", optimizer, Optimizer)
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
            penalty_per_sample=penalty_per_sample,
        )
        self._model = model
        self._loss = loss
        self._optimizer = fresh(optimizer) if building.get() else optimizer
        bind(self._optimizer, model)
        self._core: Any = None
        self._made_from: tuple[Any, ...] = (None, None, None)  # model, loss and optimizer of the compiled trainer
        self._begins_epoch = False
        self._class_weights: Weights | None = None
        self._weighted: tuple[Any, Weights | None, Any] = (None, None, None)  # a loss's spec, weights, the spec of both
        set_link(model, loss.link)
        set_ignored(model, ignored_label(loss))

    @property
    def model(self) -> Model:
        """The model that it trains."""
        return self._model

    @property
    def loss(self) -> Loss:
        """The loss; another one may be assigned between fits, and the model's predict follows its link."""
        return self._loss

    @loss.setter
    def loss(self, loss: Loss) -> None:
        _check("loss", loss, Loss)
        check_end(self._model, loss)
        refuse_during_fit(self, "loss")
        if loss is not self._loss:
            self._class_weights = None
        self._loss = loss
        set_link(self._model, loss.link)
        set_ignored(self._model, ignored_label(loss))

    @property
    def class_weights(self) -> tuple[float, ...] | None:
        """The numbers that weight="balanced" of the loss came to in the last fit; None before it, and of other losses.

        They are part of the training: saved, copied, and used by `step` and `evaluate`.
        """
        return self._class_weights if is_balanced(self._loss) else None

    def _loss_with_numbers(self) -> Any:
        """The spec of the loss that is computed where a fit has counted classes for weight="balanced"."""
        spec = spec_of_loss(self._loss)
        if not is_balanced(self._loss):
            return spec
        if self._weighted[0] is not spec or self._weighted[1] != self._class_weights:
            arguments = {**spec.args, "weight": self._class_weights}
            self._weighted = spec, self._class_weights, _core.Spec(spec.kind, spec.name, arguments)
        return self._weighted[2]

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer; another one may be assigned between fits, and trains on from the parameters there are."""
        return self._optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Optimizer) -> None:
        _check("optimizer", optimizer, Optimizer)
        refuse_during_fit(self, "optimizer")
        given = fresh(optimizer) if building.get() and optimizer is not self._optimizer else optimizer
        bind(given, self._model)
        self._optimizer = given

    @property
    def columns(self) -> list[Any] | None:
        """The names of the columns of the table that the model was trained on, `model.columns`."""
        return self._model.columns

    @columns.setter
    def columns(self, names: Any) -> None:
        self._model.columns = names

    def _set_options(self, **options: Any) -> None:
        self._options_spec = options_spec(options)
        self._options = {**self._options_spec.args, "augment": options["augment"]}

    def _change_options(self, options: dict[str, Any]) -> None:
        """Other options from here on. What changes the order of samples begins an epoch under way again."""
        before = self._options
        self._set_options(**{**before, **options})
        order = ("batch_size", "shuffle", "seed", "drop_last", "augment")
        self._begins_epoch |= any(before[name] != self._options[name] for name in order)
        self._made_from = (None, None, None)

    def _bind(self) -> Any:
        """The compiled trainer for the model as it is now."""
        model, optimizer = core_of(self._model), compiled(self._optimizer)
        loss = spec_of_loss(self._loss) if self._class_weights is None else self._loss_with_numbers()
        made_from = self._made_from
        if model is not made_from[0] or loss is not made_from[1] or optimizer is not made_from[2]:
            self._make_core(model, loss)
        link = self._loss.link
        if link is not None:  # else fit and step set the link that the targets tell
            set_link(self._model, link)
        return self._core

    def _make_core(self, model: Any, loss: Any) -> None:
        """A new compiled trainer, which goes on where the last one stood."""
        check_end(self._model, self._loss)  # again, for layers can be appended
        state = None if self._core is None else self._core.state
        make = _core.Trainer32 if self._model.dtype == "float32" else _core.Trainer64
        optimizer = bind(self._optimizer, self._model)
        core = make(model, loss, optimizer, self._options_spec)
        if state is not None and self._begins_epoch:
            state = {key: value if key in ("epoch", "hand_steps") else type(value)(0) for key, value in state.items()}
        if state is not None:
            core.state = state
        set_ignored(self._model, ignored_label(self._loss))
        self._core, self._made_from, self._begins_epoch = core, (model, loss, optimizer), False

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of this trainer, given and default ones."""
        return dict(self._options)

    def __repr__(self) -> str:
        usual = {field["name"]: field["default"] for schema in schemas("trainer") for field in schema["fields"]}
        shown = {name: value for name, value in self._options.items() if name == "batch_size" or value != usual[name]}
        options = ", ".join(f"{name}={value!r}" for name, value in shown.items())
        return f"Trainer({self.loss!r}, {self.optimizer!r}, {options})"


def options_spec(given: Mapping[str, Any]) -> Any:
    """The checked keyword arguments of a Trainer as a spec for the compiled one."""
    augment = given["augment"]
    if augment is not None and not isinstance(augment, Augment):
        raise ConfigError(f"[Trainer] augment: expected an Augment or None, got {describe(augment)}")
    pair = None if augment is None else (augment.crop_padding, int(augment.flip))
    return _core.Spec("trainer", "Trainer", {**given, "augment": pair})


def loss_with_numbers(trainer: TrainerSettings) -> Loss:
    """The loss, which can be called: of balanced weights a copy with the numbers that a fit has worked out."""
    weights = trainer.class_weights
    if weights is None:
        return trainer.loss
    loss: Any = copy.copy(trainer.loss)
    loss.weight = weights
    return cast(Loss, loss)


def bound(trainer: TrainerSettings) -> Any:
    """The compiled trainer for the model as it is now."""
    return trainer._bind()


def set_options(trainer: TrainerSettings, **options: Any) -> None:
    """Changes options, from the next fit on."""
    trainer._change_options(options)


def _check(name: str, given: object, wanted: type) -> None:
    if not isinstance(given, wanted):
        hint = instance_hint(given, wanted)
        raise ConfigError(f"[Trainer] {name}: expected {_EXPECTED[name]}, got {describe(given)}{hint}")
