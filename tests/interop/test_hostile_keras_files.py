"""Files that are wrong, by accident or on purpose: an error of nncore's, little memory, no other file read."""

from pathlib import Path

import pytest

from support.programs import run_program

PROGRAM = Path(__file__).parent / "programs" / "hostile_keras.py"
pytest.importorskip("h5py")


def test_crafted_files():
    assert int(run_program(PROGRAM, "crafted")[0]) > 45


@pytest.mark.parametrize("seed", range(2))
def test_mutated_files(seed):
    """Some are still right, as where a number of the weights has changed."""
    found = dict(word.split("=") for word in run_program(PROGRAM, "mutated", seed, 300))
    assert int(found["FormatError"]) > 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 110))
def test_ten_thousand_mutated_files(seed):
    run_program(PROGRAM, "mutated", seed, 1000)
