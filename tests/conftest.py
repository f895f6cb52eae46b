"""What all tests share. This folder is on the path, so `from support.cases import ...` works in every test."""

import gc
import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")  # Keras' own default would be TensorFlow
HERE = Path(__file__).parent
QUICK = ("contract/", "model/", "files/test_model_files", "files/test_checkpoints")


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


@pytest.fixture(scope="session")
def torch():
    """PyTorch; without it the test is skipped, and the last lines of the run say so."""
    return pytest.importorskip("torch")


# ---- Marks that follow from what a test is ------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    for item in items:
        if hasattr(item.module, "torch") or "torch" in item.fixturenames:
            item.add_marker("pytorch")
        if item.path.relative_to(HERE).as_posix().startswith(QUICK) and is_quick(item):
            item.add_marker("quick")


def is_quick(item):
    """In float64 or of no dtype, the first example of its kind, and not slow by itself."""
    given = item.callspec.params if hasattr(item, "callspec") else {}
    return given.get("dtype", "float64") in ("float64", np.float64) and not {"further_example", "slow", "pytorch"} & {
        mark.name for mark in item.iter_markers()
    }


def pytest_collection_finish():
    """Thousands of collected tests are nothing that each gc.collect() of a test need look through."""
    gc.collect()
    gc.freeze()


# ---- The last lines ----------------------------------------------------------------------------------------------


def pytest_terminal_summary(terminalreporter):
    """Whether the comparisons with PyTorch ran: a skip among thousands of tests is easily overlooked."""
    stats = terminalreporter.stats
    ran = sum(
        "pytorch" in r.keywords and r.when == "call" for kind in ("passed", "failed") for r in stats.get(kind, [])
    )
    without = sorted({r.nodeid.split("::")[0] for r in stats.get("skipped", []) if "import 'torch'" in str(r.longrepr)})
    if without:
        terminalreporter.write_line(
            "PyTorch parity: NOT RUN, for want of torch, in " + " ".join(without), yellow=True, bold=True
        )
    if ran:
        terminalreporter.write_line(f"PyTorch parity: {ran} tests ran")
