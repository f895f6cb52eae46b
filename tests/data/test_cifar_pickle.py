"""load_cifar10 of the "python version": pickles of protocol 2, the archive's, and later ones, never carried out."""

import os
import pickle

import numpy as np
import pytest

import nncore as nc

NAMES = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]


def batch(count, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 3072), dtype=np.uint8), rng.integers(0, 10, count)


def write(folder, protocol=2, keys=bytes, order=("data", "labels")):
    """Batches of 3, 4, … records as the archive has them: data, labels and names under keys of bytes or text."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for i, name in enumerate(NAMES):
        X, y = found[name] = batch(3 + i, seed=i)
        parts = {
            "batch_label": "training batch 1 of 5",
            "data": X,
            "labels": y.tolist(),
            "filenames": ["a.png"] * len(y),
        }
        parts = {key: parts[key] for key in ("batch_label", *order, "filenames")}
        if keys is bytes:
            parts = {key.encode(): value for key, value in parts.items()}
        (folder / name).write_bytes(pickle.dumps(parts, protocol=protocol))
    return found


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("order", [("data", "labels"), ("labels", "data")])
@pytest.mark.parametrize("keys", [bytes, str])
def test_data_and_labels_whatever_wrote_them(tmp_path, protocol, order, keys):
    found = write(tmp_path / "cifar-10-batches-py", protocol, keys, order)
    X, y = nc.datasets.load_cifar10("train", root=tmp_path)
    assert X.dtype == np.uint8 and y.dtype == np.int64 and X.flags.writeable
    np.testing.assert_array_equal(X, np.concatenate([found[n][0] for n in NAMES[:5]]).reshape(-1, 3, 32, 32))
    np.testing.assert_array_equal(y, np.concatenate([found[n][1] for n in NAMES[:5]]))
    X, y = nc.datasets.load_cifar10("test", root=tmp_path / "cifar-10-batches-py")
    assert len(X) == 8


def test_the_binary_version_goes_first(tmp_path):
    write(tmp_path)
    (tmp_path / "test_batch.bin").write_bytes(bytes([7]) + bytes(3072))
    assert nc.datasets.load_cifar10("test", root=tmp_path)[1].tolist() == [7]


class Marker:
    """Its pickle would make a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_nothing_is_carried_out(tmp_path):
    X, y = batch(2, 0)
    content = {"data": X, "labels": y.tolist(), "marker": Marker(tmp_path / "made")}
    (tmp_path / "test_batch").write_bytes(pickle.dumps(content, protocol=2))
    np.testing.assert_array_equal(nc.datasets.load_cifar10("test", root=tmp_path)[1], y)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "content, message",
    [
        (b"no pickle", "expected a pickle"),
        (pickle.dumps({"data": bytes(3072), "labels": [1, 2]}), "got 3072 bytes and 2 labels"),
        (pickle.dumps({"data": bytes(3071), "labels": [1]}), "got 3071 bytes"),
        (pickle.dumps({"data": bytes(3072), "labels": [12]}), "expected labels 0 to 9, got 12 in record 0"),
        (pickle.dumps({"data": bytes(3072), "labels": [1]})[:-40], "expected"),
    ],
)
def test_what_is_no_batch_is_refused(tmp_path, content, message):
    (tmp_path / "test_batch").write_bytes(content)
    with pytest.raises(nc.FormatError, match=message):
        nc.datasets.load_cifar10("test", root=tmp_path)
