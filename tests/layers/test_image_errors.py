"""What does not fit a layer of images: the message names layer, what was expected, what came, and the way out."""

import numpy as np
import pytest

import nncore as nc

F = nc.functional
LARGE = 2**30

ARGUMENTS = [
    (lambda: nc.Conv2d(3, 4, 0), "[Conv2d] kernel_size: expected an integer in [1, 1073741824] or two of them, got 0"),
    (
        lambda: nc.Conv2d(3, 4, (3, -1)),
        "[Conv2d] kernel_size: expected an integer in [1, 1073741824] or two of them, got (3.0, -1.0)",
    ),
    (lambda: nc.Conv2d(3, 4, (3, 3, 3)), "got (3.0, 3.0, 3.0)"),
    (lambda: nc.Conv2d(3, 4, 2.0), "got 2.0"),
    (lambda: nc.Conv2d(3, 4, (2.5, 1)), "got (2.5, 1.0)"),
    (lambda: nc.Conv2d(3, 4, True), "got True"),
    (lambda: nc.Conv2d(0, 4, 3), "[Conv2d] in_channels: expected an integer in [1, "),
    (lambda: nc.Conv2d(3, 4, 3, stride=0), "[Conv2d] stride: expected an integer in [1, "),
    (
        lambda: nc.Conv2d(3, 4, 3, stride=2**31),
        "[Conv2d] stride: expected an integer in [1, 1073741824] or two of them, got 2147483648",
    ),
    (lambda: nc.Conv2d(3, 4, 3, stride=2**63), "[Conv2d] stride: expected"),
    (lambda: nc.Conv2d(3, 4, 3, stride=(1, 2**62)), "[Conv2d] stride: expected"),
    (
        lambda: nc.Conv2d(3, 4, 3, padding=-1),
        "[Conv2d] padding: expected an integer in [0, 1073741824] or two of them, 'same' or 'valid', got -1",
    ),
    (lambda: nc.Conv2d(3, 4, 3, padding="full"), "'same' or 'valid', got 'full'"),
    (
        lambda: nc.Conv2d(3, 4, 3, 2, "same"),
        "[Conv2d] padding: expected numbers or 'valid' with a stride other than 1, got 'same'",
    ),
    (lambda: nc.Conv2d(3, 4, 3, groups=2), "[Conv2d] groups: expected a divisor of in_channels = 3, got 2"),
    (lambda: nc.Conv2d(4, 3, 3, groups=2), "[Conv2d] groups: expected a divisor of out_channels = 3, got 2"),
    (lambda: nc.MaxPool2d(2, padding=2), "[MaxPool2d] padding: expected at most half of kernel_size 2, got 2"),
    (
        lambda: nc.AvgPool2d((4, 1), padding=1),
        "[AvgPool2d] padding: expected at most half of kernel_size (4, 1), got 1",
    ),
    (
        lambda: nc.MaxPool2d(2, stride=0),
        "[MaxPool2d] stride: expected an integer in [1, 1073741824] or two of them or None, got 0",
    ),
    (lambda: nc.MaxPool2d(2, ceil_mode=1), "[MaxPool2d] ceil_mode: expected True or False, got 1"),
]

INPUTS = [
    (nc.Conv2d(3, 4, 3), (8, 1, 28, 28), '[Conv2d "0"] x: expected (N, 3, H, W), got (8, 1, 28, 28)'),
    (nc.Conv2d(3, 4, 3), (8, 28, 28, 3), "(channels come first: x.transpose(0, 3, 1, 2))"),
    (
        nc.Conv2d(1, 4, 3),
        (8, 28, 28),
        "(add the axis that is missing: x[:, None] for one channel, x[None] for a batch of one)",
    ),
    (nc.Conv2d(1, 4, 3), (8, 784), "x.reshape(N, C, H, W)"),
    (nc.Conv2d(1, 4, 3), (8, 1, 2, 2, 2), '[Conv2d "0"] x: expected (N, 1, H, W), got (8, 1, 2, 2, 2)'),
    (
        nc.Conv2d(1, 4, (5, 3)),
        (8, 1, 4, 9),
        '[Conv2d "0"] x: expected (N, 1, H, W) of at least 5 x 3 pixels, got (8, 1, 4, 9)',
    ),
    (nc.Conv2d(1, 4, 5, padding=1, dilation=2), (8, 1, 6, 9), "of at least 7 x 7 pixels, got (8, 1, 6, 9)"),
    (nc.Conv2d(1, 4, 1, padding=1), (8, 1, 0, 3), "got (8, 1, 0, 3)"),
    (
        nc.MaxPool2d(3),
        (8, 1, 2, 9),
        '[MaxPool2d "0"] x: expected (N, C, H, W) of at least 3 x 3 pixels, got (8, 1, 2, 9)',
    ),
    (nc.AvgPool2d(2), (8, 4, 4), "x[:, None]"),
    (nc.AvgPool2d(2), (8, 0, 4, 4), "got (8, 0, 4, 4)"),
    (nc.GlobalAvgPool2d(), (8, 4, 4), '[GlobalAvgPool2d "0"] x: expected (N, C, H, W), got (8, 4, 4)'),
    (
        nc.BatchNorm2d(3),
        (8, 4, 4, 3),
        '[BatchNorm2d "0"] x: expected (N, 3, H, W), got (8, 4, 4, 3) (channels come first',
    ),
    (nc.BatchNorm2d(3), (8, 3), '[BatchNorm2d "0"] x: expected (N, 3, H, W), got (8, 3)'),
]


@pytest.mark.parametrize(("make", "text"), ARGUMENTS, ids=[text for _, text in ARGUMENTS])
def test_arguments(make, text):
    with pytest.raises(nc.ConfigError) as error:
        make()
    assert text in str(error.value)


@pytest.mark.parametrize(("layer", "shape", "text"), INPUTS, ids=[text for *_, text in INPUTS])
def test_inputs(layer, shape, text):
    with pytest.raises(nc.ShapeError) as error:
        nc.Sequential(layer, seed=0)(np.zeros(shape))
    assert text in str(error.value)


def test_a_flattened_image_after_a_convolution_names_the_layer():
    net = nc.Sequential(nc.Conv2d(1, 2, 3), nc.Linear(8, 2), seed=0)
    with pytest.raises(nc.ShapeError, match=r'^\[Linear "1"\] x: expected \(N, 8\), got \(5, 2, 2, 2\) .*Flatten'):
        net(np.zeros((5, 1, 4, 4)))


@pytest.mark.parametrize("shape", [(2, 1, 9, 7), (0, 1, 9, 7)])
def test_the_largest_strides_and_dilations_compute(shape, rng):
    x = rng.normal(size=shape)
    for args in ({"stride": LARGE}, {"stride": (LARGE, 1)}, {"padding": (0, 3), "dilation": (1, 6)}):
        net = nc.Sequential(nc.Conv2d(1, 2, (1, 3), **args), dtype="float64", seed=0)
        y = net.forward(x)
        assert net.backward(np.ones(y.shape)).shape == x.shape
    for pool in (nc.MaxPool2d(3, LARGE), nc.AvgPool2d(3, LARGE, ceil_mode=True)):
        assert pool.forward(x).shape == (*shape[:2], 1, 1)
        assert pool.backward(np.ones((*shape[:2], 1, 1))).shape == x.shape
    for layer in (nc.Conv2d(1, 1, LARGE, bias=False), nc.MaxPool2d(LARGE), nc.Conv2d(1, 1, 2, dilation=LARGE)):
        with pytest.raises((nc.ShapeError, MemoryError)):
            nc.Sequential(layer, seed=0).forward(x)


def test_a_wide_dilation_in_wide_padding_needs_no_memory_for_the_gap():
    wide = 10**6
    net = nc.Sequential(
        nc.Conv2d(1, 1, (2, 1), dilation=wide, padding=(wide // 2, 0), bias=False), dtype="float64", seed=0
    )
    net.flat_parameters[:] = [1, 10]
    x = np.ones((1, 1, 3, 2))
    assert np.array_equal(net.forward(x), np.zeros_like(x))  # either tap looks beside the image
    assert np.array_equal(net.backward(x), np.zeros_like(x))
    net = nc.Sequential(nc.Conv2d(1, 1, (3, 1), dilation=wide, padding=(wide, 0), bias=False), dtype="float64", seed=0)
    net.flat_parameters[:] = [1, 10, 100]
    assert np.array_equal(net.forward(x), 10 * x)
    assert np.array_equal(net.backward(x), 10 * x)


def test_outputs_that_no_memory_holds_are_refused():
    net = nc.Sequential(nc.Conv2d(1, 1, 1, padding=LARGE // 2), seed=0)
    assert net.summary((1, 2, 2)).rows[0].output_shape == (1, LARGE + 2, LARGE + 2)
    with pytest.raises((MemoryError, nc.ShapeError)):
        net(np.zeros((1, 1, 2, 2)))
    with pytest.raises(nc.ShapeError, match="2\\^62"):
        net(np.zeros((5, 1, 2, 2)))


def test_nan_images_flow_through():
    x = np.full((2, 1, 6, 6), np.nan)
    net = nc.Sequential(nc.Conv2d(1, 3, 3), nc.BatchNorm2d(3), nc.ReLU(), nc.MaxPool2d(2), nc.AvgPool2d(2), seed=0)
    assert np.isnan(net.activations(x)["0"]).all()
    net.forward(x)
    assert net.backward(np.ones((2, 3, 1, 1))).shape == x.shape


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda x: F.conv2d(x, np.ones((2, 3, 3))),
            "[conv2d] weight: expected (K, C / groups, rows, columns), got (2, 3, 3)",
        ),
        (lambda x: F.conv2d(x, np.ones((2, 1, 0, 3))), "[conv2d] weight: expected"),
        (lambda x: F.conv2d(x, np.ones((2, 2, 3, 3))), "[conv2d] x: expected (N, 2, H, W), got (1, 1, 4, 4)"),
        (lambda x: F.conv2d(x, np.ones((2, 1, 3, 3)), [1.0]), "[conv2d] bias: expected (2,), got (1,)"),
        (
            lambda x: F.conv2d(x, np.ones((2, 1, 5, 5))),
            "[conv2d] x: expected (N, 1, H, W) of at least 5 x 5 pixels, got (1, 1, 4, 4)",
        ),
        (lambda x: F.conv2d(x, np.ones((2, 1, 3, 3)), groups=0), "[conv2d] groups: expected"),
        (lambda x: F.conv2d(x, np.ones((2, 1, 3, 3)), stride=0), "[Conv2d] stride: expected"),
        (lambda x: F.conv2d("x", np.ones((2, 1, 3, 3))), "[conv2d] x: expected an array of real numbers"),
        (lambda x: F.conv2d(x, None), "[conv2d] weight"),
        (lambda x: F.max_pool2d(x[0], 2), "[max_pool2d] x: expected (N, C, H, W), got (1, 4, 4)"),
        (lambda x: F.max_pool2d(1.0, 2), "[max_pool2d] x: expected"),
        (lambda x: F.avg_pool2d(x, 5), "[avg_pool2d] x: expected (N, C, H, W) of at least 5 x 5 pixels"),
        (lambda x: F.avg_pool2d(x, None), "[AvgPool2d] kernel_size: expected"),
    ],
)
def test_functions_name_what_does_not_fit(call, text):
    with pytest.raises((nc.ShapeError, nc.ConfigError)) as error:
        call(np.zeros((1, 1, 4, 4)))
    assert text in str(error.value)
