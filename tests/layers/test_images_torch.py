"""Layers of images against PyTorch in float64: outputs and every gradient, on shapes drawn at random and on awkward
ones."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

import nncore as nc

torch = pytest.importorskip("torch")

TOLERANCE = 1e-10
DRAWN = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def compare(ours, theirs, shape, seed=0, tolerance=TOLERANCE, dtype="float64", inference=True):
    rng = np.random.default_rng(seed)
    net = nc.Sequential(ours, dtype=dtype, seed=1)
    x = rng.normal(size=shape).astype(dtype)
    for p, q in zip(net.parameters(), theirs.parameters(), strict=True):
        p.value = rng.normal(size=p.shape)
        q.data = torch.tensor(p.value.copy())
    given_x = torch.tensor(x, requires_grad=True)
    expected = theirs(given_x)
    alike = net(x)
    y = net.forward(x)
    assert y.shape == tuple(expected.shape) and (np.array_equal(alike, y) or not inference)
    assert net.summary(shape[1:]).rows[0].output_shape == y.shape[1:]
    dy = rng.normal(size=y.shape).astype(dtype)
    expected.backward(torch.tensor(dy))
    dx = net.backward(dy)
    found = [y, dx, *(p.grad for p in net.parameters())]
    wanted = [expected.detach(), given_x.grad, *(q.grad for q in theirs.parameters())]
    for a, b in zip(found, wanted, strict=True):
        b = b.numpy()
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1.0, np.abs(b).max(initial=0)))


def pairs(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def convolutions(draw):
    groups = draw(st.integers(1, 3))
    channels = tuple(groups * n for n in draw(pairs(1, 4)))
    args = {
        "kernel_size": draw(pairs(1, 5)),
        "dilation": draw(pairs(1, 3)),
        "groups": groups,
        "bias": draw(st.booleans()),
    }
    if draw(st.booleans()):
        args["padding"] = draw(st.sampled_from(["same", "valid"]))
    else:
        args |= {"padding": draw(pairs(0, 5)), "stride": draw(pairs(1, 5))}
    return channels, args, (draw(st.integers(0, 5)), channels[0], *draw(pairs(1, 14)))


def conv(channels, shape, **args):
    return channels, args, shape


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@DRAWN
@given(convolutions())
@example(conv((1, 1), (1, 1, 1, 1), kernel_size=1))
@example(conv((17, 40), (3, 17, 13, 9), kernel_size=3, padding=1))  # tiles of outputs
@example(conv((32, 16), (2, 32, 7, 14), kernel_size=5, padding=(3, 2)))
@example(conv((1, 2), (2, 1, 2, 3), kernel_size=5, padding=2))  # a kernel larger than the image
@example(conv((2, 1), (1, 2, 1, 1), kernel_size=3, padding=(1, 2), stride=2))
@example(conv((6, 6), (2, 6, 7, 5), kernel_size=3, padding=1, groups=6))  # depthwise
@example(conv((4, 8), (2, 4, 9, 9), kernel_size=3, stride=2, groups=4, padding=1))
@example(conv((3, 5), (1, 3, 9, 8), kernel_size=2, stride=5))  # stride beyond the kernel
@example(conv((3, 5), (2, 3, 10, 8), kernel_size=(1, 2), stride=(4, 3), padding=(0, 1)))
@example(conv((2, 3), (2, 2, 9, 9), kernel_size=3, dilation=4))
@example(conv((2, 3), (2, 2, 9, 9), kernel_size=3, dilation=4, stride=2, padding=3))
@example(conv((2, 3), (2, 2, 3, 4), kernel_size=2, dilation=30, padding=20))
@example(conv((5, 2), (0, 5, 6, 6), kernel_size=3, padding=1))  # nothing
@example(conv((2, 3), (2, 2, 7, 6), kernel_size=(4, 2), padding="same"))
@example(conv((2, 3), (2, 2, 7, 6), kernel_size=(2, 4), padding="same", dilation=(3, 1), groups=1))
@example(conv((64, 70), (3, 64, 5, 5), kernel_size=1, bias=False))
@example(conv((3, 40), (40, 3, 16, 15), kernel_size=5, padding=2))  # many pixels
@example(conv((40, 70), (2, 40, 33, 40), kernel_size=3, stride=2, padding=1))
@example(conv((8, 130), (300, 8, 4, 4), kernel_size=4))  # one output a channel
def test_conv2d(case):
    channels, args, shape = case
    theirs = torch.nn.Conv2d(*channels, dtype=torch.float64, **args)
    try:
        theirs(torch.zeros(1, *shape[1:], dtype=torch.float64))
    except RuntimeError:
        with pytest.raises(nc.ShapeError):
            nc.Sequential(nc.Conv2d(*channels, **args), seed=0)(np.zeros(shape))
        return
    compare(nc.Conv2d(*channels, **args), theirs, shape)


@st.composite
def wide_convolutions(draw):
    """Enough channels for tiles of outputs, whatever the image and its padding."""
    channels, kernel = draw(pairs(5, 40)), draw(st.sampled_from([3, 5]))
    args = {"kernel_size": kernel, "padding": draw(pairs(0, kernel + 1)), "bias": draw(st.booleans())}
    return channels, args, (draw(st.integers(0, 4)), channels[0], *draw(pairs(1, 20)))


@settings(DRAWN, max_examples=60)
@given(wide_convolutions())
def test_conv2d_of_many_channels(drawn):
    (n_in, n_out), args, shape = drawn
    assume(all(size + 2 * p >= args["kernel_size"] for size, p in zip(shape[2:], args["padding"], strict=True)))
    compare(nc.Conv2d(n_in, n_out, **args), torch.nn.Conv2d(n_in, n_out, **args, dtype=torch.float64), shape)


def test_a_batch_of_several_chunks():
    compare(nc.Conv2d(4, 2, 3, stride=2), torch.nn.Conv2d(4, 2, 3, 2, dtype=torch.float64), (9, 4, 200, 190))


@st.composite
def poolings(draw):
    kernel = draw(pairs(1, 5))
    args = {
        "kernel_size": kernel,
        "padding": tuple(draw(st.integers(0, k // 2)) for k in kernel),
        "ceil_mode": draw(st.booleans()),
    }
    if draw(st.booleans()):
        args["stride"] = draw(pairs(1, 6))
    return args, (draw(st.integers(0, 4)), draw(st.integers(1, 3)), *draw(pairs(1, 14)))


def pool(shape, **args):
    return args, shape


AWKWARD = [
    pool((2, 3, 5, 5), kernel_size=2, padding=1, ceil_mode=True),  # a window that would start in the padding
    pool((1, 1, 1, 1), kernel_size=3, padding=1, stride=2, ceil_mode=True),
    pool((2, 1, 3, 3), kernel_size=1, stride=5),
    pool((2, 1, 9, 8), kernel_size=2, stride=5, ceil_mode=True),
    pool((0, 2, 6, 6), kernel_size=2),
    pool((3, 2, 40, 37), kernel_size=3, stride=2, padding=1),
]


def check_pooling(ours, theirs, args, shape):
    kernel, padding = args["kernel_size"], args.get("padding", 0)
    kernel, padding = (np.broadcast_to(v, 2) for v in (kernel, padding))
    assume(np.all(np.array(shape[2:]) + 2 * padding >= kernel))  # else PyTorch lets ceil_mode take a smaller window
    compare(ours(**args), theirs(**args), shape)


def awkward(test):
    for case in AWKWARD:
        test = example(case)(test)
    return DRAWN(given(poolings())(test))


@awkward
def test_max_pool2d(case):
    check_pooling(nc.MaxPool2d, torch.nn.MaxPool2d, *case)


@awkward
def test_avg_pool2d(case):
    check_pooling(nc.AvgPool2d, torch.nn.AvgPool2d, *case)


@awkward
def test_avg_pool2d_without_the_padding(case):
    check_pooling(
        lambda **a: nc.AvgPool2d(**a, count_include_pad=False),
        lambda **a: torch.nn.AvgPool2d(**a, count_include_pad=False),
        *case,
    )


@pytest.mark.parametrize("share", [0.0, 0.1, 0.6])
def test_nan_infinity_and_ties_in_max_pool(share, rng):
    x = rng.integers(0, 3, size=(3, 2, 9, 8)).astype(float)
    for value in (np.nan, np.inf, -np.inf):
        x[rng.random(x.shape) < share] = value
    for args in ((2,), (3, 1, 1), (3, 2, 1, True)):
        layer, given_x = nc.MaxPool2d(*args), torch.tensor(x, requires_grad=True)
        size, stride, padding, ceil = (*args, *(None, 0, False)[len(args) - 1 :])
        expected = torch.nn.functional.max_pool2d(given_x, size, stride, padding, ceil_mode=ceil)
        np.testing.assert_array_equal(layer.forward(x), expected.detach().numpy())
        dy = rng.normal(size=expected.shape)
        expected.backward(torch.tensor(dy))
        np.testing.assert_allclose(layer.backward(dy), given_x.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("args", [{}, {"momentum": None}, {"affine": False, "eps": 1e-3}], ids=repr)
@pytest.mark.parametrize("shape", [(5, 3, 4, 6), (1, 7, 3, 3), (40, 2, 1, 1), (2, 1, 30, 33)])
def test_batch_norm2d(args, shape, rng):
    theirs = torch.nn.BatchNorm2d(shape[1], dtype=torch.float64, **args)
    compare(nc.BatchNorm2d(shape[1], **args), theirs, shape, inference=False)
    theirs.reset_running_stats()
    net = nc.Sequential(nc.BatchNorm2d(shape[1], **args), dtype="float64", seed=0)
    for p, q in zip(net.parameters(), theirs.parameters(), strict=True):
        p.value = q.detach().numpy()
    for _ in range(3):
        x = rng.normal(2, 3, size=shape)
        np.testing.assert_allclose(net.forward(x), theirs(torch.tensor(x)).detach().numpy(), rtol=1e-10, atol=1e-10)
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(net.state_dict()[f"0.{key}"], value.numpy(), rtol=1e-12)
    theirs.eval()
    x = rng.normal(size=shape)
    np.testing.assert_allclose(net(x), theirs(torch.tensor(x)).detach().numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("shape", [(4, 3, 5, 7), (1, 1, 1, 1), (2, 3, 40, 41)])
def test_layer_norm_and_global_average(shape):
    compare(nc.LayerNorm(shape[1:]), torch.nn.LayerNorm(shape[1:], dtype=torch.float64), shape)
    theirs = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    compare(nc.GlobalAvgPool2d(), theirs, shape)


def test_float32():
    args = {"kernel_size": 3, "stride": 2, "padding": 1}
    compare(
        nc.Conv2d(16, 24, **args), torch.nn.Conv2d(16, 24, **args), (20, 16, 17, 15), tolerance=1e-5, dtype="float32"
    )
    compare(nc.MaxPool2d(**args), torch.nn.MaxPool2d(**args), (20, 16, 17, 15), tolerance=1e-6, dtype="float32")


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@given(convolutions())
@settings(max_examples=30, deadline=None, derandomize=True)
def test_functional(case):
    channels, args, shape = case
    rng = np.random.default_rng(0)
    w = rng.normal(size=(channels[1], channels[0] // args["groups"], *args["kernel_size"]))
    b = rng.normal(size=channels[1]) if args.pop("bias") else None
    x = rng.normal(size=shape)
    options = {key: value for key, value in args.items() if key != "kernel_size"}
    try:
        expected = torch.nn.functional.conv2d(
            torch.tensor(x), torch.tensor(w), None if b is None else torch.tensor(b), **options
        )
    except RuntimeError:
        assume(False)
    y = nc.functional.conv2d(x, w, b, **options)
    np.testing.assert_allclose(y, expected.numpy(), rtol=1e-10, atol=1e-10)
    assert nc.functional.conv2d(x.astype("f4"), w.astype("f4"), None, **options).dtype == np.float32
