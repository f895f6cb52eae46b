"""Finds the files of a data set on this machine and downloads them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nncore._support import checks
from nncore._support.files import atomic
from nncore.errors import ConfigError, FormatError

_TIMEOUT = 10.0  # seconds without an answer
_CHUNK = 1 << 16


@dataclass(frozen=True)
class DataFile:
    """One file of a data set; size and SHA-256 are those of the compressed file `name`.gz its publisher offers."""

    name: str
    size: int
    sha256: str


def check_split(where: str, split: object) -> None:
    """ConfigError unless `split` is "train" or "test", the splits of every set."""
    if not isinstance(split, str) or split not in ("train", "test"):
        raise ConfigError(f"[{where}] split: expected 'train' or 'test', got {checks.describe(split)}")


def data_folder(where: str, root: str | os.PathLike[str] | None) -> Path:
    """The folder that is searched for data sets: `root`, else $NNCORE_DATA, else the user's cache folder."""
    if root is None:
        root = os.environ.get("NNCORE_DATA") or _cache_folder()
    try:
        folder = os.fspath(root)
    except TypeError:
        folder = ""
    if not isinstance(folder, str) or not folder or "\0" in folder:
        raise ConfigError(f"[{where}] root: expected the path of a folder or None, got {checks.describe(root)}")
    return Path(os.path.expanduser(folder))


def _cache_folder() -> str:
    base = os.environ.get("XDG_CACHE_HOME", "")
    return os.path.join(base if os.path.isabs(base) else os.path.expanduser("~/.cache"), "nncore")


def locate(
    where: str, files: tuple[DataFile, ...], base: Path, subfolders: tuple[str, ...], url: str, *, download: bool
) -> tuple[Path, ...]:
    """Paths of `files`, raw or .gz, all from one of base's subfolders or all from base; download fetches into the first
    subfolder."""
    names = tuple(file.name for file in files)
    found = search(base, subfolders, names, ("", ".gz"))
    if found is not None:
        return found
    if not download:
        raise missing(where, base, subfolders, ", ".join(names) + " (raw or .gz)", url)
    folder = base / subfolders[0]
    return tuple(_existing(folder, file.name, ("", ".gz")) or fetch(where, file, url, folder) for file in files)


def search(
    base: Path, subfolders: tuple[str, ...], names: tuple[str, ...], endings: tuple[str, ...]
) -> tuple[Path, ...] | None:
    """Paths of all names, each with one of the endings, in one subfolder or else in base; None: none has all."""
    for folder in (*(base / subfolder for subfolder in subfolders), base):
        found = tuple(path for path in (_existing(folder, name, endings) for name in names) if path is not None)
        if len(found) == len(names):
            return found
    return None


def missing(where: str, base: Path, subfolders: tuple[str, ...], names: str, url: str) -> FileNotFoundError:
    """The error that names the folders searched and how to get the files."""
    folders = "\n".join(f"  {folder}" for folder in (*(base / subfolder for subfolder in subfolders), base))
    return FileNotFoundError(
        f"[{where}] expected {names} in one of the folders\n{folders}\n"
        f"Pass download=True (--download on the command line), or put the files from {url} there, or name their folder "
        "by root= or $NNCORE_DATA."
    )


def _existing(folder: Path, name: str, endings: tuple[str, ...]) -> Path | None:
    """The file by one of the names it has after unpacking: gunzip -N and archivers write the dot that IDX files had in
    their archive, and some unpack each file into a folder of its name."""
    dotted = name.replace("-idx", ".idx")
    for each in dict.fromkeys((name, dotted)):
        for path in (folder / (each + ending) for ending in endings):
            if path.is_file():
                return path
        for inner in dict.fromkeys((name, dotted)):
            if (folder / each / inner).is_file():
                return folder / each / inner
    return None


def fetch(where: str, file: DataFile, url: str, folder: Path) -> Path:
    """Download url + `name`.gz into folder; it appears there only when whole and of the right SHA-256."""
    address = f"{url}{file.name}.gz"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{file.name}.gz"
    with atomic(str(target)) as output:
        _download(where, address, file, folder, output)
    return target


def _download(where: str, address: str, file: DataFile, folder: Path, output: BinaryIO) -> None:
    digest = hashlib.sha256()
    received = 0
    for piece in _pieces(where, address, folder):
        received += len(piece)
        if received > file.size:
            break
        digest.update(piece)
        output.write(piece)
    if received < file.size:
        raise _unreachable(where, address, folder, f"{received} of {file.size} bytes")
    if received > file.size or digest.hexdigest() != file.sha256:
        raise FormatError(
            f"[{where}] {address}: expected {file.size} bytes with SHA-256 {file.sha256}, "
            f"got another file; it was not kept"
        )


def _pieces(where: str, address: str, folder: Path) -> Iterator[bytes]:
    """The content of address, in pieces; network errors become ConnectionError."""
    import http.client  # imported here: they take longer than the rest of the package
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT) as response:
            while piece := response.read(_CHUNK):
                yield piece
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # closes the connection
        raise _unreachable(where, address, folder, error) from error


def _unreachable(where: str, address: str, folder: Path, reason: object) -> ConnectionError:
    return ConnectionError(
        f"[{where}] expected to download {address}, got {reason}; its content can be put into {folder} by hand"
    )
