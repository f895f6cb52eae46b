"""Python classes from the registry of the compiled core: signature, documentation, checks and repr."""

from __future__ import annotations

import copyreg
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from nncore import _core
from nncore.errors import ConfigError

Schema = dict[str, Any]
_Class = TypeVar("_Class", bound="Registered")


class Registered:
    """Base of the generated classes: an immutable recipe with checked arguments."""

    __signature__: inspect.Signature
    _kind: str
    _spec: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not hasattr(self, "_kind"):
            raise ConfigError(f"[{type(self).__name__}] expected one of its subclasses, got the base itself")
        given = self._by_name(*args, **kwargs)
        self._spec = _core.Spec(self._kind, type(self).__name__, given)
        checked = self._spec.args
        # Rows of numbers as the core holds them: what was given may change later.
        self._config = {key: checked[key] if isinstance(checked[key], tuple) else given[key] for key in given}

    def _by_name(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Arguments by name; TypeError that shows the signature."""
        try:
            return dict(self.__signature__.bind(*args, **kwargs).arguments)
        except TypeError as error:
            raise TypeError(f"{type(self).__name__}{self.__signature__}: {error}") from None

    @property
    def config(self) -> dict[str, Any]:
        """The arguments that were given."""
        return dict(self._config)

    def __repr__(self) -> str:
        shown = ", ".join(f"{key}={value!r}" for key, value in self._config.items())
        return f"{type(self).__name__}({shown})"

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (type(self), self._config)


def rebuild(cls: type[_Class], config: dict[str, Any]) -> _Class:
    """What pickle calls."""
    return cls(**config)


def schemas(kind: str) -> list[Schema]:
    """The schemas of one kind, by name."""
    return [schema for schema in _core.schemas() if schema["kind"] == kind]


def signature_of(schema: Schema) -> inspect.Signature:
    """The signature that a schema's fields make."""
    usual = inspect.Parameter.VAR_POSITIONAL if schema["traits"].get("variadic") else inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        inspect.Parameter(
            field["name"],
            inspect.Parameter.KEYWORD_ONLY if field["keyword_only"] else usual,
            default=field.get("default", inspect.Parameter.empty),
            annotation=_annotation(field["annotation"]),
        )
        for field in schema["fields"]
    ]
    return inspect.Signature(parameters)


def _annotation(text: str) -> Any:
    """A schema's annotation as types, so that signatures read well."""
    if "Schedule" in text or "Initializer" in text:
        from nncore._initializer import Initializer
        from nncore._schedule import Schedule

        return eval(text, {"Schedule": Schedule, "Initializer": Initializer})
    if text == "Layer":
        from nncore._layer import Layer

        return Layer
    return eval(text, {"ArrayLike": Sequence[float], "Callable": Callable, "Sequence": Sequence})


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


def make_classes(
    kind: str, base: type[_Class], module: str, bases: dict[str, type[_Class]] | None = None
) -> dict[str, type[_Class]]:
    """A class for each registered thing of a kind, as if it had been written in `module`; `bases`: other bases by name."""
    base.__module__ = module  # where users find it
    made = {}
    for schema in schemas(kind):
        namespace = {
            "__doc__": docstring_of(schema),
            "__module__": module,
            "__qualname__": schema["name"],
            "__signature__": signature_of(schema),
            "_kind": kind,
        }
        if schema["name"] == base.__name__:  # the base is one of them
            for key, value in namespace.items():
                setattr(base, key, value)
            made[base.__name__] = base
        else:
            made[schema["name"]] = type(schema["name"], ((bases or {}).get(schema["name"], base),), namespace)
    return made


# Specs that travel inside configurations (an initialiser in a layer's arguments) pickle as what made them.
copyreg.pickle(_core.Spec, lambda spec: (_core.Spec, (spec.kind, spec.name, spec.args)))
