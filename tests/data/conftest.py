"""Hand-made files in MNIST's format."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest


def encode_idx(data):
    """The IDX bytes of a uint8 array: 0, 0, 0x08, rank, big-endian extents, elements."""
    return bytes([0, 0, 8, data.ndim]) + struct.pack(f">{data.ndim}I", *data.shape) + data.tobytes()


@pytest.fixture
def idx_bytes():
    return encode_idx


@pytest.fixture
def digits():
    """Five images of 28 x 28 random pixels and their labels."""
    rng = np.random.default_rng(7)
    return rng.integers(0, 256, (5, 28, 28), dtype=np.uint8), np.array([3, 0, 9, 9, 1], dtype=np.uint8)


@pytest.fixture
def write_set(digits):
    """Writes the five images as an MNIST split into a folder; `images` and `labels` replace the right bytes."""

    def write(folder, split="train", compress=False, images=None, labels=None):
        prefix = {"train": "train", "test": "t10k"}[split]
        folder.mkdir(parents=True, exist_ok=True)
        for name, content, data in (("images-idx3", images, digits[0]), ("labels-idx1", labels, digits[1])):
            content = encode_idx(data) if content is None else content
            path = Path(folder, f"{prefix}-{name}-ubyte" + (".gz" if compress else ""))
            path.write_bytes(gzip.compress(content) if compress else content)

    return write
