"""Hostile scalars and arrays, and harmless arrays in strange clothes that must give the same answer."""

import array as array_module
import decimal
import fractions
import itertools
import os
import sys

import hostile_objects
import numpy as np
from draw import Draw

import nncore as nc

INTEGERS = [
    0,
    1,
    2,
    3,
    -1,
    7,
    255,
    2**31 - 1,
    2**31,
    2**32,
    2**53 + 1,
    2**62,
    2**63 - 1,
    2**63,
    2**64,
    -(2**63),
    10**400,
]
FLOATS = [0.0, -0.0, 0.5, 1.0, 1e-3, -2.5, 5e-324, 1e38, 3.5e38, 1e308, -1e308]
FLOATS += [float("inf"), float("-inf"), float("nan"), 2.0**63, 1e400]
TEXTS = [
    "",
    "x",
    "relu",
    "mean",
    "all",
    "val_loss",
    "accuracy",
    "\ud800",
    "a\0b",
    "%s%n{}",
    "é" * 300,
    "0.weight",
    "/",
    "../..",
    "~nobody/x",
]
DTYPES = [
    "?",
    "i1",
    "u1",
    "i2",
    "u2",
    "i4",
    "u4",
    "i8",
    "u8",
    "f2",
    "f4",
    "f8",
    "g",
    ">f4",
    ">f8",
    ">i4",
    ">i8",
    ">u2",
    ">f2",
]
OTHER_DTYPES = ["c8", "c16", "M8[s]", "m8[ns]", "S3", "U2", "V5", "O", [("mask", "f4"), ("b", "i4")], "(2,)f4"]


def deep(levels, leaf=0.0):
    """A list in a list in a list …"""
    for _ in range(levels):
        leaf = [leaf]
    return leaf


def _cycle():
    cycle = []
    cycle.append(cycle)
    return cycle


def scalar(draw: Draw):
    """Any value that is no array."""
    pools = [
        lambda: draw.choice(INTEGERS),
        lambda: draw.choice(FLOATS),
        lambda: draw.choice(TEXTS),
        lambda: draw.choice([None, True, False, NotImplemented, Ellipsis]),
        lambda: draw.choice(
            [decimal.Decimal("0.5"), decimal.Decimal("NaN"), fractions.Fraction(1, 3), fractions.Fraction(10**400)]
        ),
        lambda: draw.choice(
            [1 + 2j, b"x", bytearray(b"12345678"), memoryview(b"1234"), range(4), range(2**62), slice(None)]
        ),
        lambda: draw.choice(
            [
                np.float32(0.5),
                np.float16("nan"),
                np.int8(-3),
                np.uint64(2**64 - 1),
                np.bool_(True),
                np.longdouble("1e4000"),
            ]
        ),
        lambda: draw.choice(
            [
                np.datetime64("NaT", "s"),
                np.str_("relu"),
                np.array(0.5),
                np.array(3),
                np.array([]),
                np.ma.masked,
                np.void(b"12"),
            ]
        ),
        lambda: draw.choice(
            [
                [],
                (),
                {},
                set(),
                [1, 2],
                (0.9, 0.999),
                [[1], [2, 3]],
                {"a": 1},
                {1: 2},
                [None],
                ["x"],
                deep(60),
                deep(500),
                _cycle(),
            ]
        ),
        lambda: draw.choice([int, object, object(), len, lambda *a: 0, lambda *a: None, sys, type("Empty", (), {})()]),
        lambda: draw.choice(
            [
                nc.ReLU(),
                nc.Linear(3, 2),
                nc.MSELoss(),
                nc.SGD(),
                nc.StepLR(0.1, 1),
                nc.init.zeros(),
                nc.Sequential(),
                nc.ReLU,
            ]
        ),
        lambda: draw.choice(
            [iter([1.0, 2.0]), itertools.repeat(1, 3), array_module.array("d", [1.0, 2.0]), zip([1], [2], strict=True)]
        ),
        lambda: hostile_objects.one_of(draw),
    ]
    value = draw.choice(pools)()
    note(draw, value)
    return value


def note(draw: Draw, value):
    """Notes a value without asking it: it may lie."""
    kind = type(value)
    if kind is np.ndarray:
        draw.note(f"array{value.shape} {value.dtype.str} strides {value.strides}")
    elif kind in (int, float, str, bool, type(None), complex, tuple, dict):
        try:
            draw.note(repr(value))
        except ValueError:
            draw.note("a long integer")
    else:
        draw.note(f"a {kind.__name__}")


def anything(draw: Draw):
    """A scalar or an array of any kind."""
    return scalar(draw) if draw.chance(0.6) else array(draw)


# ---- Hostile arrays -----------------------------------------------------------------------------------------------


def array(draw: Draw, shapes=()):
    """An array of any dtype, shape and layout, or one that is not what it seems; `shapes` are ones that may fit."""
    if draw.chance(0.1):
        result = enormous(draw)
    else:
        shape = draw.choice(shapes) if shapes and draw.chance(0.7) else _shape(draw)
        result = _filled(draw, shape)
        if draw.chance(0.6):
            result = dressed(draw, result)[0]
    note(draw, result)
    return result


def enormous(draw: Draw):
    """More elements than there is memory, all in one place, or none of them at all."""
    one = np.zeros((), dtype=draw.choice(["u1", "f4", "f8", "i8", "?"]))
    shape = draw.choice(
        [
            (2**34,),
            (2**31, 8),
            (8, 2**31),
            (2**31 + 1, 2**10),
            (2**40, 2),
            (2, 2**59),
            (2**62,),
            (0, 2**40),
            (0, 2**59),
            (2**40, 0),
        ]
        + [(1, 2**20, 2**20, 2), (2**33, 3), (3, 2**33), (2**16, 2**16, 2**16), (2**35, 1)]
    )
    try:
        return np.broadcast_to(one, shape)
    except ValueError:  # beyond what NumPy has
        return np.broadcast_to(one, (2**31, 8))


def _shape(draw: Draw):
    rank = draw.choice([0, 1, 1, 2, 2, 2, 3, 4, 5, 8, 9, 12, 32])
    return tuple(draw.choice([0, 1, 1, 2, 3] if rank < 7 else [1, 1, 1, 2]) for _ in range(rank))


def _filled(draw: Draw, shape):
    name = draw.choice(DTYPES if draw.chance(0.7) else OTHER_DTYPES)
    dtype = np.dtype(name)
    n = int(np.prod(shape, dtype=np.int64))
    if dtype.kind == "O":
        values = np.empty(n, dtype=object)
        values[:] = [draw.choice([1.0, None, "x", 10**30, hostile_objects.Fleeting(np.zeros(2))]) for _ in range(n)]
        return values.reshape(shape)
    if dtype.kind not in "biuf":
        return np.zeros(shape, dtype=dtype)
    style = draw.choice(["small", "labels", "zeros", "signs", "hostile"])
    if style == "hostile":
        pool = _extremes(dtype)
        values = [draw.choice(pool) for _ in range(n)]
    else:
        pool = {"small": [-3, -1, 0, 1, 2, 5], "labels": [0, 1], "zeros": [0], "signs": [-1, 1]}[style]
        values = [draw.choice(pool if dtype.kind in "if" else [abs(v) for v in pool]) for _ in range(n)]
    return np.array(values, dtype=dtype).reshape(shape)


def _extremes(dtype):
    if dtype.kind == "b":
        return [True, False]
    if dtype.kind in "iu":
        facts = np.iinfo(dtype)
        return [facts.min, facts.max, 0, 1, facts.max - 1]
    facts = np.finfo(dtype)
    return [facts.max, facts.min, facts.tiny, facts.smallest_subnormal, np.nan, np.inf, -np.inf, -0.0, 1, facts.eps]


# ---- Harmless values in odd forms ---------------------------------------------------------------------------


class Sub(np.ndarray):
    """A subclass that adds nothing."""


def dressed(draw: Draw, plain):
    """(the same values in another layout, what must become of it: "accept", "either" or "refuse")."""
    how = draw.choice(_CLOTHES if plain.ndim else ["same", "read_only", "list", "holder", "masked"])
    draw.note(how)
    verdict = {"masked": "either", "mask_some": "refuse" if plain.size else "either"}.get(how, "accept")
    return _dress(draw, plain, how), verdict


_CLOTHES = [
    "same",
    "reversed",
    "fortran",
    "step",
    "read_only",
    "memmap",
    "misaligned",
    "swapped",
    "subclass",
    "list",
    "tuples",
]
_CLOTHES += [
    "holder",
    "fleeting",
    "masked",
    "mask_some",
    "transposed",
    "matrix",
    "gaps",
    "overlap",
    "rows",
    "memoryview",
]


def _dress(draw: Draw, a, how):
    if how == "reversed":
        flip = (slice(None, None, -1),) * a.ndim
        return a[flip].copy()[flip]
    if how == "fortran":
        return np.asfortranarray(a)
    if how in ("step", "gaps"):
        room = np.zeros(tuple(3 * n for n in a.shape), dtype=a.dtype)
        view = room[(slice(None, None, 3),) * a.ndim]
        view[...] = a
        return view
    if how == "read_only":
        a = a.copy()
        a.flags.writeable = False
        return a
    if how == "memmap" and a.size and a.dtype.kind != "O":
        room = np.memmap(
            os.path.join(draw.folder(), f"map{draw.getrandbits(64)}"), dtype=a.dtype, mode="w+", shape=a.shape
        )
        room[...] = a
        return room
    if how == "misaligned" and a.dtype.kind != "O":
        room = np.zeros(a.nbytes + 1, dtype=np.uint8)[1:].view(a.dtype) if a.nbytes else a.ravel()
        room[...] = a.ravel()
        return room.reshape(a.shape)
    if how == "swapped":
        return a.astype(a.dtype.newbyteorder())
    if how == "subclass":
        return a.view(Sub)
    if how == "list":
        return a.tolist()
    if how == "tuples":
        return tuple(a.tolist())
    if how == "rows":
        return list(a)
    if how == "holder":
        return hostile_objects.Holder(a)
    if how == "fleeting":
        return hostile_objects.Holder(a.copy())
    if how in ("masked", "mask_some"):
        return np.ma.MaskedArray(a, mask=how == "mask_some")
    if how == "transposed":
        return np.ascontiguousarray(a.T).T
    if how == "matrix" and a.ndim == 2 and a.dtype.kind in "biuf":
        return np.asmatrix(a)
    if how == "overlap":
        return np.lib.stride_tricks.as_strided(a, a.shape, a.strides, subok=False)
    if how == "memoryview" and a.dtype.kind in "biuf" and a.dtype.char != "g" and a.dtype.isnative:
        return memoryview(np.ascontiguousarray(a))
    return a


#: All that losses do not compute in float32, where the bits would be others.
DOUBLES = ("f8", "f2", "g", ">f8")


def numbers(draw: Draw, shape, low=-24, high=24, scale=8.0, dtypes=(*DOUBLES, "f4", ">f4")):
    """(plain, strange, verdict): numbers exact in every float type, and the same in other clothes."""
    plain = np.array([draw.randint(low, high) / scale for _ in range(int(np.prod(shape)))]).reshape(shape)
    strange, verdict = dressed(draw, plain.astype(draw.choice(dtypes)))
    note(draw, strange)
    return plain, strange, verdict


def labels(draw: Draw, n, classes):
    """(plain, strange, verdict): labels of any integer type in any clothes."""
    plain = np.array([draw.randrange(classes) for _ in range(n)], dtype=np.int64)
    strange, verdict = dressed(draw, plain.astype(draw.choice(["i1", "u1", "i2", "u4", "i8", "u8", ">i4", ">i8"])))
    note(draw, strange)
    return plain, strange, verdict


def scalar_but_numbers(draw: Draw):
    """A value that open() does not take for a file descriptor of ours."""
    value = scalar(draw)
    return 2.5 if isinstance(value, int) or hasattr(type(value), "__index__") else value
