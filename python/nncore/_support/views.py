"""Single dispatch from results, as History and SweepTable, to the code that draws them, in higher packages."""

from __future__ import annotations

import functools
from typing import Any


@functools.singledispatch
def plot(given: object, *arguments: Any, **options: Any) -> Any:
    """Draws a History, SweepTable or LRFinderResult; nncore.plot registers the functions."""
    raise NotImplementedError(f"no picture is known of a {type(given).__name__}")


@functools.singledispatch
def report(given: object, *arguments: Any, **options: Any) -> Any:
    """Writes the HTML report of a History; nncore.loggers registers the function."""
    raise NotImplementedError(f"no page is known of a {type(given).__name__}")
