"""ONNX models as other programs write them, against ONNX Runtime (1.32)."""

import numpy as np
import pytest

import nncore as nc

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from interop.onnx_models import f32, model, node
from interop.onnx_runs import assert_same

RNG = np.random.default_rng(8)


def random(*shape):
    return f32(RNG.normal(size=shape))


def loaded(proto, n=4, dtype="float32"):
    """The model, after its outputs were compared with ONNX Runtime's."""
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    [given] = session.get_inputs()
    shape = [n if i == 0 or not isinstance(size, int) else size for i, size in enumerate(given.shape)]
    x = random(*shape)
    net = nc.onnx.load(proto, dtype=dtype)
    [expected] = session.run(None, {given.name: x})
    assert_same(net(x).astype(np.float32), expected)
    return net


def kinds(net):
    return [type(layer).__name__ for layer in net]


def chain(steps, constants=None, **given):
    """A model of nodes one after the other: (operator, further inputs, attributes)."""
    names = ["input", *(f"v{i}" for i in range(len(steps) - 1)), "output"]
    nodes = [
        node(op, [names[i], *more], [names[i + 1]], **attributes) for i, (op, more, attributes) in enumerate(steps)
    ]
    return model(nodes, constants, **given)


# ---- Dense layers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [1.0, 0.5])
@pytest.mark.parametrize("beta", [1.0, 2.0])
@pytest.mark.parametrize("turned", [0, 1])
@pytest.mark.parametrize("bias", [None, (2,), (1, 2), (1,), ()])
def test_gemm(alpha, beta, turned, bias):
    weight = random(2, 3) if turned else random(3, 2)
    constants = {"w": weight} | ({} if bias is None else {"b": random(*bias)})
    net = loaded(chain([("Gemm", list(constants), {"alpha": alpha, "beta": beta, "transB": turned})], constants))
    assert kinds(net) == ["Linear"] and (net[0].bias is None) == (bias is None)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("shape", [("N", 3), ("N", 5, 3)])
def test_matmul_and_add(first, shape):
    nodes = [node("MatMul", ["input", "w"], ["z"]), node("Add", ["b", "z"] if first else ["z", "b"], ["output"])]
    net = loaded(model(nodes, {"w": random(3, 2), "b": random(2)}, shape))
    assert kinds(net) == ["Linear"] and net[0].bias.shape == (2,)


def test_a_bias_of_a_value_that_others_read():
    nodes = [node("MatMul", ["input", "w"], ["z"]), node("Add", ["z", "b"], ["y"]), node("Add", ["z", "y"], ["output"])]
    assert kinds(loaded(model(nodes, {"w": random(3, 2), "b": random(2)}))) == ["Linear", "BatchNorm1d", "Add"]


def test_tied_tensors_are_shared():
    steps = [("Gemm", ["w", "b"], {}), ("Relu", [], {}), ("Gemm", ["w", "b"], {}), ("Gemm", ["w"], {})]
    net = loaded(chain(steps, {"w": random(3, 3), "b": random(3)}))
    assert net[0] is net[2] and net[0] is not net[3]
    steps = [("MatMul", ["w"], {}), ("Add", ["b"], {}), ("MatMul", ["w"], {}), ("Add", ["b"], {})]
    net = loaded(chain(steps, {"w": random(3, 3), "b": random(3)}))
    assert kinds(net) == ["Linear", "Linear"] and net[0] is net[1]


def test_initialisers_among_the_inputs():
    """As files of IR version 3 have them."""
    proto = chain([("Gemm", ["w"], {})], {"w": random(3, 2)})
    proto.graph.input.append(onnx.helper.make_tensor_value_info("w", 1, [3, 2]))
    loaded(proto)


@pytest.mark.parametrize("form", ["raw", "listed", "float64", "float16"])
def test_forms_of_tensors(form):
    proto = chain([("Gemm", ["w"], {})], {"w": random(3, 2)})
    tensor = proto.graph.initializer[0]
    weight = onnx.numpy_helper.to_array(tensor)
    if form == "listed":
        tensor.CopyFrom(onnx.helper.make_tensor("w", 1, [3, 2], weight.ravel()))
    elif form != "raw":
        tensor.CopyFrom(onnx.numpy_helper.from_array(weight.astype(form), "w"))
    net = nc.onnx.load(proto, dtype="float64")
    np.testing.assert_allclose(net[0].weight, weight.T, atol=1e-3 if form == "float16" else 0)
    if form == "float16":
        tensor.CopyFrom(onnx.helper.make_tensor("w", 10, [3, 2], weight.ravel()))
        np.testing.assert_array_equal(nc.onnx.load(proto, dtype="float64")[0].weight, net[0].weight)


def test_numbers_that_float32_does_not_hold():
    proto = chain([("Gemm", ["w"], {})], {"w": np.full((3, 2), 1e300)})
    with pytest.raises(nc.ConfigError, match=r"#0.*float32.*hint: dtype=\"float64\""):
        nc.onnx.load(proto)
    assert nc.onnx.load(proto, dtype="float64")[0].weight[0, 0] == 1e300


# ---- Activations -----------------------------------------------------------------------------------------------------

HALF, ONE, ROOT, CUBE = f32(0.5), f32(1.0), f32(2**0.5), f32(0.044715)
DECOMPOSED = {
    "SiLU": ([node("Sigmoid", ["input"], ["s"]), node("Mul", ["s", "input"], ["output"])], {}),
    "GELU, 0.5 last": (
        [
            node("Div", ["input", "r"], ["a"]),
            node("Erf", ["a"], ["e"]),
            node("Add", ["e", "one"], ["p"]),
            node("Mul", ["input", "p"], ["m"]),
            node("Mul", ["m", "h"], ["output"]),
        ],
        {"r": ROOT, "one": ONE, "h": HALF},
    ),
    "GELU, 0.5 first": (
        [
            node("Mul", ["input", "i"], ["a"]),
            node("Erf", ["a"], ["e"]),
            node("Add", ["one", "e"], ["p"]),
            node("Mul", ["input", "h"], ["x"]),
            node("Mul", ["x", "p"], ["output"]),
        ],
        {"i": f32(2**-0.5), "one": ONE, "h": HALF},
    ),
    "GELU by tanh": (
        [
            node("Pow", ["input", "three"], ["c"]),
            node("Mul", ["c", "k"], ["ck"]),
            node("Add", ["input", "ck"], ["s"]),
            node("Mul", ["s", "q"], ["a"]),
            node("Tanh", ["a"], ["t"]),
            node("Add", ["t", "one"], ["p"]),
            node("Mul", ["input", "p"], ["m"]),
            node("Mul", ["m", "h"], ["output"]),
        ],
        {"three": f32(3), "k": CUBE, "q": f32((2 / np.pi) ** 0.5), "one": ONE, "h": HALF},
    ),
    "Softplus": (
        [node("Exp", ["input"], ["e"]), node("Add", ["e", "one"], ["p"]), node("Log", ["p"], ["output"])],
        {"one": ONE},
    ),
    "Sigmoid": (
        [
            node("Neg", ["input"], ["n"]),
            node("Exp", ["n"], ["e"]),
            node("Add", ["e", "one"], ["p"]),
            node("Reciprocal", ["p"], ["output"]),
        ],
        {"one": ONE},
    ),
    "ReLU by Max": ([node("Max", ["input", "zero"], ["output"])], {"zero": f32(0)}),
    "ReLU by Clip": ([node("Clip", ["input", "zero"], ["output"])], {"zero": f32(0)}),
    "LeakyReLU by Max": (
        [node("Mul", ["input", "s"], ["m"]), node("Max", ["input", "m"], ["output"])],
        {"s": f32(0.2)},
    ),
    "LeakyReLU by PRelu": ([node("PRelu", ["input", "s"], ["output"])], {"s": f32([0.2, 0.2, 0.2])}),
    "ELU by Celu": ([node("Celu", ["input"], ["output"], alpha=1.0)], {}),
}


@pytest.mark.parametrize("name", DECOMPOSED)
def test_activations_in_steps(name):
    nodes, constants = DECOMPOSED[name]
    net = loaded(model(nodes, constants))
    assert kinds(net) == [name.split(" ")[0].rstrip(",")]
    if name.startswith("LeakyReLU"):
        assert net[0].negative_slope == 0.2
    if name.startswith("GELU"):
        assert net[0].approximate == ("tanh" if "tanh" in name else "none")


@pytest.mark.parametrize(("beta", "threshold"), [(1.0, 20.0), (2.0, 3.0), (0.3, 5.0), (2.0, None)])
def test_softplus_as_pytorch_writes_it(beta, threshold):
    nodes = [
        node("Mul", ["input", "beta"], ["scaled"]),
        node("Softplus", ["scaled"], ["s"]),
        node("Div", ["s", "beta"], ["soft" if threshold else "output"]),
    ]
    if threshold:
        nodes.append(node("Greater", ["scaled", "threshold"], ["beyond"]))
        nodes.append(node("Where", ["beyond", "input", "soft"], ["output"]))
    net = loaded(model(nodes, {"beta": f32(beta), "threshold": f32(threshold or 0)}))
    assert kinds(net) == ["Softplus"] and (net[0].beta, net[0].threshold) == (beta, threshold or 20.0)


def test_swish_and_its_gate():
    assert kinds(nc.onnx.load(chain([("Swish", [], {})], opset=24))) == ["SiLU"]
    nodes = [node("Mul", ["input", "b"], ["z"]), node("Sigmoid", ["z"], ["s"]), node("Mul", ["input", "s"], ["output"])]
    assert kinds(loaded(model(nodes, {"b": f32(1.702)}))) == ["BatchNorm1d", "Sigmoid", "Multiply"]


def test_log_of_softmax():
    assert kinds(loaded(chain([("Softmax", [], {"axis": -1}), ("Log", [], {})]))) == ["LogSoftmax"]


@pytest.mark.parametrize("op", ["Selu", "Mish", "HardSwish", "HardSigmoid", "Softsign", "Erf", "Abs", "Exp", "Sqrt"])
def test_functions_that_are_no_layer(op):
    proto = model(
        [node("Gemm", ["input", "w"], ["z"]), node(op, ["z"], ["output"], name="act")], {"w": random(3, 2)}, opset=22
    )
    with pytest.raises(nc.ConfigError, match=rf"node 'act', '{op}'"):
        nc.onnx.load(proto)


# ---- Constants -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([("Sub", ["m"], {}), ("Div", ["s"], {}), ("Relu", [], {})], ["ReLU"]),
        ([("Div", ["s"], {}), ("Relu", [], {})], ["ReLU"]),
        ([("Mul", ["s"], {}), ("Relu", [], {})], ["ReLU"]),
        ([("Relu", [], {}), ("Mul", ["s"], {}), ("Add", ["m"], {})], ["ReLU", "BatchNorm1d"]),
        ([("Relu", [], {}), ("Sub", ["m"], {}), ("Div", ["s"], {}), ("Mul", ["half"], {})], ["ReLU", "BatchNorm1d"]),
        ([("Add", ["m"], {})], ["BatchNorm1d"]),
        ([("Add", ["zero"], {}), ("Mul", ["one"], {})], ["Identity"]),
    ],
)  # fmt: skip
def test_numbers_for_each_feature(steps, expected):
    constants = {"m": random(3), "s": f32([0.5, 2, 4]), "half": HALF, "zero": f32(0), "one": ONE}
    net = loaded(chain(steps, constants))
    assert kinds(net) == expected and (net.input is not None) == (steps[0][0] in ("Sub", "Div", "Mul"))


def test_a_constant_minus_values():
    nodes = [node("Relu", ["input"], ["r"]), node("Sub", ["c", "r"], ["output"])]
    assert kinds(loaded(model(nodes, {"c": random(1, 3)}))) == ["ReLU", "BatchNorm1d"]


@pytest.mark.parametrize("shape", [(2, 1, 1), (1, 2, 1, 1), (), (1,)])
def test_channels_of_images(shape):
    steps = [("Conv", ["w"], {}), ("Relu", [], {}), ("Mul", ["c"], {})]
    net = loaded(chain(steps, {"w": random(2, 2, 1, 1), "c": random(*shape)}, shape=("N", 2, 3, 4)))
    assert kinds(net)[-1] == "BatchNorm2d"
    net = loaded(
        chain([steps[0], ("Add", ["c"], {})], {"w": random(2, 2, 1, 1), "c": random(*shape)}, shape=("N", 2, 3, 4))
    )
    assert kinds(net) == ["Conv2d"]


def test_constants_are_computed():
    nodes = [
        node("Constant", [], ["k"], value=onnx.numpy_helper.from_array(f32([[1, 2], [3, 4], [5, 6]]))),
        node("Transpose", ["k"], ["t"], perm=[1, 0]),
        node("Sqrt", ["t"], ["r"]),
        node("Identity", ["r"], ["w"]),
        node("Gemm", ["input", "w"], ["output"], transB=1),
    ]
    np.testing.assert_allclose(loaded(model(nodes))[0].weight, np.sqrt([[1, 3, 5], [2, 4, 6]]), rtol=1e-6)


# ---- Norms, shapes, branches -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [("N", 3), ("N", 3, 5), ("N", 3, 4, 4)])
def test_batch_norm(shape):
    constants = {"s": random(3), "b": random(3), "m": random(3), "v": f32([0.5, 1, 2])}
    net = loaded(
        chain([("BatchNormalization", list(constants), {"epsilon": 1e-3, "momentum": 0.8})], constants, shape=shape)
    )
    assert (net[0].eps, net[0].momentum) == (1e-3, 0.2)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("axis", "size"), [(-1, (4,)), (2, (4,)), (1, (3, 4)), (-2, (3, 4))])
def test_layer_norm(axis, size, bias):
    constants = {"s": random(*size)} | ({"b": random(*size)} if bias else {})
    assert kinds(
        loaded(chain([("LayerNormalization", list(constants), {"axis": axis})], constants, shape=("N", 3, 4)))
    ) == ["LayerNorm"]


@pytest.mark.parametrize(
    ("op", "constants", "attributes"),
    [
        ("Flatten", {}, {}),
        ("Flatten", {}, {"axis": -3}),
        ("Reshape", {"s": [-1, 24]}, {}),
        ("Reshape", {"s": [0, -1]}, {}),
        ("Reshape", {"s": [0, 24]}, {}),
    ],
)
def test_rows(op, constants, attributes):
    constants = {name: np.array(value) for name, value in constants.items()}
    assert kinds(loaded(chain([(op, list(constants), attributes)], constants, shape=("N", 2, 3, 4)))) == ["Flatten"]


@pytest.mark.parametrize("batch", ["N", 1])
def test_a_shape_that_is_worked_out(batch):
    """As view(x.size(0), -1) is written."""
    nodes = [
        node("Shape", ["input"], ["s"]),
        node("Gather", ["s", "zero"], ["n"], axis=0),
        node("Unsqueeze", ["n", "first"], ["n1"]),
        node("Concat", ["n1", "rest"], ["target"], axis=0),
        node("Reshape", ["input", "target"], ["output"]),
    ]
    constants = {"zero": np.array(0), "first": np.array([0]), "rest": np.array([-1])}
    assert kinds(loaded(model(nodes, constants, (batch, 2, 3, 4)), n=1)) == ["Flatten"]


@pytest.mark.parametrize("pooled", ["global", "mean", "mean without axes"])
@pytest.mark.parametrize("how", ["rows", "gate", "conv"])
def test_means_of_images(pooled, how):
    if pooled == "global":
        nodes = [node("GlobalAveragePool", ["input"], ["p"])]
    else:
        nodes = [node("ReduceMean", ["input", "axes"], ["p"], keepdims=int(pooled == "mean"))]
    constants = {"axes": np.array([-1, -2]), "w": random(3, 3), "k": random(3, 3, 1, 1)}
    if how == "conv" and pooled != "mean without axes":
        nodes += [node("Conv", ["p", "k"], ["g"]), node("Mul", ["input", "g"], ["output"])]
        expected = ["AvgPool2d", "Conv2d", "Multiply"]
    else:
        nodes += [node("Flatten", ["p"], ["f"]), node("Gemm", ["f", "w"], ["g" if how == "gate" else "output"])]
        expected = ["GlobalAvgPool2d", "Linear"]
        if how == "gate":
            constants["ends"] = np.array([2, 3])
            nodes += [node("Unsqueeze", ["g", "ends"], ["u"]), node("Mul", ["input", "u"], ["output"])]
            expected.append("Multiply")
    net = loaded(model(nodes, constants, ("N", 3, 4, 5)))
    assert [kind for kind in kinds(net) if kind != "Flatten"] == expected


def test_branches():
    nodes = [
        node("Gemm", ["input", "a"], ["l"]),
        node("Gemm", ["input", "b"], ["r"]),
        node("Sum", ["l", "r", "input"], ["s"]),
        node("Mul", ["s", "l"], ["m"]),
        node("Concat", ["m", "input"], ["output"], axis=-1),
    ]
    net = loaded(model(nodes, {"a": random(3, 3), "b": random(3, 3)}))
    assert isinstance(net, nc.Graph) and kinds(net) == ["Linear", "Linear", "Add", "Multiply", "Concat"]


def test_branches_of_images_of_any_size_are_refused():
    nodes = [node("Relu", ["input"], ["r"]), node("Add", ["input", "r"], ["output"])]
    with pytest.raises(nc.ConfigError, match="fixed sizes"):
        nc.onnx.load(model(nodes, shape=("N", 2, "H", "W")))


def test_dropout():
    net = nc.onnx.load(chain([("Dropout", ["p"], {})], {"p": f32(0.3)}))
    assert net[0].p == 0.3
    assert nc.onnx.load(chain([("Dropout", [], {"ratio": 0.2})], opset=10))[0].p == 0.2
    with pytest.raises(nc.ConfigError, match="training mode"):
        nc.onnx.load(chain([("Dropout", ["p", "t"], {})], {"p": f32(0.3), "t": np.array(True)}))


@pytest.mark.parametrize(
    ("steps", "constants", "match"),
    [
        ([("Transpose", [], {"perm": [0, 2, 3, 1]})], {}, "attribute perm"),
        ([("Reshape", ["s"], {})], {"s": np.array([-1, 4, 6])}, "shape: expected one row"),
        ([("Reshape", ["s"], {})], {"s": np.array([6, -1])}, "batch's axis"),
        ([("Softmax", [], {"axis": 1})], {}, "attribute axis: expected the last"),
        ([("MaxPool", [], {"kernel_shape": [2, 2], "dilations": [2, 2]})], {}, "attribute dilations"),
        ([("AveragePool", [], {"kernel_shape": [2, 2], "pads": [0, 0, 1, 1]})], {}, "attribute pads"),
        ([("Conv", ["w"], {"auto_pad": "SAME"})], {"w": random(2, 2, 1, 1)}, "attribute auto_pad"),
        ([("ReduceMean", ["a"], {})], {"a": np.array([1])}, "attribute axes"),
        ([("ArgMax", [], {"axis": 1})], {}, "'ArgMax'"),
        ([("Cast", [], {"to": 7})], {}, "attribute to"),
        ([("Div", ["full"], {})], {"full": random(5, 2, 3, 4)}, "constant that fits"),
    ],
)  # fmt: skip
def test_what_has_no_layer_is_named(steps, constants, match):
    with pytest.raises((nc.ConfigError, nc.FormatError), match=rf"node '#0', '{steps[0][0]}'.*{match}|{match}"):
        nc.onnx.load(chain(steps, constants, shape=("N", 2, 3, 4)))
