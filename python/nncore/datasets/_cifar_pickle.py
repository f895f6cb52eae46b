"""Reader of CIFAR-10's "python version": a pickled dict of one batch, of which only data and labels are read.

The instructions of the pickle are listed, never carried out: a pickle that is carried out may run any code.
"""

from __future__ import annotations

import os
import pickletools
import stat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nncore.datasets._common import Labels
from nncore.errors import FormatError

_PIXELS = 3 * 32 * 32
_MAX_BYTES = 2**26  # twice a batch of 10000 images
_INTEGERS = {"BININT1", "BININT2", "BININT", "INT", "LONG1", "LONG"}


def read_batch(path: Path, where: str, most: int) -> tuple[NDArray[np.uint8], Labels]:
    """Images (N, 3072), the largest string of bytes of the pickle, and the labels that follow the key "labels".

    FormatError, which names the file, for anything but 1 to `most` images and as many labels.
    """
    source = f"[{where}] {path}"
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode) or found.st_size > _MAX_BYTES:
        raise FormatError(f"{source}: expected a file of at most {_MAX_BYTES} bytes, got another")
    data, collecting = b"", False
    labels: list[int] = []
    try:
        for opcode, argument, _ in pickletools.genops(path.read_bytes()):
            if isinstance(argument, str | bytes | bytearray) and not opcode.name.endswith(("PUT", "GET", "GLOBAL")):
                try:
                    content = argument.encode("latin-1") if isinstance(argument, str) else bytes(argument)
                except UnicodeEncodeError:  # a name
                    content = b""
                data = max(data, content, key=len)
                collecting = content == b"labels"
            elif collecting and opcode.name in _INTEGERS and isinstance(argument, int):
                labels.append(argument)
    except (ValueError, OverflowError) as error:
        raise FormatError(f"{source}: expected a pickle, got a damaged file ({error!s:.80})") from None
    count, rest = divmod(len(data), _PIXELS)
    if rest or not 1 <= count <= most or len(labels) != count:
        raise FormatError(
            f"{source}: expected 1 to {most} images of {_PIXELS} bytes and as many labels, got {len(data)} bytes and "
            f"{len(labels)} labels"
        )
    bad = next((i for i, label in enumerate(labels) if not 0 <= label <= 9), None)
    if bad is not None:
        raise FormatError(f"{source}: expected labels 0 to 9, got {labels[bad]!s:.20} in record {bad}")
    return np.frombuffer(data, np.uint8).reshape(count, _PIXELS), np.array(labels, np.int64)
