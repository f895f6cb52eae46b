"""load_digits: scikit-learn's set, and what is said when scikit-learn is missing."""

import sys

import numpy as np
import pytest
import sklearn.datasets

import nncore as nc


def test_digits_are_those_of_scikit_learn():
    X, y = nc.datasets.load_digits()
    theirs = sklearn.datasets.load_digits()
    assert X.shape == (1797, 64) and X.dtype == np.float64 and y.dtype == np.int64
    np.testing.assert_array_equal(X, theirs.data)
    np.testing.assert_array_equal(y, theirs.target)
    assert X.min() == 0 and X.max() == 16 and set(y) == set(range(10))


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)  # makes the import fail
    with pytest.raises(ImportError, match=r"\[load_digits\] needs scikit-learn: pip install nncore\[demo\]"):
        nc.datasets.load_digits()
