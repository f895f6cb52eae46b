"""Hostile files: right ones that were cut, lengthened, mislabelled or blown up, and things that are no files."""

import gzip
import os
import struct
import zlib

import numpy as np


def idx(shape, kind=8, content=None, extents=None):
    """An IDX file."""
    header = bytes([0, 0, kind, len(shape)]) + b"".join(struct.pack(">I", n % 2**32) for n in extents or shape)
    return header + (bytes(int(np.prod(shape))) if content is None else content)


def spoil(draw, good):
    """The bytes of a file that once was right."""
    how = draw.choice(
        [
            "same",
            "cut",
            "long",
            "flip",
            "header",
            "zeros",
            "empty",
            "gzip",
            "bomb",
            "twice",
            "gzip cut",
            "gzip flip",
            "noise",
        ]
    )
    draw.note(how)
    if how == "cut":
        return good[: draw.randrange(len(good))]
    if how == "long":
        return good + bytes(draw.choice([1, 7, 4096]))
    if how in ("flip", "header"):
        spoilt = bytearray(good)
        for _ in range(draw.choice([1, 1, 4])):
            spoilt[draw.randrange(min(len(good), 16 if how == "header" else 2**30))] = draw.choice(
                [0, 1, 2, 127, 128, 255]
            )
        return bytes(spoilt)
    if how == "zeros":
        return bytes(len(good))
    if how == "empty":
        return b""
    if how == "noise":
        return bytes(draw.getrandbits(8) for _ in range(64))
    if how == "bomb":  # inflates to far more than its header claims
        return gzip.compress(good[:16] + bytes(2**25), 9)
    packed = gzip.compress(good, 1)
    if how == "twice":
        return gzip.compress(packed) if draw.chance(0.5) else packed + packed
    if how == "gzip cut":
        return packed[: draw.randrange(len(packed))]
    if how == "gzip flip":
        spoilt = bytearray(packed)
        spoilt[draw.randrange(len(packed))] ^= 1 << draw.randrange(8)
        return bytes(spoilt)
    return packed if how == "gzip" else good


def place(draw, path, content):
    """Puts content, or something that is no file, at path."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    how = draw.choice(["file"] * 9 + ["directory", "fifo", "sparse", "loop", "unreadable", "missing"])
    if how != "file":
        draw.note(how)
    if how == "directory":
        os.mkdir(path)
    elif how == "fifo":
        os.mkfifo(path)
    elif how == "loop":
        os.symlink(path, path)
    elif how != "missing":
        with open(path, "wb") as file:
            file.write(content)
            if how == "sparse":
                file.truncate(draw.choice([2**31, 2**33, 2**40]))
        if how == "unreadable":
            os.chmod(path, 0)


def zlib_bomb(size):
    """A gzip file that inflates to `size` zeros."""
    pack = zlib.compressobj(9, wbits=31)
    return b"".join(pack.compress(bytes(2**20)) for _ in range(size >> 20)) + pack.flush()
