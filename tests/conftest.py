"""What all tests share. This folder is on the path, so `from support.cases import ...` works in every test."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    """A generator that starts the same way in every test."""
    return np.random.default_rng(20240)


@pytest.fixture
def restore_threads():
    """Puts the number of threads back after a test that sets it."""
    import nncore as nc

    before = nc.get_num_threads()
    yield
    nc.set_num_threads(before)
