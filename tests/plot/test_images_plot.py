"""plot.images, filters, misclassified: which pixel has which colour, what is shown in which order, what is refused."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

import nncore as nc
from nncore.plot._mosaic import Mosaic


def sheet_of(display):
    return np.asarray(display.image_.get_array())


def test_bytes_are_shown_as_they_are_and_numbers_from_least_to_largest():
    grey = np.array([[[0, 51], [102, 255]]], np.uint8)
    sheet = sheet_of(nc.plot.images(grey))
    np.testing.assert_array_equal(sheet, np.repeat(grey[0, :, :, None], 3, axis=2))
    numbers = np.array([[[-1.0, 0.0]], [[1.0, 3.0]]])  # over both: -1 is black, 3 is white
    sheet = sheet_of(nc.plot.images(numbers, columns=1))
    np.testing.assert_array_equal(sheet[[0, 2], :, 0], [[0, 64], [128, 255]])
    assert (sheet[1] == 205).all()  # the gap


def test_colours_are_red_green_blue_and_rows_are_filled_from_the_left():
    X = np.zeros((3, 3, 1, 1), np.uint8)
    X[[0, 1, 2], [0, 1, 2]] = 200  # a red, a green and a blue pixel
    sheet = sheet_of(nc.plot.images(X, columns=2))
    assert sheet.shape == (3, 3, 3)
    np.testing.assert_array_equal(sheet[0, 0], [200, 0, 0])
    np.testing.assert_array_equal(sheet[0, 2], [0, 200, 0])
    np.testing.assert_array_equal(sheet[2, 0], [0, 0, 200])
    np.testing.assert_array_equal(sheet[2, 2], [255, 255, 255])  # nothing there


def test_titles_stand_above_their_images():
    display = nc.plot.images(np.zeros((3, 10, 10)), [7, "two $x", None], columns=2, title="all")
    texts = display.ax_.texts
    assert [text.get_text() for text in texts] == ["7", "two $x", "None"] and display.ax_.get_title() == "all"
    (x0, y0), (x1, y1), (x2, y2) = (text.get_position() for text in texts)
    assert x0 == x2 < x1 and y0 == y1 < y2
    display.figure_.canvas.draw()


def test_filters_are_red_where_positive_and_blue_where_negative():
    weights = np.array([[[[2.0, 0.0]]], [[[-2.0, 1.0]]]])
    display = nc.plot.filters(weights, columns=1)
    sheet = sheet_of(display).astype(int)
    assert display.largest_ == 2.0
    first, second = sheet[0], sheet[2]
    assert first[0, 0] > first[0, 2] + 50 and second[0, 2] > second[0, 0] + 50
    assert first[1].min() >= 245  # zero: white
    assert second[1, 0] > second[1, 2] and second[1, 2] > first[0, 2]  # half as much: a lighter red
    assert (nc.plot.filters(np.zeros((2, 1, 2, 2))).image_.get_array() > 200).all()


def test_layers_parameters_and_arrays_give_the_same_picture():
    layer = nc.Conv2d(3, 5, 4)
    (weight, _) = layer.parameters()
    sheets = [sheet_of(nc.plot.filters(given)) for given in (layer, weight, weight.value)]
    assert np.array_equal(sheets[0], sheets[1]) and np.array_equal(sheets[0], sheets[2])
    one = weight.value[0]
    scaled = np.rint(255 * (one - one.min()) / (one.max() - one.min())).transpose(1, 2, 0)  # a filter on its own scale
    np.testing.assert_array_equal(sheets[0][:4, :4], scaled)


def test_other_channels_make_a_row_for_each_filter():
    sheet = sheet_of(nc.plot.filters(np.ones((2, 5, 3, 4))))
    assert sheet.shape == (2 * 3 + 1, 5 * 4 + 4, 3)


def test_dense_weights_need_the_shape_of_the_image():
    dense = nc.Linear(12, 4)
    assert sheet_of(nc.plot.filters(dense, (2, 6), columns=4)).shape == (2, 27, 3)
    assert sheet_of(nc.plot.filters(dense, (3, 2, 2), columns=4)).shape == (2, 11, 3)
    with pytest.raises(nc.ShapeError, match=r"expected \(O, C, H, W\), got \(4, 12\); say shape="):
        nc.plot.filters(dense)
    for shape in ((3, 3), (12,), (1, 1, 2, 6)):
        with pytest.raises(nc.ShapeError, match=r"\[plot\.filters\] shape: expected the image"):
            nc.plot.filters(dense, shape)


def test_the_surest_mistakes_come_first():
    p = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.2, 0.8]])
    model = SimpleNamespace(predict=lambda x: p[x[:, 0, 0]].argmax(axis=1), predict_proba=lambda x: p[x[:, 0, 0]])
    X = np.arange(4, dtype=np.uint8).reshape(4, 1, 1)
    display = nc.plot.misclassified(model, X, [0, 0, 1, 0])
    assert (display.indices_.tolist(), display.predicted_.tolist(), display.errors_) == ([3, 1], [1, 1], 2)
    assert [text.get_text() for text in display.ax_.texts] == ["0 → 1", "0 → 1"]
    assert sheet_of(display)[-1, 0, 0] == 3
    only = nc.plot.misclassified(model, X, [0, 0, 1, 0], count=1)
    assert (only.indices_.tolist(), only.errors_) == ([3], 2)
    none = nc.plot.misclassified(model, X, [0, 1, 1, 1])
    assert none.image_ is None and none.errors_ == 0 and none.ax_.texts[0].get_text() == "none misclassified"


def test_a_net_on_flat_samples():
    net = nc.Sequential(nc.Linear(4, 3), seed=0)
    X = np.random.default_rng(0).normal(size=(20, 4))
    y = (net.predict(X) + 1) % 3
    display = nc.plot.misclassified(net, X, y, shape=(2, 2))
    p = net.predict_proba(X).max(axis=1)[display.indices_]
    assert display.errors_ == 20 and sorted(display.indices_) == list(range(20)) and (np.diff(p) <= 0).all()


IMAGES = np.zeros((2, 3, 3))
NET = SimpleNamespace(predict=lambda x: np.zeros(len(x), int))
WRONG = {
    "images, rank": (lambda: nc.plot.images(np.zeros((3, 3))), nc.ShapeError, "X: expected .N, H, W"),
    "images, channels": (lambda: nc.plot.images(np.zeros((2, 2, 3, 3))), nc.ShapeError, "X: expected"),
    "images, none": (lambda: nc.plot.images(np.zeros((0, 3, 3))), nc.ShapeError, "X: expected"),
    "images, empty": (lambda: nc.plot.images(np.zeros((2, 0, 3))), nc.ShapeError, "X: expected"),
    "images, too many": (lambda: nc.plot.images(np.zeros((2049, 1, 1))), nc.ConfigError, "X: expected at most 2048"),
    "images, NaN": (lambda: nc.plot.images(IMAGES * np.nan), nc.ConfigError, "X: expected finite numbers, got 18"),
    "images, text": (lambda: nc.plot.images("images"), nc.ConfigError, "X: expected"),
    "images, complex": (lambda: nc.plot.images(IMAGES * 1j), nc.ConfigError, "X: expected real numbers"),
    "titles, one": (lambda: nc.plot.images(IMAGES, "ab"), nc.ConfigError, "titles: expected 2 texts"),
    "titles, three": (lambda: nc.plot.images(IMAGES, [1, 2, 3]), nc.ConfigError, "titles: expected 2 texts"),
    "columns": (lambda: nc.plot.images(IMAGES, columns=0), nc.ConfigError, "columns: expected an integer"),
    "columns, fraction": (lambda: nc.plot.images(IMAGES, columns=1.5), nc.ConfigError, "columns: expected an integer"),
    "filters, no weight": (
        lambda: nc.plot.filters(nc.ReLU()),
        nc.ConfigError,
        "weights: expected a layer with a weight",
    ),
    "filters, none": (lambda: nc.plot.filters(None), nc.ConfigError, "weights: expected"),
    "filters, many": (
        lambda: nc.plot.filters(np.zeros((64, 33, 1, 1))),
        nc.ConfigError,
        "at most 2048 pictures, got 2112",
    ),
    "filters, infinite": (lambda: nc.plot.filters(np.full((1, 1, 2, 2), np.inf)), nc.ConfigError, "expected finite"),
    "no model": (
        lambda: nc.plot.misclassified(3, IMAGES, [0, 1]),
        nc.ConfigError,
        "model: expected an object with predict",
    ),
    "labels": (lambda: nc.plot.misclassified(NET, IMAGES, [0]), nc.ShapeError, r"y: expected \(2,\), got \(1,\)"),
    "fractions": (lambda: nc.plot.misclassified(NET, IMAGES, [0.5, 1.0]), nc.ConfigError, "y: expected integers"),
    "count": (
        lambda: nc.plot.misclassified(NET, IMAGES, [0, 1], count=0),
        nc.ConfigError,
        "count: expected an integer",
    ),
    "shape": (lambda: nc.plot.misclassified(NET, IMAGES, [0, 1], shape=(4, 4)), nc.ShapeError, "shape: expected one"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused(case):
    call, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        call()
    assert plt.get_fignums() == []


def test_answers_that_are_no_labels_are_refused():
    for answer in (np.zeros((2, 1), int), np.zeros(2), np.zeros(3, int)):
        with pytest.raises(nc.ConfigError, match="expected predict to return integer labels"):
            nc.plot.misclassified(SimpleNamespace(predict=lambda x, said=answer: said), IMAGES, [0, 1])


def test_the_largest_numbers_do_not_overflow():
    sheet = sheet_of(nc.plot.images(np.array([[[-1.7e308, 0.0, 1.7e308]]])))
    assert sheet[0, :, 0].tolist() == [0, 128, 255]


def test_paper_is_white_where_no_picture_is():
    tiles = np.zeros((3, 5, 5, 3), np.uint8)
    sheet = Mosaic("here", 3, (5, 5), 2).sheet(tiles)
    assert sheet.shape == (11, 11, 3)
    assert (sheet[6:, 6:] == 255).all() and (sheet[5] == 205).all() and (sheet[:5, 5] == 205).all()
    assert (sheet[6:, 5] == 205).all() and not sheet[:5, :5].any()


def test_filters_takes_the_net_as_all_others_do():
    conv = nc.Sequential(nc.BatchNorm2d(1), nc.Conv2d(1, 4, 3), nc.Conv2d(4, 2, 3), seed=0)
    assert np.array_equal(sheet_of(nc.plot.filters(conv)), sheet_of(nc.plot.filters(conv[1])))
    dense = nc.Sequential(nc.Flatten(), nc.Linear(64, 5), nc.Linear(5, 2), seed=0)
    display = nc.plot.filters(dense, (8, 8))
    assert np.array_equal(sheet_of(display), sheet_of(nc.plot.filters(dense[1], (8, 8))))
    assert repr(display) == "FiltersDisplay: 5 filters of 8 x 8"
    for net, shape, wanted in (
        (dense, None, r"a convolution \(for a dense layer on images: shape"),
        (conv, (3, 3), "a dense"),
    ):
        with pytest.raises(nc.ConfigError, match=rf"\[plot\.filters\] weights: expected a model with {wanted}"):
            nc.plot.filters(net, shape)
