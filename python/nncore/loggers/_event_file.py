"""TensorBoard's event files: records with checksums, each a protocol buffer of one of a few kinds.

The encoder is our own, because both formats are small and stable and the packages for them are larger than nncore.
Sources: tensorflow/core/lib/io/record_writer.h; event.proto, summary.proto, plugins/hparams/*.proto of TensorBoard.
"""

from __future__ import annotations

import contextlib
import functools
import os
import struct
import time
import zlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Setting = float | str | bool

_BLOCK = 256  # bytes of which the checksum is looked up at once
_POLYNOMIAL = 0x82F63B78  # Castagnoli's, bits reversed
_FLOAT, _STRING = 1, 7  # DataType of a TensorProto
_START = 1  # SessionLog.SessionStatus: events from this event's step on are expired
_NO_NUMBERS = b"\x08\x01\x12\x02\x12\x00"  # TensorProto of type float and shape (0,): the content is in the metadata


class EventFile:
    """A new event file; each write appends one event. After an OSError the file ends with the last whole event.

    `after`: it continues the files of a folder; TensorBoard drops their events beyond this step.
    """

    def __init__(self, folder: str, after: int | None = None) -> None:
        self.path = os.path.join(folder, f"events.out.tfevents.{int(time.time())}.nncore.{os.getpid()}")
        while after is not None and os.path.exists(self.path):
            self.path = f"{self.path}.1"  # sorted after the one of the same second
        with open(self.path, "xb"):
            self._length = 0
        try:
            self._append(_text(3, "brain.Event:2"))
            if after is not None:
                self.restart(after)
        except OSError:
            self.remove()
            raise

    def write(self, values: Iterable[bytes], step: int) -> None:
        """Appends an event of values, as scalar, histogram, … return them."""
        self._append(_integer(2, step) + _message(5, b"".join(_message(1, value) for value in values)))

    def restart(self, after: int) -> None:
        """Makes TensorBoard drop what was written beyond a step."""
        self._append(_integer(2, after + 1) + _message(7, _integer(1, _START)))

    def remove(self) -> None:
        """Deletes the file."""
        with contextlib.suppress(OSError):
            os.unlink(self.path)

    def _append(self, content: bytes) -> None:
        record = framed(_real(1, time.time()) + content)
        try:
            with open(self.path, "r+b") as file:  # not "a", which would recreate a deleted file
                file.seek(self._length)
                file.write(record)
        except OSError:
            with contextlib.suppress(OSError):
                os.truncate(self.path, self._length)
            raise
        self._length += len(record)


def scalar(tag: str, value: float) -> bytes:
    """A number of a curve, in single precision."""
    with np.errstate(over="ignore"):
        return _text(1, tag) + b"\x15" + struct.pack("<f", np.float32(value))


def histogram(tag: str, counts: NDArray[Any], edges: NDArray[Any], mean: float, norm: float) -> bytes:
    """Counts (B) between edges (B + 1), with mean and norm of what was counted."""
    n = float(counts.sum())
    numbers = (float(edges[0]), float(edges[-1]), n, mean * n, norm * norm)
    content = b"".join(_real(field, number) for field, number in enumerate(numbers, 1))
    return _text(1, tag) + _message(5, content + _reals(6, edges[1:]) + _reals(7, counts))


def image(tag: str, pixels: NDArray[np.uint8]) -> bytes:
    """A picture (H, W, 3)."""
    height, width = pixels.shape[:2]
    return _text(1, tag) + _message(
        4, _integer(1, height) + _integer(2, width) + _integer(3, 3) + _message(4, png(pixels))
    )


def text(tag: str, content: str) -> bytes:
    """Markdown."""
    tensor = _integer(1, _STRING) + _message(2, b"") + _text(8, content)
    return _text(1, tag) + _metadata("text", b"") + _message(8, tensor)


def session(settings: Mapping[str, Setting]) -> bytes:
    """The settings of a run, for the plugin HPARAMS."""
    pairs = (_text(1, key) + _message(2, _setting(value)) for key, value in settings.items())
    content = b"".join(_message(1, pair) for pair in pairs) + _real(5, time.time())
    return _hparams("_hparams_/session_start_info", _message(3, content))


def experiment(settings: Mapping[str, Setting], metrics: Iterable[str], first: Collection[str]) -> bytes:
    """The columns of the plugin's table: settings, and tags of scalars. `first`: the hyperparameters that vary between
    runs, which the plugin puts first."""
    kinds = {
        key: 1 if isinstance(value, str) else 2 if isinstance(value, bool) else 3 for key, value in settings.items()
    }
    columns = [
        _message(4, _text(1, key) + _integer(4, kind) + _integer(7, key in first)) for key, kind in kinds.items()
    ]
    columns += [_message(5, _message(1, _text(2, tag))) for tag in metrics]
    return _hparams("_hparams_/experiment", _message(2, b"".join(columns)))


def png(pixels: NDArray[np.uint8]) -> bytes:
    """The file of a picture (H, W, 3). Source: PNG specification, W3C, 2003."""
    height, width = pixels.shape[:2]
    lines = np.zeros((height, 1 + 3 * width), np.uint8)  # each begins with its filter: none
    lines[:, 1:] = pixels.reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def framed(content: bytes) -> bytes:
    """A record: length, its checksum, content, its checksum."""
    length = struct.pack("<Q", len(content))
    return length + _masked(length) + content + _masked(content)


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli). It is linear: the CRC of a block is the xor of one table entry per byte and position."""
    places, (single, a, b, c, d) = _tables()
    head, crc = len(data) % _BLOCK, 0xFFFFFFFF
    for byte in data[:head]:
        crc = crc >> 8 ^ single[(crc ^ byte) & 255]
    if head == len(data):
        return crc ^ 0xFFFFFFFF
    blocks = np.frombuffer(data, np.uint8)[head:].reshape(-1, _BLOCK)
    sums: NDArray[np.uint32] = np.bitwise_xor.reduce(places[np.arange(_BLOCK), blocks], axis=1)
    for number in sums.tolist():  # the previous CRC is added to the first four bytes
        crc = number ^ a[crc & 255] ^ b[crc >> 8 & 255] ^ c[crc >> 16 & 255] ^ d[crc >> 24]
    return crc ^ 0xFFFFFFFF


@functools.cache
def _tables() -> tuple[NDArray[np.uint32], list[list[int]]]:
    """Table (_BLOCK, 256): the CRC of a byte at a position of a block; and its rows -1, the usual table, 0, 1, 2, 3."""
    row = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        row = np.where(row & 1, row >> 1 ^ np.uint32(_POLYNOMIAL), row >> 1)
    rows = [row]
    for _ in range(_BLOCK - 1):
        rows.append(rows[-1] >> 8 ^ row[rows[-1] & 255])
    places = np.stack(rows[::-1])
    return places, places[[-1, 0, 1, 2, 3]].tolist()


def _setting(value: Setting) -> bytes:
    if isinstance(value, str):
        return _text(3, value)
    return _integer(4, value) if isinstance(value, bool) else _real(2, value)


def _hparams(tag: str, content: bytes) -> bytes:
    return _text(1, tag) + _metadata("hparams", content) + _message(8, _NO_NUMBERS)


def _metadata(plugin: str, content: bytes) -> bytes:
    return _message(9, _message(1, _text(1, plugin) + _message(2, content)) + _integer(4, 2))  # data class: tensor


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _integer(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _real(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, content: str) -> bytes:
    return _message(field, content.encode())


def _reals(field: int, values: NDArray[Any]) -> bytes:
    return _message(field, np.asarray(values, "<f8").tobytes())
