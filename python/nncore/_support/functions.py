"""Functions that users write: notes on their exceptions, and what pickle wants of them."""

from __future__ import annotations

import pickle
import sys
from typing import Any


def note(error: BaseException, where: str, signature: str) -> None:
    """Adds "in MyLayer "0", forward" to an exception that leaves a call of a user's function.

    For a TypeError of the call itself, `signature` is what the function should look like. The caller caught the
    exception in the frame that made the call.
    """
    text = f"in {where}"
    trace = error.__traceback__
    if isinstance(error, TypeError) and (trace is None or trace.tb_next is None):
        text += f" (hint: it is called as {signature})"
    if text not in getattr(error, "__notes__", ()):
        error.add_note(text)


def check_function(where: str, function: Any) -> None:
    """PicklingError for a function without a name of its own in a module, where pickle asks: copy keeps the function
    itself, and cloudpickle, which joblib uses, its code."""
    name = getattr(function, "__qualname__", "")
    if "<" in name and not _keeps_functions():
        raise pickle.PicklingError(
            f"{where}: expected what a pickle can name, got {name} "
            "(hint: write it with def at the top level of a module)"
        )


def _keeps_functions() -> bool:
    frame = sys._getframe(2)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module == "copy" or "cloudpickle" in module or module.partition(".")[0] == "dill":
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False
