"""Data sets to try a net on: generated ones, deterministic for a seed, and images from files.

Every function returns NumPy arrays, samples first. Nothing touches the network unless `download=True`.
"""

from typing import TYPE_CHECKING

from nncore._support.names import names_of as _names_of
from nncore.datasets._cifar import load_cifar10
from nncore.datasets._digits import load_digits
from nncore.datasets._gaussians import make_blobs, make_gaussians
from nncore.datasets._mnist import load_fashion_mnist, load_mnist
from nncore.datasets._patterns import make_circles, make_moons, make_spirals, make_xor
from nncore.datasets._regression import make_regression
from nncore.datasets._split import train_test_split

__all__ = [
    "load_cifar10",
    "load_digits",
    "load_fashion_mnist",
    "load_mnist",
    "make_blobs",
    "make_circles",
    "make_gaussians",
    "make_moons",
    "make_regression",
    "make_spirals",
    "make_xor",
    "train_test_split",
]

if not TYPE_CHECKING:
    __getattr__ = _names_of(
        __name__, {"load_iris": "sklearn.datasets.load_iris()", "load_wine": "sklearn.datasets.load_wine()"}
    )
