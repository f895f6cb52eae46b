"""What of a layer does not learn, as handles of the compiled core have it, and as files and pickles keep it."""

from __future__ import annotations

from typing import Any

from nncore._support.checks import describe
from nncore.errors import FormatError

#: Whether the layer is frozen as a whole, and which of its parameters and buffers, in order of declaration, are.
Freezing = tuple[bool, list[bool]]


def kept(handle: Any) -> Freezing | None:
    """The handle's; None when nothing is frozen."""
    whole, each = handle.freezing
    return (whole, each) if whole or any(each) else None


def restore(handle: Any, freezing: Freezing | None) -> None:
    """Freezes a new handle as another one is."""
    if freezing is not None:
        handle.freezing = freezing


def freeze(handle: Any, frozen: bool, count: int) -> None:
    """All of the layer, which declares `count` parameters and buffers, learns or does not."""
    handle.freezing = (frozen, [frozen] * count)


def is_frozen(handle: Any, index: int) -> bool:
    """Whether a parameter is."""
    each = handle.freezing[1]
    return bool(index < len(each) and each[index])


def freeze_one(handle: Any, index: int, frozen: bool) -> None:
    """One parameter learns or does not."""
    whole, each = handle.freezing
    each += [False] * (index + 1 - len(each))
    each[index] = frozen
    handle.freezing = (whole, each)


def checked(given: object, count: int) -> Freezing:
    """The freezing that a file has for a layer of `count` parameters and buffers."""
    if isinstance(given, list) and len(given) == 2 and isinstance(given[0], bool) and isinstance(given[1], list):
        whole, each = given
        if len(each) <= count and all(isinstance(one, bool) for one in each):
            return whole, each
    raise FormatError(f"expected which parameters are frozen, got {describe(given)}")
