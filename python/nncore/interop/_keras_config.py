"""The configuration of a Keras model, as config.json and `to_json` have it, as a chain of layers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

from nncore._support.checks import describe
from nncore.errors import ConfigError, FormatError

#: Layers of a model; a file with more is not read.
MOST_LAYERS = 2000
_CONTAINERS = ("Sequential", "Functional")
_ANY = object()


class Step(NamedTuple):
    """One layer of the chain: class and configuration; the names of the models around it and its own; the group of the
    file that its numbers are in; whether it and all around it learn.
    """

    kind: str
    config: Mapping[str, Any]
    names: tuple[str, ...]
    group: str
    trainable: bool

    @property
    def place(self) -> str:
        """It in messages: [from_keras] Dense "sequential.dense"."""
        return f'{self.kind} "{".".join(self.names)}"'

    def get(self, name: str, *kinds: type, default: Any = _ANY) -> Any:
        """A setting, of one of these types; FormatError for another."""
        value = self.config.get(name, default)
        if value is _ANY or not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            got = "none" if value is _ANY else describe(value)
            raise FormatError(f"{self.place}: expected a setting {name}, got {got}")
        return value

    def sizes(self, name: str, count: int, least: int = 1) -> tuple[int, ...]:
        """A setting that is one number for all axes, or one for each."""
        value = self.config.get(name)
        values: list[Any] = list(value) if isinstance(value, (list, tuple)) else [value] * count
        if len(values) != count or not all(type(n) is int and least <= n < 2**31 for n in values):
            raise FormatError(f"{self.place}: expected {name} of {count} axes, got {describe(value)}")
        return tuple(values)

    def expect(self, **wanted: Any) -> None:
        """ConfigError for settings that nncore has not: each has to have this value, or to be absent."""
        for name, value in wanted.items():
            got = self.config.get(name, value)
            if got != value:
                self.refuse(f"expected {name}={value!r}, got {describe(got)}")

    def refuse(self, what: str) -> NoReturn:
        """ConfigError that names the layer."""
        raise ConfigError(f"{self.place}: {what}")


def steps_of(entry: object) -> tuple[list[Step], Any]:
    """The layers of a whole model in the order of computing, and the shape of its input with the batch."""
    kind, config = _read(entry, "model")
    if kind not in _CONTAINERS:
        raise ConfigError(f"model: expected a Sequential or Functional, got {kind}")
    steps = list(_inside(kind, config, (), "", True))
    if sum(step.kind != "InputLayer" for step in steps) > MOST_LAYERS:
        raise FormatError(f"model: expected at most {MOST_LAYERS} layers, got more")
    return [step for step in steps if step.kind != "InputLayer"], _input_shape(steps, config)


def _input_shape(steps: list[Step], config: Mapping[str, Any]) -> Any:
    if steps and steps[0].kind == "InputLayer":
        return steps[0].config.get("batch_shape")
    return config.get("build_input_shape")


def _read(entry: object, where: str) -> tuple[str, Mapping[str, Any]]:
    """Class name and configuration of a serialised object of Keras."""
    if not isinstance(entry, dict) or not isinstance(entry.get("config"), dict):
        raise FormatError(f"{where}: expected class_name and config, got {describe(entry)}")
    kind, module = entry.get("class_name"), entry.get("module")
    if not isinstance(kind, str):
        raise FormatError(f"{where}: expected a class_name, got {describe(kind)}")
    if not isinstance(module, str) or module.split(".")[0] != "keras":
        raise ConfigError(f"{where}: expected layers of Keras, got {kind} of {describe(module)}")
    return kind, entry["config"]


def _inside(
    kind: str, config: Mapping[str, Any], names: tuple[str, ...], group: str, trainable: bool
) -> Iterator[Step]:
    """The layers of a model; those of models inside in their places."""
    where = ".".join(names) or "model"
    entries = config.get("layers")
    if not isinstance(entries, list):
        raise FormatError(f"{where}: expected a list of layers, got {describe(entries)}")
    trainable = trainable and config.get("trainable", True) is not False
    found: dict[str, Step] = {}
    counts: dict[str, int] = {}
    for entry in entries:
        kind_inside, inner = _read(entry, where)
        name = inner.get("name")
        if not isinstance(name, str) or not name or name in found:
            raise FormatError(f"{where}: expected layers with names of their own, got {describe(name)}")
        learns = trainable and inner.get("trainable", True) is not False
        place = _group_name(kind_inside, counts) if kind == "Functional" or kind_inside != "InputLayer" else ""
        found[name] = Step(kind_inside, inner, (*names, name), f"{group}layers/{place}", learns)
    order = list(found) if kind == "Sequential" else _chain(config, entries, where)
    for i, name in enumerate(order):
        step = found[name]
        if step.kind in _CONTAINERS:
            yield from _inside(step.kind, step.config, step.names, f"{step.group}/", trainable)
        elif step.kind != "InputLayer" or (i == 0 and not names):
            yield step
        elif i:
            step.refuse("expected one input, got another")


def _group_name(kind: str, counts: dict[str, int]) -> str:
    """What Keras calls the group of a layer: its class in snake case, numbered from the second on."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", kind))
    name = re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
    counts[name] = counts.get(name, -1) + 1
    return f"{name}_{counts[name]}" if counts[name] else name


# ---- Functional models ---------------------------------------------------------------------------------------------


def _chain(config: Mapping[str, Any], entries: list[Any], where: str) -> list[str]:
    """The names of the layers from the input to the output; ConfigError where it is no chain."""
    nodes = {entry["config"]["name"]: entry.get("inbound_nodes", []) for entry in entries}
    start = _one_end(config, "input_layers", where)[0]
    at = _one_end(config, "output_layers", where)
    order = [at[0]]
    while at[0] != start or nodes.get(at[0]):
        if len(order) > MOST_LAYERS:
            raise FormatError(f"{where}: expected a chain of layers, got a circle or more than {MOST_LAYERS}")
        at = _read_by(nodes, at, where)
        order.append(at[0])
    missing = [name for name in nodes if name not in order]
    if missing:
        raise ConfigError(f'{where}: expected a chain of layers, got "{missing[0]}" beside it')
    return order[::-1]


def _one_end(config: Mapping[str, Any], name: str, where: str) -> tuple[str, int]:
    """The layer and node of the one input or output."""
    ends = config.get(name)
    if isinstance(ends, list) and len(ends) == 1 and isinstance(ends[0], list):
        ends = ends[0]
    if isinstance(ends, (list, dict)) and not _is_history(ends):
        raise ConfigError(f"{where}: expected one input and one output, got {name} {describe(ends)}")
    return _history(ends, where)


def _is_history(value: object) -> bool:
    """Whether it says which output of which call of a layer a tensor is."""
    return isinstance(value, list) and len(value) == 3 and isinstance(value[0], str) and type(value[1]) is int


def _history(value: Any, where: str) -> tuple[str, int]:
    if not _is_history(value):
        raise FormatError(f"{where}: expected [layer, call, output], got {describe(value)}")
    return value[0], value[1]


def _read_by(nodes: Mapping[str, Any], at: tuple[str, int], where: str) -> tuple[str, int]:
    """What a call of a layer reads."""
    calls = nodes.get(at[0])
    if not isinstance(calls, list) or not 0 <= at[1] < len(calls) or not isinstance(calls[at[1]], dict):
        raise FormatError(f'{where}: expected a call {at[1]} of layer "{at[0]}", got none')
    found = list(_tensors(calls[at[1]].get("args"), 0)) + list(_tensors(calls[at[1]].get("kwargs"), 0))
    if len(found) != 1:
        raise ConfigError(f'{where}: expected a chain of layers, got "{at[0]}", which reads {len(found)} values')
    return _history(found[0], where)


def _tensors(value: object, depth: int) -> Iterator[Any]:
    """The histories of the symbolic tensors among arguments."""
    if depth > 8:
        return
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        inner = value.get("config")
        yield inner.get("keras_history") if isinstance(inner, dict) else None
    elif isinstance(value, (dict, list)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _tensors(each, depth + 1)
