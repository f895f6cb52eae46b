"""The N-th allocation of the core fails, for all N: MemoryError, and everything as it was or at a step boundary."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "fail_allocation.cpp"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The allocator that fails when told to, compiled."""
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs a C++ compiler and LD_PRELOAD")
    path = tmp_path_factory.mktemp("library") / "fail_allocation.so"
    command = [compiler, "-std=c++20", "-O1", "-fPIC", "-shared", "-Wall", "-Werror", str(SOURCE), "-o", str(path)]
    subprocess.run(command, check=True, timeout=120)
    return path


SETUP = """
import ctypes, os
import numpy as np, nncore as nc
shim = ctypes.CDLL(os.environ["LD_PRELOAD"])
rng = np.random.default_rng(0)
X, y = rng.normal(size=(46, 6)).astype(np.float32), rng.integers(0, 3, 46)
many = [nc.ReLU() for _ in range(3000)]  # pybind11's table of objects, whose growth it does not survive, is large now
del many

def net(seed=1):
    shared = nc.Linear(6, 6)
    layers = {"in": shared, "t": nc.Tanh(), "a dropout with a long name": nc.Dropout(0.4), "again": shared,
              "out": nc.Linear(6, 3)}
    return nc.Sequential(layers, seed=seed, input=nc.Normalize(0.0, 2.0))

def make(options={}):
    return nc.Trainer(net(), nc.CrossEntropyLoss(), nc.Adam(), **{"batch_size": 10, "seed": 3, **options})

def failing(start, use, most=3000):
    '''(n, object, did it work) for n = 1, 2, … until the use needs fewer allocations than n.'''
    for n in range(1, most):
        made = start()
        shim.fail_at(n)
        try:
            use(made)
            worked = True
        except MemoryError:
            worked = False
        over = shim.allocations_left() > 0
        shim.fail_at(0)
        assert worked or not over
        yield n, made, worked
        if over:
            print("allocations", n - 1)
            return
    raise AssertionError("there is no end of allocations")

def state(trainer):
    slots = trainer.optimizer.state_dict()
    arrays = [a.tobytes() for s in slots["state"].values() for a in s.values()]
    return trainer.model.flat_parameters.tobytes(), slots["step"], arrays
"""

CASES = {
    "a step": """
for fresh in (True, False):
    def start():
        trainer = make()
        if not fresh: trainer.step(X[:7], y[:7])
        return trainer
    before, after = state(start()), start()
    after.step(X[:9], y[:9])
    for n, trainer, worked in failing(start, lambda trainer: trainer.step(X[:9], y[:9])):
        if not worked:
            assert state(trainer) == before, n
            trainer.step(X[:9], y[:9])
        assert state(trainer) == state(after), n
""",
    "a fit": """
for options in ({}, {"clip_grad_norm": 0.5, "on_nonfinite": "ignore"}):
    whole = make(options)
    whole.fit(X, y, epochs=3, validation_data=(X[:9], y[:9]))
    for n, trainer, worked in failing(lambda: make(options), lambda t: t.fit(X, y, epochs=3, validation_data=(X[:9], y[:9]))):
        taken = trainer.optimizer.state_dict()["step"]
        assert worked or taken <= 15
        reference = make(options)
        reference.fit(X, y, steps=taken)
        assert state(trainer) == state(reference), (n, taken)
        trainer.fit(X, y, steps=15 - taken)
        assert state(trainer) == state(whole), n
        assert trainer.epoch == 3
""",
    "evaluate and prediction": """
trainer = make()
before = state(trainer)
for use in (lambda t: t.evaluate(X, y), lambda t: t.model(X), lambda t: t.model.activations(X),
            lambda t: t.model.predict(X), lambda t: t.model.predict_proba(X)):
    for n, _, worked in failing(lambda: trainer, use):
        assert state(trainer) == before, n
    for n, other, worked in failing(make, use):
        assert state(other) == before, n
""",
    "load_state_dict": """
other = {**net(seed=2).state_dict(), "input.mean": np.array(1.0)}
before = net().state_dict()
for n, made, worked in failing(net, lambda made: made.load_state_dict(other)):
    wanted = other if worked else before
    assert all(np.array_equal(value, wanted[key]) for key, value in made.state_dict().items()), n
    made(X)
""",
    "a model that is made, grows, changes its dtype, is copied": """
def grow(made): made.append(nc.Linear(3, 2))
for use in (grow, lambda made: made.to("float64"), lambda made: made.copy(), lambda made: made[1:3],
            lambda made: made.summary(6), lambda made: made.parameters()):
    expected = net()(X).tobytes()
    for n, made, worked in failing(net, use):
        if not worked:
            assert made(X).tobytes() == expected and made.dtype == "float32" and len(made) == 5, n
for n, _, worked in failing(lambda: None, lambda _: net()):
    pass
for n, trainer, worked in failing(lambda: net(), lambda made: nc.Trainer(made, nc.MSELoss(), nc.Adam())):
    assert np.isfinite(trainer(X)).all()
""",
    "forward, backward and an optimizer by hand": """
def use(made):
    z = made.forward(X)
    made.zero_grad()
    made.backward(np.ones_like(z))
before = net().flat_parameters.tobytes()
for n, made, worked in failing(net, use):
    assert made.flat_parameters.tobytes() == before, n
    use(made)
for n, made, worked in failing(net, lambda made: nc.Adam().step(made)):
    if not worked: assert made.flat_parameters.tobytes() == before, n
""",
    "gradcheck and minimize": """
for n, made, worked in failing(net, lambda made: nc.gradcheck(made, nc.CrossEntropyLoss(), X[:2], y[:2])):
    pass
for n, made, worked in failing(lambda: None, lambda _: nc.minimize("rosenbrock", [1.0, 2.0], nc.Adam(), 20)):
    pass
""",
    "files": """
net().save("net"); trainer = make(); trainer.fit(X, y, steps=7); trainer.save("run")
import glob
for use in (lambda _: nc.load("net"), lambda _: nc.Trainer.resume("run"), lambda _: trainer.save("run")):
    for n, made, worked in failing(lambda: None, use):
        assert nc.Trainer.resume("run").history.n_steps == 7 and not glob.glob(".nncore*"), n
""",
}


@pytest.mark.parametrize("code", CASES.values(), ids=CASES.keys())
def test_every_allocation_may_fail(code, library, tmp_path):
    done = subprocess.run([sys.executable, "-c", SETUP + code], env={**os.environ, "LD_PRELOAD": str(library)},
                          cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-1500:]
    assert "allocations" in done.stdout, "none was made to fail"
