"""Within scikit-learn: pipelines, searches, calibration, importance, routing, callbacks, displays."""

import numpy as np
import pytest

import nncore as nc

sklearn = pytest.importorskip("sklearn", "1.4")
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_wine
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import DecisionBoundaryDisplay, permutation_importance
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nncore.estimators import MLPClassifier, MLPRegressor, NetClassifier

pytestmark = pytest.mark.filterwarnings("ignore")

X, y = load_wine(return_X_y=True)
NAMES = np.array(["a", "b", "c"])[y]


def build(input_shape, n_outputs, seed):
    return nc.mlp([*input_shape, 16, n_outputs], seed=seed)


MAKERS = {
    "MLPClassifier": lambda: MLPClassifier((16,), random_state=0, max_iter=40, learning_rate_init=0.01),
    "NetClassifier": lambda: NetClassifier(build, random_state=0, optimizer=nc.Adam(0.01)),
}


@pytest.fixture(params=MAKERS.values(), ids=MAKERS)
def pipeline(request):
    return make_pipeline(StandardScaler(), request.param())


def step(pipeline):
    return pipeline.steps[-1][0]


def test_cross_validation(pipeline):
    assert cross_val_score(pipeline, X, NAMES, cv=3).mean() > 0.93


def test_searches_are_the_same_for_any_number_of_jobs(pipeline):
    grid = {f"{step(pipeline)}__random_state": [0, 1], f"{step(pipeline)}__tol": [1e-4, 1e-2]}
    one, two = (GridSearchCV(pipeline, grid, cv=2, n_jobs=n).fit(X, NAMES) for n in (1, 2))
    np.testing.assert_array_equal(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"])
    assert one.best_score_ > 0.9


def test_halving(pipeline):
    length = {"mlpclassifier": "max_iter", "netclassifier": "max_epochs"}[step(pipeline)]
    search = HalvingGridSearchCV(
        pipeline, {f"{step(pipeline)}__random_state": [0, 1, 2]}, resource=f"{step(pipeline)}__{length}",
        min_resources=3, max_resources=9, cv=2, random_state=0,
    )  # fmt: skip
    assert search.fit(X, NAMES).n_resources_ == [3, 9]


def test_calibration_and_importance(pipeline):
    calibrated = CalibratedClassifierCV(pipeline, cv=3).fit(X, NAMES)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1.0)
    assert calibrated.score(X, NAMES) > 0.9
    importance = permutation_importance(pipeline.fit(X, NAMES), X, NAMES, n_repeats=2, random_state=0)
    assert importance.importances_mean.shape == (13,) and importance.importances_mean.max() > 0.01


def test_tables(pipeline):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=[f"c{i}" for i in range(13)])
    fitted = pipeline.set_output(transform="pandas").fit(table, pandas.Series(NAMES, dtype="category"))
    assert list(fitted[-1].feature_names_in_) == list(table.columns) and fitted.score(table, NAMES) > 0.9
    scaled = fitted[0].transform(table)
    with pytest.raises(ValueError, match="feature names"):
        fitted[-1].predict(scaled[scaled.columns[::-1]])


def test_boundary_display():
    pytest.importorskip("matplotlib").use("Agg")
    for make in MAKERS.values():
        fitted = make().fit(X[:, :2], NAMES)
        for method in ("auto", "predict", "predict_proba"):
            display = DecisionBoundaryDisplay.from_estimator(
                fitted, X[:, :2], response_method=method, grid_resolution=9
            )
            assert display.ax_ is not None


def test_routing_of_weights():
    weights = np.where(y == 0, 5.0, 0.5)
    with sklearn.config_context(enable_metadata_routing=True):
        for make in MAKERS.values():
            asked = make().set_fit_request(sample_weight=True)
            routed = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), asked)
            routed.fit(X, NAMES, sample_weight=weights)
            direct = make().fit(StandardScaler().fit_transform(X), NAMES, sample_weight=weights)
            np.testing.assert_array_equal(
                routed.predict_proba(X), direct.predict_proba(StandardScaler().fit_transform(X))
            )


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_scikit_learns_callbacks(solver, capsys):
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 has callbacks")
    monitor = callback.ScoringMonitor(scoring="accuracy")
    fitted = MLPClassifier((8,), max_iter=6, solver=solver, random_state=0).set_callbacks(
        callback.ProgressBar(), monitor
    )
    fitted.fit(X, NAMES)
    scores = [row["accuracy"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(scores) >= fitted.n_iter_ == 6
    assert scores[-1] == pytest.approx(fitted.score(X, NAMES))
    assert "100%" in capsys.readouterr().out


def test_a_callback_of_scikit_learn_ends_a_fit():
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 has callbacks")

    class Third:
        def __init__(self):
            self.begun = self.ended = 0

        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            self.over = True

        def on_fit_task_begin(self, estimator, context):
            self.begun += 1

        def on_fit_task_end(self, estimator, context):
            self.ended += 1
            return context.task_name == "epoch" and context.task_id == 2

    for make in MAKERS.values():
        callback = Third()
        assert make().set_callbacks(callback).fit(X, NAMES).n_iter_ == 3
        assert callback.begun == callback.ended == 4 and callback.over


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits", "wine", "breast_cancer", "diabetes"])
def test_accuracy_is_scikit_learns(name):
    from sklearn import datasets, model_selection, neural_network

    data, target = getattr(datasets, f"load_{name}")(return_X_y=True)
    values = name == "diabetes"
    if values:
        target = (target - target.mean()) / target.std()
    folds = model_selection.KFold if values else model_selection.StratifiedKFold
    scores = {}
    for source, kinds in (("ours", (MLPClassifier, MLPRegressor)),
                          ("theirs", (neural_network.MLPClassifier, neural_network.MLPRegressor))):  # fmt: skip
        scores[source] = [
            cross_val_score(
                make_pipeline(StandardScaler(), kinds[values](max_iter=100, random_state=seed)),
                data,
                target,
                cv=folds(5, shuffle=True, random_state=seed),
            ).mean()
            for seed in range(5)
        ]
    scatter = np.std(scores["theirs"], ddof=1)
    assert np.mean(scores["ours"]) >= np.mean(scores["theirs"]) - scatter


def test_accuracy_on_digits():
    digits, labels = sklearn.datasets.load_digits(return_X_y=True)
    fitted = MLPClassifier(random_state=0, max_iter=60).fit(digits[:1200] / 16, labels[:1200])
    assert fitted.score(digits[1200:] / 16, labels[1200:]) > 0.91
