"""Activations as functions, generated from the compiled core's registry, and their layers by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike, NDArray

from nncore import _core
from nncore._registry.generate import Schema, docstring_of, function_names, schemas
from nncore._registry.registered import CLASSES
from nncore._support.checks import describe
from nncore._support.names import refuse_keyword
from nncore.errors import ConfigError

Array = NDArray[Any]

_Z = {"name": "z", "annotation": "ArrayLike", "doc": "x of the formula", "expected": "real numbers of any shape"}

#: Function name -> class name of the elementwise layers, such as "relu" -> "ReLU".
ACTIVATIONS: dict[str, str] = {
    schema["traits"]["activation"]: schema["name"] for schema in schemas("layer") if "activation" in schema["traits"]
}


def activation_class(where: str, argument: str, name: object) -> type[Any]:
    """The layer class of a function name, upper or lower case."""
    if not isinstance(name, str) or name.lower() not in ACTIVATIONS:
        raise ConfigError(f"[{where}] {argument}: expected one of {list(ACTIVATIONS)}, got {describe(name)}")
    return CLASSES["layer", ACTIVATIONS[name.lower()]]


def apply(layer: str, z: ArrayLike, dy: Array | None = None, **config: Any) -> Array:
    """A layer without parameters, by its class name, of an array; with dy the gradient w.r.t. z."""
    result: Array = _core.apply(_core.Spec("layer", layer, config), z, dy)
    return result


def _function_of(name: str, schema: Schema) -> Callable[..., Array]:
    """The layer of a schema as a function of z and the layer's arguments."""
    layer = schema["name"]
    signature = inspect.Signature(
        [
            inspect.Parameter(
                field["name"],
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=field.get("default", inspect.Parameter.empty),
                annotation=field["annotation"],
            )
            for field in (_Z, *schema["fields"])
        ],
        return_annotation="Array",
    )

    def function(*args: Any, **kwargs: Any) -> Array:
        if len(args) == 1 and not kwargs:  # binding takes longer than a small array
            return apply(layer, args[0])
        unknown = next((each for each in kwargs if each not in signature.parameters), None)
        if unknown is not None:
            refuse_keyword(name, unknown, signature.parameters)
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{name}{signature}: {error}") from None
        return apply(layer, **given)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = docstring_of({**schema, "fields": [_Z, *schema["fields"]], "shapes": "", "doctest": ""})
    vars(function)["__signature__"] = signature
    return function


_made = {name: _function_of(name, schema) for schema in schemas("layer") for name in function_names(schema)}
globals().update(_made)

__all__ = list(_made)
