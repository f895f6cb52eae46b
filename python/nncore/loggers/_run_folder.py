"""The folders of TensorBoard's runs: made, found, and refused if they hold another run's files."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator

from nncore.errors import ConfigError
from nncore.loggers._event_file import EventFile


def new_folder(logdir: str) -> str:
    """Makes the next numbered folder; two processes get different ones."""
    os.makedirs(logdir, exist_ok=True)
    numbers = [int(name[4:]) for name in os.listdir(logdir) if re.fullmatch("run-[0-9]{1,9}", name)]
    number = max(numbers, default=0)
    while True:
        number += 1
        folder = os.path.join(logdir, f"run-{number}")
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
            return folder


def own_folder(logdir: str, run: str) -> str:
    """Makes the folder of a run; ConfigError if it has event files."""
    folder = os.path.join(logdir, run)
    os.makedirs(folder, exist_ok=True)
    if events_in(folder):
        raise _taken(folder)
    return folder


def sole_file(folder: str) -> EventFile:
    """The first event file of a folder. Of two runs that start at once both may be refused."""
    try:
        file = EventFile(folder)
    except FileExistsError:
        raise _taken(folder) from None
    if len(events_in(folder)) > 1:
        file.remove()
        raise _taken(folder)
    return file


def events_in(folder: str) -> list[str]:
    """The names of its event files."""
    return [name for name in os.listdir(folder) if "tfevents" in name]


def _taken(folder: str) -> ConfigError:
    return ConfigError(
        f"[TensorBoard] run: expected a folder without event files, got {folder!r}, which has those of another run "
        "(give it another name, or delete the folder)"
    )


@contextlib.contextmanager
def explained(logdir: str) -> Iterator[None]:
    """Adds the argument to an OSError."""
    try:
        yield
    except OSError as error:
        raise OSError(
            error.errno,
            f"[TensorBoard] logdir: expected a folder that can be written to, got {logdir!r} ({error.strerror})",
        ) from error
