"""The N-th allocation of the core fails, for all N: MemoryError, and everything as it was or at a step boundary."""

from pathlib import Path

import pytest

from support.programs import compiled, run_program

PROGRAMS = Path(__file__).parent / "programs"
CASES = [
    "a_step",
    "a_fit",
    "evaluate_and_prediction",
    "load_state_dict",
    "a_model_that_is_made_grows_changes_its_dtype_is_copied",
    "forward_backward_and_an_optimizer_by_hand",
    "gradcheck_and_minimize",
    "files",
]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The allocator that fails when told to, compiled."""
    return compiled(PROGRAMS / "fail_allocation.cpp", tmp_path_factory.mktemp("library"))


@pytest.mark.parametrize("case", CASES)
def test_every_allocation_may_fail(case, library, tmp_path):
    said = run_program(PROGRAMS / "failing_allocations.py", case, timeout=300, cwd=tmp_path, LD_PRELOAD=str(library))
    assert "allocations" in said, "none was made to fail"
