"""Reader of IDX files, the format of MNIST: raw or gzip-compressed, validated on reading.

An IDX file is 0, 0, type, rank (one byte each), the extents (big-endian uint32), then the elements in row-major order.
Sizes are checked before anything is allocated, and a gzip stream is inflated no further than its IDX header says.
"""

from __future__ import annotations

import math
import os
import stat
import zlib
from io import BufferedReader
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nncore.errors import FormatError

MAX_BYTES = 2**30  # of elements in one file
_UNSIGNED_BYTE = 0x08
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_RATIO = 1032  # the most deflate can do: 258 bytes from a 1-bit length and a 1-bit distance
_CHUNK = 1 << 16


def read_idx(path: Path, item_shape: tuple[int, ...], *, where: str, count: int | None = None) -> NDArray[np.uint8]:
    """The unsigned bytes (N, *item_shape) of an IDX file; N must be `count` when that is given.

    Anything else than a whole, exact file of that shape is a FormatError that names the file. Whether the file is
    compressed is read from its first bytes, not from its name.
    """
    source = f"[{where}] {path}"
    if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would block, a device might never end
        raise FormatError(f"{source}: expected a regular file, got something else")
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if file.peek(2)[:2] == _GZIP_MAGIC:
            inflated = _GzipReader(file, source)
            shape = _read_shape(inflated, source, item_shape, count)
            if math.prod(shape) > size * _GZIP_RATIO:
                raise FormatError(f"{source}: expected {math.prod(shape)} elements, got too short a gzip file")
            data = _read_exactly(inflated, source, math.prod(shape))
            inflated.expect_end()
        else:
            shape = _read_shape(file, source, item_shape, count)
            expected = 4 + 4 * len(shape) + math.prod(shape)
            if size != expected:
                raise FormatError(f"{source}: expected {expected} bytes as its header says, got {size}")
            data = _read_exactly(file, source, math.prod(shape))
    return data.reshape(shape)


class _GzipReader:
    """The content of one gzip stream, inflated on demand."""

    def __init__(self, file: BufferedReader, source: str) -> None:
        self._file = file
        self._source = source
        self._inflate = zlib.decompressobj(wbits=31)  # gzip header and trailer; checks the CRC and the length
        self._pending = b""

    def readinto(self, target: memoryview) -> int:
        """Fills `target` up to the end of the stream; returns the number of bytes written."""
        filled = 0
        while filled < len(target) and not self._inflate.eof:
            self._pending = self._pending or self._file.read(_CHUNK)
            if not self._pending:
                raise FormatError(f"{self._source}: expected a whole gzip stream, got a truncated one")
            try:
                piece = self._inflate.decompress(self._pending, min(len(target) - filled, _CHUNK))
            except zlib.error as error:
                raise FormatError(f"{self._source}: expected a gzip stream, got a corrupt one ({error})") from None
            self._pending = self._inflate.unconsumed_tail
            target[filled : filled + len(piece)] = piece
            filled += len(piece)
        return filled

    def expect_end(self) -> None:
        """FormatError if the stream or the file has more bytes."""
        if self.readinto(memoryview(bytearray(1))) or self._inflate.unused_data or self._file.read(1):
            raise FormatError(f"{self._source}: expected the end of the file, got more bytes than its header says")


def _read_shape(
    stream: BufferedReader | _GzipReader, source: str, item_shape: tuple[int, ...], count: int | None
) -> tuple[int, ...]:
    """The shape from the header, checked; its product is at most MAX_BYTES."""
    magic = _read_exactly(stream, source, 4)
    if magic[0] != 0 or magic[1] != 0:
        raise FormatError(f"{source}: expected an IDX file, which starts 0000, got {magic.tobytes().hex()}")
    if magic[2] != _UNSIGNED_BYTE:
        raise FormatError(f"{source}: expected elements of type 0x08 (unsigned byte), got type 0x{magic[2]:02x}")
    rank = 1 + len(item_shape)
    if magic[3] != rank:
        raise FormatError(f"{source}: expected {rank} dimension(s), got {magic[3]}; are images and labels mixed up?")
    shape = tuple(int(extent) for extent in _read_exactly(stream, source, 4 * rank).view(">u4"))
    if shape[1:] != item_shape:
        raise FormatError(f"{source}: expected items of shape {item_shape}, got {shape[1:]}")
    if count is not None and shape[0] != count:
        raise FormatError(f"{source}: expected {count} items, got {shape[0]}")
    if not 1 <= math.prod(shape) <= MAX_BYTES:
        raise FormatError(f"{source}: expected 1 to {MAX_BYTES} bytes of elements, got {math.prod(shape)}")
    return shape


def _read_exactly(stream: BufferedReader | _GzipReader, source: str, size: int) -> NDArray[np.uint8]:
    data = np.empty(size, dtype=np.uint8)
    got = stream.readinto(data.data)
    if got != size:
        raise FormatError(f"{source}: expected {size} more bytes, got {got}")
    return data
