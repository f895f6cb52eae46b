"""Layers of images on numbers worked by hand. Gradients, dtypes and copies are covered by tests/contract."""

import numpy as np
import pytest

import nncore as nc
from support.philox import dropout_mask

F = nc.functional

# four images, the mean of each 2 x 2 window of stride 2; the maximum is 1 in every window
SQUARES = [
    ([[1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 0, 1], [0, 0, 0, 0]], [[1, 0.5], [0.5, 0.25]]),
    ([[0, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0]], [[0.5, 1], [0.25, 0.5]]),
    ([[0, 0, 0, 0], [0, 1, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1]], [[0.25, 0.5], [0.5, 1]]),
    ([[0, 0, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 0, 0]], [[0.5, 0.25], [1, 0.5]]),
]


def filled(layer, *values):
    for p, value in zip(layer.parameters(), values, strict=True):
        p.value = value
    return layer


@pytest.mark.parametrize(("image", "means"), SQUARES)
def test_pooling_of_the_four_images(image, means):
    x = np.array(image, dtype=float)[None, None]
    assert nc.AvgPool2d(2)(x).tolist() == [[means]] == F.avg_pool2d(x, 2).tolist()
    assert nc.MaxPool2d(2)(x).tolist() == [[[[1, 1], [1, 1]]]] == F.max_pool2d(x, 2).tolist()
    assert nc.GlobalAvgPool2d()(x).tolist() == [[np.mean(means)]]


def test_sixteen_filters_on_a_cifar_image():
    summary = nc.Sequential(nc.Conv2d(3, 16, 5), seed=0).summary((3, 32, 32))
    assert summary.parameters == 1216 == summary.rows[0].parameters
    assert summary.rows[0].output_shape == (16, 28, 28)
    assert "(N, 16, 28, 28)" in str(summary) and "1,216" in str(summary)


def test_convolution_by_hand():
    # one window: 1·1 + 2·10 + 3·100 + 4·1000 + bias 0.5
    layer = filled(nc.Conv2d(1, 1, 2), [[[[1, 10], [100, 1000]]]], [0.5])
    x = np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert layer.forward(x).tolist() == [[[[4321.5]]]]
    assert layer.backward([[[[2.0]]]]).tolist() == [[[[2, 20], [200, 2000]]]]
    assert [p.grad.tolist() for p in layer.parameters()] == [[[[[2, 4], [6, 8]]]], [2]]


def test_stride_and_dilation_by_hand():
    x = np.arange(25.0).reshape(1, 1, 5, 5)
    ones = np.ones((1, 1, 2, 2))
    # corners of 3 x 3 squares, two pixels apart: (0, 2, 10, 12), (2, 4, 12, 14), ...
    assert F.conv2d(x, ones, stride=2, dilation=2).tolist() == [[[[24, 32], [64, 72]]]]
    # neighbours, three rows and two columns apart
    assert F.conv2d(x, ones, stride=(3, 2)).tolist() == [
        [[[0 + 1 + 5 + 6, 2 + 3 + 7 + 8], [15 + 16 + 20 + 21, 17 + 18 + 22 + 23]]]
    ]


def test_an_even_kernel_with_same_padding_has_its_zeros_behind():
    # y[v] = x[v] + 10 x[v + 1], with 0 behind the last
    layer = filled(nc.Conv2d(1, 1, (1, 2), padding="same", bias=False), [[[[1, 10]]]])
    assert layer.forward([[[[1.0, 2.0, 3.0]]]]).tolist() == [[[[21, 32, 3]]]]
    assert layer.backward([[[[1.0, 1.0, 1.0]]]]).tolist() == [[[[1, 11, 11]]]]


def test_same_keeps_the_size_and_valid_takes_the_border():
    x = np.zeros((1, 1, 9, 8))
    for kernel in ((5, 5), (4, 2), (1, 3)):
        assert nc.Conv2d(1, 2, kernel, padding="same")(x).shape == (1, 2, 9, 8)
        assert nc.Conv2d(1, 2, kernel, padding="same", dilation=3)(x).shape == (1, 2, 9, 8)
        assert nc.Conv2d(1, 2, kernel, padding="valid")(x).shape == (1, 2, 10 - kernel[0], 9 - kernel[1])


def test_groups_do_not_mix():
    layer = filled(nc.Conv2d(2, 4, 1, groups=2, bias=False), np.array([1, 2, 3, 4.0]).reshape(4, 1, 1, 1))
    assert layer([[[[1.0]], [[10.0]]]]).ravel().tolist() == [1, 2, 30, 40]


def test_max_pool_takes_the_first_maximum_and_overlaps_add_up():
    layer = nc.MaxPool2d((1, 2), stride=1)
    assert layer.forward([[[[5.0, 5.0, 1.0, 5.0]]]]).tolist() == [[[[5, 5, 5]]]]
    assert layer.backward([[[[1.0, 10.0, 100.0]]]]).tolist() == [[[[1, 10, 0, 100]]]]
    layer = nc.MaxPool2d((1, 3), stride=1)
    layer.forward([[[[0.0, 0.0, 9.0, 0.0, 0.0]]]])
    assert layer.backward([[[[1.0, 10.0, 100.0]]]]).tolist() == [[[[0, 0, 111, 0, 0]]]]


def test_padding_of_max_pool_never_wins():
    x = np.full((1, 1, 2, 2), -7.0)
    assert nc.MaxPool2d(2, padding=1)(x).tolist() == [[[[-7, -7], [-7, -7]]]]
    x[:] = -np.inf
    layer = nc.MaxPool2d(2)
    assert layer.forward(x).tolist() == [[[[-np.inf]]]]
    assert layer.backward([[[[1.0]]]]).tolist() == [[[[1, 0], [0, 0]]]]


def test_nan_is_larger_than_all_numbers():
    x = np.array([[[[1.0, np.nan, np.inf, 2.0]]]])
    layer = nc.MaxPool2d((1, 2))
    np.testing.assert_array_equal(layer.forward(x), [[[[np.nan, np.inf]]]])
    assert layer.backward([[[[1.0, 2.0]]]]).tolist() == [[[[0, 1, 2, 0]]]]
    assert np.isnan(nc.MaxPool2d((1, 4))(x)).all()


def test_ceil_mode_keeps_windows_that_hang_over_and_drops_those_in_the_padding():
    x = np.arange(1.0, 6.0).reshape(1, 1, 1, 5)
    assert nc.MaxPool2d((1, 2))(x).tolist() == [[[[2, 4]]]]
    assert nc.MaxPool2d((1, 2), ceil_mode=True)(x).tolist() == [[[[2, 4, 5]]]]
    # padded to 7: windows from -1, 1, 3 and 5; the last would start in the padding behind
    assert nc.MaxPool2d((1, 2), padding=(0, 1), ceil_mode=True)(x).tolist() == [[[[1, 3, 5]]]]


def test_what_a_mean_divides_by():
    x = np.ones((1, 1, 1, 5))
    padded = {"kernel_size": (1, 4), "stride": (1, 3), "padding": (0, 2)}
    # windows over 0 0 1 1, 1 1 1 1 and 1 0 0 (and nothing, which never counts)
    assert nc.AvgPool2d(**padded, ceil_mode=True)(x).tolist() == [[[[0.5, 1, 1 / 3]]]]
    assert nc.AvgPool2d(**padded, ceil_mode=True, count_include_pad=False)(x).tolist() == [[[[1, 1, 1]]]]
    layer = nc.AvgPool2d(**padded, ceil_mode=True)
    layer.forward(x)
    np.testing.assert_allclose(layer.backward([[[[4.0, 8.0, 9.0]]]]), [[[[1, 3, 2, 2, 5]]]])


def test_batch_norm_of_images_by_hand():
    # the channel's four numbers 0, 2, 4, 6: mean 3, variance 5
    net = nc.Sequential(nc.BatchNorm2d(1, eps=0.0, momentum=0.5), dtype="float64", seed=0)
    x = np.array([[[[0.0, 2.0]]], [[[4.0, 6.0]]]])
    np.testing.assert_allclose(net.forward(x), (x - 3) / np.sqrt(5), rtol=1e-15)
    state = net.state_dict()
    assert state["0.running_mean"].tolist() == [1.5]
    np.testing.assert_allclose(state["0.running_var"], [0.5 + 0.5 * 20 / 3], rtol=1e-15)


def test_layer_norm_over_whole_images(rng):
    x = rng.normal(size=(3, 2, 4, 5))
    layer = nc.LayerNorm((2, 4, 5), eps=0.0)
    flat = x.reshape(3, -1)
    expected = (flat - flat.mean(1, keepdims=True)) / flat.std(1, keepdims=True)
    np.testing.assert_allclose(layer(x), expected.reshape(x.shape), rtol=1e-12, atol=1e-12)
    assert layer.parameters()[0].shape == (2, 4, 5)


def test_flatten_and_dropout_go_by_the_logical_index(rng):
    x = rng.normal(size=(3, 2, 4, 5))
    assert np.array_equal(nc.Flatten()(x), x.reshape(3, 40))
    net = nc.Sequential(nc.Dropout(0.3), dtype="float64", seed=0)
    mask = dropout_mask(0.3, 9, "0", x.shape)
    np.testing.assert_allclose(net.forward(x, seed=9), x * mask, rtol=1e-15)
    # strided images: the same mask for the same (n, c, h, w)
    turned = np.asfortranarray(x)
    assert np.array_equal(net.forward(turned, seed=9), net.forward(x, seed=9))


def test_a_residual_block_of_convolutions(rng):
    inner = [nc.Conv2d(3, 5, 3, padding=1), nc.BatchNorm2d(5), nc.ReLU(), nc.Conv2d(5, 3, 3, padding="same")]
    net = nc.Sequential(nc.Residual(*inner), nc.GlobalAvgPool2d(), dtype="float64", seed=1)
    X, y = rng.normal(size=(4, 3, 6, 5)), rng.integers(0, 3, 4)
    assert nc.gradcheck(net, nc.CrossEntropyLoss(), X, y).max_relative_error < 1e-6
    plain = nc.Sequential(*inner, dtype="float64")
    np.testing.assert_allclose(net.activations(X)["0"], X + plain(X), rtol=1e-12, atol=1e-12)
    with pytest.raises(nc.ShapeError, match=r"f\(x\): expected x's shape \(4, 3, 6, 5\), got \(4, 3, 4, 3\)"):
        nc.Sequential(nc.Residual(nc.Conv2d(3, 3, 3)), seed=0)(X)


def test_initial_weights_are_uniform_in_one_by_the_root_of_the_fan():
    net = nc.Sequential(nc.Conv2d(8, 64, 3, groups=2), seed=0)
    bound = 1 / np.sqrt(8 / 2 * 9)
    for p in net.parameters():
        assert np.abs(p.value).max() <= bound < 1.1 * np.abs(p.value).max()
    weight, bias = nc.Sequential(nc.Conv2d(8, 64, 3, weight_init="kaiming"), seed=0).parameters()
    assert np.all(bias.value == 0)
    assert np.sqrt(6 / 72) * 0.95 < np.abs(weight.value).max() <= np.sqrt(6 / 72)
