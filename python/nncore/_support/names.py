"""Misspelt names and arguments: their errors say which are near, or where they belong."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ " (did you mean batch_size?)", with up to three of the known names, or nothing."""
    from difflib import get_close_matches  # takes a while to import

    known = list(known)
    plain: dict[str, list[str]] = {}
    for each in known:
        plain.setdefault(each.lower().replace("_", ""), []).append(each)
    wanted = name.lower().replace("_", "")
    if wanted in plain:
        return f" (did you mean {' or '.join(plain[wanted])}?)"
    near = [each for close in get_close_matches(wanted, plain, 3, 0.6) for each in plain[close]]
    near += [each for each in known if name in each.split("_") and each not in near]
    return f" (did you mean {' or '.join(near[:3])}?)" if near else ""


def instance_hint(given: object, base: type) -> str:
    """What to write where an object of a class was expected and the class, its name or several of them were given."""
    if isinstance(given, type) and issubclass(given, base):
        return f" (write nc.{given.__name__}(…))"
    if isinstance(given, str):
        own = (each for each in _subclasses(base) if each.__module__.partition(".")[0] == "nncore")
        near = did_you_mean(given, [each.__name__ for each in own if each.__name__[:1] != "_"])
        return near.replace("did you mean ", "write nc.").replace(" or ", "(…) or nc.").replace("?)", "(…))")
    if isinstance(given, list | tuple) and given and all(isinstance(each, base) for each in given):
        return " (write a star before the list: *layers)"
    return ""


def _subclasses(base: type) -> list[type]:
    direct: list[type] = base.__subclasses__()
    return [each for one in direct for each in (one, *_subclasses(one))]


def keywords(**hints: str) -> Callable[[_Function], _Function]:
    """A decorator: an argument that the function does not have is a TypeError with the nearest of those it has, or with
    the hint of that name; so is one that is missing, if there is a hint of its name. A call costs 0.2 µs more."""
    return lambda function: checked_keywords(function, lambda _: hints)


def checked_keywords(function: _Function, hints_of: Callable[[Any], Mapping[str, str]]) -> _Function:
    """The function, or the `__init__` of a class, with `keywords`; hints_of(class of the first argument)."""
    plain: Any = inspect.unwrap(function)
    code = plain.__code__  # inspect.signature takes 20 times as long
    if code.co_flags & inspect.CO_VARKEYWORDS:
        return function
    known = frozenset(code.co_varnames[code.co_posonlyargcount : code.co_argcount + code.co_kwonlyargcount])

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if not kwargs.keys() <= known:
            title = type(args[0]).__name__ if function.__name__ == "__init__" else function.__name__
            unknown = next(name for name in kwargs if name not in known)
            refuse_keyword(title, unknown, known, hints_of(type(args[0]) if args else None).get(unknown))
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            trace = error.__traceback__
            if trace is None or trace.tb_next is None:  # of the call itself: an argument is missing
                hints = hints_of(type(args[0]) if args else None)
                missing = next((name for name in hints if name in known and f"{name!r}" in str(error)), None)
                if missing is not None:
                    raise TypeError(f"{error} ({hints[missing]})") from None
            raise

    return checked  # type: ignore[return-value]


def refuse_keyword(title: str, name: str, known: Iterable[str], hint: str | None = None) -> NoReturn:
    """TypeError for an argument that `title` does not have."""
    names = sorted(each for each in known if each != "self")
    advice = f" ({hint})" if hint else did_you_mean(name, names) or f" (there are: {', '.join(names)})"
    raise TypeError(f"{title}: got an unexpected keyword argument {name!r}{advice}")


def names_of(
    module: str, hints: Mapping[str, str] | None = None, modules: Iterable[str] = ()
) -> Callable[[str], Any]:
    """The `__getattr__` of a module: an AttributeError with the nearest of its public names, or with the hint.

    modules: those inside it that are imported at their first use.
    """
    later = frozenset(modules)

    def missing(name: str) -> Any:
        if name in later:
            return importlib.import_module(f"{module}.{name}")
        advice = ""
        if name[:1] != "_":
            hint = (hints or {}).get(name)
            advice = f" ({hint})" if hint else did_you_mean(name, vars(sys.modules[module])["__all__"])
        raise AttributeError(f"module {module!r} has no attribute {name!r}{advice}")

    return missing
