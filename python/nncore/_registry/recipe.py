"""Layers, losses, optimizers, … as JSON recipes (name and arguments) and back. Recipes name no code, and run none."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from nncore import _core
from nncore._registry.registered import CLASSES, Registered, is_generated, kind_of, stored_parts_of
from nncore._support.checks import describe
from nncore.errors import ConfigError, FormatError

_SAVED = ("layer", "loss", "optimizer", "schedule", "initializer")  # the kinds that files hold
_MAX_DEPTH = 50
_MAX_LAYERS = 1 << 17  # of a model; some 100 bytes each


def class_of(kind: object, name: object) -> type[Registered]:
    """The registered class; FormatError when there is none of that name."""
    if not isinstance(kind, str) or not isinstance(name, str) or kind not in _SAVED or (kind, name) not in CLASSES:
        raise FormatError(
            f"expected a layer, loss, … that is registered, got {describe((kind, name))} (a newer nncore?)"
        )
    return CLASSES[kind, name]


class Uses:
    """Counts the layers of a model, a shared one once per use, and how deep they lie. Each level of layers inside each
    other may double their number, so a short recipe can ask for more than there is memory.
    """

    def __init__(self, error: Callable[[str], Exception]) -> None:
        self._sizes: list[tuple[int, int]] = []  # of each: number of layers in it, itself included, and their depth
        self._inside = (0, 0)  # the same of what is used in the layer that is being counted, or in the model
        self._error = error

    @contextmanager
    def layer(self) -> Iterator[None]:
        """The uses in this block are those inside the next layer."""
        outer, self._inside = self._inside, (0, 0)
        yield
        size, depth = self._inside
        self._sizes.append((size + 1, depth + 1))
        self._inside = outer

    def use(self, number: int) -> None:
        """Layer `number` is used, in the model or inside the layer that is being counted."""
        size, depth = self._sizes[number]
        self._inside = self._inside[0] + size, max(self._inside[1], depth)
        if self._inside[0] > _MAX_LAYERS:
            raise self._error(f"expected at most {_MAX_LAYERS} layers in all, those inside each other counted")
        if depth > _MAX_DEPTH:
            raise self._error(f"expected at most {_MAX_DEPTH} layers inside each other")


class Writer:
    """Turns arguments into JSON. Instances of `layer` are listed once each, so that shared layers stay shared."""

    def __init__(self, where: str, layer: type | None = None) -> None:
        self.layers: list[Any] = []
        self._where = where
        self._layer: tuple[type, ...] = () if layer is None else (layer,)
        self._known: dict[int, tuple[Any, int]] = {}
        self._uses = Uses(lambda text: ConfigError(f"[{where}] layers: {text}: such a file could not be read again"))

    def value(self, given: Any) -> Any:
        """An argument as JSON."""
        if isinstance(given, self._layer):
            return {"layer": self.layer(given)}
        if isinstance(given, Registered):
            return {"kind": kind_of(given), **self.recipe(given)}
        if isinstance(given, _core.Spec):
            return {"kind": given.kind, "name": given.name, "args": self.named(given.args)}
        if isinstance(given, (np.bool_, np.integer, np.floating)):
            given = given.item()
        if isinstance(given, float) and not math.isfinite(given):
            return {"number": repr(given)}
        if given is None or isinstance(given, (bool, int, float, str)):
            return given
        if isinstance(given, np.ndarray) and given.dtype.kind in "biuf":
            return self.value(given.tolist())
        if isinstance(given, (list, tuple)):
            return [self.value(item) for item in given]
        if isinstance(given, Mapping) and all(isinstance(key, str) for key in given):
            return {"dict": self.named(given)}
        raise ConfigError(f"[{self._where}] cannot save {describe(given)}: Python code is not written to files")

    def named(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """A dict of arguments as JSON."""
        return {key: self.value(value) for key, value in given.items()}

    def recipe(self, given: Any) -> dict[str, Any]:
        """Class name and arguments of an object of a generated class."""
        if not is_generated(given):
            raise ConfigError(
                f"[{self._where}] cannot save {describe(given)}: {type(given).__name__} is written in Python, and "
                f"files hold no code; save model.state_dict(), and build the model anew to load it"
            )
        return {"name": type(given).__name__, "args": self.named(stored_parts_of(given))}

    def layer(self, given: Any) -> int:
        """The index of a layer in `layers`; the layers inside it come before it."""
        if id(given) not in self._known:
            with self._uses.layer():
                self.layers.append(self.recipe(given))
            self._known[id(given)] = given, len(self.layers) - 1
        self._uses.use(self._known[id(given)][1])
        return self._known[id(given)][1]

    def numbers(self) -> list[tuple[Any, int]]:
        """The layers, each with its index."""
        return list(self._known.values())


class Reader:
    """Makes objects from recipes."""

    def __init__(self, layers: Any = ()) -> None:
        self.layers: list[Any] = []
        self._uses = Uses(FormatError)
        for recipe in _of(list, layers, "a list of layers") if layers else []:
            with self._uses.layer():
                made = self.make("layer", recipe)
            self.layers.append(made)

    def layer(self, number: Any) -> Any:
        """The layer of an index, of those made so far."""
        if type(number) is not int or not 0 <= number < len(self.layers):
            raise FormatError(f"expected the number of a layer before this one, got {describe(number)}")
        self._uses.use(number)
        return self.layers[number]

    def make(self, kind: str, recipe: Any) -> Any:
        """An object from its recipe; its class checks the arguments."""
        recipe = _of(dict, recipe, f"the recipe of a {kind}")
        return class_of(kind, recipe.get("name"))(**self.named(recipe.get("args")))

    def named(self, given: Any, depth: int = 0) -> dict[str, Any]:
        """A dict of arguments from JSON."""
        return {key: self.value(value, depth) for key, value in _of(dict, given, "arguments by name").items()}

    def value(self, given: Any, depth: int = 0) -> Any:
        """An argument from JSON."""
        if depth > _MAX_DEPTH:
            raise FormatError(f"expected at most {_MAX_DEPTH} levels of arguments")
        if isinstance(given, list):
            return [self.value(item, depth + 1) for item in given]
        if not isinstance(given, dict):
            return given
        if "layer" in given:
            return self.layer(given["layer"])
        if "number" in given:
            return float(_of(str, given["number"], "a number as text"))
        if "dict" in given:
            return self.named(given["dict"], depth + 1)
        cls = class_of(given.get("kind"), given.get("name"))
        return cls(**self.named(given.get("args"), depth + 1))


def _of(kind: type, given: Any, expected: str) -> Any:
    if not isinstance(given, kind):
        raise FormatError(f"expected {expected}, got {describe(given)}")
    return given
