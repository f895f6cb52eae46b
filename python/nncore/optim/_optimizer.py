"""Optimizer: the base of all optimizers."""

from __future__ import annotations

import copy
import warnings
import weakref
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, ClassVar

from nncore import _core
from nncore._registry.registered import rebuild, spec_of
from nncore._support.checks import describe, positive, shown
from nncore._support.fits import refuse_during_fit
from nncore._support.html import facts
from nncore._support.html import number as shown_number
from nncore._support.strict import fixed
from nncore.errors import ConfigError, StateError
from nncore.nn._model import Model, core_of
from nncore.optim import _rule
from nncore.optim._epochs import PATIENCE, counts_epochs, monitored, remedy
from nncore.optim._schedule import Rate, Schedule, schedule_or_number
from nncore.optim._state import OptimizerState

#: True inside sweep's build(): trainers copy the optimizer, so that one object can be given to many runs.
building: ContextVar[bool] = ContextVar("building", default=False)


class Optimizer(OptimizerState):
    """Base of all optimizers. An optimizer belongs to one model: the first that a Trainer or `step` binds it to.

    Its arguments are attributes: `optimizer.momentum = 0.9` acts from the next step on, with the state there is, and
    `optimizer.lr` may be a number, a schedule, or a function that gives the rate of step 0, 1, …, as in
    `lr=lambda step: 0.1 / (1 + step)`; by epochs: `nc.Schedule(1.0, function, per="epoch")`. During a fit, in a
    callback, `lr` alone may be assigned, a number.

    A copy, or a pickle, has the state of the original and belongs to no model yet: to a copy of the original's.

    Subclass it to write one in Python, with NumPy arrays:

    `__init__(self, lr, …)`
        Calls `super().__init__(lr=lr)`, lr a number, a schedule or a function of the step.
    `update(self, parameter, gradient, state)`
        Changes the array `parameter` in place, once a step for each parameter. `self.lr` is the rate and `self.t` the
        number of this step, from 1; the dict `state`, empty at first, keeps up to three arrays of the parameter's
        shape. After an exception parameters and state are those before the step.

    It runs in fit, `step` and minimize, with penalties, clipping and schedules; penalties and clipping have changed
    `gradient` already. Files hold no code: save `model.state_dict()` and `optimizer.state_dict()`.

    Examples
    --------
    >>> class Momentum(nc.Optimizer):
    ...     def __init__(self, lr, mu=0.9):
    ...         super().__init__(lr=lr)
    ...         self.mu = mu
    ...     def update(self, parameter, gradient, state):
    ...         v = self.mu * state.get("v", 0.0) + gradient
    ...         parameter -= self.lr * v
    ...         state["v"] = v
    >>> nc.minimize("quadratic", [1.0, 1.0], Momentum(0.1), 300).fun < 1e-6
    True
    """

    _kind = "optimizer"
    _own_spec: Any = None
    _config: Mapping[str, Any] = MappingProxyType({})
    _step: tuple[float, int] | None = None  # rate and number of the step that a rule in Python computes
    _steps_unmoved: int | None = 0  # steps of a rule in Python that changed nothing; None: one has changed something
    _pending_kept = False  # arguments were assigned while a state waited
    _hints: ClassVar[Mapping[str, str]] = {
        "param_groups": "settings are attributes: optimizer.lr, optimizer.weight_decay",
        "zero_grad": "model.zero_grad()",
        "rate": "did you mean lr?",
    }

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if any("_traits" in vars(base) for base in cls.__mro__[1:]):
            _rule.refuse_rule_of_compiled(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if type(self) is Optimizer:
            raise ConfigError("[Optimizer] expected one of its subclasses, got the base itself")
        if "learning_rate" in kwargs:
            if args or "lr" in kwargs:
                raise ConfigError(f"[{type(self).__name__}] learning_rate: expected lr or learning_rate, got both")
            kwargs["lr"] = kwargs.pop("learning_rate")
        super().__init__(*args, **kwargs)
        self._core: Any = None
        self._model_core: Any = None
        self._model: weakref.ref[Model] | None = None
        self._pending: dict[str, Any] = {}  # the state until it is bound to a model
        self._copied_rate: float | None = None  # the rate until then, of a copy
        self._alone: int | None = (
            0  # steps outside of a fit before the first end of an epoch; None: told, or not needed
        )
        self._follows_schedule = isinstance(self._config.get("lr"), Schedule)

    def _by_name(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return _by_name(self, *args, **kwargs) if _rule.is_rule(self) else super()._by_name(*args, **kwargs)

    def _checked(self, given: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        given = {key: schedule_or_number(value) if key == "lr" else value for key, value in given.items()}
        return (_rule.spec_of_rule(self, given), given) if _rule.is_rule(self) else super()._checked(given)

    def _run(self, rate: float, t: int, values: list[Any], gradients: list[Any], states: list[Any]) -> list[Any]:
        """One step of a rule in Python; called by the core."""
        with _rule.in_step(self, rate, t):
            return _rule.run(self, values, gradients, states)

    @property
    def t(self) -> int:
        """Steps done; in `update` with the one that is being done."""
        return steps_done(self) if self._step is None else self._step[1]

    @property
    def lr(self) -> float:
        """The rate of the next step; in `update` of this one. A number, a schedule or a function of the step may be
        assigned."""
        if self._step is not None:
            return self._step[0]
        if self._core is not None:
            rate: float = self._core.rate
            return rate
        if "lr" in self._pending:
            return float(self._pending["lr"])
        if self._copied_rate is not None:
            return self._copied_rate
        given = self._setting("lr")
        if not isinstance(given, Schedule):
            return float(given)
        return given(self._pending.get("epoch" if _core.schedule_per_epoch(spec_of(given)) else "step", 0))

    @lr.setter
    def lr(self, value: Rate) -> None:
        value = schedule_or_number(value)
        if isinstance(value, Schedule):
            self._assign("lr", value)
            return
        rate = positive(type(self).__name__, "lr", value)
        if self._core is None:
            self._assign("lr", rate)
        else:
            with self._access_guard("lr"):
                self._set_rate(rate)

    @property
    def learning_rate(self) -> float:
        """Another name of lr."""
        return self.lr

    @learning_rate.setter
    def learning_rate(self, value: Rate) -> None:
        self.lr = value

    def _set_rate(self, rate: float) -> None:
        """The rate of the compiled optimizer, and in the arguments, which repr, pickles and checkpoints show."""
        self._core.rate = rate
        self._follows_schedule = False
        if self._setting("lr") != rate:
            self._config = {**self._config, "lr": rate}
            self._spec = None

    @property
    def _spec(self) -> Any:
        """The spec of the arguments; made when it is asked for, as a loop may set lr before each step."""
        if self._own_spec is None:
            self._own_spec = self._checked(dict(self._config))[0]
        return self._own_spec

    @_spec.setter
    def _spec(self, spec: Any) -> None:
        self._own_spec = spec

    def _assign(self, name: str, value: Any) -> None:
        """Acts from the next step on, with the state there is."""
        spec, config = self._checked({**self._config, name: value})
        refuse_during_fit(self, name)
        if name.startswith("initial_") and steps_done(self) > 0:
            fixed(self, name, f"the state began {steps_done(self)} steps ago: make a new {type(self).__name__}")
        if self._core is None:
            self._pending_kept = bool(self._pending)
            if name == "lr":
                self._copied_rate = None
                for key in ("lr", "schedule"):
                    self._pending.pop(key, None)
        else:
            with self._access_guard(name):
                self._core = self._remade(spec, keep_rate=name != "lr")
        self._spec, self._config = spec, config
        if name == "lr":
            self._follows_schedule = isinstance(config["lr"], Schedule)

    def _remade(self, spec: Any, *, keep_rate: bool) -> Any:
        """A compiled optimizer with other arguments, and of the state what both have."""
        old, new = self._core, type(self._core)(spec, self._model_core)
        new.t, new.epoch, new.hand_epochs = old.t, old.epoch, old.hand_epochs
        if keep_rate and not self._follows_schedule:
            new.rate = old.rate
        elif keep_rate and old.schedule_state:
            new.schedule_state = old.schedule_state
        for i in range(len(self._model_core.parameters()) if old.t > 0 else 0):
            kept = old.state(i)
            for key, array in new.state(i).items():
                if key in kept:
                    array[...] = kept[key]
        return new

    def _access_guard(self, what: str) -> Any:
        """The model's access guard, shared: no step of another thread runs while state is read or set here."""
        return self._model_core.access_guard(f"{type(self).__name__}.{what}", write=False)

    def step(self, model: Model) -> None:
        """Updates every parameter by its gradient; gradients are not changed.

        A schedule that counts epochs is told of their ends by `end_epoch`.
        """
        self._bind(model).step(self._model_core)
        if self._follows_schedule:
            self._count_alone()

    def end_epoch(self, record: Any = None) -> None:
        """Tells the schedule that an epoch is over, in a loop of `step` or `Trainer.step`; fit does so by itself.

        Parameters
        ----------
        record : dict name -> number, or number, optional
            What ReduceLROnPlateau follows: the numbers of the epoch, such as {"val_loss": 0.3}, or that number alone.

        Raises
        ------
        ConfigError
            The schedule follows a number that is not given.
        StateError
            The schedule follows a number, and there has been no step.

        Examples
        --------
        >>> net, optimizer = nc.mlp([2, 4, 2], seed=0), nc.SGD(lr=nc.StepLR(0.1, 1, gamma=0.5))
        >>> trainer = nc.Trainer(net, nc.CrossEntropyLoss(), optimizer)
        >>> for epoch in range(2):
        ...     loss = trainer.step([[0.0, 1.0], [1.0, 0.0]], [0, 1])
        ...     optimizer.end_epoch()
        >>> optimizer.lr
        0.025
        """
        where = type(self).__name__
        schedule = self._setting("lr")
        self._alone = None
        if self._core is None:
            if isinstance(schedule, Schedule) and _core.schedule_monitor(spec_of(schedule)):
                raise StateError(f"[{where}] end_epoch: expected a step before it")
            for key in ("epoch", "hand_epochs"):
                self._pending[key] = self._pending.get(key, 0) + 1
            return
        with self._access_guard("end_epoch"):
            if self._core.monitor:
                self._core.observe(monitored(where, self._core.monitor, record))
            self._core.epoch += 1
            self._core.hand_epochs += 1

    def _count_alone(self) -> None:
        """Counts a step outside of a fit; once, after a hundred without an epoch's end, tells of `end_epoch`."""
        if self._alone is None:
            return
        self._alone += 1
        if self._alone < PATIENCE:
            return
        self._alone = None
        name = counts_epochs(spec_of(self._setting("lr")))
        if name is not None:
            warnings.warn(
                f"[{type(self).__name__}] lr: {name} counts epochs, and {PATIENCE} steps were taken without the end of "
                f"one: call optimizer.end_epoch() after each ({remedy(name)})",
                RuntimeWarning,
                stacklevel=4,
            )

    def _repr_html_(self) -> str:
        values = {key: shown(value) for key, value in {**self._spec.args, **self._config}.items()}
        return facts(
            [*values.items(), ("steps done", steps_done(self))],
            caption=f"{type(self).__name__}, rate now {shown_number(self.lr)}",
        )

    def _bind(self, model: Model) -> Any:
        """The compiled optimizer for this model's parameters."""
        if not isinstance(model, Model):
            raise ConfigError(f"[{type(self).__name__}] model: expected a Sequential or a Graph, got {describe(model)}")
        model_core = core_of(model)
        if self._model_core is model_core:
            return self._core
        spec = self._spec
        if self._model is not None and self._model() is not model:
            raise StateError(f"[{type(self).__name__}] serves another model already; make one for each model")
        state = self.state_dict() if self._core is not None else self._pending
        make = _core.Optimizer32 if model.dtype == "float32" else _core.Optimizer64
        self._core, self._model_core = make(spec, model_core), model_core
        self._model = weakref.ref(model)
        self._pending, self._copied_rate = {}, None
        if state:
            self.load_state_dict(self._known(state) if self._pending_kept else state)
        return self._core

    def _known(self, state: dict[str, Any]) -> dict[str, Any]:
        """The state without arrays that the rule has no use for since its arguments were assigned."""
        names = set(self._core.state(0)) if self._model_core.parameters() else set()
        arrays = {
            parameter: {key: array for key, array in own.items() if key in names}
            for parameter, own in state.get("state", {}).items()
        }
        return {**state, "state": arrays}

    def __reduce__(self) -> tuple[Any, ...]:
        if _rule.is_rule(self):
            own = dict(self._config), _rule.attributes_of(self), self.state_dict(), self.lr
            return _new_rule, (type(self),), own
        return _rebuild, (type(self), dict(self._config), self.state_dict(), self.lr)

    def __setstate__(self, own: tuple[dict[str, Any], dict[str, Any], dict[str, Any], float]) -> None:
        """Of a rule in Python."""
        self._config, attributes, self._pending, self._copied_rate = own
        self.__dict__.update(attributes)
        self._core = self._model_core = self._model = self._own_spec = None

    def __copy__(self) -> Optimizer:
        return copy.deepcopy(self)


def step_alone(optimizer: Optimizer) -> None:
    """A trainer took a step outside of a fit."""
    if optimizer._follows_schedule:
        optimizer._count_alone()


def bind(optimizer: Optimizer, model: Model) -> Any:
    """The compiled optimizer for the model's current parameters."""
    return optimizer._bind(model)


def _rebuild(cls: type[Optimizer], config: dict[str, Any], state: dict[str, Any], rate: float) -> Optimizer:
    """A copy with the state of the original, for a model with the same parameters."""
    optimizer = rebuild(cls, config)
    optimizer._pending, optimizer._copied_rate = state, rate
    return optimizer


def fresh(optimizer: Optimizer) -> Optimizer:
    """A copy with the same settings and rate, without state and model."""
    if _rule.is_rule(optimizer):
        config, attributes, _, _ = optimizer.__reduce__()[2]
        made = _new_rule(type(optimizer))
        config = {**config, **({} if follows_schedule(optimizer) else {"lr": optimizer.lr})}
        made.__setstate__((config, copy.deepcopy({**attributes, "_state_names": []}), {}, config["lr"]))
        made._copied_rate = None
        made._follows_schedule = follows_schedule(optimizer)
        return made
    return rebuild(type(optimizer), settings_of(optimizer))


def settings_of(optimizer: Optimizer) -> dict[str, Any]:
    """The arguments as they are now, with the rate of a state that waits for the model."""
    rate = {"lr": optimizer._pending["lr"]} if "lr" in optimizer._pending else {}
    return {**optimizer._config, **rate}


def _new_rule(cls: type[Optimizer]) -> Optimizer:
    return cls.__new__(cls)


def _by_name(optimizer: Optimizer, lr: Any = None) -> dict[str, Any]:
    """The argument of nc.Optimizer.__init__ as subclasses in Python call it."""
    if lr is None:
        raise ConfigError(f"[{type(optimizer).__name__}] lr: expected super().__init__(lr=lr), got no rate")
    return {"lr": lr}


def steps_done(optimizer: Optimizer) -> int:
    """Updates done so far."""
    return int(optimizer._pending.get("step", 0) if optimizer._core is None else optimizer._core.t)


def compiled(optimizer: Optimizer) -> Any:
    """The compiled optimizer; None before it is bound to a model."""
    return optimizer._core


def follows_schedule(optimizer: Optimizer) -> bool:
    """Whether a schedule sets the rate, not a number."""
    return optimizer._follows_schedule and "lr" not in optimizer._pending


def monitor_of(optimizer: Optimizer) -> str | None:
    """The column of an epoch's record that the schedule follows (ReduceLROnPlateau); else None."""
    return None if optimizer._core is None else optimizer._core.monitor or None
