"""Counted, not timed: a training step asks for no memory, and a fit for no more than its parts need."""

import os
import sys
from pathlib import Path

import pytest

from support.programs import compiled, run_program

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The allocator that counts, compiled."""
    if sys.platform != "linux" or os.confstr("CS_GNU_LIBC_VERSION") is None:
        pytest.skip("asks glibc's allocator by its names")
    return compiled(PROGRAMS / "count_allocations.cpp", tmp_path_factory.mktemp("library"))


def test_a_step_asks_for_no_memory(library):
    """Fifty steps more, not one allocation more. (The history grows to 48, 112, 240, … numbers.)"""
    assert run_program(PROGRAMS / "allocations_of_a_step.py", timeout=300, LD_PRELOAD=str(library)) == []


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("hidden", "steps"), [(30, 1200), (1000, 50)])
def test_a_fit_takes_no_copy_of_its_data(hidden, steps):
    """The bytes stay as they are: what grows is the optimizer's state, one batch of activations and a snapshot."""
    assert run_program(PROGRAMS / "memory_of_a_fit.py", hidden, steps, timeout=300)[0] == "growth"
