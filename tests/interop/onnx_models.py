"""ONNX models made by hand, as other exporters write them."""

import numpy as np
import onnx

node = onnx.helper.make_node


def model(nodes, constants=None, shape=("N", 3), opset=20, kind=1, out="output"):
    """A model of nodes (made by `node`) with an input "input" and an output "output"."""
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        list(nodes),
        "by hand",
        [value("input", kind, shape)],
        [value(out, 1, None)],
        [onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8)


def f32(values):
    return np.asarray(values, np.float32)
