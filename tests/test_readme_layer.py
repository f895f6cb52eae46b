"""The layer that the README adds: its file, as it stands there, compiles, links and is a layer like the others."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nncore as nc

ROOT = Path(__file__).parent.parent
CORE = Path(nc._core.__file__)
SEARCHED = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

USE = """
import pickle
import numpy as np
import nncore as nc

layer = nc.Softsign()
x, dy = np.array([[-3.0, 0.0, 1.0]]), np.array([[16.0, 5.0, 4.0]])
np.testing.assert_allclose(layer.forward(x), [[-0.75, 0.0, 0.5]])
np.testing.assert_allclose(layer.backward(dy), [[1.0, 5.0, 1.0]])  # dy / (1 + |x|)^2
net = nc.Sequential(nc.Linear(3, 5), nc.Softsign(), nc.Linear(5, 2), seed=0)
rng = np.random.default_rng(0)
X, y = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)
report = nc.gradcheck(net, nc.CrossEntropyLoss(), X, y)
assert report.ok, report
history = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.5)).fit(X, y, epochs=30)
assert history["loss"][-1] < history["loss"][0]
assert np.array_equal(pickle.loads(pickle.dumps(net))(X), net(X))
assert "x / (1 + |x|)" in nc.Softsign.__doc__ and "Softsign" in nc.__all__
assert np.array_equal(nc.functional.softsign(x), layer(x)) and type(nc.mlp([3, 5, 2], "softsign")[1]) is nc.Softsign
monitor = nc.Monitor(every=1)
nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.5)).fit(X, y, epochs=1, callbacks=[monitor])
assert monitor.kinds["1.output"] == "activation"
import doctest
tests = doctest.DocTestFinder(recurse=False).find(nc.Softsign, globs={"nc": nc, "np": np})
assert doctest.DocTestRunner().run(tests[0]) == (0, 1)
"""


def snippet():
    """(path, text) of the one C++ file in the README's section on layers."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## How to add a layer")[1].split("\n## ")[0]
    path = re.search(r"`(cpp/src/layers/[\w/]+\.cpp)`", section)[1]
    return path, re.search(r"```cpp\n(.*?)```", section, re.DOTALL)[1]


def build_folder():
    """The folder in which Ninja built this tree, or None."""
    for folder in (CORE.resolve().parent, *sorted(ROOT.glob("build/*"))):
        cache = folder / "CMakeCache.txt"
        if (folder / "build.ninja").is_file() and f"CMAKE_HOME_DIRECTORY:INTERNAL={ROOT}\n" in cache.read_text():
            return folder
    return None


def last_command(ninja, folder, target):
    """How Ninja makes a target whose inputs are there."""
    run = subprocess.run([ninja, "-C", folder, "-t", "commands", target], capture_output=True, text=True, check=True)
    return run.stdout.splitlines()[-1]


def compile_command(ninja, folder, source, made):
    """How Ninja compiles the activations, alone or joined, turned to another source."""
    run = subprocess.run([ninja, "-C", folder, "-t", "compdb"], capture_output=True, text=True, check=True)
    units = [unit for unit in json.loads(run.stdout) if "nncore_core.dir" in unit["output"]]
    units = [unit for unit in units if "layers/activation" in unit["file"] + whole(unit).read_text(encoding="utf-8")]
    unit = units[0]
    command = unit["command"].replace(unit["output"], str(made))
    return command.replace(unit["file"], str(source))


def whole(unit):
    """The source of a unit; that of a joined one includes several."""
    return Path(unit["directory"], unit["file"])


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_layer_of_the_readme(tmp_path):
    ninja, folder = shutil.which("ninja", path=SEARCHED), build_folder()
    if ninja is None or folder is None:
        pytest.skip("needs Ninja and the folder in which it built this tree")
    path, text = snippet()
    source, made, package = tmp_path / path, tmp_path / "layer.o", tmp_path / "nncore"
    source.parent.mkdir(parents=True)
    source.write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "python" / "nncore", package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))

    # as the activations are compiled, and the module linked with one object more
    run(compile_command(ninja, folder, source, made) + " -Werror", shell=True, cwd=folder)
    link = last_command(ninja, folder, CORE.name).replace(f"-o {CORE.name}", f"-o {package / CORE.name} {made}")
    run(link, shell=True, cwd=folder)

    environment = {"PYTHONPATH": str(tmp_path), "PATH": "", "HOME": str(tmp_path)}
    run([sys.executable, "-c", USE], env=environment, cwd=tmp_path)
    run([sys.executable, "-m", "nncore._registry.stubs"], env=environment, cwd=tmp_path)
    assert "class Softsign(" in (package / "nn/layers.pyi").read_text(encoding="utf-8")
    assert "def softsign(z: ArrayLike)" in (package / "nn/activations.pyi").read_text(encoding="utf-8")
