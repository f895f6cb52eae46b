"""load_cifar10: records by hand, what it refuses, the download, and the real files when they are on this machine."""

import hashlib
import io
import os
import tarfile
import tracemalloc

import numpy as np
import pytest

import nncore as nc
from nncore.datasets import _cifar
from nncore.datasets._files import DataFile

load_cifar10 = nc.datasets.load_cifar10
RECORD = 3073
NAMES = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]


def records(count, seed=0):
    """Images, labels and the bytes that hold them."""
    rng = np.random.default_rng(seed)
    X, y = rng.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8), rng.integers(0, 10, count)
    return X, y, b"".join(bytes([label]) + image.tobytes() for image, label in zip(X, y, strict=True))


@pytest.fixture
def batches(tmp_path, monkeypatch):
    """Six files of 1 to 6 records in tmp_path/cifar-10-batches-bin; X, y of each."""
    monkeypatch.delenv("NNCORE_DATA", raising=False)
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    found = {}
    for i, name in enumerate(NAMES):
        *found[name], content = records(i + 1, seed=i)
        (folder / name).write_bytes(content)
    return found


def test_images_and_labels(tmp_path, batches):
    X, y = load_cifar10(root=tmp_path)
    assert X.dtype == np.uint8 and y.dtype == np.int64 and X.flags.c_contiguous and X.flags.writeable
    np.testing.assert_array_equal(X, np.concatenate([batches[name][0] for name in NAMES[:5]]))
    np.testing.assert_array_equal(y, np.concatenate([batches[name][1] for name in NAMES[:5]]))
    X, y = load_cifar10("test", root=str(tmp_path))
    np.testing.assert_array_equal(X, batches["test_batch.bin"][0])
    np.testing.assert_array_equal(y, batches["test_batch.bin"][1])


def test_one_record_by_hand(tmp_path):
    """Label, then 1024 red, 1024 green, 1024 blue values, row by row."""
    image = bytes(range(256)) * 12
    (tmp_path / "test_batch.bin").write_bytes(bytes([7]) + image)
    X, y = load_cifar10("test", root=tmp_path)
    assert y.tolist() == [7]
    assert X[0, 0, 0, :3].tolist() == [0, 1, 2] and X[0, 0, 1, 0] == 32
    (tmp_path / "test_batch.bin").write_bytes(bytes([0]) + bytes([1]) * 1024 + bytes([2]) * 1024 + bytes([3]) * 1024)
    X, _ = load_cifar10("test", root=tmp_path)
    assert [np.unique(channel).tolist() for channel in X[0]] == [[1], [2], [3]]


def test_where_it_looks(tmp_path, batches, monkeypatch):
    monkeypatch.setenv("NNCORE_DATA", str(tmp_path))
    assert len(load_cifar10("test")[0]) == 6
    assert len(load_cifar10("test", root=tmp_path / "cifar-10-batches-bin")[0]) == 6
    (tmp_path / "cifar-10-batches-bin" / "data_batch_3.bin").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        load_cifar10()
    for part in ("[load_cifar10] expected data_batch_1.bin, ", str(tmp_path / "cifar-10-batches-bin"), "download=True",
                 "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "$NNCORE_DATA", "root="):  # fmt: skip
        assert part in str(caught.value)


@pytest.mark.parametrize("size", [0, 1, RECORD - 1, RECORD + 1, 6 * RECORD - 1, 6 * RECORD + 1, 10_001 * RECORD])
@pytest.mark.parametrize("name", ["data_batch_5.bin", "test_batch.bin"])
def test_wrong_sizes_allocate_nothing(tmp_path, batches, name, size):
    path = tmp_path / "cifar-10-batches-bin" / name
    os.truncate(path, size)
    tracemalloc.start()
    try:
        with pytest.raises(nc.FormatError) as caught:
            load_cifar10("test" if name == "test_batch.bin" else "train", root=tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 2**19
    finally:
        tracemalloc.stop()
    assert str(caught.value) == f"[load_cifar10] {path}: expected 1 to 10000 records of 3073 bytes, got {size} bytes"


@pytest.mark.parametrize("label", [10, 255])
def test_wrong_labels(tmp_path, batches, label):
    path = tmp_path / "cifar-10-batches-bin" / "data_batch_4.bin"
    content = bytearray(path.read_bytes())
    content[2 * RECORD] = label
    path.write_bytes(content)
    with pytest.raises(nc.FormatError, match=f"data_batch_4.bin: expected labels 0 to 9, got {label} in record 2"):
        load_cifar10(root=tmp_path)


@pytest.mark.parametrize(
    "arguments, name", [({"split": "Train"}, "split"), ({"root": 3}, "root"), ({"download": "yes"}, "download")]
)
def test_bad_arguments(arguments, name):
    with pytest.raises(nc.ConfigError, match=rf"^\[load_cifar10\] {name}: expected "):
        load_cifar10(**arguments)


def publish(server, monkeypatch, members):
    """Puts an archive of these members on the server and its hash into the loader."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    content = buffer.getvalue()
    server.files["/cifar-10-binary.tar.gz"] = content
    monkeypatch.setattr(_cifar, "_URL", f"http://127.0.0.1:{server.server_address[1]}/")
    digest = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(_cifar, "ARCHIVE", DataFile("cifar-10-binary.tar", len(content), digest))


def test_download(tmp_path, server, monkeypatch):
    contents = {f"cifar-10-batches-bin/{name}": records(2, seed=i) for i, name in enumerate(NAMES)}
    others = {"../escape.bin": b"x", "cifar-10-batches-bin/readme.html": b"y", "/absolute.bin": b"z"}
    publish(server, monkeypatch, {**{name: content for name, (*_, content) in contents.items()}, **others})
    for _ in range(2):
        X, y = load_cifar10(root=tmp_path / "new", download=True)
        assert X.shape == (10, 3, 32, 32)
        np.testing.assert_array_equal(y[:2], contents["cifar-10-batches-bin/data_batch_1.bin"][1])
    assert len(load_cifar10("test", root=tmp_path / "new", download=True)[0]) == 2
    assert server.asked == ["/cifar-10-binary.tar.gz"]
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == sorted(NAMES)


def test_another_archive_is_not_kept(tmp_path, server, monkeypatch):
    publish(server, monkeypatch, {f"cifar-10-batches-bin/{name}": records(1)[2] for name in NAMES})
    wrong = bytearray(server.files["/cifar-10-binary.tar.gz"])
    wrong[-1] ^= 1
    server.files["/cifar-10-binary.tar.gz"] = bytes(wrong)
    with pytest.raises(nc.FormatError, match="with SHA-256"):
        load_cifar10(root=tmp_path, download=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_an_archive_without_the_files(tmp_path, server, monkeypatch):
    publish(server, monkeypatch, {f"cifar-10-batches-bin/{name}": records(1)[2] for name in NAMES[:5]})
    with pytest.raises(nc.FormatError, match="expected test_batch.bin in it"):
        load_cifar10("test", root=tmp_path, download=True)


@pytest.mark.parametrize("split, size", [("train", 50_000), ("test", 10_000)])
def test_the_whole_set(split, size):
    try:
        X, y = load_cifar10(split)
    except FileNotFoundError:
        pytest.skip("CIFAR-10 is not here: point NNCORE_DATA to a folder that has cifar-10-batches-bin/")
    assert X.shape == (size, 3, 32, 32)
    assert np.bincount(y).tolist() == [size // 10] * 10
    # the means of the training set that everybody normalises with: .491, .482, .447
    np.testing.assert_allclose(X.mean(axis=(0, 2, 3)) / 255, [0.4914, 0.4822, 0.4465], atol=0.01)
    # channels are planes, rows lie side by side: neighbours are alike in both directions
    for axis in (2, 3):
        assert np.abs(np.diff(X[:500].astype(np.int16), axis=axis)).mean() < 20
