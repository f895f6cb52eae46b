"""Schedule, the base of all learning-rate schedules, itself a schedule made from a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from nncore import _core
from nncore._registry.registered import Registered, spec_of
from nncore._support.checks import describe, integer
from nncore._support.functions import check_function
from nncore._support.names import refuse_keyword
from nncore.errors import ConfigError


class Schedule(Registered):
    """Base of all schedules: `schedule(i)` is the rate at index i = 0, 1, … of the step or epoch.

    Subclass it to write one in Python: `__call__(self, index)` returns the rate; `per = "epoch"`, of the class or by
    `super().__init__(per="epoch")`, counts epochs in place of steps. `super().__init__(lr)` sets `self.lr`; it need
    not be called.
    """

    _own_spec: Any = None
    _config: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if self._is_code():
            self._take(*args, **kwargs)
        else:
            super().__init__(*args, **kwargs)

    def _is_code(self) -> bool:
        kind: Any = type(self)
        return kind.__call__ is not Schedule.__call__

    def _take(self, lr: Any = None, fn: Any = None, **given: Any) -> None:
        """The arguments of super().__init__ in a class with its own __call__."""
        where, per = type(self).__name__, given.pop("per", None)
        if given:
            refuse_keyword(where, next(iter(given)), ("lr", "per"))
        if fn is not None:
            raise ConfigError(f"[{where}] fn: expected none beside the method __call__, got {describe(fn)}")
        if per is not None and per not in ("step", "epoch"):
            raise ConfigError(f"[{where}] per: expected 'step' or 'epoch', got {describe(per)}")
        self.__dict__.update({name: value for name, value in (("lr", lr), ("per", per)) if value is not None})

    def _checked(self, given: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        registered = next(cls for cls in type(self).__mro__ if "_traits" in vars(cls))
        if registered is type(self):
            return super()._checked(given)
        return _core.Spec(self._kind, registered.__name__, given), given  # of a subclass that gives arguments

    def _setting(self, name: str) -> Any:
        if not self._is_code():
            return super()._setting(name)
        if name not in self.__dict__ and name != "per":
            raise AttributeError(f"[{type(self).__name__}] {name}: not set (super().__init__(lr) sets lr)")
        return self.__dict__.get(name, "step")

    def _assign(self, name: str, value: Any) -> None:
        if not self._is_code():
            super()._assign(name, value)
        self.__dict__[name] = value

    def __dir__(self) -> list[str]:
        own = self.__signature__.parameters
        return [name for name in super().__dir__() if name in own or name not in ("fn", "lr", "per")]

    @property
    def _spec(self) -> Any:
        """The spec that the core makes it from. That of a class with its own __call__ holds the object, so it is made
        anew each time: a stored one would be a cycle that is never freed."""
        if self._is_code():
            per: Any = self.per  # type: ignore[attr-defined]
            return _core.Spec("schedule", "Schedule", {"lr": 1.0, "fn": self.__call__, "per": per})
        if self._own_spec is None and self._config:
            self._own_spec = self._checked(dict(self._config))[0]
        if self._own_spec is None:
            where = type(self).__name__
            raise ConfigError(f"[{where}] expected a method __call__(self, step), or super().__init__(lr, fn)")
        return self._own_spec

    @_spec.setter
    def _spec(self, spec: Any) -> None:
        self._own_spec = spec

    def __reduce__(self) -> tuple[Any, ...]:
        kind: Any = type(self)
        check_function(f"[{kind.__name__}] fn", self._config.get("fn"))
        if "_traits" in vars(kind):
            return super().__reduce__()
        check_function(f"[{kind.__name__}]", kind)
        return _new, (kind,), {name: value for name, value in self.__dict__.items() if name != "_own_spec"}

    def __call__(self, index: int) -> float:
        """The rate at an index."""
        index = integer(type(self).__name__, "index", index, 0, 2**62)
        rate: float = _core.schedule_rate(self._spec, index)
        return rate


def _new(cls: type[Schedule]) -> Schedule:
    return cls.__new__(cls)


#: A number, a schedule, or a function that gives the rate of step 0, 1, …
Rate = float | Schedule | Callable[[int], float]


def schedule_or_number(rate: Any) -> Any:
    """A plain function of the step as a schedule, which gives the rate itself; anything else as it is."""
    if isinstance(rate, Schedule):
        spec_of(rate)  # of one in Python: what is missing is said here
    elif callable(rate) and not isinstance(rate, type):
        return Schedule(1.0, rate, per="step")
    return rate
