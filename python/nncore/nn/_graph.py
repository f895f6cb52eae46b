"""Graph: models whose layers form an acyclic graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from nncore._support.checks import describe
from nncore._support.labels import IGNORED
from nncore._support.tables import Names
from nncore.errors import ConfigError
from nncore.nn._container import Merge
from nncore.nn._initializer import restoring
from nncore.nn._layer import Layer
from nncore.nn._model import Model, restore
from nncore.nn._normalize import Normalize
from nncore.nn._symbol import Input, Symbol, places_of

_Given = TypeVar("_Given", bound=Symbol)


class Graph(Model):
    """A model of layers whose outputs may be read by several others.

    Layers are called on symbols, from an `Input` on; `Add`, `Multiply` and `Concat` join branches. In the order of the
    calls they get the names "0", "1", … A layer object that is called twice shares its parameters. A Graph can do what
    a Sequential can.

    Parameters
    ----------
    inputs : Input
        The one input.
    outputs : Symbol
        The one output.
    dtype : {"float32", "float64"}
        Type of parameters and of all arithmetic.
    seed : int, optional
        Of the initial parameters; None draws one and shows it in repr.
    input : Normalize, optional
        Applied to whatever the model is given.

    Raises
    ------
    ConfigError
        Several inputs or outputs, or an output that depends on another input.
    ShapeError
        Layers that do not fit; `[Linear "2"]` names the one.

    Examples
    --------
    >>> x = nc.Input((3, 8, 8))
    >>> h = nc.ReLU()(nc.Conv2d(3, 3, 3, padding=1)(x))
    >>> y = nc.Linear(6, 10)(nc.GlobalAvgPool2d()(nc.Concat()(x, h)))
    >>> net = nc.Graph(x, y, seed=0)
    >>> net(np.zeros((5, 3, 8, 8))).shape
    (5, 10)
    """

    _kind = "Graph"

    def __init__(
        self,
        inputs: Input | Sequence[Input],
        outputs: Symbol | Sequence[Symbol],
        *,
        dtype: str = "float32",
        seed: int | None = None,
        input: Normalize | None = None,
    ) -> None:
        source, end = _one("inputs", inputs, Input), _one("outputs", outputs, Symbol)
        if isinstance(end, Input):
            raise ConfigError(f"[Graph] outputs: expected the output of a layer, got {end!r}")
        layers, reads = places_of(source, end)
        self._join(layers, reads, source.shape, {"dtype": dtype, "seed": seed, "input": input})

    def _join(
        self,
        layers: Mapping[str, Layer],
        reads: Sequence[Sequence[int]],
        shape: tuple[int, ...],
        facts: Mapping[str, Any],
    ) -> None:
        self._shape = shape
        super().__init__(layers, reads, **facts)

    def _input_shape(self) -> tuple[int, ...]:
        return self._shape

    def _graph_facts(self) -> dict[str, Any]:
        return {"reads": self._reads, "input_shape": list(self._shape)}

    def __getitem__(self, index: int | str) -> Layer:
        """A layer by position or name."""
        if isinstance(index, slice):
            raise ConfigError(f"[Graph] index: expected a position or a name, got {index!r}")
        return super().__getitem__(index)

    def _with(self, layers: dict[str, Layer], facts: dict[str, Any]) -> Graph:
        return joined(layers, self._reads, self._shape, **facts)

    def __reduce__(self) -> tuple[Any, ...]:
        facts = {"dtype": self.dtype, "seed": self.seed, "input": self.input}
        parts = self._renewed_layers(), self._reads, self._shape
        return _rebuild, (*parts, facts, self.state_dict(), self._link, self._calls, self._ignored, self._columns)

    def __repr__(self) -> str:
        lines = super().__repr__().split("\n")
        names = ["input", *self._layers]
        for i, values in enumerate(self._reads):
            lines[i + 1] += " <- " + ", ".join(names[value] for value in values)
        return "\n".join([lines[0], f"  input: {self._shape}", *lines[1:]])


def joined(layers: Mapping[str, Layer], reads: Sequence[Sequence[int]], shape: tuple[int, ...], **facts: Any) -> Graph:
    """A Graph from its parts. `reads`: for each layer the indices of its input values, see Model."""
    _check_reads(list(layers.values()), reads)
    net = Graph.__new__(Graph)
    net._join(layers, reads, shape, facts)
    return net


def _check_reads(layers: Sequence[Layer], reads: Any) -> None:
    """ConfigError unless each layer reads values computed before it, and every value but the last is read."""
    if not isinstance(reads, list) or len(reads) != len(layers) or not layers:
        raise ConfigError(f"[Graph] reads: expected the values that each layer reads, got {describe(reads)}")
    for i, (values, layer) in enumerate(zip(reads, layers, strict=True)):
        known = isinstance(values, list) and all(type(value) is int and 0 <= value <= i for value in values)
        if not known or not values or (len(values) > 1 and not isinstance(layer, Merge)):
            raise ConfigError(
                f"[Graph] reads: expected values for layer {i} that are computed before it, got {describe(values)}"
            )
    if set(range(len(layers))) != {value for values in reads for value in values}:
        raise ConfigError("[Graph] reads: expected a graph in which every value but the last is read")


def _rebuild(
    layers: dict[str, Layer],
    reads: list[list[int]],
    shape: tuple[int, ...],
    facts: dict[str, Any],
    state: dict[str, Any],
    link: str | None,
    calls: int,
    ignored: int | None = IGNORED,
    columns: Names | None = None,
) -> Graph:
    with restoring():
        net = joined(layers, reads, shape, **facts)
    restore(net, link, calls, ignored, columns)
    net.load_state_dict(state)
    return net


def _one(name: str, given: Any, wanted: type[_Given]) -> _Given:
    """The symbol, given alone or as a list of one."""
    if isinstance(given, (list, tuple)):
        if len(given) != 1:
            raise ConfigError(f"[Graph] {name}: expected one, got {len(given)}; several are not supported")
        given = given[0]
    if not isinstance(given, wanted):
        what = "an Input" if wanted is Input else "the output of a layer for symbols"
        raise ConfigError(f"[Graph] {name}: expected {what}, got {describe(given)}")
    return given
