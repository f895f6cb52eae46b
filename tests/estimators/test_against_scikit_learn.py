"""MLPClassifier and MLPRegressor against scikit-learn's: the same first weights, curves, ends and held-out scores."""

import inspect
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", "1.7")  # sample_weight, loss="poisson"
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning

from nncore import estimators

RNG = np.random.default_rng(0)
X = RNG.normal(size=(130, 5))
Z = np.tanh(X @ RNG.normal(size=(5, 3)))
WEIGHTS = RNG.uniform(0.1, 3.0, len(X))
TARGETS = {
    "classes": (X, Z.argmax(axis=1)),
    "two classes": (X, np.where(Z[:, 0] > 0, "yes", "no")),
    "labels": (X, (Z > 0).astype(int)),
    "values": (X, Z[:, 0]),
    "several values": (X, Z),
    "counts": (X, RNG.poisson(np.exp(Z[:, 0]))),
}
SOLVERS = {
    "adam": {"solver": "adam", "learning_rate_init": 0.01, "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-3},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05},
    "sgd without Nesterov": {"solver": "sgd", "learning_rate_init": 0.05, "nesterovs_momentum": False},
    "sgd without momentum": {"solver": "sgd", "learning_rate_init": 0.1, "momentum": 0.0},
    "adaptive": {"solver": "sgd", "learning_rate_init": 0.1, "learning_rate": "adaptive", "tol": 0.02,
                 "n_iter_no_change": 2},
    "invscaling": {"solver": "sgd", "learning_rate_init": 0.5, "learning_rate": "invscaling", "power_t": 0.3},
}  # fmt: skip


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_names_order_and_defaults_are_scikit_learns(name):
    theirs = list(inspect.signature(getattr(neural_network, name)).parameters.values())
    ours = list(inspect.signature(getattr(estimators, name)).parameters.values())
    told = [(each.name, each.default, each.kind) for each in ours]
    assert told[: len(theirs)] == [(each.name, each.default, each.kind) for each in theirs]
    assert all(each.kind is each.KEYWORD_ONLY for each in ours[len(theirs) :])


def pair(kind, **settings):
    """An estimator of ours and scikit-learn's, with the same settings."""
    settings = {"shuffle": False, "random_state": 3, "hidden_layer_sizes": (9, 4), "max_iter": 50, **settings}
    if kind in ("classes", "two classes", "labels"):
        names = "MLPClassifier"
    else:
        names = "MLPRegressor"
        settings["loss"] = "poisson" if kind == "counts" else "squared_error"
    return getattr(estimators, names)(dtype="float64", **settings), getattr(neural_network, names)(**settings)


def fit(pair, kind, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return [one.fit(*TARGETS[kind], **more) for one in pair]


def same(ours, theirs):
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=0, atol=1e-12)
    for a, b in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "n_features_in_", "out_activation_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.loss_ == pytest.approx(theirs.loss_, abs=1e-12)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", TARGETS)
def test_curves_in_full_batch(kind, solver):
    ours, theirs = fit(pair(kind, batch_size=len(X), alpha=0.5, **SOLVERS[solver]), kind)
    same(ours, theirs)
    assert ours.best_loss_ == pytest.approx(theirs.best_loss_, abs=1e-12)
    assert len(ours.loss_curve_) == ours.n_iter_ and ours.loss_curve_[-1] < ours.loss_curve_[0]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", [kind for kind in TARGETS if kind != "several values"])
def test_curves_in_batches_of_which_the_last_is_short(kind, solver):
    same(*fit(pair(kind, batch_size=32, alpha=0.5, **SOLVERS[solver]), kind))


def test_several_values_in_batches_have_the_same_weights():
    ours, theirs = fit(pair("several values", batch_size=32, alpha=0.5), "several values")
    for a, b in zip(ours.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)
    np.testing.assert_allclose(
        ours.loss_curve_, theirs.loss_curve_, rtol=1e-3
    )  # the penalty: begin and end of an epoch


@pytest.mark.parametrize("kind", TARGETS)
def test_curves_with_weights(kind):
    same(*fit(pair(kind, batch_size=len(X), alpha=0.5), kind, sample_weight=WEIGHTS))


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_activations(activation):
    same(*fit(pair("classes", activation=activation, learning_rate_init=0.02), "classes"))


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["all 1", "weights"])
def test_early_stopping(kind, weights):
    settings = {"early_stopping": True, "validation_fraction": 0.2, "learning_rate_init": 0.02, "max_iter": 80}
    ours, theirs = fit(pair(kind, n_iter_no_change=4, **settings), kind, sample_weight=weights)
    np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_, atol=1e-9)
    assert ours.best_validation_score_ == pytest.approx(theirs.best_validation_score_, abs=1e-9)
    assert ours.best_loss_ is theirs.best_loss_ is None
    for a, b in zip(ours.coefs_, theirs.coefs_, strict=True):  # of the best epoch
        np.testing.assert_allclose(a, b, atol=1e-9)


@pytest.mark.parametrize("kind", [kind for kind in TARGETS if kind != "several values"])
def test_lbfgs(kind):
    ours, theirs = fit(pair(kind, solver="lbfgs", max_iter=15, alpha=5.0, activation="tanh"), kind)
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-6)
    for a, b in zip(ours.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert not hasattr(ours, "loss_curve_") and not hasattr(theirs, "loss_curve_")


@pytest.mark.parametrize("kind", TARGETS)
def test_predictions(kind):
    ours, theirs = fit(pair(kind), kind)
    given = TARGETS[kind][0]
    predicted = theirs.predict(given)
    if kind in ("classes", "two classes", "labels"):
        np.testing.assert_array_equal(ours.predict(given), predicted)
        assert ours.predict(given).dtype == predicted.dtype
        np.testing.assert_array_equal(ours.classes_, theirs.classes_)
        for method in ("predict_proba", "predict_log_proba"):
            np.testing.assert_allclose(getattr(ours, method)(given), getattr(theirs, method)(given), atol=1e-9)
    else:
        np.testing.assert_allclose(ours.predict(given), predicted, atol=1e-9)
    assert ours.score(*TARGETS[kind]) == pytest.approx(theirs.score(*TARGETS[kind]))


def test_partial_fit_goes_on_as_scikit_learns():
    ours, theirs = pair("classes", batch_size=50, solver="sgd", learning_rate="invscaling", learning_rate_init=0.2)
    for one in (ours, theirs):
        for part in (slice(0, 60), slice(60, 130), slice(0, 130)):
            one.partial_fit(X[part], TARGETS["classes"][1][part], classes=[0, 1, 2])
    same(ours, theirs)


def test_a_warm_start_goes_on_as_scikit_learns():
    both = pair("two classes", warm_start=True, max_iter=5)
    for _ in range(3):
        ours, theirs = fit(both, "two classes")
    same(ours, theirs)
    assert len(ours.loss_curve_) == 15
