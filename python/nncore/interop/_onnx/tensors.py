"""Tensors of ONNX files as arrays: in the file itself, or in a second file beside it."""

from __future__ import annotations

import math
import os
import stat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import describe
from nncore.errors import ConfigError, FormatError

#: Type numbers of onnx.TensorProto, with the field that holds the numbers if the raw bytes do not.
_TYPES: dict[int, tuple[np.dtype[Any], str]] = {
    1: (np.dtype("<f4"), "float_data"),
    2: (np.dtype("u1"), "int32_data"),
    3: (np.dtype("i1"), "int32_data"),
    6: (np.dtype("<i4"), "int32_data"),
    7: (np.dtype("<i8"), "int64_data"),
    9: (np.dtype("?"), "int32_data"),
    10: (np.dtype("<f2"), ""),
    11: (np.dtype("<f8"), "double_data"),
}
_EXTERNAL = 1


def dtype_of(number: int) -> np.dtype[Any] | None:
    """The type of a number in onnx.TensorProto.DataType; None for those that models here do not have."""
    return _TYPES[number][0] if number in _TYPES else None


class Tensors:
    """Reads tensors. folder: of the file that was given; None: there is none, and no second file is read."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder

    def array(self, tensor: Any, name: str) -> NDArray[Any]:
        """The numbers of a tensor; FormatError if they are not as many as its shape says."""
        where = f"[onnx.load] tensor {describe(name)}"
        if tensor.data_type not in _TYPES:
            raise ConfigError(f"{where}: expected numbers, integers or truth values, got type {tensor.data_type}")
        if tensor.HasField("segment"):
            raise ConfigError(f"{where}: expected all of it, got a segment")
        dtype, field = _TYPES[tensor.data_type]
        shape = tuple(int(n) for n in tensor.dims)
        if min(shape, default=0) < 0 or len(shape) > 16:
            raise FormatError(f"{where}: expected a shape, got {shape}")
        n = math.prod(shape)
        if tensor.data_location == _EXTERNAL:
            content: Any = self._external(tensor, where, n * dtype.itemsize)
        elif tensor.HasField("raw_data"):
            content = tensor.raw_data
        else:
            return self._listed(tensor, field, where, dtype, shape)
        if len(content) != n * dtype.itemsize:
            raise FormatError(f"{where}: expected {n * dtype.itemsize} bytes for {shape} {dtype}, got {len(content)}")
        return np.frombuffer(content, dtype).reshape(shape)

    def _listed(
        self, tensor: Any, field: str, where: str, dtype: np.dtype[Any], shape: tuple[int, ...]
    ) -> NDArray[Any]:
        numbers = getattr(tensor, field or "int32_data")
        if len(numbers) != math.prod(shape):
            raise FormatError(f"{where}: expected {math.prod(shape)} numbers for {shape}, got {len(numbers)}")
        if not field:  # bits of float16
            return np.array(numbers, np.uint16).view(dtype).reshape(shape)
        return np.array(numbers, dtype).reshape(shape)

    def _external(self, tensor: Any, where: str, size: int) -> bytes:
        """The bytes of a tensor that lie in a second file, which has to be in the folder of the first."""
        facts = {entry.key: entry.value for entry in tensor.external_data}
        location = facts.get("location", "")
        if self._folder is None:
            mend = "(hint: give the path of the file instead of the ModelProto)"
            raise ConfigError(f"{where}: expected its numbers in the model, got the file {describe(location)} {mend}")
        folder = os.path.realpath(self._folder)
        path = os.path.realpath(os.path.join(folder, location)) if location and "\0" not in location else folder
        if os.path.isabs(location) or "\\" in location or os.path.commonpath([folder, path]) != folder:
            raise FormatError(f"{where}: expected a file in the folder of the model, got {describe(location)}")
        offset, length = _count(facts.get("offset", "0"), where), _count(facts.get("length", str(size)), where)
        if length != size:
            raise FormatError(f"{where}: expected {size} bytes for its shape, got a length of {length}")
        try:
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
        except OSError as error:
            raise FormatError(f"{where}: cannot read {describe(location)}: {error.strerror}") from None
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode) or offset + length > status.st_size:
                raise FormatError(f"{where}: expected {size} bytes from {offset} on in {describe(location)}, got fewer")
            with open(handle, "rb", closefd=False) as file:
                file.seek(offset)
                return file.read(length)
        finally:
            os.close(handle)


def _count(text: str, where: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise FormatError(f"{where}: expected a number of bytes, got {describe(text)}")
    return int(text)
