"""What determines a value in every process, as JSON: numbers, arrays, nncore's objects, Python code."""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from nncore import _core
from nncore._registry.registered import Registered, is_generated, parts_of
from nncore._support.checks import describe
from nncore.errors import ConfigError
from nncore.nn._layer import Layer
from nncore.nn._loss import Loss
from nncore.nn._model import Model, arrays_at_start
from nncore.nn._model import parts_of as parts_of_model
from nncore.nn._normalize import Normalize
from nncore.optim._optimizer import Optimizer, follows_schedule
from nncore.sweeps._code import code_facts, is_library, members_of, memory_of, reads_of
from nncore.sweeps._grid import digest
from nncore.train._augment import Augment

_MAX_DEPTH = 60
_NAMED = (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType, np.ufunc)


class Identity:
    """Turns values into JSON that is equal where they are the same.

    `strict`: the name of a point's value, of which a ConfigError says that another process would not know it again;
    None: objects of unknown classes go by these classes. `reads`: what counts of that which code reads from outside
    itself: all, what cannot be changed in place ("constants"), or nothing.
    """

    def __init__(self, strict: str | None = None, reads: Literal["all", "constants", "nothing"] = "all") -> None:
        self._strict, self._reads = strict, reads
        self._depth = 0
        self._met: dict[int, tuple[int, Any]] = {}  # with the object, so that its id stays its own

    def of(self, value: Any) -> Any:
        """The JSON."""
        if self._depth > _MAX_DEPTH:  # a list that contains itself, or a long chain of functions
            return {"deep": type(value).__name__}
        self._depth += 1
        try:
            return self._of(value)
        finally:
            self._depth -= 1

    def _of(self, value: Any) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, (bool, int, str)):
            return value
        if isinstance(value, float):
            return {"float": value.hex()}
        if isinstance(value, (bytes, complex, type(Ellipsis), slice, range)):
            return {"value": repr(value)}
        if isinstance(value, (list, tuple)):
            return [type(value).__name__, *map(self.of, value)]
        if isinstance(value, Mapping):
            return {"dict": [[self.of(key), self.of(item)] for key, item in value.items()]}
        if isinstance(value, np.ndarray) and value.dtype.kind in "biufcSU":
            return {"array": digest(value)}
        return self._object(value)

    def _object(self, value: Any) -> Any:
        """Objects and code; one met before is its number."""
        if self._strict is not None and not self._is_known(value):
            raise ConfigError(
                f"[sweep] folder: expected values that another process knows again, got {self._strict}="
                f"{describe(value)} (numbers, texts, named functions, nncore's own objects; or a name that build looks "
                "up)"
            )
        if id(value) in self._met:
            return {"same as": self._met[id(value)][0]}
        self._met[id(value)] = len(self._met), value
        outer, self._strict = self._strict, None  # what code reads, and functions that objects hold, go by their code
        try:
            return self._looked_into(value)
        finally:
            self._strict = outer

    def _looked_into(self, value: Any) -> Any:
        if isinstance(value, _core.Spec):
            return {"recipe": [value.kind, value.name, self.of(value.args)]}
        if isinstance(value, (Registered, Layer, Loss)):
            return self._registered(value)
        if isinstance(value, (Normalize, Augment)):
            return {"recipe": [type(value).__name__, self._state(value, memory=set())]}
        if isinstance(value, Model):
            return {"model": self._model(value)}
        if isinstance(value, (types.FunctionType, type, types.MethodType, functools.partial)):
            return self.code(value)
        if isinstance(value, types.ModuleType):
            return {"module": value.__name__}
        if isinstance(value, _NAMED):
            return {"name": getattr(value, "__qualname__", getattr(value, "__name__", ""))}
        return self._instance(value)

    def _is_known(self, value: Any) -> bool:
        """Whether another process knows it again: also by its name, whatever it is called there."""
        if isinstance(value, (Registered, Layer, Loss, Model, Normalize, Augment, types.BuiltinFunctionType, np.ufunc)):
            return True
        return isinstance(value, (type, types.FunctionType)) and "<" not in value.__qualname__

    def _registered(self, value: Any) -> Any:
        """A layer, loss, optimizer, …: the class, its arguments as they are now, and what users wrote."""
        parts: list[Any] = [type(value).__name__]
        if isinstance(value, Registered):
            given = {**value._spec.args, **parts_of(value)}
            parts.append(self.of({name: given[name] for name in sorted(given)}))
        if isinstance(value, Optimizer):
            parts.append(None if follows_schedule(value) else self.of(value.lr))
        if isinstance(value, Layer) and value.frozen:
            parts.append("frozen")  # running statistics, too, also of layers inside others
        if not is_generated(value):
            parts += [self._class(type(value)), self._state(value, memory=set())]
        return {"recipe": parts}

    def _model(self, model: Model) -> list[Any]:
        """Layers, how they are joined, what they start from, what is frozen."""
        parts = parts_of_model(model)
        return [
            parts.kind,
            str(parts.core.dtype),
            [[name, self.of(layer)] for name, layer in parts.layers.items()],
            self.of(dict(parts.joined)),
            self.of(parts.input),
            [[name, None if array is None else digest(array)] for name, array in arrays_at_start(model)],
            [parameter.name for parameter in model.parameters() if not parameter.requires_grad],
        ]

    def _instance(self, value: Any) -> Any:
        """An object of a class that users wrote: the code and the settings of the object; of other classes the name."""
        cls = type(value)
        if is_library(cls.__module__):
            return {"object": f"{cls.__module__}.{cls.__qualname__}"}
        return {"object": self._class(cls), "state": self._state(value, memory_of(cls)) if callable(value) else None}

    def _state(self, value: Any, memory: set[str]) -> Any:
        own = getattr(value, "__dict__", {})
        return [[name, self.of(own[name])] for name in sorted(own) if name not in memory]

    # ---- Code -------------------------------------------------------------------------------------------------------

    def code(self, value: Any) -> Any:
        """A function, method, partial or class: the compiled code and what it reads."""
        if isinstance(value, functools.partial):
            return {"partial": [self.of(value.func), self.of(value.args), self.of(value.keywords)]}
        if isinstance(value, types.MethodType):
            return {"method": [self.of(value.__func__), self.of(value.__self__)]}
        if is_library(value.__module__):
            return {"name": f"{value.__module__}.{value.__qualname__}"}
        return self._class(value) if isinstance(value, type) else self._function(value)

    def _function(self, value: types.FunctionType) -> Any:
        facts = code_facts(value.__code__)
        reads = {} if self._reads == "nothing" else reads_of(value)
        if facts.changes or self._reads == "constants":
            reads = {name: read for name, read in reads.items() if not _is_container(read)}
        return {
            "code": facts.text,
            "defaults": self.of([value.__defaults__, value.__kwdefaults__]),
            "reads": [[name, self.of(read)] for name, read in sorted(reads.items())],
        }

    def _class(self, cls: type) -> Any:
        if is_library(cls.__module__):
            return {"name": f"{cls.__module__}.{cls.__qualname__}"}
        return {"class": cls.__qualname__, "members": [[name, self._member(m)] for name, m in members_of(cls)]}

    def _member(self, member: Any) -> Any:
        if isinstance(member, (staticmethod, classmethod)):
            return [type(member).__name__, self._member(member.__func__)]
        if isinstance(member, property):
            return ["property", *(self._member(f) for f in (member.fget, member.fset))]
        return self.of(member)


def _is_container(value: Any) -> bool:
    return isinstance(value, (list, dict, set, bytearray, np.ndarray))
