"""Threads used wrongly, oddly or in great numbers: a clear error or the right numbers, never a hang or a crash.

What may hang or crash runs in a child with a time limit.
"""

import subprocess
from pathlib import Path

import numpy as np
import pytest

import nncore as nc
from support.programs import command, environment, run_program

PROGRAM = Path(__file__).parent / "programs" / "threads.py"


def run(*case, **variables):
    return run_program(PROGRAM, *case, **variables)


@pytest.mark.parametrize(
    "n", [0, -1, 257, 10**9, 2**70, -(2**70), True, False, 1.5, 2.0, np.float64(2), "2", [2], float("nan")]
)
def test_numbers_of_threads_that_are_none(n, restore_threads):
    before = nc.get_num_threads()
    with pytest.raises(nc.ConfigError, match=r"^\[set_num_threads\] n: expected an integer in \[1, 256\], got "):
        nc.set_num_threads(n)
    assert nc.get_num_threads() == before
    net = nc.Sequential(nc.Linear(3, 2), seed=0)
    with pytest.raises(
        nc.ConfigError, match=r"^\[Trainer\] num_threads: expected an integer in \[1, 256\] or None, got "
    ):
        nc.Trainer(net, nc.MSELoss(), nc.SGD(), num_threads=n)


@pytest.mark.parametrize("text", ["", "0", "-1", "x", "257", "99999999999999999999", "1.5.2"])
def test_an_environment_that_names_no_number_changes_nothing(text):
    plain = {key: value for key, value in environment().items() if key != "NNCORE_NUM_THREADS"}
    usual = subprocess.run(command(PROGRAM, "number_of_threads"), env=plain, capture_output=True, text=True,
                           timeout=100,
                           check=True).stdout.split()  # fmt: skip
    assert run("number_of_threads", NNCORE_NUM_THREADS=text) == (["1"] if text == "1.5.2" else usual)


def test_more_threads_than_cpus_and_another_number_for_each_fit():
    assert run("more_threads_than_cpus_and_another_number_for_each_fit") == ["done"]


@pytest.mark.parametrize("how", ["pickle", "deepcopy", "copy", "state_dict"])
def test_a_copy_made_while_another_thread_trains_is_that_of_a_step_or_refused(how):
    assert run("a_copy_made_while_another_thread_trains", how) == ["done"]


def test_two_trainers_want_one_model():
    """Both train it in turn, or one is told so; the numbers stay finite and the model usable."""
    assert run("two_trainers_want_one_model") == ["done"]


def test_the_number_changes_while_others_train_and_fork():
    assert run("the_number_changes_while_others_train_and_fork") == ["done"]


@pytest.mark.parametrize("kernels", nc._core.kernel_sets())
def test_same_bits_for_any_number_of_threads_on_a_busy_machine(kernels):
    assert run("same_bits_for_any_number_of_threads_on_a_busy_machine", NNCORE_ISA=kernels) == ["done"]
