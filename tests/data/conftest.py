"""Hand-made files in MNIST's format, and a server to download from."""

import gzip
import http.server
import struct
import threading
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


@pytest.fixture
def server(monkeypatch):
    """Serves .files (path -> bytes); .asked lists the paths; a file in .cut ends after half its bytes."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            content = self.server.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if self.path in self.server.cut else content)

        def log_message(self, *_):
            pass

    monkeypatch.setenv("no_proxy", "*")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files, server.asked, server.cut = {}, [], set()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()
