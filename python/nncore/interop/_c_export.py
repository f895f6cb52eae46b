"""export_c: a model as one file in C99."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import describe
from nncore._support.files import path_of, write_file
from nncore.errors import ConfigError, ShapeError
from nncore.interop._c_layers import emit
from nncore.interop._c_program import Program, Value, float_text, printable, wrapped
from nncore.nn._model import Model, layers_of, reads_of, sample_shape_of

_KEYWORDS = frozenset(
    "auto break case char const continue default do double else enum extern float for goto if inline int long register "
    "restrict return short signed sizeof static struct switch typedef union unsigned void volatile while".split()
)
_HEAD = """\
/* {title}, as C99 of its own: it allocates nothing and needs only the standard library's math (-lm).
 *
 *   void {name}_predict(const float *x, float *y);
 *     One sample: x holds {NAME}_INPUT_SIZE numbers, {shape_in}, y gets {NAME}_OUTPUT_SIZE, {shape_out}, in C's order.
 *     The raw outputs of the model, in inference. x and y must not overlap. All calls share one work space, so that
 *     two threads must not call it at once.
 *
 *   void {name}_predict_in(const float *x, float *y, {type_name} *work);
 *     The same in a work space of the caller's, {NAME}_WORK_SIZE numbers, one for each thread.
 *
 * {arithmetic}
 *
{layers}
 *
 * A test: for the x below, y is as below, within 1e-5.
 *
 * x:
{x}
 *
 * y:
{y}
 */

#include <math.h>

#define {NAME}_INPUT_SIZE {size_in}
#define {NAME}_OUTPUT_SIZE {size_out}
#define {NAME}_WORK_SIZE {work}

void {name}_predict_in(const float *x, float *y, {type_name} *work);
void {name}_predict(const float *x, float *y);

{body}
void {name}_predict(const float *x, float *y) {{
  static {type_name} work[{NAME}_WORK_SIZE];
  {name}_predict_in(x, y, work);
}}
"""


def write_c(
    model: Model,
    path: str | os.PathLike[str],
    name: str,
    input_shape: int | Sequence[int] | None,
) -> str:
    """See `export_c`."""
    if not isinstance(model, Model):
        raise ConfigError(f"[export_c] model: expected a Sequential or a Graph, got {describe(model)}")
    where, prefix = path_of("export_c", path), _identifier(name)
    net: Model = model.copy()  # another thread may train it meanwhile
    shape = _input_shape(net, input_shape)
    write_file(where, _text(net, prefix, shape).encode("ascii"))
    return where


def _identifier(name: object) -> str:
    if isinstance(name, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,39}", name, re.ASCII) and name not in _KEYWORDS:
        return name
    raise ConfigError(
        f"[export_c] name: expected a C identifier of at most 40 characters that begins with a letter, "
        f"got {describe(name)}"
    )


def _input_shape(net: Model, given: int | Sequence[int] | None) -> tuple[int, ...]:
    """The shape of one sample, for which the layers fit."""
    fixed = sample_shape_of(net)
    if given is None and fixed is None and net.input is not None:
        given = next((array.shape for array in (net.input.mean, net.input.std) if array.ndim), None)
    try:
        shape = net.summary(given).input_shape
    except (ConfigError, ShapeError) as error:
        mend = "" if given is not None else " (hint: input_shape=(…), the shape of one sample)"
        raise type(error)(str(error).replace("[summary]", "[export_c]", 1) + mend) from None
    if fixed is not None and shape != fixed:
        raise ShapeError(f"[export_c] input_shape: expected the Graph's, {fixed}, got {shape}")
    if 0 in shape:
        raise ShapeError(f"[export_c] input_shape: expected sizes of 1 or more, got {shape}")
    return shape


def _text(net: Model, prefix: str, shape: tuple[int, ...]) -> str:
    program = Program(prefix, net.dtype, shape)
    values = [_input(program, net)]
    names: dict[int, str] = {}  # a layer in several places has its constants once
    for (place, layer), reads in zip(layers_of(net).items(), reads_of(net), strict=True):
        name = names.setdefault(id(layer), f"layer{len(names)}")
        values.append(emit(program, layer, [values[i] for i in reads], place, name))
    end = values[-1]
    work, body = program.finished(end)
    x = _test_vector(net, shape)
    y = net(x[None])[0]
    layers = [f"({place}) {type(layer).__name__}" for place, layer in layers_of(net).items()]
    size = "float" if net.dtype == "float32" else "double, as the model is float64; x and y are float"
    return _HEAD.format(
        title=f"A {type(net).__name__} of nncore",
        name=prefix,
        NAME=prefix.upper(),
        shape_in=_shape_text(shape),
        shape_out=_shape_text(end.shape),
        size_in=program.input.size,
        size_out=end.size,
        type_name=program.type_name,
        arithmetic=f"Computed in {size}.",
        layers=_commented([printable(text) for text in layers]),
        x=_commented([float_text(value) for value in x.ravel().tolist()]),
        y=_commented([float_text(value) for value in y.astype(np.float32).ravel().tolist()]),
        work=work,
        body=body,
    )


def _input(program: Program, net: Model) -> Value:
    """The first value: the input in the type of the arithmetic, normalised."""
    program.title = "input"
    value = program.input
    if program.double:
        value = program.call("from_float", [value], program.new(value.shape), value.size)
    if net.input is None:
        return value
    rest: list[Any] = []
    for part, array in (("mean", net.input.mean), ("std", net.input.std)):
        rest += [program.constant(f"input_{part}", array, f"input {part}"), array.size]
    return program.call("normalize", [value], program.new(value.shape), value.size, *rest, in_place=True)


def _test_vector(net: Model, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Numbers between -1 and 1, where the model normalises around its mean."""
    x = np.random.default_rng(0).uniform(-1, 1, shape).round(3)
    if net.input is not None:
        mean, std = (array.reshape(_fitting(array, shape)) for array in (net.input.mean, net.input.std))
        x = mean + x * std
    return x.astype(np.float32)


def _fitting(array: NDArray[Any], shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape if array.size > 1 else (1,) * len(shape)


def _shape_text(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "1"


def _commented(words: Sequence[str]) -> str:
    return wrapped(words, " *   ")
