"""KerasFile: what a .keras file holds, read without Keras. Files are hostile until checked.

A zip with config.json and model.weights.h5. Nothing in it is executed, no other file is opened, and what is read takes
no more memory than the file has bytes and a few megabytes.
"""

from __future__ import annotations

import io
import json
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from nncore.errors import FormatError
from nncore.interop._keras_config import Step
from nncore.interop._needs import needs

_MB = 1 << 20
_MOST_CONFIG = 2 * _MB  # its objects take up to 24 times as much
_MOST_DIRECTORY = _MB
_MOST_PACKED = 16 * _MB  # weights that somebody compressed
_BAD = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, IndexError, NotImplementedError, OSError, RuntimeError,
        OverflowError, TypeError, ValueError, AttributeError, MemoryError)  # fmt: skip


class KerasFile:
    """The configuration, and the weights by layer."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        self._left = size + _MB  # bytes of weights that there can be
        self.config = _json(_content(archive, "config.json", _MOST_CONFIG))
        self._weights = _weights(archive, size)

    def reserve(self, count: int) -> None:
        """FormatError if the file cannot describe a model with so many numbers more."""
        self._left -= 4 * count
        if self._left < 0:
            raise FormatError("model: expected no more weights than the file has bytes, got more")

    def arrays(self, step: Step) -> list[NDArray[Any]]:
        """The numbers of a layer in Keras' order."""
        with _errors(f"{step.place}: expected its weights in {step.group}/vars"):
            group = _member(self._weights, f"{step.group}/vars", step)
            name = group.attrs.get("name")
            if isinstance(name, str) and name != step.names[-1]:
                raise FormatError(f"{step.place}: expected its weights in {step.group}, got those of {name[:80]!r}")
            count = len(group)
            if count > 8:
                raise FormatError(f"{step.place}: expected a few arrays, got {count}")
            return [self._array(_member(self._weights, f"{step.group}/vars/{i}", step), step) for i in range(count)]

    def _array(self, dataset: Any, step: Step) -> NDArray[Any]:
        """A dataset whose numbers lie in this file as they are."""
        h5py = needs("load_keras", "h5py", "nncore[keras]")
        if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in "fiu" or dataset.dtype.itemsize > 8:
            raise FormatError(f"{step.place}: expected arrays of numbers, got something else")
        properties = dataset.id.get_create_plist()
        plain = dataset.chunks is None and not dataset.is_virtual and not dataset.external
        if not plain or properties.get_nfilters() or properties.get_external_count():
            raise FormatError(f"{step.place}: expected plain arrays, got compressed or external ones")
        if dataset.shape is None or dataset.id.get_storage_size() != dataset.nbytes:
            raise FormatError(f"{step.place}: expected arrays that are in the file, got none")
        self.reserve(-(-dataset.nbytes // 4))
        return np.asarray(dataset[()])


@contextmanager
def keras_file(path: str) -> Iterator[KerasFile]:
    """A file, open; OSError if it cannot be opened, FormatError for what is no such file."""
    needs("load_keras", "h5py", "nncore[keras]")
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        status = os.fstat(file.fileno())
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(f"{path} is a folder")
        with _errors("expected a .keras file"):
            if not stat.S_ISREG(status.st_mode):
                raise FormatError("expected a regular file")
            _check_directory(file, status.st_size)
            archive = zipfile.ZipFile(file)
            found = KerasFile(archive, status.st_size)
        yield found


@contextmanager
def _errors(what: str) -> Iterator[None]:
    """Whatever goes wrong inside means that the file is no right one."""
    try:
        yield
    except FormatError:
        raise
    except _BAD as error:
        raise FormatError(f"{what}, got one that cannot be read: {str(error)[:200]}") from error


def _check_directory(file: BinaryIO, size: int) -> None:
    """FormatError for a table of contents that is larger than that of any model; zipfile would read all of it."""
    file.seek(max(0, size - 22 - 65536))
    tail = file.read()
    at = len(tail) - 22 if tail[-22:-18] == b"PK\x05\x06" and tail[-2:] == b"\0\0" else tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        raise FormatError("expected a .keras file, which is a zip, got another one (or the end is missing)")
    if tail[max(0, at - 20) : at].startswith(b"PK\x06\x07"):
        raise FormatError("expected a file of less than 4 GB, got a zip64")
    if int.from_bytes(tail[at + 12 : at + 16], "little") > _MOST_DIRECTORY:
        raise FormatError("expected a few members, got a longer table of contents")
    file.seek(0)


def _content(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """A member of at most so many bytes, whatever its header says."""
    if name not in archive.namelist():
        raise FormatError(f"expected a .keras file, got a zip without {name}")
    with archive.open(name) as member:
        content = member.read(most + 1)
    if len(content) > most:
        raise FormatError(f"{name}: expected at most {most} bytes, got more")
    return content


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"config.json: expected JSON, got something else: {str(error)[:200]}") from error


def _weights(archive: zipfile.ZipFile, size: int) -> Any:
    """The HDF5 file inside: read in place where it is stored, as Keras does; else from memory."""
    h5py = needs("load_keras", "h5py", "nncore[keras]")
    name = "model.weights.h5"
    if name not in archive.namelist():
        raise FormatError(f"expected a .keras file, got a zip without {name}")
    if archive.getinfo(name).compress_type == zipfile.ZIP_STORED:
        return h5py.File(archive.open(name), "r")
    return h5py.File(io.BytesIO(_content(archive, name, min(_MOST_PACKED, size * 2 + _MB))), "r")


def _member(group: Any, path: str, step: Step) -> Any:
    """What lies under a path in the same file: links to other files are not followed."""
    h5py = needs("load_keras", "h5py", "nncore[keras]")
    for name in path.split("/"):
        if not isinstance(group, h5py.Group) or not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise FormatError(f"{step.place}: expected {path} in model.weights.h5, got none")
        group = group[name]
    return group
