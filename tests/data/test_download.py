"""download=True against a server on this machine: only whole files with the right hash arrive."""

import dataclasses
import gzip
import hashlib
import socket

import numpy as np
import pytest

import nncore as nc
from nncore.datasets import _mnist
from nncore.datasets._files import DataFile


@pytest.fixture
def published(server, monkeypatch, digits, idx_bytes):
    """The five images as the server's MNIST, with their sizes and hashes in the loader's table."""
    names = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
    contents = [gzip.compress(idx_bytes(data)) for data in digits]
    rows = []
    for name, content in zip(names, contents, strict=True):
        server.files[f"/{name}.gz"] = content
        rows.append(DataFile(name, len(content), hashlib.sha256(content).hexdigest()))
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    monkeypatch.setattr(_mnist, "MNIST", dataclasses.replace(_mnist.MNIST, url=url, train=tuple(rows)))
    return server


def load(root):
    return nc.datasets.load_mnist(root=root, download=True)


def test_files_arrive_and_are_not_fetched_again(tmp_path, published, digits):
    root = tmp_path / "new" / "folder"
    for _ in range(2):
        X, y = load(root)
        np.testing.assert_array_equal(X[:, 0], digits[0])
        np.testing.assert_array_equal(y, digits[1])
    assert published.asked == ["/train-images-idx3-ubyte.gz", "/train-labels-idx1-ubyte.gz"]
    for path in published.asked:
        assert (root / "mnist" / path[1:]).read_bytes() == published.files[path]
    assert len(list((root / "mnist").iterdir())) == 2


def test_only_the_missing_file_is_fetched(tmp_path, published, write_set):
    write_set(tmp_path / "mnist")
    (tmp_path / "mnist" / "train-labels-idx1-ubyte").unlink()
    assert len(load(tmp_path)[0]) == 5
    assert published.asked == ["/train-labels-idx1-ubyte.gz"]


@pytest.mark.parametrize("change", ["byte", "longer"])
def test_another_file_is_not_kept(tmp_path, published, change):
    name = "/train-images-idx3-ubyte.gz"
    content = published.files[name]
    wrong = content + bytes(10**6) if change == "longer" else content[:100] + bytes([content[100] ^ 1]) + content[101:]
    published.files[name] = wrong
    with pytest.raises(nc.FormatError, match=r"^\[load_mnist\] http.*images-idx3-ubyte.gz: expected .* with SHA-256 "):
        load(tmp_path)
    assert list((tmp_path / "mnist").iterdir()) == []


def check_connection_error(root, address, reason):
    with pytest.raises(ConnectionError) as caught:
        load(root)
    message = str(caught.value)
    assert message.startswith("[load_mnist] expected to download ")
    for part in (address, reason, str(root / "mnist"), "by hand"):
        assert part in message
    assert list((root / "mnist").iterdir()) == []


def test_a_connection_that_breaks(tmp_path, published):
    published.cut.add("/train-images-idx3-ubyte.gz")
    check_connection_error(tmp_path, "/train-images-idx3-ubyte.gz", "bytes")


def test_a_file_the_server_does_not_have(tmp_path, published):
    del published.files["/train-images-idx3-ubyte.gz"]
    check_connection_error(tmp_path, "/train-images-idx3-ubyte.gz", "404")


def test_a_server_that_is_not_there(tmp_path, monkeypatch):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}/"
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setattr(_mnist, "MNIST", dataclasses.replace(_mnist.MNIST, url=url))
        check_connection_error(tmp_path, url, "refused")


def test_a_server_that_never_answers(tmp_path, monkeypatch):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setattr("nncore.datasets._files._TIMEOUT", 0.2)
        monkeypatch.setattr(_mnist, "MNIST", dataclasses.replace(_mnist.MNIST, url=url))
        check_connection_error(tmp_path, url, "timed out")


def test_a_folder_that_cannot_be_made_is_no_network_error(tmp_path, published):
    (tmp_path / "mnist").write_text("a file where the folder should be")
    with pytest.raises(FileExistsError):
        load(tmp_path)
    assert published.asked == []
