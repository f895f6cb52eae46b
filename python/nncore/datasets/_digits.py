"""load_digits: the small digits set in scikit-learn."""

from __future__ import annotations

import numpy as np

from nncore._support.names import keywords
from nncore.datasets._common import Floats, Labels


@keywords()
def load_digits() -> tuple[Floats, Labels]:
    """1797 handwritten digits of 8 x 8 pixels, through scikit-learn.

    Returns
    -------
    X : float64 (1797, 64), grey levels 0…16
    y : int64 (1797,), 0…9

    Raises
    ------
    ImportError
        scikit-learn is not installed; `pip install nncore[demo]` brings it.

    Notes
    -----
    Test part of Alpaydin, Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998.
    In file order, not shuffled.

    Examples
    --------
    >>> X, y = nc.datasets.load_digits()
    >>> X.shape, y[:5].tolist()
    ((1797, 64), [0, 1, 2, 3, 4])
    """
    try:
        from sklearn.datasets import load_digits as from_sklearn
    except ImportError as error:
        raise ImportError("[load_digits] needs scikit-learn: pip install nncore[demo]") from error
    X, y = from_sklearn(return_X_y=True)
    return X.astype(np.float64), y.astype(np.int64)
