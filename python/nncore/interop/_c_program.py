"""Program: a C function in the making, its constants, its steps and the memory that their values share."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore.errors import ConfigError
from nncore.interop._c_functions import function_text

_WIDTH = 112


@dataclass(frozen=True)
class Value:
    """An array of one sample inside the function: its number among the program's values, and its shape."""

    number: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def seen_as(self, shape: tuple[int, ...]) -> Value:
        """The same numbers with another shape."""
        return Value(self.number, shape)


@dataclass(frozen=True)
class Step:
    """A call: function(reads…, writes, rest…)."""

    function: str
    reads: tuple[Value, ...]
    writes: Value
    rest: str
    in_place: bool
    title: str


class Program:
    """What is known of the C file while the layers are gone through. Value 0 is the input, an array of floats."""

    def __init__(self, prefix: str, dtype: str, shape: tuple[int, ...]) -> None:
        self.prefix, self.double = prefix, dtype == "float64"
        self.type_name = "double" if self.double else "float"
        self.input = Value(0, shape)
        self.title = ""  #: of the layer whose steps are added
        self._values, self._steps = 1, list[Step]()
        self._functions: dict[str, str] = {}
        self._constants: dict[str, str] = {}

    def new(self, shape: tuple[int, ...]) -> Value:
        """A value that a step will write."""
        self._values += 1
        return Value(self._values - 1, shape)

    def call(self, function: str, reads: Sequence[Value], writes: Value, *rest: Any, in_place: bool = False) -> Value:
        """Adds a step; in_place: it may write over the first value that it reads."""
        if function not in self._functions:
            self._functions[function] = function_text(self.prefix, function, self.double)
        given = ", ".join(self._argument(value) for value in rest)
        self._steps.append(Step(function, tuple(reads), writes, given, in_place, self.title))
        return writes

    def constant(self, name: str, array: NDArray[Any], where: str) -> str:
        """The C name of an array of constants; `name` tells it from all others."""
        full = f"{self.prefix}_{name}"
        if full not in self._constants:
            numbers = np.asarray(array, "float64" if self.double else "float32").ravel()
            if not np.isfinite(numbers).all():
                raise ConfigError(f"[export_c] {where}: expected finite numbers, got NaN or infinity")
            shape = " x ".join(map(str, array.shape)) or "1"
            text = wrapped([self.number(value) for value in numbers.tolist()])
            self._constants[full] = (
                f"/* {printable(where)}: {shape} */\n"
                f"static const {self.type_name} {full}[{numbers.size}] = {{\n{text}\n}};\n"
            )
        return full

    def number(self, value: float) -> str:
        """A constant in C that stands for exactly this number of the program's type."""
        return repr(float(value)) if self.double else float_text(value)

    def finished(self, end: Value) -> tuple[int, str]:
        """Numbers of work space, and the text of constants, functions and `_predict_in`, whose last value is `end`."""
        if self.double:
            end = self.call("to_float", [end], self.new(end.shape), end.size)
        elif end.number == 0:
            end = self.call("from_float", [end], self.new(end.shape), end.size)
        places, work = _places(self._steps, end)
        lines, before = [], ""
        for step in self._steps:
            if step.title and step.title != before:
                lines.append(f"  /* {printable(step.title)} */")
            before = step.title
            given = [*(places[value.number] for value in (*step.reads, step.writes)), *filter(None, [step.rest])]
            lines.append(f"  {self.prefix}_{step.function}({', '.join(given)});")
        if work == 0:
            lines.append("  (void)work;")
        head = f"void {self.prefix}_predict_in(const float *x, float *y, {self.type_name} *work)"
        parts = [*self._constants.values(), *(text.strip("\n") + "\n" for text in self._functions.values())]
        return max(1, work), "\n".join([*parts, "\n".join([f"{head} {{", *lines, "}"]), ""])

    def _argument(self, value: Any) -> str:
        if value is None:
            return "0"
        return self.number(value) if isinstance(value, float) else str(value)


def _places(steps: Sequence[Step], end: Value) -> tuple[dict[int, str], int]:
    """Where each value lies, in C, and how long the work space is: values that are read no more give up their place."""
    last = {value.number: i for i, step in enumerate(steps) for value in (*step.reads, step.writes)}
    places, taken, work = {0: "x", end.number: "y"}, dict[int, tuple[int, int]](), 0
    for i, step in enumerate(steps):
        number, size, first = step.writes.number, step.writes.size, step.reads[0].number
        if number not in places:
            if step.in_place and first in taken and last[first] == i and taken[first][1] == size:
                taken[number] = taken.pop(first)
            else:
                taken[number] = (_gap(sorted(taken.values()), size), size)
            work = max(work, sum(taken[number]))
            places[number] = f"work + {taken[number][0]}" if taken[number][0] else "work"
        for value in step.reads:
            if last[value.number] == i:
                taken.pop(value.number, None)
    return places, work


def _gap(taken: Sequence[tuple[int, int]], size: int) -> int:
    """The first place with room for `size` numbers beside those taken, (begin, size), in order."""
    at = 0
    for begin, length in taken:
        if begin - at >= size:
            break
        at = begin + length
    return at


def float_text(value: float) -> str:
    """A constant in C that stands for exactly this float32."""
    text = f"{value:.9g}"
    return f"{text}f" if "." in text or "e" in text else f"{text}.0f"


def wrapped(words: Sequence[str], before: str = "  ") -> str:
    """Words with commas between them, in lines."""
    lines, line = [], before
    for word in words:
        if len(line) + len(word) > _WIDTH:
            lines.append(line.rstrip())
            line = before
        line += f"{word}, "
    return "\n".join([*lines, line.rstrip(" ,")])


def printable(text: str) -> str:
    """Text for a comment: plain characters, nothing that would begin or end one."""
    return re.sub(r"[^A-Za-z0-9 _.,:;()\[\]=+'\"<>-]", "_", text)
