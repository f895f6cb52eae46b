"""Schedule, the base of all learning-rate schedules, itself a schedule made from a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from nncore import _core
from nncore._registry.registered import Registered, spec_of
from nncore._support.checks import integer
from nncore._support.functions import check_function
from nncore.errors import ConfigError


class Schedule(Registered):
    """Base of all schedules: `schedule(i)` is the rate at index i = 0, 1, … of the step or epoch."""

    _own_spec: Any = None
    _config: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args or kwargs or type(self).__call__ is Schedule.__call__:
            super().__init__(*args, **kwargs)

    @property
    def _spec(self) -> Any:
        """The spec that the core makes it from. That of a class with its own __call__ holds the object, so it is made
        anew each time: a stored one would be a cycle that is never freed."""
        kind: Any = type(self)
        if kind.__call__ is not Schedule.__call__:
            per: Any = getattr(self, "per", "step")
            return _core.Spec("schedule", "Schedule", {"lr": 1.0, "fn": self.__call__, "per": per})
        if self._own_spec is None:
            raise ConfigError(f"[{kind.__name__}] expected a method __call__(self, step), or super().__init__(lr, fn)")
        return self._own_spec

    @_spec.setter
    def _spec(self, spec: Any) -> None:
        self._own_spec = spec

    def __reduce__(self) -> tuple[Any, ...]:
        kind: Any = type(self)
        if kind.__call__ is Schedule.__call__:
            check_function(f"[{kind.__name__}] fn", self._config.get("fn"))
            return super().__reduce__()
        check_function(f"[{kind.__name__}]", kind)
        return _new, (kind,), self.__dict__

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
