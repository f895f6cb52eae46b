"""Pictures and pages of things that lie below the code that draws them: `plot` and `report` register what they show."""

from __future__ import annotations

import functools
from typing import Any


@functools.singledispatch
def plot(given: object, *arguments: Any, **options: Any) -> Any:
    """The picture of a History, of a sweep's table."""
    raise NotImplementedError(f"no picture is known of a {type(given).__name__}")


@functools.singledispatch
def report(given: object, *arguments: Any, **options: Any) -> Any:
    """The page of a History."""
    raise NotImplementedError(f"no page is known of a {type(given).__name__}")
