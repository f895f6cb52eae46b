"""fork, spawn, joblib and threads, during and after training: no hang, and the numbers of a single process.

Each case runs in a child with a watchdog.
"""

from pathlib import Path

import pytest

from support.programs import run_program


def run(*case):
    return run_program(Path(__file__).parent / "programs" / "processes.py", *case, timeout=100)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_worker_processes(method):
    assert run("worker_processes", method) == ["done"]


def test_a_fork_in_the_middle_of_a_fit():
    """A callback and a layer in Python fork; the children train on their own and go on with the parent's model."""
    assert run("a_fork_in_the_middle_of_a_fit") == ["done"]


def test_a_fork_while_another_thread_trains():
    assert run("a_fork_while_another_thread_trains") == ["done"]


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_joblib(backend):
    pytest.importorskip("joblib")
    assert run("joblib_workers", backend) == ["done"]


def test_models_travel_to_workers():
    """Pickled with their parameters, compiled layers and layers in Python alike."""
    assert run("models_travel_to_workers") == ["done"]


def test_threads_that_share_a_model_are_served():
    """Every call gives the right answer."""
    assert run("threads_that_share_a_model") == ["done"]


def test_a_fork_while_others_predict():
    assert run("a_fork_while_others_predict") == ["done"]


def test_layers_in_python_in_several_threads():
    """Each thread its own model, whose layers take the interpreter's lock in the middle of a step."""
    assert run("layers_in_python_in_several_threads") == ["done"]


def test_leaving_the_interpreter_while_a_thread_trains():
    """A daemon thread in the middle of a fit does not keep the process from ending."""
    assert run("leaving_the_interpreter_while_a_thread_trains") == ["done"]
