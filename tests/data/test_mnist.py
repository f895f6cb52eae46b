"""load_mnist and load_fashion_mnist: where they look, what they refuse, and the real files when they are on this
machine."""

import hashlib

import numpy as np
import pytest

import nncore as nc

load_mnist = nc.datasets.load_mnist


def official(load, split):
    """The files of $NNCORE_DATA or the user's cache folder; the test is skipped where they are not."""
    try:
        return load(split)
    except FileNotFoundError:
        pytest.skip(f"{load.__name__} finds no files: point NNCORE_DATA to a folder that has them")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder of its own and none of the variables that name one."""
    for variable in ("NNCORE_DATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("subfolder", ["mnist", "."])
def test_images_and_labels_from_root(tmp_path, home, write_set, digits, split, compress, subfolder):
    write_set(tmp_path / subfolder, split, compress)
    for root in (tmp_path, str(tmp_path)):
        X, y = load_mnist(split, root=root)
        assert X.shape == (5, 1, 28, 28) and X.dtype == np.uint8
        assert y.dtype == np.int64
        np.testing.assert_array_equal(X[:, 0], digits[0])
        np.testing.assert_array_equal(y, digits[1])


@pytest.mark.parametrize("subfolder", ["MNIST/raw", "MNIST", "raw", "FashionMNIST/raw", "."])
@pytest.mark.parametrize(
    "compress, form",
    [
        (False, "{0}"),
        (False, "{1}"),
        (False, "{0}/{0}"),
        (False, "{0}/{1}"),
        (False, "{1}/{1}"),
        (True, "{0}"),
        (True, "{1}"),
    ],
)
def test_folders_of_other_people(tmp_path, home, write_set, digits, subfolder, compress, form):
    """Of torchvision, of gunzip -N and of archivers that unpack each file into a folder of its name."""
    folder = tmp_path / subfolder
    write_set(folder, "test", compress)
    for path in list(folder.iterdir()):
        if path.is_file():
            ending = ".gz" if compress else ""
            name = path.name.removesuffix(ending)
            target = folder / (form.format(name, name.replace("-idx", ".idx")) + ending)
            moved = path.rename(folder / "moved")
            target.parent.mkdir(parents=True, exist_ok=True)
            moved.rename(target)
    load = nc.datasets.load_fashion_mnist if "Fashion" in subfolder else load_mnist
    X, y = load("test", root=tmp_path)
    np.testing.assert_array_equal(X[:, 0], digits[0])
    np.testing.assert_array_equal(y, digits[1])


def test_search_order(tmp_path, home, write_set, digits, monkeypatch):
    """Each better place holds one image less, so that the number of images tells which was read."""
    images, labels = digits

    def place(folder, count):
        header = bytes([0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 28, 0, 0, 0, 28])
        content = header + images[:count].tobytes()
        write_set(folder, images=content, labels=bytes([0, 0, 8, 1, 0, 0, 0, count]) + labels[:count].tobytes())

    place(home / ".cache" / "nncore" / "mnist", 5)
    assert len(load_mnist()[0]) == 5
    place(tmp_path / "xdg" / "nncore", 4)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert len(load_mnist()[0]) == 4
    monkeypatch.setenv("NNCORE_DATA", "")  # empty counts as not set
    assert len(load_mnist()[0]) == 4
    place(home / "data", 3)
    monkeypatch.setenv("NNCORE_DATA", "~/data")
    assert len(load_mnist()[0]) == 3
    place(tmp_path / "root", 2)
    assert len(load_mnist(root=tmp_path / "root")[0]) == 2
    place(tmp_path / "root" / "mnist", 1)
    assert len(load_mnist(root=tmp_path / "root")[0]) == 1


def test_images_and_labels_come_from_one_folder(tmp_path, home, write_set):
    write_set(tmp_path)
    write_set(tmp_path / "mnist", labels=b"not read, for the images beside it are missing")
    (tmp_path / "mnist" / "train-images-idx3-ubyte").unlink()
    assert len(load_mnist(root=tmp_path)[0]) == 5


def test_missing_files_say_where_and_how(tmp_path, home, monkeypatch, write_set):
    write_set(tmp_path, "test")
    with pytest.raises(FileNotFoundError) as caught:
        load_mnist("train", root=tmp_path)
    message = str(caught.value)
    assert message.startswith("[load_mnist] expected train-images-idx3-ubyte, train-labels-idx1-ubyte (raw or .gz)")
    for part in (f"  {tmp_path / 'mnist'}\n", f"  {tmp_path}\n", "download=True", "https://", "$NNCORE_DATA", "root="):
        assert part in message
    with pytest.raises(FileNotFoundError, match=str(home / ".cache" / "nncore" / "mnist")):
        load_mnist()
    monkeypatch.setenv("NNCORE_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(FileNotFoundError, match=str(tmp_path / "elsewhere" / "mnist")):
        load_mnist()


def test_nothing_touches_the_network_unasked(tmp_path, home, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a connection was opened"))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: pytest.fail("a name was looked up"))
    with pytest.raises(FileNotFoundError):
        load_mnist(root=tmp_path)


def test_wrong_labels_and_mixed_up_files(tmp_path, home, write_set, idx_bytes, digits):
    images, labels = digits
    cases = [
        ({"labels": idx_bytes(np.array([0, 1, 10, 2, 255], np.uint8))}, "expected labels 0 to 9, got 10 at index 2"),
        ({"labels": idx_bytes(labels[:4])}, "expected 5 items, got 4"),
        ({"images": idx_bytes(images[:4])}, "expected 4 items, got 5"),
        ({"images": idx_bytes(labels)}, "images-idx3-ubyte.*: expected 3 dimension.*, got 1"),
        ({"labels": idx_bytes(images)}, "labels-idx1-ubyte.*: expected 1 dimension.*, got 3"),
        ({"images": idx_bytes(images[:, :27])}, r"expected items of shape \(28, 28\), got \(27, 28\)"),
        ({"images": idx_bytes(images.reshape(5, 784))}, "expected 3 dimension.*, got 2"),
        ({"images": idx_bytes(images[:0]), "labels": idx_bytes(labels[:0])}, "expected 1 to 1073741824 bytes"),
        ({"images": b""}, "expected 4 more bytes, got 0"),
    ]
    for compress in (False, True):
        for number, (contents, message) in enumerate(cases):
            folder = tmp_path / f"{compress}{number}"
            write_set(folder, compress=compress, **contents)
            with pytest.raises(nc.FormatError, match=message) as caught:
                load_mnist(root=folder)
            assert str(caught.value).startswith(f"[load_mnist] {folder}")


@pytest.mark.parametrize("split, size", [("train", 60000), ("test", 10000)])
def test_the_official_clothes(split, size):
    X, y = official(nc.datasets.load_fashion_mnist, split)
    assert X.shape == (size, 1, 28, 28)
    assert np.bincount(y).tolist() == [size // 10] * 10  # the paper: equally many of each class


def test_clothes_have_a_folder_of_their_own(tmp_path, home, write_set, digits):
    write_set(tmp_path / "fashion-mnist")
    X, y = nc.datasets.load_fashion_mnist(root=tmp_path)
    np.testing.assert_array_equal(X[:, 0], digits[0])
    np.testing.assert_array_equal(y, digits[1])
    with pytest.raises(FileNotFoundError, match=str(tmp_path / "mnist")):
        load_mnist(root=tmp_path)
    write_set(tmp_path / "fashion-mnist", labels=b"")
    with pytest.raises(nc.FormatError, match=r"^\[load_fashion_mnist\] .*fashion-mnist"):
        nc.datasets.load_fashion_mnist(root=tmp_path)
    with pytest.raises(FileNotFoundError, match=r"(?s)^\[load_fashion_mnist\] .*fashion-mnist.*http://fashion-mnist"):
        nc.datasets.load_fashion_mnist("test", root=tmp_path)


@pytest.mark.parametrize("split", ["Train", "", "t10k", None, 0, True, ["train"], b"train", np.array(["train"])])
def test_bad_split(tmp_path, split):
    with pytest.raises(nc.ConfigError, match=r"^\[load_mnist\] split: expected 'train' or 'test', got "):
        load_mnist(split, root=tmp_path)


@pytest.mark.parametrize("root", [0, True, b"/tmp", "", "a\0b", ["/tmp"], np.nan])
def test_bad_root(root):
    with pytest.raises(nc.ConfigError, match=r"^\[load_mnist\] root: expected the path of a folder or None, got "):
        load_mnist(root=root)


@pytest.mark.parametrize("download", [1, "yes", None])
def test_bad_download(tmp_path, download):
    with pytest.raises(nc.ConfigError, match=r"^\[load_mnist\] download: expected True or False, got "):
        load_mnist(root=tmp_path, download=download)


@pytest.mark.parametrize(
    "split, size, first, digest",
    [
        ("train", 60000, [5, 0, 4, 1, 9], "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
        ("test", 10000, [7, 2, 1, 0, 4], "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    ],
)
def test_the_official_files(split, size, first, digest, idx_bytes):
    X, y = official(load_mnist, split)
    assert X.shape == (size, 1, 28, 28) and X.dtype == np.uint8
    assert y.shape == (size,) and y.dtype == np.int64
    assert y[:5].tolist() == first
    counts = np.bincount(y, minlength=10)
    assert len(counts) == 10 and counts.sum() == size and counts.min() > 0.08 * size
    assert hashlib.sha256(idx_bytes(X[:, 0])).hexdigest() == digest  # of the unpacked file, however it was packed


def test_official_class_counts():
    """The counts per digit that LeCun's page and many papers list."""
    train, test = official(load_mnist, "train")[1], official(load_mnist, "test")[1]
    assert np.bincount(train).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
