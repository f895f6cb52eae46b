"""Estimators beyond scikit-learn's: labels of all kinds, weights, losses, activations, optimizers, nets of any input,
what a bad fit leaves, and the texts of errors."""

import copy
import doctest
import inspect
import io
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

import nncore as nc

sklearn = pytest.importorskip("sklearn", "1.4")
joblib = pytest.importorskip("joblib")
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from nncore.estimators import MLPClassifier, MLPRegressor, NetClassifier, NetRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(201, 6))
Z = X @ RNG.normal(size=(6, 3))
CLASSES, TWO, LABELS = Z.argmax(axis=1), Z[:, 0] > 0, (Z > 0).astype(int)


def build(input_shape, n_outputs, seed):
    return nc.mlp([*input_shape, 8, n_outputs], seed=seed)


def images(input_shape, n_outputs, seed):
    return nc.Sequential(
        nc.Conv2d(input_shape[0], 4, 3), nc.ReLU(), nc.GlobalAvgPool2d(), nc.Linear(4, n_outputs), seed=seed
    )


def mlp(**settings):
    return MLPClassifier(**{"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 30, "learning_rate_init": 0.05,
                            **settings})  # fmt: skip


def net(**settings):
    return NetClassifier(build, **{"random_state": 0, "optimizer": nc.Adam(0.02), **settings})


EVERY = {"MLPClassifier": mlp, "NetClassifier": net}


def test_importing_nncore_does_not_import_scikit_learn():
    code = "import sys, nncore, nncore.estimators; print([n for n in ('sklearn', 'scipy') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize(
    "labels", [np.array(["no", "yes"]), np.array(["no", "yes"], object), np.array([False, True]), np.array([2.0, 7.0]),
               np.array([-3, 40], np.int8)], ids=lambda labels: str(labels.dtype)
)  # fmt: skip
def test_labels_of_any_type(make, labels):
    y = labels[TWO.astype(int)]
    fitted = make().fit(X, y)
    np.testing.assert_array_equal(fitted.classes_, labels)
    assert set(fitted.predict(X)) == set(labels) and fitted.score(X, y) > 0.85
    p = fitted.predict_proba(X)
    np.testing.assert_array_equal(labels[(p[:, 1] > 0.5).astype(int)], fitted.predict(X))
    np.testing.assert_allclose(np.exp(fitted.predict_log_proba(X)), p, atol=1e-12)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-12)


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_several_labels(make):
    fitted = make().fit(X, LABELS)
    predicted = fitted.predict(X)
    assert predicted.shape == LABELS.shape and (predicted == LABELS).mean() > 0.85 and fitted.n_outputs_ == 3
    np.testing.assert_array_equal(predicted, fitted.predict_proba(X) > 0.5)


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_whole_weights_are_repeated_samples(make):
    few, y = X[:20], np.where(TWO[:20], "b", "a")
    weights = RNG.integers(0, 3, 20)
    once = make().fit(few, y, sample_weight=weights)
    repeated = make().fit(np.repeat(few, weights, axis=0), np.repeat(y, weights))
    np.testing.assert_allclose(once.predict_proba(X), repeated.predict_proba(X), rtol=1e-6)
    assert not np.allclose(once.predict_proba(X), make().fit(few, y).predict_proba(X), rtol=1e-3)


def test_whole_weights_are_repeated_samples_in_float64():
    weights = RNG.integers(0, 4, len(X))
    settings = {"dtype": "float64", "batch_size": 1000, "shuffle": False, "alpha": 1.0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # batch_size is clipped
        once = mlp(**settings).fit(X, CLASSES, sample_weight=weights)
        repeated = mlp(**settings).fit(np.repeat(X, weights, axis=0), np.repeat(CLASSES, weights))
    np.testing.assert_allclose(once.loss_curve_, repeated.loss_curve_, rtol=1e-12)


def test_class_weight_is_a_sample_weight():
    by_class = {0: 1.0, 1: 5.0, 2: 0.5}
    weights = np.array([by_class[label] for label in CLASSES])
    one = mlp(class_weight=by_class).fit(X, CLASSES)
    other = mlp().fit(X, CLASSES, sample_weight=weights)
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    np.testing.assert_array_equal(
        mlp(class_weight="balanced").fit(X, TWO).predict_proba(X),
        mlp().fit(X, TWO, sample_weight=len(X) / 2 / np.bincount(TWO)[TWO.astype(int)]).predict_proba(X),
    )


LOSSES = [nc.CrossEntropyLoss(label_smoothing=0.1), nc.BCEWithLogitsLoss(), nc.HingeLoss(), nc.MSELoss()]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("y", [TWO, CLASSES], ids=["two", "three"])
@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_other_losses(make, y, loss):
    fitted = make(loss=loss).fit(X, y)
    assert fitted.score(X, y) > 0.75
    assert hasattr(fitted, "predict_proba") == (loss.link in ("softmax", "sigmoid"))
    if hasattr(fitted, "predict_proba"):
        np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1.0)
        np.testing.assert_array_equal(fitted.classes_[fitted.predict_proba(X).argmax(axis=1)], fitted.predict(X))


@pytest.mark.parametrize("activation", ["gelu", "SiLU", nc.LeakyReLU(0.2), nc.ELU, ["tanh"], (nc.GELU(),)], ids=repr)
def test_activations_of_nncore(activation):
    fitted = mlp(activation=activation).fit(X, CLASSES)
    assert fitted.score(X, CLASSES) > 0.8
    names = {"gelu": "GELU", "SiLU": "SiLU"}
    wanted = activation[0] if isinstance(activation, (list, tuple)) else activation
    wanted = (
        names.get(wanted, "Tanh") if isinstance(wanted, str) else getattr(wanted, "__name__", type(wanted).__name__)
    )
    assert type(fitted.model_[1]).__name__ == wanted


def test_an_activation_for_each_layer():
    fitted = mlp(hidden_layer_sizes=(5, 4, 3), activation=["relu", nc.Tanh(), "gelu"]).fit(X, CLASSES)
    assert [type(layer).__name__ for layer in fitted.model_][1::2] == ["ReLU", "Tanh", "GELU"]


@pytest.mark.parametrize("optimizer", [nc.SGD(0.3), nc.RMSprop(0.01), nc.SGD(nc.StepLR(0.5, 20))], ids=repr)
def test_optimizers_of_nncore(optimizer):
    one, other = (mlp(solver=optimizer, max_iter=60).fit(X, CLASSES) for _ in range(2))  # a copy without state
    assert one.score(X, CLASSES) > 0.75
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    assert mlp(solver=optimizer).partial_fit(X, CLASSES, classes=[0, 1, 2]).n_iter_ == 1


def test_dropout_and_batch_norm_are_layers_of_the_net():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = mlp(dropout=0.25, batch_norm=True, n_iter_no_change=3).fit(X, CLASSES)  # 201: a batch of one is left
    kinds = [type(layer).__name__ for layer in fitted.model_]
    assert kinds == ["Linear", "BatchNorm1d", "ReLU", "Dropout", "Linear"] and fitted.model_[3].p == 0.25
    assert [w.shape for w in fitted.coefs_] == [(6, 8), (8, 3)] and fitted.score(X, CLASSES) > 0.8


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_history_has_the_curves(make):
    fitted = make(callbacks=[lambda record: record["epoch"] == 3]).fit(
        X, CLASSES, validation_data=(X[:50], CLASSES[:50])
    )
    assert fitted.n_iter_ == len(fitted.loss_curve_) == 3 and isinstance(fitted.history_, nc.History)
    np.testing.assert_allclose(fitted.history_["loss"], fitted.loss_curve_)
    assert fitted.history_["val_accuracy"][-1] == pytest.approx(fitted.score(X[:50], CLASSES[:50]))
    assert len(fitted.history_["accuracy"]) == 3


def test_validation_data_take_the_place_of_the_held_out_part():
    one = mlp(early_stopping=True).fit(X, CLASSES, validation_data=(X[:30], CLASSES[:30]))
    assert one.best_validation_score_ == pytest.approx(one.score(X[:30], CLASSES[:30])) and one.t_ % len(X) == 0


def test_the_end_is_told():
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(2\) reached"):
        mlp(max_iter=2).fit(X, CLASSES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mlp(tol=10.0, n_iter_no_change=2).fit(X, CLASSES).n_iter_ == 4


def test_verbose_prints_as_scikit_learn(capsys):
    fitted = mlp(verbose=True, tol=10.0, n_iter_no_change=2).fit(X, CLASSES)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Iteration 1, loss = {fitted.loss_curve_[0]:.8f}"
    assert lines[-1] == "Training loss did not improve more than tol=10.000000 for 2 consecutive epochs. Stopping."


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_predictions_have_the_type_of_the_data(dtype):
    fitted = MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, dtype=dtype).fit(X, Z)
    assert fitted.coefs_[0].dtype == fitted.model_.dtype == dtype
    assert fitted.predict(X).dtype == np.float64 and fitted.predict(X.astype("f")).dtype == np.float32
    for rows in (1, 3):  # by the short way and by scikit-learn's checks
        np.testing.assert_array_equal(fitted.predict(X[:rows]), fitted.predict(X.tolist())[:rows])


def test_nets_take_images():
    pictures = RNG.normal(size=(60, 1, 6, 6))
    means = pictures.mean(axis=(1, 2, 3))
    settings = {"random_state": 0, "max_epochs": 60, "optimizer": nc.Adam(0.05)}
    classifier = NetClassifier(images, **settings).fit(pictures, np.where(means > 0, "light", "dark"))
    assert classifier.score(pictures, np.where(means > 0, "light", "dark")) > 0.85
    assert NetRegressor(images, **settings).fit(pictures, means).score(pictures, means) > 0.7
    assert isinstance(classifier.model_[0], nc.Conv2d)


def test_a_net_is_copied_and_begins_anew():
    given = nc.mlp([6, 8, 3], seed=5)
    before = given.state_dict()
    one, other = (NetClassifier(given, random_state=1).fit(X, CLASSES) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    assert all(np.array_equal(value, given.state_dict()[key]) for key, value in before.items())
    assert not np.allclose(one.predict_proba(X), clone(one).set_params(random_state=2).fit(X, CLASSES).predict_proba(X))


def test_nets_that_end_in_log_probabilities_or_in_one_output():
    ending = nc.Sequential(nc.Linear(6, 3), nc.LogSoftmax())
    fitted = NetClassifier(ending, random_state=0, max_epochs=50).fit(X, CLASSES)
    np.testing.assert_allclose(fitted.predict_proba(X), np.exp(fitted.model_(X)), atol=1e-6)
    one = NetClassifier(nc.mlp([6, 8, 1]), random_state=0, max_epochs=30).fit(X, TWO)
    assert one.score(X, TWO) > 0.85 and one.out_activation_ == "logistic"


@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("way", ["pickle", "joblib", "deepcopy", "copy"])
def test_copies_predict_and_go_on_alike(make, way, tmp_path):
    fitted = make().partial_fit(X, CLASSES, classes=[0, 1, 2])
    if way == "pickle":
        other = pickle.loads(pickle.dumps(fitted))
    elif way == "joblib":
        file = io.BytesIO()
        joblib.dump(fitted, file)
        file.seek(0)
        other = joblib.load(file)
    else:
        other = getattr(copy, way)(fitted)
    np.testing.assert_array_equal(other.predict_proba(X), fitted.predict_proba(X))
    if way != "copy":  # which shares the net
        for one in (fitted, other):
            one.partial_fit(X, CLASSES)
        np.testing.assert_array_equal(other.predict_proba(X), fitted.predict_proba(X))


BAD_FITS = {
    "labels": lambda one: one.fit(X[:, :2], Z),
    "a setting": lambda one: one.set_params(validation_fraction=-1).fit(X[:, :2], TWO),
    "weights": lambda one: one.fit(X[:, :2], TWO, sample_weight=-np.ones(len(X))),
    "validation data": lambda one: one.fit(X[:, :2], TWO, validation_data=(X[:, :2], CLASSES + 7)),
    "a part": lambda one: one.partial_fit(X, CLASSES + 5),
}


@pytest.mark.parametrize("bad", BAD_FITS.values(), ids=BAD_FITS)
@pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)
def test_a_fit_of_bad_data_leaves_the_estimator_as_it_was(make, bad):
    fitted = make().fit(X, CLASSES)
    before, names = fitted.predict_proba(X), set(vars(fitted))
    with pytest.raises(ValueError):
        bad(fitted)
    np.testing.assert_array_equal(fitted.predict_proba(X), before)
    assert set(vars(fitted)) == names and fitted.n_features_in_ == 6


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"alpha": -1}, r"alpha: expected a number in \[0, inf\), got -1"),
        ({"solver": "rmsprop"}, r"solver: expected .* an Optimizer, got 'rmsprop' \(write nc\.RMSprop"),
        ({"activation": "rely"}, "activation: expected one of .*, or a layer, got 'rely'"),
        ({"activation": ["relu"] * 2}, "activation: expected one for each of 1 hidden layers, got "),
        ({"hidden_layer_sizes": (3, 0)}, r"hidden_layer_sizes: expected integers >= 1, got \(3, 0\)"),
        ({"batch_size": 0}, "batch_size: expected 'auto' or an integer >= 1, got 0"),
        ({"dropout": 1.0}, r"dropout: expected a number in \[0, 1\), got 1\.0"),
        ({"dtype": "float16"}, "dtype: expected 'float32' or 'float64', got 'float16'"),
        ({"loss": nc.MSELoss}, r"loss: expected a Loss or None, got .* \(write MSELoss\(\)\)"),
        ({"callbacks": 3}, "callbacks: expected a list of functions, got 3"),
        ({"class_weight": "even"}, "class_weight: expected a dict, 'balanced' or None, got 'even'"),
        ({"solver": "lbfgs", "dropout": 0.1}, "dropout: expected 0 beside solver='lbfgs', got 0.1"),
        ({"early_stopping": True, "validation_fraction": 0.001}, "validation_fraction: expected at least two"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(value),
)
def test_errors_name_the_setting(settings, text):
    with pytest.raises(nc.ConfigError, match=rf"^\[MLPClassifier\] {text}"):
        mlp(**settings).fit(X, CLASSES)


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        (nc.mlp([6, 8, 4]), nc.ShapeError, r"net: expected 3 outputs, as y has it, got outputs \(1, 4\)"),
        (nc.Sequential, nc.ConfigError, "net: expected a Sequential or a function"),
        (
            lambda shape: build(shape, 3, 0),
            nc.ConfigError,
            r"net: expected a function \(input_shape, n_outputs, seed\)",
        ),
        (lambda shape, n, seed: 3, nc.ConfigError, "net: expected its function to return a Sequential, got 3"),
    ],
    ids=["outputs", "class", "arguments", "result"],
)
def test_errors_tell_what_a_net_has_to_be(given, kind, text):
    with pytest.raises(kind, match=rf"^\[NetClassifier\] {text}"):
        NetClassifier(given).fit(X, CLASSES)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor, NetClassifier, NetRegressor])
def test_the_examples_of_the_documentation_run(kind):
    examples = doctest.DocTestFinder(recurse=False).find(kind, kind.__name__, globs={"nc": nc, "np": np})
    runner = doctest.DocTestRunner()
    for example in examples:
        runner.run(example)
    assert runner.summarize(verbose=False) == (0, sum(len(example.examples) for example in examples))
    assert all(name in kind.__doc__ for name in inspect.signature(kind).parameters)


def test_positional_sizes_of_a_regressor_are_told():
    with pytest.raises(
        nc.ConfigError, match=r"loss: expected 'squared_error', .* \(hint: hidden_layer_sizes=\(20,\)\)"
    ):
        MLPRegressor((20,)).fit(X, Z)


@pytest.mark.parametrize("kind", [mlp, net], ids=["MLPClassifier", "NetClassifier"])
def test_a_warm_start_that_finds_nothing_better_keeps_its_best(kind):
    fitted = kind(early_stopping=True, warm_start=True, n_iter_no_change=2).fit(X, CLASSES)
    fitted.best_validation_score_ = 2.0
    before = fitted.model_.state_dict()
    fitted.fit(X, CLASSES)
    assert all(np.array_equal(value, before[key]) for key, value in fitted.model_.state_dict().items())


def test_a_fit_that_diverges_says_where():
    with pytest.raises(nc.NumericError, match="epoch"):
        MLPRegressor(solver="sgd", learning_rate_init=1e6, random_state=0).fit(X, Z[:, 0])
