"""Which objects a fit is using: what they are set to acts from the next fit on, so that setting it now is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nncore.errors import StateError

_running: list[tuple[object, ...]] = []


@contextmanager
def using(*objects: object) -> Iterator[None]:
    """While it lasts a fit uses these objects."""
    _running.append(objects)
    try:
        yield
    finally:
        _running[:] = [other for other in _running if other is not objects]


def refuse_during_fit(given: object, name: str, *users: object) -> None:
    """StateError if a fit uses the object, or one of its users."""
    if any(used is one for objects in _running for used in objects for one in (given, *users)):
        raise StateError(
            f"[{type(given).__name__}] {name}: expected a time between fits, got one within (a fit uses it)"
        )
