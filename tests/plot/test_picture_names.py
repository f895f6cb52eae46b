"""Names of classes and features in pictures: given as a sequence or a dict, or taken from a DataFrame."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import nncore as nc

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
Y = (X[:, 0] > 0).astype(int)
SPLIT = SimpleNamespace(predict=lambda x: (x[:, 0] > 0).astype(int))
IRIS = ["setosa", "versicolor", "virginica"]


def ticks(display):
    return [text.get_text() for text in display.ax_.get_yticklabels()]


def test_the_boundary_has_names_of_classes_and_features(legend_of):
    display = nc.plot.decision_boundary(SPLIT, X, Y, class_names=["no", "$yes"], feature_names=("wide", "tall"))
    assert legend_of(display) == ["no", r"\$yes"]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("wide", "tall")
    display = nc.plot.decision_boundary(SPLIT, X, Y, class_names={1: "yes"})
    assert legend_of(display) == ["0", "yes"] and display.ax_.get_xlabel() == "$x_1$"


@pytest.mark.parametrize("argument", ["class_names", "names"])
def test_the_confusion_matrix_takes_both_words(argument):
    truth, said = [0, 0, 1, 2], [0, 1, 1, 2]
    assert ticks(nc.plot.confusion_matrix(truth, said, **{argument: IRIS})) == IRIS
    assert ticks(nc.plot.confusion_matrix(truth, said, **{argument: np.array(IRIS)})) == IRIS
    assert ticks(nc.plot.confusion_matrix(truth, said, **{argument: {0: "a", 2: "c"}})) == ["a", "1", "c"]
    assert ticks(nc.plot.confusion_matrix([0, 2], [2, 2], **{argument: IRIS})) == ["setosa", "virginica"]
    assert ticks(nc.plot.confusion_matrix([3, 7], [7, 7], **{argument: ["three", "seven"]})) == ["three", "seven"]
    with pytest.raises(nc.ConfigError, match="names: expected class_names or names, got both"):
        nc.plot.confusion_matrix(truth, said, class_names=IRIS, names=IRIS)


def test_misclassified_images_are_titled_with_names():
    wrong = SimpleNamespace(predict=lambda x: 1 - Y)
    display = nc.plot.misclassified(wrong, X, Y, shape=(1, 2), count=4, class_names=["left", "right"])
    expected = [f"{('left', 'right')[Y[i]]} → {('left', 'right')[1 - Y[i]]}" for i in range(4)]
    assert [text.get_text() for text in display.ax_.texts] == expected


def test_the_last_layers_units_have_names():
    net = nc.Sequential(nc.Linear(2, 4), nc.Linear(4, 3), seed=0)
    display = nc.plot.activations(net, X[0], class_names=IRIS)
    shown = [[text.get_text() for text in ax.get_xticklabels()] for ax in display.axes_]
    assert shown == [["0", "1", "2", "3"], IRIS]
    with pytest.raises(nc.ConfigError, match=r"class_names: expected a model whose last layer has outputs \(C,\)"):
        nc.plot.activations(nc.Sequential(nc.Conv2d(1, 1, 2), seed=0), np.ones((1, 3, 3)), class_names=["a"])


@pytest.mark.parametrize("count", [1, 2, 9, 40])
def test_ticks_of_bars_are_whole_numbers(count):
    net = nc.Sequential(nc.Linear(2, count), seed=0)
    display = nc.plot.activations(net, X[0])
    display.figure_.canvas.draw()
    low, high = display.ax_.get_xlim()
    at = [tick for tick in display.ax_.get_xticks() if low <= tick <= high]
    assert at and all(tick == round(tick) for tick in at)


@pytest.mark.parametrize(
    "call",
    [
        lambda names: nc.plot.decision_boundary(SPLIT, X, Y, class_names=names),
        lambda names: nc.plot.confusion_matrix(Y, Y, class_names=names),
        lambda names: nc.plot.misclassified(SPLIT, X, Y, shape=(1, 2), class_names=names),
        lambda names: nc.plot.roc_curve(Y, X[:, 0], class_names=names),
        lambda names: nc.plot.boundary_animation([SPLIT], X, Y, class_names=names),
    ],
)
@pytest.mark.parametrize("names", ["ab", ["a"], 3, {}, {7: "a"}, []])
def test_names_that_do_not_fit_are_refused(call, names):
    with pytest.raises(nc.ConfigError, match=r"class_names: expected 2 texts, for the labels \[0, 1\], or a dict"):
        call(names)


@pytest.mark.parametrize("names", ["ab", ["a"], 3, ["a", "b", "c"]])
def test_feature_names_that_do_not_fit_are_refused(names):
    for call in (
        nc.plot.decision_boundary,
        lambda model, *data, **how: nc.plot.boundary_animation([model], *data, **how),
    ):
        with pytest.raises(nc.ConfigError, match="feature_names: expected 2 texts"):
            call(SPLIT, X, Y, feature_names=names)


def test_names_come_from_a_data_frame():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["width", "height"])
    model = LogisticRegression().fit(frame, Y)  # warns of arrays without names
    display = nc.plot.decision_boundary(model, frame, Y)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("width", "height")
    model.feature_names_in_ = np.array(["a", "b"])
    bare = SimpleNamespace(predict=SPLIT.predict, feature_names_in_=["a", "b"])
    assert nc.plot.decision_boundary(bare, X, Y).ax_.get_xlabel() == "a"
    model = LogisticRegression().fit(frame, Y)
    assert nc.plot.confusion_matrix(model, frame, Y).matrix_.sum() == 60
    assert 0.9 < nc.plot.roc_curve(model, frame, Y).auc_ <= 1
    display = nc.plot.network(nc.Sequential(nc.Linear(2, 2), seed=0), feature_names=frame)
    assert {"width", "height"} <= {text.get_text() for text in display.ax_.texts}
