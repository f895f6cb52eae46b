"""roc_curve: scikit-learn's curve and area, for scores, estimators and nets."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Perceptron
from sklearn.metrics import roc_auc_score
from sklearn.metrics import roc_curve as peer

import nncore as nc

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
Y = (X[:, 0] + RNG.normal(0, 1, 120) > 0).astype(int)
THREE = np.digitize(X[:, 0] + RNG.normal(0, 0.5, 120), [-0.5, 0.5])


@pytest.mark.parametrize("scores", [X[:, 0], np.round(X[:, 0]), np.zeros(120), -X[:, 0], 1e300 * X[:, 0]])
def test_curve_and_area_are_scikit_learns(scores):
    display = nc.plot.roc_curve(Y, scores)
    fpr, tpr, _ = peer(Y, scores, drop_intermediate=False)
    np.testing.assert_allclose(display.curves_[1], (fpr, tpr))
    assert display.auc_ == pytest.approx(roc_auc_score(Y, scores), abs=1e-12) == display.aucs_[1]
    assert f"AUC {display.auc_:.3f}" in repr(display)


def test_the_drawn_line_keeps_every_corner():
    display = nc.plot.roc_curve(Y, X[:, 0])
    fpr, tpr, _ = peer(Y, X[:, 0], drop_intermediate=False)
    x, y = display.lines_[1].get_data()
    assert {*zip(x, y, strict=True)} < {*zip(fpr, tpr, strict=True)} and len(x) < 0.7 * len(fpr)
    assert np.sum(np.diff(x) * (y[1:] + y[:-1])) / 2 == pytest.approx(display.auc_, abs=1e-12)


@pytest.mark.parametrize("labels", [(0, 1), (-1, 1), (3, 7)])
def test_the_larger_label_is_the_positive_one(labels):
    y = np.array(labels)[Y]
    assert nc.plot.roc_curve(y, X[:, 0]).auc_ == pytest.approx(roc_auc_score(Y, X[:, 0]))
    columns = np.column_stack([-X[:, 0], X[:, 0]])
    assert nc.plot.roc_curve(y, columns).auc_ == pytest.approx(roc_auc_score(Y, X[:, 0]))


def test_several_classes_each_against_the_rest(legend_of):
    model = LogisticRegression().fit(X, THREE)
    p = model.predict_proba(X)
    display = nc.plot.roc_curve(model, X, THREE, class_names=np.array(["low", "middle", "high"]))
    for c in range(3):
        assert display.aucs_[c] == pytest.approx(roc_auc_score(THREE == c, p[:, c]), abs=1e-12)
    assert display.auc_ == pytest.approx(roc_auc_score(THREE, p, multi_class="ovr"), abs=1e-12)
    assert [text.split(":")[0] for text in legend_of(display)] == ["low", "middle", "high", "guesses"]
    some = THREE != 1  # labels 0 and 2 with three scores
    assert set(nc.plot.roc_curve(THREE[some], p[some]).aucs_) == {0, 2}


def test_names_of_two_classes(legend_of):
    assert legend_of(nc.plot.roc_curve([0, 1], [0.0, 1.0], class_names=np.array(["no", "yes"])))[0] == "yes: AUC 1.000"


def test_models_with_probabilities_with_scores_and_with_outputs():
    pair = nc.Sequential(nc.Linear(3, 2), seed=0)
    nc.Trainer(pair, nc.CrossEntropyLoss(), nc.Adam(lr=0.05)).fit(X, Y, 5, progress=False)
    one = nc.Sequential(nc.Linear(3, 1), seed=0)
    nc.Trainer(one, nc.BCEWithLogitsLoss(), nc.Adam(lr=0.05)).fit(X, Y[:, None], 5, progress=False)
    hinge = nc.Sequential(nc.Linear(3, 1), seed=0)
    nc.Trainer(hinge, nc.HingeLoss(), nc.Adam(lr=0.05)).fit(X, 2 * Y - 1, 5, progress=False)
    perceptron = Perceptron().fit(X, Y)
    for model, scores in (
        (pair, pair.predict_proba(X)[:, 1]),
        (one, np.ravel(one.predict_proba(X))),
        (hinge, np.ravel(hinge(X))),
        (perceptron, perceptron.decision_function(X)),
        (lambda x: x[:, 0], X[:, 0]),
    ):
        assert nc.plot.roc_curve(model, X, Y).auc_ == pytest.approx(roc_auc_score(Y, scores), abs=1e-12)


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (([0, 0], [0.1, 0.2]), nc.ConfigError, r"y: expected labels of 2 to 50 classes, got \[0\]"),
        (([0, 1, 2], [0.1, 0.2, 0.3]), nc.ConfigError, "y: expected two classes beside 1 scores a sample, got 3"),
        (([0, 1], [0.1, np.nan]), nc.NumericError, "scores: expected numbers, got 1 NaN"),
        (([0, 1], [0.1, 0.2, 0.3]), nc.ShapeError, r"scores: expected \(2,\) or \(2, C\), got \(3,\)"),
        (([0, 7], np.zeros((2, 3))), nc.ConfigError, "y: expected labels 0 … 2 for 3 scores a sample"),
        ((object(), X, Y), nc.ConfigError, "model: expected predict_proba, decision_function or a call"),
        ((LogisticRegression, X, Y), nc.ConfigError, "model: expected a trained classifier"),
        ((lambda x: x[:, 0], X, Y[:, None]), nc.ShapeError, r"y: expected \(N,\), got \(120, 1\)"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, error, message):
    with pytest.raises(error, match=r"\[plot\.roc_curve\] " + message):
        nc.plot.roc_curve(*arguments)
    assert plt.get_fignums() == []
