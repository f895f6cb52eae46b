"""What a call may do: give the right answer, or raise one of the documented errors with a text and change nothing."""

import warnings

import numpy as np
from draw import HostileError

import nncore as nc

OURS = (nc.ConfigError, nc.ShapeError, nc.StateError, nc.NumericError, nc.FormatError)
REFUSALS = (*OURS, TypeError, ValueError, MemoryError, HostileError)


class Wrong(AssertionError):
    """A wrong answer, or an object that was changed by a call that raised."""


class Hang(BaseException):
    """A case took more time than it may; no part of nncore may swallow it."""


def outcome(run, draw):
    """A word for what the case did; raises what no call may do."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", PendingDeprecationWarning)  # of np.matrix, which is ours to hand over
        try:
            return run(draw) or "ran"
        except REFUSALS as error:
            return refusal(error)
        except ImportError as error:
            if error.name is None or " needs " not in str(error):  # a library that is not installed here
                raise
            return refusal(error)
        except OSError as error:
            if not getattr(run, "files", False):
                raise
            return refusal(error)


def refusal(error):
    """The name of an error that may be raised, if it has a text."""
    if not str(error).strip() and not isinstance(error, MemoryError):
        raise Wrong(f"a {type(error).__name__} without a text") from error
    return type(error).__name__


def equal(got, want, path="result"):
    """Raises Wrong where two results differ in any bit."""
    if isinstance(want, dict):
        if list(got) != list(want):
            raise Wrong(f"{path}: keys {list(got)}, not {list(want)}")
        for key in want:
            equal(got[key], want[key], f"{path}[{key!r}]")
    elif isinstance(want, (tuple, list)):
        if len(got) != len(want):
            raise Wrong(f"{path}: {len(got)} items, not {len(want)}")
        for i, (a, b) in enumerate(zip(got, want, strict=True)):
            equal(a, b, f"{path}[{i}]")
    else:
        a, b = np.asarray(got), np.asarray(want)
        if a.dtype != b.dtype or a.shape != b.shape or not np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"):
            raise Wrong(f"{path}: {got!r:.100}, not {want!r:.100}")


def agree(f, strange, plain, verdict):
    """f of harmless values in an odd form is f of the plain array; `verdict` may be "accept", "either", "refuse"."""
    try:
        got = f(strange)
    except REFUSALS as error:
        if verdict == "accept":
            raise Wrong(f"refused harmless values: {error}") from error
        return refusal(error)
    if verdict == "refuse":
        raise Wrong(f"took masked values for numbers: {got!r:.100}")
    equal(got, f(plain))
    return "right"


def settle(f, x, dtype):
    """Whatever f makes of x, it makes of a plain copy of x."""
    got = f(x)
    if type(x) in (np.ndarray, list, tuple):
        with np.errstate(all="ignore"):
            plain = np.array(x, dtype=dtype, order="C")
        equal(got, f(plain))
        return "right"
    return "ran"


class Untouched:
    """A model that an error must leave as it was: same bits, same answers."""

    def __init__(self, net, x, gradients=True):
        self.net, self.x, self.gradients = net, x, gradients
        self.before = self._bits()
        self.answer = net(x)

    def _bits(self):
        arrays = [p.value.tobytes() for p in self.net.parameters()]
        return arrays + [p.grad.tobytes() for p in self.net.parameters()] if self.gradients else arrays

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None or issubclass(kind, nc.NumericError) or not issubclass(kind, Exception):
            return
        if self._bits() != self.before:
            raise Wrong(f"the model has changed under {kind.__name__}: {error}") from error
        equal(self.net(self.x), self.answer, "the model after an error")
