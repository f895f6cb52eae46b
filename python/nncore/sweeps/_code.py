"""Python code as it determines results: what a function does, and what it reads from outside of itself.

The compiled code is compared, not the text of the file: a file may have been changed since it was imported, and
comments or blank lines change nothing. Another version of Python compiles other code.
"""

from __future__ import annotations

import dis
import functools
import sys
import types
from typing import Any, NamedTuple

_WRITES = {"STORE_SUBSCR", "DELETE_SUBSCR", "STORE_ATTR", "DELETE_ATTR"}
_CHANGES = {"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "put", "remove", "setdefault"}
_CHANGES |= {"update", "write"}
#: Attributes of a class that say nothing about what it does.
_ABOUT = {"__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__annotations__", "__firstlineno__"}
_ABOUT |= {"__static_attributes__", "__annotate__", "__annotate_func__", "__annotations_cache__", "__parameters__"}


class Code(NamedTuple):
    """What a code object says. `changes`: it may change objects that it reads: their contents are no setting."""

    text: list[Any]
    globals: tuple[str, ...]
    attributes_set: frozenset[str]
    changes: bool


@functools.lru_cache(maxsize=1024)
def code_facts(code: types.CodeType) -> Code:
    """The facts of a code object and of those inside it."""
    inner = [code_facts(one) for one in code.co_consts if isinstance(one, types.CodeType)]
    read, written, attributes, changes = set[str](), set[str](), set[str](), False
    for step in dis.get_instructions(code):
        name = step.argval
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            read.add(name)
        elif step.opname in ("STORE_GLOBAL", "DELETE_GLOBAL", "STORE_DEREF"):
            written.add(name)
        elif step.opname == "STORE_ATTR":
            attributes.add(name)
        changes = changes or step.opname in _WRITES
    for one in inner:
        read |= set(one.globals)
        attributes |= one.attributes_set
        changes = changes or one.changes
    consts = [_constant(one) for one in code.co_consts if not isinstance(one, types.CodeType)]
    shape = [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags]
    names = [list(code.co_names), list(code.co_varnames), list(code.co_freevars), list(code.co_cellvars)]
    text = [code.co_code.hex(), consts, names, shape, [one.text for one in inner]]
    changes = changes or bool(_CHANGES & set(code.co_names))
    return Code(text, tuple(sorted(read - written)), frozenset(attributes), changes)


def _constant(value: Any) -> str:
    """A constant of compiled code as text that is the same in every process."""
    if isinstance(value, frozenset):
        return f"frozenset({sorted(map(repr, value))})"
    if isinstance(value, tuple):
        return f"({', '.join(map(_constant, value))})"
    return repr(value)


def is_library(module: str | None) -> bool:
    """Whether a module is Python's, nncore's or an installed package's: its code is named, not looked into."""
    root = (module or "").partition(".")[0]
    if root in ("nncore", "builtins") or (root in sys.stdlib_module_names and root != "__main__"):
        return True
    file = getattr(sys.modules.get(root), "__file__", None) or ""
    return "site-packages" in file or "dist-packages" in file


def reads_of(function: types.FunctionType) -> dict[str, Any]:
    """What a function reads from outside itself by name: its closure and globals that exist."""
    facts = code_facts(function.__code__)
    found: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            if not _assigns(function.__code__, name):
                found[name] = cell.cell_contents
        except ValueError:  # an empty cell
            continue
    for name in facts.globals:
        if name in function.__globals__:
            found[name] = function.__globals__[name]
    return found


def _assigns(code: types.CodeType, name: str) -> bool:
    """Whether the code assigns a variable of the function around it, as a counter."""
    steps = dis.get_instructions(code) if name in code.co_freevars else ()
    if any(step.opname == "STORE_DEREF" and step.argval == name for step in steps):
        return True
    return any(_assigns(one, name) for one in code.co_consts if isinstance(one, types.CodeType))


def members_of(cls: type) -> list[tuple[str, Any]]:
    """The attributes of a class that may matter, its own and those of bases that users wrote."""
    members: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if not is_library(base.__module__):
            members |= {name: value for name, value in vars(base).items() if name not in _ABOUT}
    return sorted(members.items())


def memory_of(cls: type) -> set[str]:
    """Attributes that methods other than __init__ assign: what an object remembers, not how it was set up."""
    names: set[str] = set()
    for name, member in members_of(cls):
        if isinstance(member, types.FunctionType) and name not in ("__init__", "__new__", "__post_init__"):
            names |= code_facts(member.__code__).attributes_set
    return names
