"""Convolutions and pools of ONNX models, with pads of every kind, against ONNX Runtime (1.32)."""

import itertools

import numpy as np
import pytest

import nncore as nc

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from interop.onnx_models import f32, model, node
from interop.onnx_runs import assert_same

RNG = np.random.default_rng(9)


def compared(proto, shape):
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    x = f32(RNG.normal(size=(2, *shape)))
    net = nc.onnx.load(proto)
    assert_same(net(x), session.run(None, {"input": x})[0])
    return net


PADS = [{"auto_pad": mode} for mode in ("SAME_UPPER", "SAME_LOWER", "VALID")]
PADS += [{"pads": pads} for pads in ([0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 1, 1], [2, 0, 1, 0], [0, 0, 3, 1])]


@pytest.mark.parametrize("given", PADS, ids=str)
@pytest.mark.parametrize("dilations", [[1, 1], [2, 1], [1, 3]])
@pytest.mark.parametrize("strides", [[1, 1], [2, 1], [3, 2]])
def test_conv(given, dilations, strides):
    if given.get("auto_pad", "")[:4] == "SAME" and dilations != [1, 1]:
        pytest.skip("ONNX Runtime does not compute it")
    for kernel, group in itertools.product([(1, 1), (2, 3), (3, 2)], [1, 2]):
        constants = {"w": f32(RNG.normal(size=(4, 4 // group, *kernel))), "b": f32(RNG.normal(size=4))}
        attributes = {"strides": strides, "dilations": dilations, "group": group, "kernel_shape": kernel, **given}
        conv = node("Conv", ["input", *constants], ["output"], **attributes)
        for size in ((7, 8), (8, 9)):
            net = compared(model([conv], constants, ("N", 4, *size)), (4, *size))
            assert [type(layer) for layer in net] == [nc.Conv2d]


@pytest.mark.parametrize("kernel", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_pools(kernel, stride):
    """Where models here have no such pool, the attribute is named."""
    taken = refused = 0
    for size, op, ceil_mode, given in itertools.product((5, 6, 7), ("MaxPool", "AveragePool"), (0, 1), PADS):
        same = given.get("auto_pad", "")[:4] == "SAME"
        if "auto_pad" in given and (ceil_mode or (same and stride > kernel)):
            continue  # ONNX Runtime works out negative pads
        attributes = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, **given}
        attributes |= {"ceil_mode": 1} if ceil_mode else {}
        if max(given.get("pads", [0])) >= kernel:
            continue  # ONNX Runtime refuses it
        for counted in (0, 1) if op == "AveragePool" else (None,):
            more = {} if counted is None else {"count_include_pad": counted}
            proto = model([node(op, ["input"], ["output"], **attributes, **more)], shape=("N", 2, size, size + 1))
            try:
                nc.onnx.load(proto)
            except nc.ConfigError as error:
                assert "attribute pads" in str(error) or "at most half" in str(error)
                refused += 1
            else:
                compared(proto, (2, size, size + 1))
                taken += 1
    assert taken > refused


@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
def test_pools_as_keras_pads_them(op, size):
    """padding="same" with a stride: (1, 1) or (0, 1)."""
    pool = node(op, ["input"], ["output"], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    compared(model([pool], shape=("N", 2, size, size)), (2, size, size))
    pool = node(op, ["input"], ["output"], kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_UPPER")
    compared(model([pool], shape=("N", 2, size, size)), (2, size, size))


def test_global_pools():
    for op in ("GlobalMaxPool", "GlobalAveragePool"):
        compared(model([node(op, ["input"], ["output"])], shape=("N", 2, 4, 5)), (2, 4, 5))


@pytest.mark.parametrize(
    ("shape", "kernel"), [(("N", 2, 8), (2, 2, 3)), (("N", 2, 4, 4, 4), (2, 2, 3, 3, 3)), (("N", 2), (2, 2, 3, 3))]
)
def test_other_ranks_are_refused(shape, kernel):
    conv = node("Conv", ["input", "w"], ["output"], name="c")
    with pytest.raises(nc.ConfigError, match=r"node 'c', 'Conv': expected images"):
        nc.onnx.load(model([conv], {"w": f32(np.ones(kernel))}, shape))


def test_windows_that_do_not_fit():
    conv = node("Conv", ["input", "w"], ["output"])
    with pytest.raises(nc.FormatError, match="windows that fit"):
        nc.onnx.load(model([conv], {"w": f32(np.ones((1, 2, 5, 5)))}, ("N", 2, 4, 4)))
    with pytest.raises(nc.FormatError, match="2 channels in 1 groups"):
        nc.onnx.load(model([conv], {"w": f32(np.ones((1, 3, 2, 2)))}, ("N", 2, 4, 4)))
