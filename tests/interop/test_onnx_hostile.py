"""Damaged and hostile ONNX files: FormatError or ConfigError, no crash, no file elsewhere read, little memory."""

import os
from pathlib import Path

import numpy as np
import pytest

import nncore as nc
from support.programs import run_program

onnx = pytest.importorskip("onnx")

from interop.onnx_models import f32, model, node

PROGRAM = Path(__file__).parent / "programs" / "mutated_onnx.py"


def test_damaged_models(tmp_path):
    outcomes = run_program(PROGRAM, 0, 400, tmp_path)
    assert "'loaded':" in outcomes[0]


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 11000, 2000))
def test_ten_thousand_damaged_models(tmp_path, first):
    run_program(PROGRAM, first, 2000, tmp_path, timeout=1000)


def refused(given, match, error=nc.FormatError):
    with pytest.raises(error, match=match):
        nc.onnx.load(given)


RELU = node("Relu", ["input"], ["output"])


def test_no_onnx_file(tmp_path):
    path = tmp_path / "net.onnx"
    whole = nc.onnx.export(nc.Sequential(nc.Linear(3, 4), nc.ReLU(), seed=0)).SerializeToString()
    for n in range(0, len(whole), 7):
        path.write_bytes(whole[:n])
        refused(path, r"\[onnx.load\]", (nc.FormatError, nc.ConfigError))
    path.write_bytes(b"\x00" * 100)
    refused(path, "expected an ONNX file")
    with pytest.raises(OSError):
        nc.onnx.load(tmp_path / "none.onnx")
    refused(3, "path", nc.ConfigError)
    os.mkfifo(tmp_path / "pipe")
    for device in ("/dev/zero", tmp_path / "pipe"):
        refused(device, "expected a file")


@pytest.mark.parametrize(
    ("nodes", "match", "error"),
    [
        ([node("Relu", ["a"], ["output"]), node("Relu", ["output"], ["a"])], "depends on itself", nc.FormatError),
        ([RELU, RELU], "made twice", nc.FormatError),
        ([node("Relu", ["input"], ["input"])], "made twice", nc.FormatError),
        ([node("Relu", ["gone"], ["output"])], "got 'gone'", nc.FormatError),
        ([], "output.*got 'output'", nc.FormatError),
        ([node("Relu", [], ["output"])], "node '#0', 'Relu'", nc.FormatError),
        ([node("Relu", ["input", "input"], ["output"])], "expected one input", nc.FormatError),
        ([node("Relu", ["input"], ["output"], alpha=1.0)], "attribute 'alpha'", nc.ConfigError),
        ([node("LeakyRelu", ["input"], ["output"], alpha=1)], "attribute alpha: expected float", nc.FormatError),
        ([node("Loop", ["input"], ["output"])], "node '#0', 'Loop'", nc.ConfigError),
        ([node("Relu", ["input"], ["output"], domain="com.microsoft")], "'com.microsoft.Relu'", nc.ConfigError),
        ([node("Gather", ["input", "input"], ["output"])], "'Gather'", nc.ConfigError),
    ],
)
def test_graphs(nodes, match, error):
    refused(model(nodes), match, error)


def test_heads():
    proto = model([RELU])
    proto.opset_import[0].version = 6
    refused(proto, "opset: expected 7 to", nc.ConfigError)
    proto.opset_import[0].version = 1000
    refused(proto, "opset: expected 7 to", nc.ConfigError)
    del proto.opset_import[:]
    refused(proto, "one version")
    proto = model([RELU])
    proto.graph.input.add().CopyFrom(onnx.helper.make_tensor_value_info("b", 1, [3]))
    refused(proto, "one input and one output, got .*'input', 'b'", nc.ConfigError)
    proto = model([RELU])
    proto.functions.add(name="f")
    refused(proto, "function 'f'", nc.ConfigError)
    for shape in ([], None):
        refused(model([RELU], shape=shape), "input 'input': expected a shape", nc.ConfigError)
    refused(model([RELU], shape=["N", 0]), "sizes of 1 or more")
    refused(model([RELU], kind=onnx.TensorProto.STRING), "expected a tensor of numbers", nc.ConfigError)
    refused(model([RELU], kind=onnx.TensorProto.INT64), "or a Cast to them before", nc.ConfigError)


def test_deep_graphs_take_no_recursion():
    n = 3000
    names = ["input", *(f"v{i}" for i in range(n - 1)), "output"]
    net = nc.onnx.load(model([node("Relu", [names[i]], [names[i + 1]]) for i in range(n)]))
    assert len(net) == n
    sums = [node("Add", [names[i], "c"], [names[i + 1]]) for i in range(n)]
    net = nc.onnx.load(model(sums, {"c": f32([1, 2, 3])}))
    assert len(net) == 1 and np.allclose(net(np.zeros((1, 3))), n * np.array([1, 2, 3]))


def test_many_empty_nodes():
    proto = model([RELU])
    whole = proto.SerializeToString()
    for field in (b"\x0a\x00", b"\x2a\x00", b"\x5a\x00"):  # of a graph: node, initializer, input
        graph = proto.graph.SerializeToString() + field * 100_000
        many = onnx.ModelProto.FromString(whole)
        many.graph.ParseFromString(graph)
        refused(many, "expected at most 8000, got 10000", nc.ConfigError)


@pytest.mark.parametrize("dims", [[2**40, 2**40], [-1], [4, 2**62], [3]])
def test_tensors_that_are_not_what_their_shape_says(dims):
    proto = model([node("Add", ["input", "c"], ["output"])], {"c": f32([1, 2, 3, 4])})
    proto.graph.initializer[0].dims[:] = dims
    refused(proto, "tensor 'c': expected")


@pytest.mark.parametrize(
    "more",
    [
        [node("ConstantOfShape", ["huge"], ["c"])],
        [node("Expand", ["one", "huge"], ["c"])],
        [node("Concat", [name] * 2, [f"{name}c"], axis=0) for name in ("t", *("t" + "c" * i for i in range(1, 60)))],
        [node("Add", ["t", "u"], ["c"])],
    ],
    ids=["filled", "expanded", "doubled", "outer sum"],
)
def test_small_files_that_ask_for_large_constants(more):
    wide = {"t": f32(np.ones((20000, 1))), "u": f32(np.ones(20000))}
    constants = {"huge": np.array([2**20, 2**20]), "one": f32([1]), **wide}
    proto = model([*more, node("Add", ["input", more[-1].output[0]], ["output"])], constants)
    refused(proto, "about as large as the file", nc.ConfigError)


def test_a_number_for_each_of_many_channels():
    refused(
        model([node("Add", ["input", "c"], ["output"])], {"c": f32(1.0)}, shape=["N", 2**30]),
        "channels",
        nc.ConfigError,
    )


def test_wide_pads_and_dilations():
    for given in ({"pads": [0, 0, 2**29, 0]}, {"pads": [0, 1, 0, 0], "dilations": [1, 2**29]}, {"pads": [-1, 0, 0, 0]}):
        proto = model(
            [node("Conv", ["input", "w"], ["output"], **given)], {"w": f32(np.ones((1, 1, 2, 2)))}, ["N", 1, "H", "W"]
        )
        refused(proto, "attribute pads", nc.ConfigError)


# ---- A second file beside --------------------------------------------------------------------------------------------


def external(folder, location, offset="0", length="12", content=None):
    """A model in `folder` whose tensor "c" lies in another file."""
    proto = model([node("Add", ["input", "c"], ["output"])], {"c": f32([1, 2, 3])})
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = 1
    for key, value in {"location": location, "offset": offset, "length": length}.items():
        tensor.external_data.add(key=key, value=value)
    folder.mkdir(exist_ok=True)
    (folder / "net.onnx").write_bytes(proto.SerializeToString())
    return folder / "net.onnx"


NUMBERS = f32([5, 6, 7]).tobytes()


def test_a_second_file(tmp_path):
    folder = tmp_path / "inner"
    path = external(folder, "net.data", "4")
    (folder / "net.data").write_bytes(b"head" + NUMBERS)
    assert np.allclose(nc.onnx.load(path)(np.zeros((1, 3))), [5, 6, 7])
    refused(onnx.load(path, load_external_data=False), "give the path", nc.ConfigError)
    (folder / "net.data").write_bytes(b"head" + NUMBERS[:-1])
    refused(path, "expected 12 bytes from 4 on")


@pytest.mark.parametrize(
    "location",
    ["../secret", "", ".", "..", "link", "links/secret", "\0", "pipe", "gone", "a\\..\\..\\secret", "{tmp}/secret"],
)
def test_files_elsewhere_are_not_read(tmp_path, location):
    (tmp_path / "secret").write_bytes(NUMBERS)
    folder = tmp_path / "inner"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "links").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    refused(external(folder, location.format(tmp=tmp_path)), "tensor 'c'")


@pytest.mark.parametrize(
    "given",
    [
        {"offset": "-1"},
        {"offset": "x"},
        {"offset": str(2**62)},
        {"offset": "9" * 30},
        {"length": "11"},
        {"length": str(2**62)},
        {"length": ""},
    ],
)
def test_places_in_a_second_file(tmp_path, given):
    path = external(tmp_path, "net.data", **given)
    (tmp_path / "net.data").write_bytes(NUMBERS)
    refused(path, "tensor 'c'")
