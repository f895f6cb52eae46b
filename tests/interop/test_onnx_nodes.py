"""The node tests of onnx's own backend suite (1.23) for the operators that are read: computed as they expect, or
refused for one of the reasons named here."""

import re
import warnings
from collections import Counter

import numpy as np
import pytest

import nncore as nc
from nncore.interop._onnx.functions import DIRECT
from nncore.interop._onnx.images import IMAGES
from nncore.interop._onnx.operators import OPERATORS

onnx = pytest.importorskip("onnx")

#: Operators whose node tests are of what models here compute. Clip, PRelu and others are read where they are one of the
#: activations. Shape, Squeeze, Unsqueeze, Transpose, Cast, Log and
#: ReduceMean are read only as parts of that: around Flatten and poolings, and behind Softmax.
TAKEN = (set(OPERATORS) | set(IMAGES) | set(DIRECT) | {"Flatten", "Reshape", "Swish"}) - {
    "Cast",
    "Log",
    "ReduceMean",
}
#: Why a node test is none of what a layer is: its numbers are no floating-point numbers of samples in rows.
OUTSIDE = {
    "random masks": r"written in training mode",
    "integers": r"expected a tensor of numbers|or a Cast to them before|to make numbers|turns bytes",
    "one number a sample": r"samples of shape \(\)|expected samples with an axis|got \(\d+,\) \(one feature",
    "several outputs": r"expected one input and one output|to be read",
    "no weights": r"weight: expected two axes, got|'MatMul'.*got \(",
    "volumes and rows": r"expected images, \(C, H, W\)|images and kernels of two axes",
    "samples mixed": r"transA|bias: expected one|batch's axis|axis: expected 1, got|of the samples.*got (0|-[234])$",
    "two branches": r"a constant for each channel|a constant that fits|expected two inputs|got a constant",
}
#: What layers might compute, and those of nncore do not.
REFUSED = {
    "axis": r"attribute axis: expected the last one|attribute axis: expected an axis",
    "dilations": r"attribute dilations",
    "pads": r"attribute pads: expected as many|at most half of kernel_size",
    "shape": r"shape: expected one row|ones with another shape",
}


def cases():
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = collect_testcases(None)
    for case in found:
        graph = case.model.graph
        if len(graph.node) == 1 and graph.node[0].op_type in TAKEN and graph.node[0].domain in ("", "ai.onnx"):
            yield case


def bound(case, inputs):
    """The model with all inputs but the first as constants, and its first output alone.

    A row of numbers, for operators that act on each, is read as samples of one.
    """
    proto = onnx.ModelProto()
    proto.CopyFrom(case.model)
    graph = proto.graph
    for value, array in list(zip(graph.input, inputs, strict=False))[1:]:
        if not isinstance(array, list):
            graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(array), value.name))
    del graph.output[1:]
    elementwise = (*DIRECT, "Clip", "Swish", "Identity", "Dropout")
    if case.model.graph.node[0].op_type in elementwise and getattr(inputs[0], "ndim", 0) == 1:
        graph.input[0].type.tensor_type.shape.dim.add().dim_value = 1
    return proto


def outcome(case):
    inputs, outputs = case.data_sets[0]
    try:
        net = nc.onnx.load(bound(case, inputs), dtype="float64")
        x = inputs[0]
        y = net(x) if x.ndim > 1 else net(x[:, None])[:, 0]
    except (nc.ConfigError, nc.FormatError, nc.ShapeError) as error:
        kinds = {**OUTSIDE, **REFUSED}
        reason = next((kind for kind, pattern in kinds.items() if re.search(pattern, str(error))), None)
        return reason or f"unnamed: {error}"
    same = y.shape == outputs[0].shape and np.allclose(y, outputs[0], rtol=1e-3, atol=1e-5)
    return "computed" if same else "wrong"


def test_node_tests_of_onnx():
    outcomes = {case.name: outcome(case) for case in cases()}
    counts = Counter(outcomes.values())
    print(dict(counts))
    odd = {name: found for name, found in outcomes.items() if found == "wrong" or found.startswith("unnamed")}
    assert odd == {}
    inside = {name: found for name, found in outcomes.items() if found not in OUTSIDE}
    assert sum(found == "computed" for found in inside.values()) >= 90
