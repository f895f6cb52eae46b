"""Where a TensorBoard writes: its arguments logdir and run."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from nncore._support.checks import describe, encodable
from nncore._support.strict import Setting
from nncore.errors import ConfigError, StateError


class Place(Setting[Any]):
    """Where a TensorBoard writes its runs."""

    def __set__(self, given: Any, value: Any) -> None:
        if getattr(given._trainer, "fitting", False):
            raise StateError(f"[TensorBoard] {self._name}: expected a time between fits, got one within")
        super().__set__(given, value)
        given._trainer = None


def folder_of_runs(where: str, name: str, given: Any) -> str:
    """`logdir`, checked."""
    folder = ""
    with contextlib.suppress(TypeError, UnicodeEncodeError):
        path = os.fsdecode(given)
        os.fsencode(path)
        folder = path
    if not folder or "\0" in folder:
        raise ConfigError(f"[{where}] {name}: expected the path of a folder, got {describe(given)}")
    return folder


def run_of(where: str, name: str, given: Any) -> str | None:
    """`run`, checked."""
    if given is not None and not is_inside(given):
        raise ConfigError(f"[{where}] {name}: expected the name of a folder in logdir or None, got {describe(given)}")
    return given  # type: ignore[no-any-return]


def is_inside(run: object) -> bool:
    """Whether it is a relative path within a folder."""
    if not isinstance(run, str) or not run.strip() or not encodable(run) or "\0" in run or os.path.isabs(run):
        return False
    return not {"", ".", ".."} & set(run.replace(os.sep, "/").split("/"))
