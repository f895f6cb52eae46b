"""Python classes from the registry of the compiled core: signature, documentation, checks and repr."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from nncore import _core
from nncore._registry.registered import CLASSES, Arguments, Registered

Schema = dict[str, Any]
_Class = TypeVar("_Class", bound=Registered)


@functools.cache
def _all_schemas() -> list[Schema]:
    return list(_core.schemas())


def schemas(kind: str) -> list[Schema]:
    """The schemas of one kind, by name."""
    return [schema for schema in _all_schemas() if schema["kind"] == kind]


def signature_of(schema: Schema, types: Mapping[str, Any]) -> inspect.Signature:
    """The signature of a schema's fields; `types`: name -> type for names in their annotations."""
    usual = (
        inspect.Parameter.VAR_POSITIONAL
        if schema["traits"].get("variadic")
        else inspect.Parameter.POSITIONAL_OR_KEYWORD
    )
    names = {"ArrayLike": Sequence[float], "Callable": Callable, "Sequence": Sequence, **types}
    parameters = [
        inspect.Parameter(
            field["name"],
            inspect.Parameter.KEYWORD_ONLY if field["keyword_only"] else usual,
            default=field.get("default", inspect.Parameter.empty),
            annotation=eval(field["annotation"], names),
        )
        for field in schema["fields"]
    ]
    return inspect.Signature(parameters)


def docstring_of(schema: Schema) -> str:
    """A NumPy-style docstring."""
    parts = [schema["summary"], _indented(schema["formula"])]
    if schema["fields"]:
        rows = []
        for field in schema["fields"]:
            default = f", default {field['default']!r}" if "default" in field else ""
            rows.append(f"{field['name']} : {field['annotation']}{default}\n    {field['doc']}; {field['expected']}")
        parts.append("Parameters\n----------\n" + "\n".join(rows))
        parts.append("Raises\n------\nConfigError\n    an argument outside its range")
    if schema["shapes"]:
        parts.append("Shapes\n------\n" + schema["shapes"])
    notes = [text for text in (schema["notes"], schema["source"] and f"Source: {schema['source']}.") if text]
    if notes:
        parts.append("Notes\n-----\n" + "\n".join(notes))
    if schema["doctest"]:
        parts.append("Examples\n--------\n" + schema["doctest"])
    return "\n\n".join(part for part in parts if part)


def _indented(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())


def function_names(schema: Schema) -> list[str]:
    """The name of the layer's function in nncore.functional; empty if it has none."""
    return [schema["traits"][trait] for trait in ("activation", "function") if trait in schema["traits"]]


def make_classes(
    kind: str,
    base: type[_Class],
    module: str,
    *,
    bases: Mapping[str, type[_Class]] | None = None,
    types: Mapping[str, Any] | None = None,
) -> dict[str, type[_Class]]:
    """A class for each schema of a kind, its `__module__` the public `module`. Each is entered in CLASSES.

    `bases`: class name -> another base than `base`; `types`: name -> type for names in annotations of the arguments.
    """
    base.__module__ = module
    made: dict[str, type[_Class]] = {}
    for schema in schemas(kind):
        name = schema["name"]
        signature = signature_of(schema, types or {})
        namespace = {
            "__doc__": docstring_of(schema),
            "__module__": module,
            "__qualname__": name,
            "__signature__": signature,
            "_arguments": Arguments.of(signature),
            "_kind": kind,
            "_traits": schema["traits"],
            **(bases or {}).get(name, base)._properties(schema),
        }
        if name == base.__name__:  # the base itself has a schema (Schedule)
            for key, value in namespace.items():
                setattr(base, key, value)
            made[name] = base
        else:
            made[name] = type(name, ((bases or {}).get(name, base),), namespace)
        CLASSES[kind, name] = made[name]
    return made
