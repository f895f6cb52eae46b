"""Atomic file writes: a file appears whole or not at all.

Models, checkpoints, reports, History.to_csv, runs of sweeps and experiments and downloaded data are written this way.
CSVLogger and TensorBoard append to their files during a fit; matplotlib writes the figures, `stubs` the stubs.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from typing import BinaryIO

from nncore._support.checks import describe
from nncore.errors import ConfigError


def path_of(where: str, path: object) -> str:
    """`path` as text; ConfigError if it is not a path."""
    try:
        name = os.fsdecode(path)  # type: ignore[arg-type]
        os.fsencode(name)  # refuses lone surrogates, which no file name has
    except (TypeError, ValueError):
        name = ""
    if not name or "\0" in name:
        raise ConfigError(f"[{where}] path: expected the path of a file, got {describe(path)}")
    return name


@contextlib.contextmanager
def atomic(path: str) -> Iterator[BinaryIO]:
    """A binary file to write to, which becomes `path` when all of it has reached the disk.

    Whatever happens before that, a file that was there stays as it was, and nothing else is left behind.
    """
    target = os.path.realpath(path)  # a symbolic link stays one: its target is replaced
    rights = _rights(target, path)
    folder = os.path.dirname(target)
    # in the target's folder, so that the rename is atomic; with a random name, so that two writers do not collide
    part = os.path.join(folder, f".nncore-{secrets.token_hex(8)}.part")
    try:
        with open(part, "xb") as file:
            if rights is not None:
                os.chmod(part, rights)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(part)
        if isinstance(error, OSError) and error.filename == part:  # nobody asked for that file
            raise type(error)(error.errno, error.strerror, path) from None
        raise
    _sync_folder(folder)


def write_file(path: str | os.PathLike[str], content: bytes) -> None:
    """Writes the file at `path` with `atomic`."""
    with atomic(os.fspath(path)) as file:
        file.write(content)


def read_file(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    """The content of a regular file of at most `max_bytes` bytes; ValueError for a larger one, a pipe, a device."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > max_bytes:
            raise ValueError(f"no file of at most {max_bytes} bytes")
        return file.read(max_bytes)


def _rights(target: str, path: str) -> int | None:
    """The mode of an existing file, None if there is none; OSError for a folder or a device, which is not replaced."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file", path)
    return stat.S_IMODE(mode)


def _sync_folder(folder: str) -> None:
    """Syncs the folder's entry to the disk. Systems that cannot open a folder skip it: the file's content is synced."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
