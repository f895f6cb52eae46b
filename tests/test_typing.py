"""A user's typed program passes mypy in strict mode: the public modules export every name with its type."""

import os
import subprocess
import sys
from pathlib import Path

import nncore as nc

ROOT = Path(__file__).parent.parent
PACKAGE = Path(nc.__file__).parent

PROGRAM = """
import numpy as np

import nncore as nc


class Lowest(nc.callbacks.Callback):
    def on_fit_begin(self, trainer: nc.Trainer) -> None:
        self.trainer = trainer
        self.loss = float("inf")

    def on_epoch_end(self, record: dict[str, float]) -> bool:
        self.loss = min(self.loss, record["loss"])
        return self.loss < 0.01


def train(model: nc.Sequential | nc.Graph) -> nc.History:
    X, y = nc.datasets.make_moons(100, noise=0.1, seed=0)
    optimizer: nc.Optimizer = nc.optim.SGD(lr=nc.schedules.StepLR(0.5, 10))
    lowest = Lowest()
    trainer = nc.Trainer(model, nc.losses.CrossEntropyLoss(), optimizer, batch_size=16)
    history: nc.History = trainer.fit(X, y, epochs=5, callbacks=[lowest])
    assert nc.functional.relu(np.asarray(model(X))).shape == (100, 2) and lowest.trainer is trainer
    return history


hidden: nc.layers.Layer = nc.Linear(2, 20, weight_init=nc.init.normal(0.0, 0.1))
last = nc.Linear(20, 2, weight_init=lambda shape, rng: rng.normal(0.0, 0.1, shape))
net = nc.Sequential(hidden, nc.ReLU(), last, seed=0)
x = nc.Input(2)
graph = nc.Graph(x, nc.Add()(x, nc.Linear(2, 2)(x)), seed=0)
start: list[float] = nc.objectives.get("rosenbrock").start
assert len(train(net)["loss"]) == len(train(graph)["loss"]) == 5 and len(start) == 2
"""
WRONG = {"SGD(lr=nc.schedules.StepLR(0.5, 10))": 'SGD(lr="fast")', "Linear(20, 2, ": "Linear(20.5, 2, "}


def check(program, folder):
    """mypy's lines on a program, with the repository's settings and cache."""
    file = folder / "program.py"
    file.write_text(program, encoding="utf-8")
    path = {"MYPYPATH": str(PACKAGE.parent)} if PACKAGE.parent == ROOT / "python" else {}  # else it is installed
    command = [sys.executable, "-m", "mypy", "--no-error-summary", str(file)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **path}, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_a_typed_program_passes_and_runs(tmp_path):
    assert check(PROGRAM, tmp_path) == []
    exec(compile(PROGRAM, "program.py", "exec"), {"__name__": "program"})


def test_wrong_types_are_found(tmp_path):
    program = PROGRAM
    for right, wrong in WRONG.items():
        assert program.count(right) == 1
        program = program.replace(right, wrong)
    assert len([line for line in check(program, tmp_path) if "error: Argument" in line]) == len(WRONG)


def test_the_package_passes():
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--exclude", "_notebooks", "-p", "nncore"]
    installed = PACKAGE.parent.name in ("site-packages", "dist-packages")
    environment = os.environ | ({} if installed else {"MYPYPATH": str(PACKAGE.parent)})
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == done.stderr == ""
