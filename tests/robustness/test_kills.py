"""A run that is killed or interrupted at random times: resumed, it ends with the bits of one that never stopped."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

import nncore as nc
from support.programs import command, run_program

pytest.importorskip("safetensors")

PROGRAMS = Path(__file__).parent / "programs"


def one_run(path, mode, steps, lifetime=None, saves=0):
    """Starts or continues the run; killed after `saves` saves and `lifetime` seconds, True when it came to its end."""
    with subprocess.Popen(command(PROGRAMS / "killed_run.py", path, mode, steps), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as child:  # fmt: skip
        assert child.stdout.readline() == "ready\n", child.stderr.read()[-800:]
        if lifetime is not None:
            for _ in range(saves):
                assert child.stdout.readline() == "saved\n", child.stderr.read()[-800:]
            time.sleep(lifetime)
            child.kill()
        out, errors = child.communicate(timeout=120)
    assert child.returncode in ((0, -signal.SIGKILL) if lifetime is not None else (0,)), errors[-800:]
    return out.endswith("done\n")


def assert_same_run(path, other):
    runs = [nc.Trainer.resume(p) for p in (path, other)]
    assert np.array_equal(*[run.model.flat_parameters for run in runs])
    for table in ("epochs", "steps"):
        mine, others = (getattr(run.history, table) for run in runs)
        for key, values in mine.items():
            assert key == "seconds" or values.tobytes() == others[key].tobytes(), key


def kills(path, mode, count, steps, seed):
    whole = path.with_name("whole")
    assert one_run(whole, mode, steps)
    source, killed = random.Random(seed), 0
    while killed < count:
        path.unlink(missing_ok=True)
        while not one_run(path, mode, steps, source.uniform(0, 0.25)):
            killed += 1
            if killed == count:
                assert one_run(path, mode, steps)
                break
        assert_same_run(path, whole)


@pytest.mark.parametrize("mode", ["steps", "epochs"])
def test_killed_at_random_times_a_run_ends_with_the_same_bits(mode, tmp_path):
    kills(tmp_path / "run", mode, 3 if mode == "steps" else 2, 4000, seed=mode)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["steps", "epochs"])
def test_killed_fifty_times(mode, tmp_path):
    kills(tmp_path / "run", mode, 25, 4000, seed=1)


def interrupts(count, seed):
    assert run_program(PROGRAMS / "interrupted_fits.py", count, seed, timeout=600) == ["done"]


def test_interrupted_at_random_times_it_stands_at_a_step_and_goes_on():
    interrupts(20, 1)


@pytest.mark.slow
def test_interrupted_a_hundred_times():
    interrupts(100, 2)


def test_a_killed_run_leaves_no_more_than_its_checkpoint_and_one_part(tmp_path):
    """What a kill in the middle of writing leaves is never taken for a checkpoint."""
    one_run(tmp_path / "run", "steps", 10**6, 0, saves=3)
    assert len(os.listdir(tmp_path)) <= 2
    assert nc.Trainer.resume(tmp_path / "run").history.n_steps % 37 == 0
