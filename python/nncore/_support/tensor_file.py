"""The file format of models and checkpoints: arrays and facts in one safetensors file, with a checksum.

The facts are JSON under the key "nncore" of the file's metadata. Nothing in a file is ever executed, and reading one
allocates no more than its size and 1 MiB, and 8 KiB for each layer that it places, up to 64 MiB.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from nncore import _core
from nncore._support.files import write_file
from nncore.errors import ConfigError, FormatError

#: Version of the format. Readers accept it and all earlier ones.
FORMAT = 1

_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8"), "I64": np.dtype("<i8")}
_SLACK = 1 << 20
_PER_LAYER, _MOST = 1 << 13, 1 << 26
#: How a header mentions that a layer stands somewhere: ["name",5] in the model, {"layer":5} in another one.
_PLACED = re.compile(rb'\[\\"[^"]*\\",\d+\]|\{\\"layer\\":\d+\}')
_HELP = "saving and loading need the package safetensors: pip install nncore[save]"


def library() -> Any:
    """The safetensors package, imported when it is first needed."""
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(_HELP, name="safetensors") from None
    return safetensors


def write(path: str, kind: str, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Writes a file of a kind, such as "model". OSError if it cannot be written; ConfigError for too many arrays."""
    # asarray, not ascontiguousarray, which turns shape () into (1,)
    rows = {name: np.asarray(array, array.dtype.newbyteorder("<"), order="C") for name, array in arrays.items()}
    head = {
        **facts,
        "kind": kind,
        "format": FORMAT,
        "nncore": _core.__version__,
        "kernel_set": _core.kernel_set(),
    }
    head["checksum"] = _checksum(head, rows)
    content = library().numpy.save(rows, {"nncore": _dumps(head)})
    length = int.from_bytes(content[:8], "little")
    if _cost(content[8 : 8 + length]) > _allowed(len(content), content[8 : 8 + length]):
        raise ConfigError(f"[save] {len(rows)} arrays are too many for their size: such a file could not be read again")
    write_file(path, content)


def _dumps(facts: Mapping[str, Any]) -> str:
    return json.dumps(facts, allow_nan=False, separators=(",", ":"), sort_keys=True)


def _checksum(facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(_dumps({key: value for key, value in facts.items() if key != "checksum"}).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(np.atleast_1d(array).data)
    return digest.hexdigest()


class TensorFile:
    """An open file: its facts, and its arrays, each read on access."""

    def __init__(self, path: str, handle: Any, facts: dict[str, Any]) -> None:
        self._path, self._handle = path, handle
        self.size = os.stat(path).st_size + _SLACK  #: bytes that reading it may take
        self.facts = facts
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.dtypes: dict[str, np.dtype[Any]] = {}
        for name in handle.keys():
            piece = handle.get_slice(name)
            if piece.get_dtype() not in _DTYPES:
                self.fail(f"expected numbers of {sorted(_DTYPES)}, got {piece.get_dtype()} as {name!r}")
            self.dtypes[name] = _DTYPES[piece.get_dtype()]
            self.shapes[name] = tuple(piece.get_shape())

    def fail(self, reason: str) -> NoReturn:
        """FormatError that names the file."""
        raise FormatError(f"[load] {self._path}: {reason}")

    def check(self, name: str, shape: tuple[int, ...], dtype: Any) -> None:
        """FormatError unless the file has this array, of that shape and type."""
        if name not in self.shapes:
            self.fail(f"expected an array {name!r}, got none")
        if self.shapes[name] != shape or self.dtypes[name] != np.dtype(dtype):
            got = f"{self.shapes[name]} {self.dtypes[name]}"
            self.fail(f"expected {name!r} to be {shape} {np.dtype(dtype)}, got {got}")

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self.shapes:
            self.fail(f"expected an array {name!r}, got none")
        array: NDArray[Any] = self._handle.get_tensor(name)
        return array

    def verify(self) -> None:
        """FormatError unless the checksum matches the content."""
        digest = _checksum(self.facts, _Lazy(self.shapes, self._handle.get_tensor))
        if digest != self.facts.get("checksum"):
            self.fail("the file is damaged: its checksum does not fit its content")


class _Lazy(Mapping[str, NDArray[Any]]):
    """Arrays that are read on access and not kept, so that one is in memory at a time."""

    def __init__(self, names: Mapping[str, Any], read: Callable[[str], NDArray[Any]]) -> None:
        self._names, self._read = names, read

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@contextmanager
def reading(path: str, *kinds: str) -> Iterator[TensorFile]:
    """The verified file at `path`, of one of these kinds. Errors within the block become FormatError."""
    errors = (library().SafetensorError, ValueError, TypeError, LookupError, OverflowError, RecursionError)
    _check_header(path)
    try:
        with library().safe_open(path, framework="np") as handle:
            facts = _facts(path, handle.metadata())
            file = TensorFile(path, handle, facts)
            if facts.get("kind") not in kinds:
                file.fail(f"expected {' or '.join(f'a saved {kind}' for kind in kinds)}, got {facts.get('kind')!r:.80}")
            file.verify()
            yield file
    except errors as error:
        text = f"expected {error} among its facts" if isinstance(error, KeyError) else f"{error!s:.500}"
        raise FormatError(text if text.startswith(f"[load] {path}: ") else f"[load] {path}: {text}") from error


def _check_header(path: str) -> None:
    """FormatError if the header is longer, or holds more entries, than the size of the file allows."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # opening a pipe would block
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise FormatError(f"[load] {path}: expected a file, got something else")
        length = int.from_bytes(os.pread(handle, 8, 0), "little")
        if status.st_size < 10 or length > status.st_size - 8:
            start = os.pread(handle, 64, 0)
            got = (foreign(path, start) if start else "") or "one that is cut off or something else"
            raise FormatError(f"[load] {path}: expected a safetensors file, got {got}")
        header = os.pread(handle, length, 8)
        if _cost(header) > _allowed(status.st_size, header):
            raise FormatError(f"[load] {path}: its header claims more arrays than its size allows")
    finally:
        os.close(handle)


_STATE = "build the net here and give its arrays to net.load_state_dict"
#: What files of other libraries are, by their first bytes or their ending, and what to do with them.
_FOREIGN = {
    "a file of PyTorch": "net.load_state_dict(torch.load(path)), with a net of the same layers",
    "a file of Keras": f"{_STATE}: dense kernels turned, kernel.T; or keep the model in Keras",
    "an HDF5 file, as Keras writes": f"{_STATE}: dense kernels turned, kernel.T, read with h5py",
    "an ONNX model": f"{_STATE}: onnx.numpy_helper.to_array(w) of each w in model.graph.initializer",
    "arrays of NumPy": "net.load_state_dict(dict(np.load(path))), with a net of the same layers",
    "one array of NumPy": "np.load(path) reads it: net.flat_parameters[:] = array",
    "a pickle": "pickle.load, or joblib.load, reads it; only from whom you trust, for it runs code",
    "a TensorFlow model": _STATE,
    "a text file": "it has no parameters: write net.save(path)",
}


def foreign(path: str, start: bytes) -> str:
    """What a file of another library is, and what to do; "" if that is not known. `start`: its first bytes."""
    end = os.path.splitext(path)[1].lower()
    kinds = {
        "a file of Keras": end == ".keras",
        "arrays of NumPy": end == ".npz" or (start[:2] == b"PK" and b".npy" in start),
        "a file of PyTorch": end in (".pt", ".pth", ".ckpt") or (start[:2] == b"PK" and b"data.pkl" in start),
        "an HDF5 file, as Keras writes": start[:4] == b"\x89HDF" or end in (".h5", ".hdf5"),
        "an ONNX model": end == ".onnx",
        "one array of NumPy": start[:6] == b"\x93NUMPY",
        "a TensorFlow model": end in (".pb", ".tflite"),
        "a pickle": end in (".pkl", ".pickle", ".joblib")
        or (start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05"),
        "a text file": end in (".json", ".yaml", ".yml", ".txt", ".csv", ".py"),
    }
    found = next((kind for kind, fits in kinds.items() if fits), "")
    return f"{found} (hint: {_FOREIGN[found]})" if found else ""


def _cost(header: bytes) -> int:
    """Upper bound on the bytes that parsing the header takes: three copies of it, and each object, list and entry."""
    return 3 * len(header) + 600 * header.count(b"{") + 64 * header.count(b"[") + 100 * header.count(b",")


def _allowed(size: int, header: bytes) -> int:
    """Bytes that reading a file of this size may take."""
    layers = sum(1 for _ in _PLACED.finditer(header))
    return size + _SLACK + min(_PER_LAYER * layers, _MOST)


def _facts(path: str, metadata: Any) -> dict[str, Any]:
    if not isinstance(metadata, dict) or "nncore" not in metadata:
        raise FormatError(
            f"[load] {path}: expected a file that nncore saved, got arrays without a model; build the model and give "
            f"safetensors.numpy.load_file(path) to its load_state_dict"
        )
    facts = json.loads(metadata["nncore"], parse_constant=_no_constant)
    if not isinstance(facts, dict):
        raise FormatError(f"[load] {path}: expected facts by name, got a {type(facts).__name__}")
    version = facts.get("format")
    if type(version) is not int or not 1 <= version <= FORMAT:
        raise FormatError(f"[load] {path}: expected format 1 to {FORMAT}, got {version!r:.80} (a newer nncore?)")
    return facts


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
