"""ONNX models of every layer are valid, and onnxruntime (1.32) computes from them what nncore does."""

import pickle

import numpy as np
import pytest

import nncore as nc
from interop.onnx_runs import assert_same, computed
from nncore.interop._onnx.layers import EMITTERS
from support.cases import examples, make, names
from support.random_chains import RandomChain
from support.random_graphs import RandomGraph

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

RNG = np.random.default_rng(5)


def randomised(net):
    """Parameters and statistics that differ from those of a new model."""
    rng = np.random.default_rng(3)
    state = net.state_dict()
    for key, array in state.items():
        if key.endswith(("running_var", "input.std")):
            state[key] = rng.uniform(0.5, 2, array.shape)
        elif not key.endswith("num_batches_tracked"):
            state[key] = rng.normal(size=array.shape)
    net.load_state_dict(state)
    return net


def ops(proto):
    return [node.op_type for node in proto.graph.node]


def test_every_layer_has_operators():
    assert set(EMITTERS) | {"Residual"} == set(names("layer"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
@pytest.mark.parametrize("opset", [None, 28])
def test_layer(name, args, sample, dtype, opset):
    net = randomised(nc.Sequential(make("layer", name, args), dtype=dtype, seed=0))
    proto = nc.onnx.export(net, input_shape=sample, opset=opset)
    for n in (1, 4):
        x = RNG.normal(size=(n, *sample)).astype(dtype)
        assert_same(computed(proto, x), net(x))


@pytest.mark.parametrize("seed", range(40))
def test_random_chains(seed):
    chain = RandomChain(seed, ["float32", "float64"][seed % 2], residual=True)
    x = chain.samples()
    assert_same(computed(nc.onnx.export(chain.net, input_shape=chain.start), x), chain.net(x))


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs(seed):
    graph = RandomGraph(seed, "float32")
    x, _ = graph.data()
    assert_same(computed(nc.onnx.export(graph.net), x), graph.net(x))


def merged(layer, *shapes):
    """A graph that merges the input, flattened to (C,), pooled or as it is."""
    x = nc.Input((3, 4, 4))
    parts = {(3, 4, 4): x, (3,): nc.GlobalAvgPool2d()(x), (3, 1, 1): nc.AvgPool2d(4)(x), (48,): nc.Flatten()(x)}
    return nc.Graph(x, layer(*[parts[shape] for shape in shapes]), seed=0)


@pytest.mark.parametrize(
    ("layer", "shapes"),
    [
        (nc.Multiply, [(3, 4, 4), (3,)]),
        (nc.Multiply, [(3,), (3, 4, 4)]),
        (nc.Multiply, [(3, 1, 1), (3, 4, 4), (3,)]),
        (nc.Add, [(3, 4, 4)] * 3),
        (nc.Concat, [(3,), (48,), (3,)]),
        (nc.Concat, [(3, 4, 4), (3, 4, 4)]),
        (lambda: nc.Concat(-1), [(3, 4, 4), (3, 4, 4)]),
    ],
)
def test_merges(layer, shapes):
    net = merged(layer(), *shapes)
    x = RNG.normal(size=(2, 3, 4, 4)).astype(np.float32)
    assert_same(computed(nc.onnx.export(net), x), net(x))


# ---- What the graph is -----------------------------------------------------------------------------------------------


def test_names_and_shapes():
    net = nc.Sequential({"hidden": nc.Linear(4, 3), "act": nc.ReLU(), "out": nc.Linear(3, 2)}, seed=0)
    proto = nc.onnx.export(net)
    state = net.state_dict()
    found = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    assert list(found) == list(state) and all((found[key] == state[key]).all() for key in state)
    [given], [out] = proto.graph.input, proto.graph.output
    assert (given.name, out.name) == ("input", "output")
    for value, size in ((given, 4), (out, 2)):
        batch, features = value.type.tensor_type.shape.dim
        assert batch.dim_param == "N" and features.dim_value == size
    assert ops(proto) == ["Gemm", "Relu", "Gemm"] and proto.producer_name == "nncore"


def test_a_shared_layer_has_its_parameters_once():
    layer = nc.Linear(3, 3)
    net = nc.Sequential(layer, nc.Tanh(), layer, nc.Residual(layer), seed=0)
    proto = nc.onnx.export(net)
    assert [tensor.name for tensor in proto.graph.initializer] == ["0.weight", "0.bias"]
    x = RNG.normal(size=(2, 3)).astype(np.float32)
    assert_same(computed(proto, x), net(x))


@pytest.mark.parametrize(
    ("layer", "sample", "opset", "ir"),
    [
        (nc.ReLU(), (3,), 17, 8),
        (nc.LayerNorm(3), (3,), 17, 8),
        (nc.GELU(), (3,), 20, 9),
        (nc.MaxPool2d(2), (1, 4, 4), 17, 8),
        (nc.MaxPool2d(2, ceil_mode=True), (1, 5, 5), 22, 10),
        (nc.AvgPool2d(2, ceil_mode=True), (1, 5, 5), 22, 10),
        (nc.Residual(nc.GELU()), (3,), 20, 9),
    ],
)
def test_the_lowest_opset(layer, sample, opset, ir):
    net = nc.Sequential(layer, seed=0)
    proto = nc.onnx.export(net, input_shape=sample)
    assert [each.version for each in proto.opset_import] == [opset] and proto.ir_version == ir
    if opset > 17:
        with pytest.raises(nc.ConfigError, match=rf"opset: expected {opset} or more for .*\"0.*\", got {opset - 1}"):
            nc.onnx.export(net, input_shape=sample, opset=opset - 1)


@pytest.mark.parametrize("shape", [(9, 7), (4, 12)])
def test_images_of_any_size(shape):
    net = nc.Sequential(nc.Conv2d(2, 3, 3), nc.BatchNorm2d(3), nc.ReLU(), nc.GlobalAvgPool2d(), nc.Linear(3, 2), seed=0)
    x = RNG.normal(size=(2, 2, *shape)).astype(np.float32)
    assert_same(computed(nc.onnx.export(net), x), net(x))


# ---- Normalize -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["scale", "mean", "standard"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bytes(dtype, mode):
    X = RNG.integers(0, 256, (6, 1, 4, 4), np.uint8)
    norm = nc.Normalize.from_data(X, mode)
    net = nc.Sequential(nc.Flatten(), nc.Linear(16, 3), dtype=dtype, seed=0, input=norm)
    assert_same(computed(nc.onnx.export(net, input_shape=(1, 4, 4)), X), net(X))


def test_which_models_take_bytes():
    X = RNG.integers(0, 256, (6, 3), np.uint8)
    for norm, kind in (
        (nc.Normalize(0.0, 255.0), onnx.TensorProto.UINT8),
        (nc.Normalize.from_data(X), onnx.TensorProto.UINT8),
        (nc.Normalize.from_data(X.astype(np.float32), "scale"), onnx.TensorProto.FLOAT),
        (nc.Normalize.from_data(X / 255.0), onnx.TensorProto.FLOAT),
    ):
        net = nc.Sequential(nc.Linear(3, 2), seed=0, input=norm)
        for model in (net, net.copy(), pickle.loads(pickle.dumps(net))):
            assert nc.onnx.export(model).graph.input[0].type.tensor_type.elem_type == kind


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(), (3,)])
def test_normalize(dtype, shape):
    norm = nc.Normalize(RNG.normal(size=shape), RNG.uniform(0.5, 2, shape))
    net = nc.Sequential(nc.Linear(3, 2), dtype=dtype, seed=0, input=norm)
    proto = nc.onnx.export(net)
    assert {"input.mean", "input.std"} <= {tensor.name for tensor in proto.graph.initializer}
    x = RNG.normal(size=(5, 3)).astype(dtype)
    assert_same(computed(proto, x), net(x))


# ---- output= ---------------------------------------------------------------------------------------------------------


def trained(loss, end=None, outputs=3, y=None):
    X = RNG.normal(size=(60, 4)).astype(np.float32)
    layers = [nc.Linear(4, 8), nc.Tanh(), nc.Linear(8, outputs), *([end] if end else [])]
    net = nc.Sequential(*layers, seed=1)
    nc.Trainer(net, loss, nc.SGD(lr=0.5), batch_size=20, seed=0).fit(X, y(X), epochs=30)
    return net, X


def classes(X):
    return (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)


CLASSIFIERS = {
    "softmax": (nc.CrossEntropyLoss(), None, 3, classes),
    "log-softmax": (nc.NLLLoss(), nc.LogSoftmax(), 3, classes),
    "sigmoid": (nc.BCEWithLogitsLoss(), None, 1, lambda X: (X[:, :1] > 0).astype(float)),
    "many labels": (nc.BCEWithLogitsLoss(), None, 3, lambda X: (X[:, :3] > 0).astype(float)),
}
SIGNS = {"hinge": (nc.HingeLoss(), None, 1, lambda X: np.where(X[:, :1] > 0, 1.0, -1.0))}


@pytest.mark.parametrize("given", (CLASSIFIERS | SIGNS).values(), ids=CLASSIFIERS | SIGNS)
def test_labels(given):
    net, X = trained(given[0], *given[1:])
    got = computed(nc.onnx.export(net, output="labels"), X)
    expected = net.predict(X)
    assert got.dtype == expected.dtype == np.int64 and (got == expected).all() and len(np.unique(expected)) > 1


@pytest.mark.parametrize("given", CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_probabilities(given):
    net, X = trained(given[0], *given[1:])
    assert_same(computed(nc.onnx.export(net, output="probabilities"), X), net.predict_proba(X))


@pytest.mark.parametrize("end", [None, nc.Softmax, nc.LogSoftmax, nc.Sigmoid])
@pytest.mark.parametrize("outputs", [1, 3])
def test_outputs_of_a_model_that_was_never_trained(end, outputs):
    net = nc.Sequential(nc.Linear(4, outputs), *([end()] if end else []), seed=0)
    x = RNG.normal(size=(7, 4)).astype(np.float32)
    assert_same(computed(nc.onnx.export(net, output="probabilities"), x), net.predict_proba(x))
    labels = net.predict(x)
    if labels.dtype == np.int64:
        assert (computed(nc.onnx.export(net, output="labels"), x) == labels).all()
    else:
        with pytest.raises(nc.ConfigError, match="the model gives values"):
            nc.onnx.export(net, output="labels")


def test_values_have_no_probabilities_and_no_labels():
    net, _ = trained(nc.MSELoss(), None, 2, lambda X: X[:, :2])
    for output in ("probabilities", "labels"):
        with pytest.raises(nc.ConfigError, match=r"\[onnx.export\] output: expected .*\"raw\""):
            nc.onnx.export(net, output=output)


# ---- Files and errors ------------------------------------------------------------------------------------------------


def test_a_file(tmp_path):
    net = nc.Sequential(nc.Linear(2, 3), seed=0)
    path = tmp_path / "net.onnx"
    assert nc.onnx.export(net, path) == str(path)
    assert onnx.load(path) == nc.onnx.export(net)
    with pytest.raises(OSError):
        nc.onnx.export(net, tmp_path / "none" / "net.onnx")


class Twice(nc.Layer):
    def forward(self, x, training):
        return 2 * x


def test_layers_written_in_python():
    for net in (nc.Sequential({"mine": Twice()}), nc.Sequential({"mine": nc.Residual(Twice())})):
        with pytest.raises(nc.ConfigError, match=r'layer "mine.*got Twice, which is written in Python'):
            nc.onnx.export(net, input_shape=3)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"input_shape": (3, 3)}, nc.ShapeError, "Linear"),
        ({"input_shape": "x"}, nc.ConfigError, "input_shape"),
        ({"opset": 16}, nc.ConfigError, "opset"),
        ({"opset": 1000}, nc.ConfigError, "opset"),
        ({"opset": True}, nc.ConfigError, "opset"),
        ({"output": "logits"}, nc.ConfigError, "expected one of raw, probabilities, labels"),
        ({"output": ["raw"]}, nc.ConfigError, "expected one of raw"),
        ({"path": 3}, nc.ConfigError, "path"),
    ],
)
def test_arguments(given, error, message):
    with pytest.raises(error, match=rf"onnx.export.*{message}|{message}"):
        nc.onnx.export(nc.Sequential(nc.Linear(2, 3), seed=0), **given)


def test_no_model():
    with pytest.raises(nc.ConfigError, match=r"\[onnx.export\] model: expected a Sequential or a Graph"):
        nc.onnx.export(nc.Linear(2, 3))
    with pytest.raises(nc.ConfigError, match=r"hint: input_shape="):
        nc.onnx.export(nc.Sequential(nc.ReLU()))
