"""Objects that are not what they say: each method answers falsely, raises, or frees what it gave away before."""

import numbers

import numpy as np
from draw import HostileError


class Anything:
    """A plain object with the given methods and attributes."""

    def __new__(cls, **methods):
        return object.__new__(type("Hostile", (cls,), methods))

    def __init__(self, **methods):
        pass


def raises(*_args, **_kwargs):
    """A method that only raises."""
    raise HostileError("raised on purpose")


class Fleeting:
    """Gives an array and frees its memory when asked a second time."""

    def __init__(self, array):
        self._array = array

    def __array__(self, dtype=None, copy=None):
        given, self._array = self._array, np.zeros(1)
        return given


class Holder:
    """Gives an array, as tensors of other libraries do."""

    def __init__(self, array):
        self._array = array

    def __array__(self, dtype=None, copy=None):
        return self._array if dtype is None else self._array.astype(dtype)


class HostileArray(np.ndarray):
    """An array whose Python attributes contradict its memory."""

    shape = property(lambda self: (2**31, 2**31))
    ndim = property(lambda self: 7)
    size = property(lambda self: -1)
    dtype = property(lambda self: np.dtype("complex128"))
    strides = property(lambda self: (-(2**40),))

    def __len__(self):
        return 2**62

    def __array_ufunc__(self, *args, **kwargs):
        raise HostileError("raised on purpose")

    def __array_function__(self, *args, **kwargs):
        raise HostileError("raised on purpose")


class RaisingArray(np.ndarray):
    """An array whose attributes raise."""

    mask = property(raises)
    shape = property(raises)
    dtype = property(raises)
    __len__ = __iter__ = __getitem__ = __float__ = __index__ = raises


class HostileReal(numbers.Real):
    """A number of the tower that gives no float."""

    __float__ = raises
    __trunc__ = __floor__ = __ceil__ = __round__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = raises
    __lt__ = __le__ = __add__ = __radd__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __pow__ = __rpow__ = raises
    __abs__ = __neg__ = __pos__ = raises
    __eq__ = raises
    __hash__ = object.__hash__


class HostileInt(int):
    """An int whose conversions lie."""

    __index__ = __int__ = lambda self: 2**70
    __float__ = lambda self: float("nan")
    __lt__ = __le__ = __gt__ = __ge__ = lambda self, other: True


class HostileStr(str):
    """A name that equals every name, until it is used."""

    __eq__ = lambda self, other: True
    __hash__ = str.__hash__
    lower = raises


class HostileDict(dict):
    """A mapping whose views and look-ups disagree."""

    def __getitem__(self, key):
        raise HostileError("raised on purpose")

    def items(self):
        return iter([("0.weight", 3, 5), None])

    def get(self, key, default=None):
        return object()


def one_of(draw):
    """Any of the hostile objects."""
    array = np.arange(6.0).reshape(2, 3)
    return draw.choice(
        [
            lambda: Anything(__len__=lambda self: 10**9, __getitem__=lambda self, i: 1.0),
            lambda: Anything(__len__=lambda self: -1, __getitem__=lambda self, i: 1.0),
            lambda: Anything(__len__=raises, __getitem__=raises, __iter__=raises),
            lambda: Anything(__array__=raises),
            lambda: Anything(__array__=lambda self, dtype=None, copy=None: "text"),
            lambda: Anything(__array__=lambda self, dtype=None, copy=None: np.array([None, object()])),
            lambda: Anything(__array_interface__=property(raises)),
            lambda: Anything(__array_interface__={"shape": (2**40,), "typestr": "<f8", "version": 3, "data": b"12"}),
            lambda: Anything(__buffer__=raises),
            lambda: Anything(__index__=lambda self: 2.5),
            lambda: Anything(__index__=raises),
            lambda: Anything(__index__=lambda self: 10**400),
            lambda: Anything(__index__=lambda self: -(2**63)),
            lambda: Anything(__float__=lambda self: "x"),
            lambda: Anything(__float__=raises, __complex__=raises, __int__=raises),
            lambda: Anything(__eq__=raises, __hash__=object.__hash__),
            lambda: Anything(__eq__=lambda self, other: np.array([True, False]), __hash__=object.__hash__),
            lambda: Anything(__bool__=raises),
            lambda: Anything(__repr__=raises),
            lambda: Anything(__repr__=lambda self: 3),
            lambda: Anything(__repr__=lambda self: "\ud800" * 10),
            lambda: Anything(__getattr__=raises),
            lambda: Anything(__class__=property(raises)),
            lambda: Anything(_spec=3),
            lambda: Anything(_spec=property(raises)),
            lambda: Anything(mask=property(raises), __array__=lambda self, dtype=None, copy=None: array),
            lambda: Anything(__fspath__=lambda self: 3),
            lambda: Anything(__fspath__=raises),
            lambda: Anything(__call__=raises),
            lambda: Anything(__call__=lambda self, *a, **k: self),
            lambda: Fleeting(array),
            lambda: array.view(HostileArray),
            lambda: array.view(RaisingArray),
            HostileReal,
            lambda: HostileInt(3),
            lambda: HostileStr("relu"),
            lambda: HostileDict({"0.weight": array, "lr": 1}),
        ]
    )()
