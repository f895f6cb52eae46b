"""load_mnist and load_fashion_mnist: image sets in MNIST's format."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nncore._support import checks
from nncore._support.names import keywords
from nncore.datasets._common import Labels
from nncore.datasets._files import DataFile, check_split, data_folder, locate
from nncore.datasets._idx import read_idx
from nncore.errors import FormatError

_SIDE = 28
_CLASSES = 10


@dataclass(frozen=True)
class ImageSet:
    """Grey images of 28 x 28 pixels in ten classes; train and test are (images, labels)."""

    folders: tuple[str, ...]
    url: str
    train: tuple[DataFile, DataFile]
    test: tuple[DataFile, DataFile]


MNIST = ImageSet(
    folders=("mnist", "MNIST/raw", "MNIST", "raw"),
    url="https://ossci-datasets.s3.amazonaws.com/mnist/",
    train=(
        DataFile(
            "train-images-idx3-ubyte", 9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
        ),
        DataFile("train-labels-idx1-ubyte", 28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    ),
    test=(
        DataFile("t10k-images-idx3-ubyte", 1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        DataFile("t10k-labels-idx1-ubyte", 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    ),
)

FASHION_MNIST = ImageSet(
    folders=("fashion-mnist", "FashionMNIST/raw", "FashionMNIST", "raw"),
    url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",  # Zalando's own; it does not speak https
    train=(
        DataFile(
            "train-images-idx3-ubyte", 26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
        ),
        DataFile("train-labels-idx1-ubyte", 29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
    ),
    test=(
        DataFile("t10k-images-idx3-ubyte", 4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        DataFile("t10k-labels-idx1-ubyte", 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ),
)


@keywords(train='split="train" or "test"', path="root=")
def load_mnist(
    split: str = "train", *, root: str | os.PathLike[str] | None = None, download: bool = False
) -> tuple[NDArray[np.uint8], Labels]:
    """MNIST: handwritten digits, 28 x 28 grey pixels; 60000 to train on, 10000 to test.

    The files `{train,t10k}-images-idx3-ubyte` and `{train,t10k}-labels-idx1-ubyte`, raw or `.gz`, are looked for in
    the folder `mnist` under `root`, in `MNIST/raw`, where torchvision puts them, and in `root` itself; also as
    `train-images.idx3-ubyte`, and in a folder of their name each, as archivers unpack them.

    Parameters
    ----------
    split : "train" or "test", default "train".
    root : path or None, default None. None means the environment variable NNCORE_DATA or, when that is not set, the
        folder `nncore` in the user's cache folder ($XDG_CACHE_HOME, else ~/.cache).
    download : bool, default False. Fetch missing files (11.6 MB for both splits) into `root`/mnist and compare their
        SHA-256. Without it nothing touches the network.

    Returns
    -------
    X : uint8 (N, 1, 28, 28), 0 is background, 255 ink
    y : int64 (N,), 0…9

    Raises
    ------
    FileNotFoundError
        Files are missing; says where they were looked for and how to get them.
    FormatError
        A file is truncated, too long, corrupt, of other shapes or labels, or not the one that was to be downloaded.
    ConnectionError
        The download failed; names the address, and the folder for a file downloaded otherwise.
    ConfigError
        An argument of the wrong type or range.

    Notes
    -----
    LeCun, Bottou, Bengio, Haffner, Gradient-Based Learning Applied to Document Recognition, 1998. In file order, not
    shuffled.

    Examples
    --------
    One black image with the label 7, as the files would be in `root`:

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     header = bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 28, 0, 0, 0, 28])
    ...     _ = pathlib.Path(root, "t10k-images-idx3-ubyte").write_bytes(header + bytes(28 * 28))
    ...     _ = pathlib.Path(root, "t10k-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 1, 7]))
    ...     X, y = nc.datasets.load_mnist("test", root=root)
    >>> X.shape, X.dtype.name, y.tolist()
    ((1, 1, 28, 28), 'uint8', [7])
    """
    return _load("load_mnist", MNIST, split, root, download)


@keywords(train='split="train" or "test"', path="root=")
def load_fashion_mnist(
    split: str = "train", *, root: str | os.PathLike[str] | None = None, download: bool = False
) -> tuple[NDArray[np.uint8], Labels]:
    """Fashion-MNIST: clothes in the format of MNIST, 28 x 28 grey pixels; 60000 to train on, 10000 to test.

    The files have the names of MNIST's and are looked for in the folder `fashion-mnist` under `root`, in
    `FashionMNIST/raw`, where torchvision puts them, and in `root` itself.

    Parameters
    ----------
    split : "train" or "test", default "train".
    root : path or None, default None. None means the environment variable NNCORE_DATA or, when that is not set, the
        folder `nncore` in the user's cache folder ($XDG_CACHE_HOME, else ~/.cache).
    download : bool, default False. Fetch missing files (30.9 MB for both splits) into `root`/fashion-mnist and compare
        their SHA-256. Without it nothing touches the network.

    Returns
    -------
    X : uint8 (N, 1, 28, 28), 0 is background
    y : int64 (N,): 0 T-shirt, 1 trousers, 2 pullover, 3 dress, 4 coat, 5 sandal, 6 shirt, 7 sneaker, 8 bag, 9 boot

    Raises
    ------
    FileNotFoundError, FormatError, ConnectionError, ConfigError
        As `load_mnist`.

    Notes
    -----
    Xiao, Rasul, Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms, 2017.
    In file order, not shuffled.

    Examples
    --------
    One black image with the label 9, as the files would be in `root`:

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     header = bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 28, 0, 0, 0, 28])
    ...     _ = pathlib.Path(root, "t10k-images-idx3-ubyte").write_bytes(header + bytes(28 * 28))
    ...     _ = pathlib.Path(root, "t10k-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 1, 9]))
    ...     X, y = nc.datasets.load_fashion_mnist("test", root=root)
    >>> X.shape, y.tolist()
    ((1, 1, 28, 28), [9])
    """
    return _load("load_fashion_mnist", FASHION_MNIST, split, root, download)


def _load(
    where: str, images: ImageSet, split: str, root: str | os.PathLike[str] | None, download: bool
) -> tuple[NDArray[np.uint8], Labels]:
    check_split(where, split)
    allowed = checks.flag(where, "download", download)
    files = images.train if split == "train" else images.test
    image_path, label_path = locate(
        where, files, data_folder(where, root), images.folders, images.url, download=allowed
    )
    X = read_idx(image_path, (_SIDE, _SIDE), where=where)
    y = read_idx(label_path, (), where=where, count=len(X))
    if y.max() >= _CLASSES:
        bad = int((y >= _CLASSES).argmax())
        raise FormatError(f"[{where}] {label_path}: expected labels 0 to {_CLASSES - 1}, got {y[bad]} at index {bad}")
    return X[:, None], y.astype(np.int64)
