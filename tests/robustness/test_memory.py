"""Counted, not timed: a training step asks for no memory, and a fit for no more than its parts need."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "count_allocations.cpp"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def run(code, *arguments, **environment):
    done = subprocess.run([sys.executable, "-c", code, *arguments], env={**os.environ, **environment}, capture_output=True, text=True,
                          timeout=300, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-1500:]
    return done.stdout


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The allocator that counts, compiled."""
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None or sys.platform != "linux" or os.confstr("CS_GNU_LIBC_VERSION") is None:
        pytest.skip("needs a C++ compiler, LD_PRELOAD and glibc")
    path = tmp_path_factory.mktemp("library") / "count_allocations.so"
    command = [compiler, "-std=c++20", "-O1", "-fPIC", "-shared", "-Wall", "-Werror", str(SOURCE), "-o", str(path)]
    subprocess.run(command, check=True, timeout=120)
    return path


STEPS = """
import ctypes, itertools, os
import numpy as np, nncore as nc
shim = ctypes.CDLL(os.environ["LD_PRELOAD"])
shim.allocations.restype = ctypes.c_long
before = shim.allocations(); keep = bytearray(10**6); assert shim.allocations() > before, "it counts"

def count(trainer, data, steps):
    start = shim.allocations()
    trainer.fit(*data, steps=steps, metrics=(), progress=False)
    return shim.allocations() - start

rng = np.random.default_rng(0)
nets = {"rows": ((100, 30, 10), nc.Sigmoid), "features": ((2, 20, 2), nc.ReLU), "wide": ((64, 200, 10), nc.Tanh),
        "many inputs": ((1030, 70, 10), nc.ReLU)}
rules = {"SGD": lambda: nc.SGD(lr=0.01), "momentum": lambda: nc.SGD(lr=0.01, momentum=0.9), "Adam": nc.Adam}
for (name, (sizes, act)), rule, dtype, batch, threads in itertools.product(
        nets.items(), rules, ("float32", "float64"), (1, 16), (1, 2)):
    layers = [layer for a, b in zip(sizes, sizes[1:]) for layer in (nc.Linear(a, b), act())][:-1]
    net = nc.Sequential(*layers, dtype=dtype, seed=1, input=nc.Normalize(0.0, 2.0) if name == "rows" else None)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), rules[rule](), batch_size=batch, num_threads=threads)
    X, y = rng.normal(size=(700 * batch, sizes[0])), rng.integers(0, sizes[-1], 700 * batch)
    data = X.astype(dtype), y
    count(trainer, data, 30)
    few, many = (min(count(trainer, data, steps) for _ in range(3)) for steps in (60, 110))  # in one epoch
    if many != few: print(name, rule, dtype, "batch", batch, "threads", threads, ":", few, "for 60 steps,", many, "for 110")
"""


def test_a_step_asks_for_no_memory(library):
    """Fifty steps more, not one allocation more. (The history grows to 48, 112, 240, … numbers.)"""
    assert run(STEPS, LD_PRELOAD=str(library)) == ""


MEMORY = """
import numpy as np, nncore as nc, sys
def rss(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name)) * 1024
rng = np.random.default_rng(0)
X, y = rng.integers(0, 256, (60000, 784), dtype=np.uint8), rng.integers(0, 10, 60000)  # 47 MB; as float32 188 MB
hidden, batch = int(sys.argv[1]), 100
def make():
    net = nc.Sequential(nc.Linear(784, hidden), nc.ReLU(), nc.Linear(hidden, 10), seed=0, input=nc.Normalize(127.5, 127.5))
    return nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(), batch_size=batch, num_threads=2)
make().fit(X[:200], y[:200], epochs=1, progress=False)  # threads, code, tables
trainer = make()
parameters = trainer.model.flat_parameters.nbytes
with open("/proc/self/clear_refs", "w") as file: file.write("5")  # the peak begins now
start = rss("VmRSS")
trainer.fit(X, y, steps=int(sys.argv[2]), validation_data=(X[:10000], y[:10000]), progress=False)
growth = rss("VmHWM") - start
activations = 4 * (784 + 4 * hidden + 40) * max(batch, 1024)
# gradient, m, v and the packed weights; the snapshot has weights, m and v
allowed = 4 * parameters + 3 * parameters + activations + 32 * 2**20
print(f"growth {growth / 2**20:.1f} MB, allowed {allowed / 2**20:.1f} MB, parameters {parameters / 2**20:.1f} MB")
assert growth <= allowed
"""


@LINUX
@pytest.mark.parametrize(("hidden", "steps"), [(30, 1200), (1000, 50)])
def test_a_fit_takes_no_copy_of_its_data(hidden, steps):
    """The bytes stay as they are: what grows is the optimizer's state, one batch of activations and a snapshot."""
    run(MEMORY, str(hidden), str(steps))
