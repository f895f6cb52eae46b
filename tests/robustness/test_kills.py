"""A run that is killed or interrupted at random times: resumed, it ends with the bits of one that never stopped."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import nncore as nc

pytest.importorskip("safetensors")

RUN = """
import os, pathlib, sys, threading, time
import numpy as np, nncore as nc
path, mode, steps = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
rng = np.random.default_rng(0)
X, y = rng.normal(size=(410, 20)), rng.integers(0, 3, 410)
def make():
    net = nc.Sequential(nc.Linear(20, 30), nc.Tanh(), nc.Dropout(0.2), nc.Linear(30, 3), seed=0)
    return nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(lr=nc.ExponentialLR(0.01, 0.9)), batch_size=10, seed=3)
def run(path, mode):
    trainer = nc.Trainer.resume(path) if path.exists() else make()
    done = trainer.history.n_steps
    if mode == "steps":
        while done < steps:
            done += trainer.fit(X, y, steps=min(37, steps - done), validation_data=(X[:50], y[:50])).n_steps
            trainer.save(path)
            print("saved", flush=True)
    elif done < steps:
        save = lambda record: trainer.save(path)
        trainer.fit(X, y, steps=steps - done, validation_data=(X[:50], y[:50]), callbacks=[save])
        trainer.save(path)
    return trainer
print("ready", flush=True)
run(path, mode)
print("done", flush=True)
"""


def one_run(path, mode, steps, lifetime=None, saves=0):
    """Starts or continues the run; killed after `saves` saves and `lifetime` seconds, True when it came to its end."""
    with subprocess.Popen([sys.executable, "-c", RUN, str(path), mode, str(steps)], stdout=subprocess.PIPE,
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


INTERRUPTS = RUN.split('print("ready"', maxsplit=1)[0] + """
import random, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
source = random.Random(int(sys.argv[4]))
interrupted = []
def fits(count):
    for i in range(count):
        trainer = make()
        timer = threading.Timer(source.uniform(0, 0.03), os.kill, (os.getpid(), signal.SIGINT))
        if i % 2:
            nc._interrupt._last_interrupt = -10.0  # else it is the second within a second
        try:
            timer.start()
            history = trainer.fit(X, y, epochs=10**6)
            interrupted.append(history.interrupted)
        except KeyboardInterrupt:
            history = trainer.history
        timer.join()
        yield trainer, history
for trainer, history in fits(steps):
    flat = trainer.model.flat_parameters
    assert np.isfinite(flat).all() and np.isfinite(trainer.model(X)).all()
    taken = trainer.optimizer.state_dict()["step"]
    assert taken == trainer.history.n_steps == history.n_steps
    reference = make()
    reference.fit(X, y, steps=taken)
    assert np.array_equal(reference.model.flat_parameters, flat)
    for both in (reference, trainer):
        both.fit(X, y, steps=50)
    assert np.array_equal(reference.model.flat_parameters, flat)
    assert reference.history["loss"].tolist() == trainer.history["loss"].tolist()
assert len(interrupted) >= steps // 4 and all(interrupted)
print("done", flush=True)
"""


def interrupts(path, count, seed):
    done = subprocess.run([sys.executable, "-c", INTERRUPTS, str(path), "", str(count), str(seed)], capture_output=True,
                          text=True, timeout=600, check=False)  # fmt: skip
    assert done.stdout == "done\n", done.stderr[-1500:]


def test_interrupted_at_random_times_it_stands_at_a_step_and_goes_on(tmp_path):
    interrupts(tmp_path / "run", 20, 1)


@pytest.mark.slow
def test_interrupted_a_hundred_times(tmp_path):
    interrupts(tmp_path / "run", 100, 2)


def test_a_killed_run_leaves_no_more_than_its_checkpoint_and_one_part(tmp_path):
    """What a kill in the middle of writing leaves is never taken for a checkpoint."""
    one_run(tmp_path / "run", "steps", 10**6, 0, saves=3)
    assert len(os.listdir(tmp_path)) <= 2
    assert nc.Trainer.resume(tmp_path / "run").history.n_steps % 37 == 0
