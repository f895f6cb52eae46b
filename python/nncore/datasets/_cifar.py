"""CIFAR-10 in its binary layout: records of a label and 3 x 32 x 32 bytes, validated on reading."""

from __future__ import annotations

import os
import tarfile
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nncore._support import checks
from nncore._support.files import write_file
from nncore._support.names import keywords
from nncore.datasets._common import Labels
from nncore.datasets._files import DataFile, check_split, data_folder, fetch, missing, search
from nncore.errors import FormatError

_SHAPE = (3, 32, 32)
_RECORD = 1 + 3 * 32 * 32
_MAX_RECORDS = 10_000  # records in one file
_CLASSES = 10
_FOLDER = "cifar-10-batches-bin"
_PYTHON_FOLDER = "cifar-10-batches-py"  # the "python version", which torchvision and courses unpack
_FILES = {"train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test": ("test_batch.bin",)}
_URL = "https://www.cs.toronto.edu/~kriz/"
ARCHIVE = DataFile(
    "cifar-10-binary.tar", 170_052_171, "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
)


@keywords(train='split="train" or "test"', path="root=")
def load_cifar10(
    split: str = "train", *, root: str | os.PathLike[str] | None = None, download: bool = False
) -> tuple[NDArray[np.uint8], Labels]:
    """CIFAR-10: photographs of 32 x 32 colour pixels in ten classes; 50000 to train on, 10000 to test.

    The files `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin` of the "binary version" are looked for in
    the folder `cifar-10-batches-bin` under `root`, then in `root` itself; else those of the "python version",
    `data_batch_1` to `data_batch_5` and `test_batch`, in `cifar-10-batches-py` and in `root`. Those are pickles, whose
    numbers are read without carrying them out.

    Parameters
    ----------
    split : "train" or "test", default "train".
    root : path or None, default None. None means the environment variable NNCORE_DATA or, when that is not set, the
        folder `nncore` in the user's cache folder ($XDG_CACHE_HOME, else ~/.cache).
    download : bool, default False. Fetch the archive (170 MB, both splits), compare its SHA-256 and unpack it into
        `root`/cifar-10-batches-bin. Without it nothing touches the network.

    Returns
    -------
    X : uint8 (N, 3, 32, 32), red, green, blue
    y : int64 (N,): 0 airplane, 1 automobile, 2 bird, 3 cat, 4 deer, 5 dog, 6 frog, 7 horse, 8 ship, 9 truck

    Raises
    ------
    FileNotFoundError
        Files are missing; says where they were looked for and how to get them.
    FormatError
        A file is empty, not made of whole records of 3073 bytes, of more than 10000 of them, has a label above 9, is no
        pickle of images and labels, or is not the one that was to be downloaded.
    ConnectionError
        The download failed.
    ConfigError
        An argument of the wrong type or range.

    Notes
    -----
    Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009. In file order.

    Examples
    --------
    One black image of a frog, as the file would be in `root`:

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     _ = pathlib.Path(root, "test_batch.bin").write_bytes(bytes([6]) + bytes(3 * 32 * 32))
    ...     X, y = nc.datasets.load_cifar10("test", root=root)
    >>> X.shape, X.dtype.name, y.tolist()
    ((1, 3, 32, 32), 'uint8', [6])
    """
    where = "load_cifar10"
    check_split(where, split)
    allowed = checks.flag(where, "download", download)
    base, names = data_folder(where, root), _FILES[split]
    paths = search(base, (_FOLDER,), names, ("",))
    if paths is None:
        pickles = search(base, (_PYTHON_FOLDER,), tuple(name.removesuffix(".bin") for name in names), ("",))
        if pickles is not None:
            return _of_pickles(where, pickles)
        if not allowed:
            folders = (_FOLDER, _PYTHON_FOLDER)
            raise missing(where, base, folders, ", ".join(names) + " (or without .bin)", f"{_URL}{ARCHIVE.name}.gz")
        _download(where, base / _FOLDER)
        paths = tuple(base / _FOLDER / name for name in names)
    counts = [_count(where, path) for path in paths]  # all sizes are right before anything is allocated
    X = np.empty((sum(counts), *_SHAPE), dtype=np.uint8)
    y = np.empty(sum(counts), dtype=np.int64)
    start = 0
    for path, count in zip(paths, counts, strict=True):
        _read(where, path, X[start : start + count], y[start : start + count])
        start += count
    return X, y


def _of_pickles(where: str, paths: tuple[Path, ...]) -> tuple[NDArray[np.uint8], Labels]:
    from nncore.datasets._cifar_pickle import read_batch  # imported here: pickletools is large

    batches = [read_batch(path, where, _MAX_RECORDS) for path in paths]
    X = np.concatenate([images for images, _ in batches])
    return X.reshape(-1, *_SHAPE), np.concatenate([labels for _, labels in batches])


def _count(where: str, path: Path) -> int:
    """Records in the file."""
    size = os.stat(path).st_size
    count, rest = divmod(size, _RECORD)
    if rest or not 1 <= count <= _MAX_RECORDS:
        raise FormatError(
            f"[{where}] {path}: expected 1 to {_MAX_RECORDS} records of {_RECORD} bytes, got {size} bytes"
        )
    return count


def _read(where: str, path: Path, X: NDArray[np.uint8], y: Labels) -> None:
    records = np.empty((len(y), _RECORD), dtype=np.uint8)
    with open(path, "rb") as file:
        if file.readinto(records.data) != records.nbytes or file.read(1):
            raise FormatError(f"[{where}] {path}: expected {records.nbytes} bytes, got another size while reading")
    if records[:, 0].max() >= _CLASSES:
        bad = int((records[:, 0] >= _CLASSES).argmax())
        raise FormatError(
            f"[{where}] {path}: expected labels 0 to {_CLASSES - 1}, got {records[bad, 0]} in record {bad}"
        )
    X[...] = records[:, 1:].reshape(X.shape)
    y[...] = records[:, 0]


def _download(where: str, folder: Path) -> None:
    """The six files of the archive; each appears in the folder only when it is whole."""
    archive = fetch(where, ARCHIVE, _URL, folder)
    wanted = {f"{_FOLDER}/{name}": folder / name for names in _FILES.values() for name in names}
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                if member.name in wanted and member.isfile() and member.size <= _MAX_RECORDS * _RECORD:
                    content = tar.extractfile(member)
                    assert content is not None  # it is a file
                    write_file(wanted.pop(member.name), content.read())
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise FormatError(f"[{where}] {archive}: expected a tar archive, got a corrupt one ({error})") from None
    finally:
        archive.unlink(missing_ok=True)
    if wanted:
        names = ", ".join(path.name for path in wanted.values())
        raise FormatError(f"[{where}] {_URL}{ARCHIVE.name}.gz: expected {names} in it")
