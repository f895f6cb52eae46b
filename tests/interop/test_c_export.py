"""C files compute what the models compute, compiled for this machine and for 64-bit ARM, and say what they cannot."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import nncore as nc
from nncore.interop._c_layers import EMITTERS
from support.cases import examples, make, names
from support.random_chains import RandomChain
from support.random_graphs import RandomGraph

STRICT = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-Wmissing-prototypes", "-Wshadow", "-O1"]
ROWS = 3


@dataclass(frozen=True)
class Target:
    compiler: str
    run: tuple = ()


TARGETS = {
    "this machine": Target("gcc"),
    "aarch64": Target("aarch64-linux-gnu-gcc", ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu")),
}


@pytest.fixture(params=TARGETS)
def target(request):
    found = TARGETS[request.param]
    for program in (found.compiler, *found.run[:1]):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")
    return found


class Bundle:
    """Models, each in a C file of its own, and a program that computes all of them."""

    def __init__(self, folder):
        self.folder, self.calls, self.inputs, self.wanted, self.files = folder, [], [], [], []

    def add(self, model, x, sample=None):
        name = f"model{len(self.calls)}"
        self.files.append(nc.export_c(model, self.folder / f"{name}.c", name=name, input_shape=sample))
        wanted = np.concatenate([np.asarray(model(row[None]), np.float64) for row in x])
        size, out = x[0].size, wanted[0].size
        self.calls.append((name, "double" if model.dtype == "float64" else "float", size, out, len(x)))
        self.inputs.append(np.asarray(x, np.float32))
        self.wanted.append(wanted.reshape(len(x), out))

    def program(self):
        """Of one translation unit: names of different models must not clash."""
        lines = [
            "#include <stdio.h>",
            *(f'#include "{Path(file).name}"' for file in self.files),
            f"static float x[{max(c[2] for c in self.calls)}];",
        ]
        lines += [f"static float y[{max(c[3] for c in self.calls)}];", "static double work[65536];"]
        lines.append("int main(void) {")
        for name, kind, size, out, rows in self.calls:
            for row in range(rows):
                call = f"{name}_predict_in(x, y, ({kind} *)work)" if row == 1 else f"{name}_predict(x, y)"
                lines.append(f"  if (fread(x, 4, {size}, stdin) != {size}) return 1;")
                lines.append(f"  {call}; fwrite(y, 4, {out}, stdout);")
        return "\n".join([*lines, "  return 0;", "}", ""])

    def outputs(self, target):
        (self.folder / "main.c").write_text(self.program())
        binary = self.folder / "all"
        command = [target.compiler, *STRICT, str(self.folder / "main.c"), "-o", str(binary), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr[:3000]
        given = b"".join(x.tobytes() for x in self.inputs)
        done = subprocess.run([*target.run, str(binary)], input=given, capture_output=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr[:3000]
        flat, found = np.frombuffer(done.stdout, np.float32), []
        for wanted in self.wanted:
            found.append(flat[: wanted.size].reshape(wanted.shape))
            flat = flat[wanted.size :]
        assert flat.size == 0
        return found

    def check(self, target):
        for call, got, wanted in zip(self.calls, self.outputs(target), self.wanted, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5, err_msg=str(call))


@pytest.fixture
def bundle(tmp_path):
    return Bundle(tmp_path)


# ---- Numbers -----------------------------------------------------------------------------------------------------


def without_statistics(name, args):
    return name.startswith("BatchNorm") and not args.get("track_running_stats", True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_layer_of_the_registry(bundle, target, dtype, rng):
    for case in examples("layer"):
        name, args, sample = case.values
        if not without_statistics(name, args):
            model = nc.Sequential(make("layer", name, args), dtype=dtype, seed=3)
            bundle.add(model, (3 * rng.normal(size=(ROWS, *sample))).astype("float32"), sample)
    assert len(bundle.calls) > 50
    bundle.check(target)


def test_forty_random_nets(bundle, target):
    for seed in range(40):
        dtype = ("float32", "float64")[seed % 2]
        if seed % 4 == 3:
            graph = RandomGraph(seed, dtype)
            bundle.add(graph.net, graph.data(ROWS)[0])
        else:
            chain = RandomChain(seed, dtype, residual=True)
            bundle.add(chain.net, chain.samples(ROWS), chain.start)
    bundle.check(target)


def test_normalisation(bundle, target, rng):
    bytes_ = rng.integers(0, 256, (ROWS, 1, 4, 4)).astype("float32")
    layers = [nc.Flatten(), nc.Linear(16, 3)]
    bundle.add(nc.Sequential(*layers, seed=0, input=nc.Normalize(0, 255)), bytes_, (1, 4, 4))
    mean, std = rng.normal(size=(2, 3)), rng.uniform(0.5, 2, (2, 3))
    for dtype in ("float32", "float64"):
        net = nc.Sequential(nc.Identity(), input=nc.Normalize(mean, std), dtype=dtype)
        bundle.add(net, rng.normal(size=(ROWS, 2, 3)).astype("float32"))
    bundle.add(nc.Sequential(nc.Identity()), rng.normal(size=(ROWS, 2)).astype("float32"), 2)
    bundle.check(target)


def test_a_layer_in_two_places_and_graphs(bundle, target, rng):
    shared = nc.Linear(3, 3)
    net = nc.Sequential(shared, nc.Tanh(), shared, seed=1)
    bundle.add(net, rng.normal(size=(ROWS, 3)).astype("float32"))
    assert Path(bundle.files[0]).read_text().count("_weight[9]") == 1
    x = nc.Input((2, 3, 3))
    h = nc.Conv2d(2, 2, 3, padding=1)(x)
    gate = nc.Sigmoid()(nc.Linear(2, 2)(nc.GlobalAvgPool2d()(h)))
    y = nc.Concat(-1)(nc.Multiply()(gate, h), x, nc.Add()(h, x, x))
    bundle.add(nc.Graph(x, y, seed=0), rng.normal(size=(ROWS, 2, 3, 3)).astype("float32"))
    bundle.check(target)


def test_numbers_that_are_not_finite_and_large_means(bundle, target, rng):
    """NaN stays NaN; functions have their limits; a norm keeps its digits where the mean is large."""
    ends = np.array([[np.nan, -1.0, 2.0, 3.0], [-np.inf, -1e30, 1.0, 0.0], [1e30, 88.0, -200.0, np.inf]], "float32")
    for kind in (nc.ReLU, nc.LeakyReLU, nc.ELU, nc.GELU, nc.SiLU, nc.Softplus, nc.Tanh, nc.Sigmoid):
        bundle.add(nc.Sequential(kind(), dtype="float64"), ends, 4)
    bundle.add(nc.Sequential(nc.MaxPool2d(2)), ends.reshape(3, 1, 2, 2), (1, 2, 2))
    bundle.add(nc.Sequential(nc.Softmax()), np.float32([[1000, 0, -1000]]), 3)
    bundle.add(nc.Sequential(nc.LogSoftmax()), np.float32([[1000, 0, -1000]]), 3)
    bundle.add(nc.Sequential(nc.LayerNorm(64)), (1e4 + rng.normal(size=(ROWS, 64))).astype("float32"), 64)
    for call, got, wanted in zip(bundle.calls, bundle.outputs(target), bundle.wanted, strict=True):
        np.testing.assert_allclose(got, wanted.astype("float32"), rtol=1e-5, atol=1e-5, err_msg=str(call))


def test_a_file_alone(tmp_path, target):
    source = nc.export_c(RandomChain(1).net, tmp_path / "net.c", input_shape=RandomChain(1).start)
    command = [target.compiler, *STRICT, "-O3", "-c", source, "-o", str(tmp_path / "net.o")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# ---- The text ----------------------------------------------------------------------------------------------------


def numbers_after(text, word):
    block = re.search(rf"^ \* {word}:\n((?: \*   .*\n)+)", text, re.MULTILINE).group(1)
    return np.array([float(number) for number in re.findall(r"[-+.\de]+(?=f)", block)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_test_vector(tmp_path, dtype):
    chain = RandomChain(7, dtype)
    text = Path(nc.export_c(chain.net, tmp_path / "net.c", input_shape=chain.start)).read_text()
    x, y = numbers_after(text, "x"), numbers_after(text, "y")
    assert x.size == int(np.prod(chain.start)) and y.size == chain.shape[0] and np.ptp(x) > 0
    np.testing.assert_allclose(chain.net(x.reshape(1, *chain.start)).ravel(), y, rtol=1e-5, atol=1e-6)


def test_sizes_in_macros_and_the_same_text_for_the_same_model(tmp_path):
    net = nc.Sequential(nc.Linear(4, 30), nc.ReLU(), nc.Linear(30, 2), seed=0)
    first = Path(nc.export_c(net, tmp_path / "a.c", name="digits")).read_text()
    again = Path(nc.export_c(net.copy(), str(tmp_path / "b.c"), name="digits")).read_text()
    assert first == again and first.isascii()
    for line in ("DIGITS_INPUT_SIZE 4", "DIGITS_OUTPUT_SIZE 2", "DIGITS_WORK_SIZE 30"):
        assert f"#define {line}\n" in first
    assert re.findall(r"^#include.*", first, re.MULTILINE) == ["#include <math.h>"]
    assert not re.search(r"\b(malloc|calloc|free|alloca)\b", first)


def test_the_work_space_is_that_of_the_widest_two(tmp_path):
    net = nc.Sequential(*[nc.Linear(8, 8) for _ in range(9)], seed=0)
    assert "#define NET_WORK_SIZE 16\n" in Path(nc.export_c(net, tmp_path / "net.c")).read_text()


def test_constants_are_exact(tmp_path):
    values = np.array([[1 / 3, -1e-40, 1.0], [2.0**-149, 3.4028234663852886e38, -0.0]])
    for dtype in ("float32", "float64"):
        net = nc.Sequential(nc.Linear(3, 2, bias=False), dtype=dtype)
        net[0].weight = values
        text = Path(nc.export_c(net, tmp_path / "net.c")).read_text()
        block = re.search(r"_weight\[6\] = \{(.*?)\}", text, re.DOTALL).group(1)
        read = np.array([float(word.rstrip("f")) for word in block.replace(",", " ").split()], dtype)
        assert read.tobytes() == net[0].weight.tobytes()


def test_names_of_layers_stay_within_their_comments(bundle, target, rng):
    named = {"*/ int x; /*": nc.Linear(2, 3), "a\\": nc.ReLU(), "??/": nc.Linear(3, 3), "ü\n#error": nc.Tanh()}
    bundle.add(nc.Sequential(named, seed=0), rng.normal(size=(ROWS, 2)).astype("float32"))
    bundle.check(target)


# ---- What it refuses ---------------------------------------------------------------------------------------------


def test_every_layer_has_code():
    assert set(names("layer")) - set(EMITTERS) == {"Residual"}


class Double(nc.Layer):
    def forward(self, x, training):
        return 2 * x


def refused(model, message, tmp_path, error=nc.ConfigError, **given):
    (tmp_path / "net.c").write_text("before")
    with pytest.raises(error, match=message):
        nc.export_c(model, tmp_path / "net.c", **given)
    assert (tmp_path / "net.c").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["net.c"]


def test_layers_written_in_python(tmp_path):
    net = nc.Sequential(nc.Linear(2, 2), Double())
    refused(net, r'\[export_c\] layer "1": expected layers of nncore, got Double, which is written in Python', tmp_path)
    refused(nc.Sequential(nc.Linear(2, 2), nc.Residual(nc.ReLU(), Double())), r'layer "1\.1"', tmp_path)


@pytest.mark.parametrize("kind", [nc.BatchNorm1d, nc.BatchNorm2d])
def test_norms_without_running_statistics(tmp_path, kind):
    sample = (2,) if kind is nc.BatchNorm1d else (2, 3, 3)
    net = nc.Sequential(nc.Identity(), kind(2, track_running_stats=False))
    refused(net, rf'{kind.__name__} "1": expected running statistics', tmp_path, input_shape=sample)


def test_parameters_that_are_not_finite(tmp_path):
    for value in (np.nan, np.inf):
        net = nc.Sequential(nc.Linear(2, 2))
        net[0].weight[0, 1] = value
        refused(net, r'Linear "0" weight: expected finite numbers', tmp_path)


@pytest.mark.parametrize(
    "name", ["", "2net", "my net", "net-1", "_net", "int", "nét", "net\n", "a" * 41, "a;b", None, 3, b"net"]
)
def test_names_that_are_no_identifiers(tmp_path, name):
    refused(nc.Sequential(nc.Linear(2, 2)), "name: expected a C identifier", tmp_path, name=name)


def test_input_shapes(tmp_path):
    convolutions = nc.Sequential(nc.Conv2d(1, 2, 3), nc.ReLU(), nc.Flatten())
    refused(convolutions, r"\[export_c\] input_shape: .*hint: input_shape", tmp_path)
    refused(convolutions, r"Conv2d", tmp_path, nc.ShapeError, input_shape=(3, 8, 8))
    refused(nc.Sequential(nc.ReLU()), "input_shape", tmp_path, nc.ShapeError, input_shape=(2, 0))
    x = nc.Input(3)
    refused(nc.Graph(x, nc.ReLU()(x)), "input_shape|Graph", tmp_path, nc.ShapeError, input_shape=4)
    refused("net", "model: expected a Sequential or a Graph, got 'net'", tmp_path)
    with pytest.raises(nc.ConfigError, match="path: expected the path of a file"):
        nc.export_c(nc.Sequential(nc.Linear(2, 2)), 7)
    with pytest.raises(OSError):
        nc.export_c(nc.Sequential(nc.Linear(2, 2)), tmp_path / "missing" / "net.c")
