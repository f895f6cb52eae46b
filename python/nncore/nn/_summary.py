"""Summary: the table of a model's layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from nncore._registry.registered import traits_of
from nncore._support.checks import extents
from nncore._support.html import facts, table
from nncore._support.strict import Strict
from nncore.errors import ConfigError
from nncore.nn._layer import Layer


class Row(NamedTuple):
    """One layer: its name and kind, the shape of one output sample, its number of parameters."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int


class Summary(Strict):
    """Output shapes (without the batch), parameters and memory of a model, layer by layer."""

    rows: list[Row]
    input_shape: tuple[int, ...]
    parameters: int
    trainable: int
    frozen: int
    parameter_bytes: int
    activation_bytes: int

    def __init__(
        self,
        rows: list[Row],
        input_shape: tuple[int, ...],
        parameters: int,
        itemsize: int,
        frozen: int = 0,
        frozen_of_rows: Sequence[int] = (),
    ) -> None:
        self.rows = rows
        self.input_shape = input_shape
        self.parameters = parameters
        self.trainable, self.frozen = parameters - frozen, frozen
        self._frozen_of_rows = frozen_of_rows or [0] * len(rows)
        activations = sum(_product(row.output_shape) for row in rows)
        self.parameter_bytes = parameters * itemsize
        self.activation_bytes = activations * itemsize

    @classmethod
    def of(cls, core: Any, layers: Iterable[Layer], input_shape: int | Sequence[int] | None) -> Summary:
        """The summary for samples of a shape; None: inferred from the first layer with a fixed input size."""
        shape = _guess(layers) if input_shape is None else extents("summary", "input_shape", input_shape, 2**62)
        facts = core.describe(list(shape))
        rows, frozen = [Row(*row[:4]) for row in facts], [row[4] for row in facts]
        return cls(rows, shape, n_parameters(core), np.dtype(core.dtype).itemsize, n_frozen(core), frozen)

    def _cells(self) -> list[tuple[str, str, str]]:
        """The rows as the table shows them."""
        out = []
        for row, frozen in zip(self.rows, self._frozen_of_rows, strict=True):
            note = f" ({frozen:,} frozen)" if 0 < frozen < row.parameters else " (frozen)" if frozen else ""
            out.append((f"{row.name}: {row.kind}", _shape_text(row.output_shape), f"{row.parameters:,}{note}"))
        return out

    def __str__(self) -> str:
        table = [("layer", "output shape", "parameters"), ("input", _shape_text(self.input_shape), "")]
        table += self._cells()
        widths = [max(len(row[i]) for row in table) for i in range(3)]
        lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}" for a, b, c in table]
        lines.insert(1, "-" * len(lines[0]))
        lines.append("-" * len(lines[0]))
        lines.append(f"{_count_text(self.parameters, self.frozen)}, {_bytes_text(self.parameter_bytes)}")
        lines.append(f"activations: {_bytes_text(self.activation_bytes)} a sample")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [("input", _shape_text(self.input_shape), "")]
        rows += self._cells()
        sizes = f"{_bytes_text(self.parameter_bytes)}, activations {_bytes_text(self.activation_bytes)} a sample"
        caption = f"{_count_text(self.parameters, self.frozen)}, {sizes}"
        return table(("layer", "output shape", "parameters"), rows, caption=caption, left=1)


def html_of(kind: str, core: Any, layers: Mapping[str, Layer], seed: int) -> str:
    """A model as a small table for notebooks."""
    caption = f"{kind}: {_count_text(n_parameters(core), n_frozen(core))}, {core.dtype}, seed {seed}"
    return facts(((name, repr(layer)) for name, layer in layers.items()), caption=caption)


def n_parameters(core: Any) -> int:
    """Numbers that a compiled model has in parameters, shared ones once."""
    return sum(value.size for _, value, _ in core.parameters())


def n_frozen(core: Any) -> int:
    """How many of them do not learn."""
    return sum(value.size for i, (_, value, _) in enumerate(core.parameters()) if not core.learns(i))


def _count_text(parameters: int, frozen: int) -> str:
    learning = f" ({parameters - frozen:,} trainable, {frozen:,} frozen)" if frozen else ""
    return f"{parameters:,} parameters{learning}"


def _guess(layers: Iterable[Layer]) -> tuple[int, ...]:
    for layer in layers:
        size = traits_of(layer).get("input_size")
        if size is not None:
            return (layer.config[size],)
    raise ConfigError(
        "[summary] input_shape: expected the shape of one sample, got None and no layer with a fixed input size"
    )


def _product(shape: tuple[int, ...]) -> int:
    total = 1
    for n in shape:
        total *= n
    return total


def _shape_text(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join(["N", *map(str, shape)]) + ")"


def _bytes_text(n: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if n < 1024:
            return f"{n:.0f} B" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} GiB"
