"""Strict: attributes of public objects act, or are refused with the nearest names; Setting: arguments that act."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, Self, TypeVar, overload

from nncore._core import Attributes
from nncore._support.names import checked_keywords, did_you_mean

_Value = TypeVar("_Value")


class Strict(Attributes):
    """Base of public classes: setting or reading an attribute that the class does not declare is an AttributeError.

    Declared are properties, Settings, slots and annotated names. Subclasses outside nncore may set what they like.
    """

    __slots__ = ()
    #: What to do instead, by a name that users of other libraries, or of a neighbouring class, may try.
    _hints: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        kind: Any = cls  # whose methods may be assigned
        if _is_own(cls):
            if "__init__" in vars(cls):
                kind.__init__ = checked_keywords(kind.__init__, _hints_of)
        elif kind.__setattr__ is Strict.__setattr__:
            kind.__setattr__ = object.__setattr__

    # Hidden from type checkers, which would take every name for an attribute.
    if not TYPE_CHECKING:
        # `set` as an argument: most calls assign within nncore, and looking it up takes a fifth of their time.
        def __setattr__(self, name: str, value: Any, set: Callable[[Any, str, Any], None] = object.__setattr__) -> None:
            if name[:1] == "_" or name in _settable(type(self)) or self._may_set(name, value):
                set(self, name, value)
            else:
                refuse(self, name)

    def _missing(self, name: str) -> Any:
        """Called for an attribute that is not there."""
        raise AttributeError(f"[{type(self).__name__}] {name}: no such attribute{self._advice(name)}")

    def _may_set(self, name: str, value: Any) -> bool:
        """Whether a name that is not declared may be set to this value."""
        return False

    def _advice(self, name: str) -> str:
        """What to write in place of an unknown attribute, in brackets."""
        kind: Any = type(self)
        hint = _hints_of(kind).get(name)
        return f" ({hint})" if hint else did_you_mean(name, public_names(kind))


def refuse(given: object, name: str) -> NoReturn:
    """AttributeError for an attribute that cannot be set."""
    kind: Any = type(given)
    hint = _hints_of(kind).get(name)
    if hasattr(kind, name):
        what = "a method" if callable(getattr(kind, name)) else "to read, not to set"
        raise AttributeError(f"[{kind.__name__}] {name}: it is {what}" + (f" ({hint})" if hint else ""))
    names = sorted(_settable(kind))
    advice = f" ({hint})" if hint else did_you_mean(name, names)
    if not advice and names:
        advice = f" (what can be set: {', '.join(names)})"
    raise AttributeError(f"[{kind.__name__}] {name}: expected a setting, got a name that nothing reads{advice}")


def fixed(given: object, name: str, instead: str) -> NoReturn:
    """AttributeError for a setting that the object cannot take up any more."""
    raise AttributeError(f"[{type(given).__name__}] {name}: fixed since it was made ({instead})")


@functools.cache
def public_names(cls: Any) -> tuple[str, ...]:
    """The public attributes of a class and of its objects."""
    return tuple(sorted({name for name in {*dir(cls), *_annotated(cls)} if name[:1] != "_"}))


@functools.cache
def _settable(cls: Any) -> frozenset[str]:
    """The public names that may be set: annotated ones, and those of descriptors with a setter."""
    found = set(_annotated(cls))
    for name in dir(cls):
        attribute = getattr(cls, name, None)
        if isinstance(attribute, property):
            (found.add if attribute.fset is not None else found.discard)(name)
        elif hasattr(attribute, "__set__"):
            found.add(name)
    return frozenset(name for name in found if name[:1] != "_")


def _annotated(cls: type) -> set[str]:
    return {
        name
        for base in cls.__mro__
        for name, kind in getattr(base, "__annotations__", {}).items()
        if not str(kind).startswith("ClassVar")
    }


@functools.cache
def _hints_of(cls: Any) -> Mapping[str, str]:
    return functools.reduce(lambda found, base: {**found, **vars(base).get("_hints", {})}, reversed(cls.__mro__), {})


def _is_own(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == "nncore"


class Elsewhere:
    """In a class, the name of a method that other libraries have: an AttributeError says what to write instead."""

    def __init__(self, instead: str) -> None:
        self._instead = instead

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, given: object | None, owner: type) -> Any:
        raise AttributeError(f"[{owner.__name__}] {self._name}: no such attribute (use {self._instead})")


class Setting(Generic[_Value]):
    """An argument of a class as an attribute, which is checked when it is set: `check(class name, name, value)`."""

    def __init__(self, check: Callable[[str, str, Any], _Value], doc: str = "") -> None:
        self._check, self.__doc__ = check, doc

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, given: None, owner: type) -> Self: ...
    @overload
    def __get__(self, given: object, owner: type) -> _Value: ...
    def __get__(self, given: object | None, owner: type) -> Self | _Value:
        if given is None:
            return self
        try:
            value: _Value = given.__dict__[self._name]
        except KeyError:
            raise AttributeError(f"{owner.__name__!r} object has no attribute {self._name!r} yet") from None
        return value

    def __set__(self, given: object, value: Any) -> None:
        given.__dict__[self._name] = self._check(type(given).__name__, self._name, value)
