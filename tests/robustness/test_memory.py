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


#: Bytes of arrays for the first step of a plan and for an inference with 64 samples, in the baseline kernels, when a
#: net was a chain whose executors kept two gradients in turn, and Residual had one of its own.
OF_CHAINS = {"dense": (800960, 365440), "grows": (349632, 139456), "narrow": (18624, 11328),
             "images": (4217408, 1707776), "residual": (31092032, 11247040)}  # fmt: skip


def test_graphs_take_no_more_memory_than_chains(library):
    words = run_program(PROGRAMS / "memory_of_a_plan.py", LD_PRELOAD=str(library), NNCORE_ISA="baseline")
    found = {name: (int(step), int(inference)) for name, step, inference in (word.split(":") for word in words)}
    assert found.keys() == OF_CHAINS.keys()
    for name, (step, inference) in OF_CHAINS.items():
        assert 0 < found[name][0] <= step and 0 < found[name][1] <= inference, (name, found[name])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("hidden", "steps"), [(30, 1200), (1000, 50)])
def test_a_fit_takes_no_copy_of_its_data(hidden, steps):
    """The bytes stay as they are: what grows is the optimizer's state, one batch of activations and a snapshot."""
    assert run_program(PROGRAMS / "memory_of_a_fit.py", hidden, steps, timeout=300)[0] == "growth"
