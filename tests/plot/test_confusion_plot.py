"""plot.confusion_matrix: counts by hand, what the rows and columns are called, what is refused."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

import nncore as nc

TRUTH, SAID = np.array([4, 4, 4, -1, 7, 7]), np.array([4, 4, 7, -1, 7, 4])


def test_rows_are_the_truth_and_columns_the_prediction():
    model = SimpleNamespace(predict=lambda x: x[:, 0].astype(int))
    for display in (nc.plot.confusion_matrix(TRUTH, SAID), nc.plot.confusion_matrix(model, SAID[:, None] + 0.0, TRUTH)):
        np.testing.assert_array_equal(display.classes_, [-1, 4, 7])
        np.testing.assert_array_equal(display.matrix_, [[1, 0, 0], [0, 2, 1], [0, 1, 1]])
        assert display.ax_.get_title() == "accuracy 66.67%"
        assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("prediction", "truth")
        assert [text.get_text() for text in display.ax_.get_yticklabels()] == ["-1", "4", "7"]
        written = {text.get_position(): text.get_text() for text in display.ax_.texts}
        assert written == {(0, 0): "1", (1, 1): "2", (2, 1): "1", (1, 2): "1", (2, 2): "1"}
        np.testing.assert_allclose(np.asarray(display.image_.get_array())[1] ** 2, [0, 2 / 3, 1 / 3])


def test_names_and_title():
    display = nc.plot.confusion_matrix(TRUTH, SAID, names=["$a", "truck", 3], title="mine")
    assert [text.get_text() for text in display.ax_.get_xticklabels()] == ["$a", "truck", "3"]
    assert display.ax_.get_title() == "mine"
    display.figure_.canvas.draw()


def test_a_class_that_is_only_predicted_and_many_classes():
    display = nc.plot.confusion_matrix([0, 0], [0, 1])
    np.testing.assert_array_equal(display.matrix_, [[1, 1], [0, 0]])
    many = nc.plot.confusion_matrix(np.arange(200), np.arange(200))
    assert len(many.ax_.texts) == 0 and len(many.ax_.get_xticks()) <= 30
    many.figure_.canvas.draw()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.zeros(0, int), []), nc.ShapeError, "y_true: expected"),
        (([0, 1], [0]), nc.ShapeError, r"y_pred: expected \(2,\), got \(1,\)"),
        (([0, 1], [[0], [1]]), nc.ShapeError, r"y_pred: .*use y_pred\.ravel\(\)"),
        (([0.5, 1], [0, 1]), nc.ConfigError, "y_true: expected integers"),
        ((np.arange(201), np.arange(201)), nc.ConfigError, "at most 200 classes, got 201"),
        ((None, [0]), nc.ConfigError, "y_true: expected"),
        ((3, [[0.0]], [1]), nc.ConfigError, "model: expected an object with predict"),
        ((nc.Sequential, [[0.0]], [1]), nc.ConfigError, "model: expected an object with predict"),
        ((SimpleNamespace(predict=len), [[0.0]], [1, 2]), nc.ShapeError, r"y: expected \(1,\), got \(2,\)"),
    ],
)
def test_what_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        nc.plot.confusion_matrix(*arguments)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("names", ["abc", ["a"], 3, {}])
def test_wrong_names(names):
    with pytest.raises(nc.ConfigError, match="names: expected 3 texts"):
        nc.plot.confusion_matrix(TRUTH, SAID, names=names)
