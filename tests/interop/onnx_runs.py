"""ONNX models checked and computed by onnx and ONNX Runtime."""

import numpy as np


def computed(proto, x):
    """The output for x: of ONNX Runtime 1.32 or, where it has no kernel for float64, of onnx's reference evaluator."""
    import onnx
    import onnxruntime

    onnx.checker.check_model(proto, full_check=True)
    [name] = [value.name for value in proto.graph.input]
    try:
        session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented:
        assert x.dtype == np.float64
        from onnx.reference import ReferenceEvaluator

        return ReferenceEvaluator(proto).run(None, {name: x})[0]
    return session.run(None, {name: x})[0]


def assert_same(got, expected):
    """The same shape and type, and numbers that differ by less than 1e-5 of their size."""
    assert got.dtype == expected.dtype and got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5 * max(1.0, float(np.abs(expected).max(initial=0))))
