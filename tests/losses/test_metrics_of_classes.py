"""f1, precision, recall, balanced_accuracy, auc and log_loss by name: scikit-learn's numbers of what predict and
predict_proba give, over the whole set, wherever metrics are taken."""

import math

import numpy as np
import pytest

import nncore as nc

sk = pytest.importorskip("sklearn.metrics")

NAMES = ("f1", "precision", "recall", "balanced_accuracy", "auc", "log_loss")
N = 101
X = np.random.default_rng(0).normal(size=(N, 3))
_NOISE = np.random.default_rng(1).normal(size=(N, 5))
SCORES = np.hstack([X, X[:, :2] * 0.3]) + _NOISE
RARE = (SCORES[:, 0] > 1.2).astype(int)  # 1 of 6


def signs(y):
    return np.where(y == 1, 1, -1)


class Brier(nc.Loss):
    link = "sigmoid"

    def __call__(self, p, y):
        d = p - y.reshape(p.shape)
        return float((d**2).mean()), (2 * d / d.size).astype(p.dtype)


CASES = {  # outputs, last layers, loss, targets
    "two classes": (2, [], nc.CrossEntropyLoss, RARE),
    "two classes, floats": (2, [], nc.CrossEntropyLoss, RARE.astype(float)),
    "two classes, one-hot": (2, [], nc.CrossEntropyLoss, np.eye(2)[RARE]),
    "log-probabilities": (2, [nc.LogSoftmax], nc.NLLLoss, RARE),
    "one output": (1, [], nc.BCEWithLogitsLoss, RARE),
    "one output, a column": (1, [], nc.BCEWithLogitsLoss, RARE[:, None]),
    "a sigmoid": (1, [nc.Sigmoid], nc.MSELoss, RARE),
    "a loss of one's own": (1, [nc.Sigmoid], Brier, RARE),
    "signs": (1, [], nc.HingeLoss, signs(RARE)),
    "signs of the perceptron": (1, [], nc.PerceptronLoss, signs(RARE)),
    "five classes": (5, [], nc.CrossEntropyLoss, SCORES.argmax(1)),
    "five log-probabilities": (5, [nc.LogSoftmax], nc.NLLLoss, SCORES.argmax(1)),
    "probabilities": (5, [nc.Softmax], nc.MSELoss, np.eye(5)[SCORES.argmax(1)]),
    "margins": (5, [], nc.HingeLoss, SCORES.argmax(1)),
    "values of classes": (5, [], nc.L1Loss, np.eye(5)[SCORES.argmax(1)]),
    "several outputs": (3, [], nc.BCEWithLogitsLoss, (SCORES[:, :3] > 0.5).astype(int)),
}
NONE = {  # what has no such number
    "signs": {"log_loss"},
    "signs of the perceptron": {"log_loss"},
    "margins": {"auc", "log_loss"},
    "values of classes": {"auc", "log_loss"},
    "several outputs": {"balanced_accuracy", "log_loss"},
}


def trainer_of(case, dtype="float32", **options):
    outputs, last, loss, _ = CASES[case]
    layers = [nc.Linear(3, 6), nc.Tanh(), nc.Linear(6, outputs), *(layer() for layer in last)]
    net = nc.Sequential(*layers, dtype=dtype, seed=3)
    return nc.Trainer(net, loss(), nc.SGD(lr=0.2), batch_size=16, seed=0, **options)


def expected_of(case, net, X, y):
    """{name: number} by scikit-learn."""
    y = np.asarray(y)
    outputs = CASES[case][0]
    z, classes = net(X), outputs if outputs > 1 and case != "several outputs" else 2
    if case == "several outputs":
        said, kind = (z >= 0).astype(int), "macro"
    elif outputs == 1:
        border = 0.5 if case in ("a sigmoid", "a loss of one's own") else 0.0
        y = (y.ravel() == 1).astype(int)
        said, kind = (z[:, 0] >= border).astype(int), "binary"
    else:
        y = y.argmax(1) if y.ndim == 2 else y.astype(int)
        said, kind = z.argmax(1), "macro" if classes > 2 else "binary"
    names = {"f1": sk.f1_score, "precision": sk.precision_score, "recall": sk.recall_score}
    numbers = {name: f(y, said, average=kind, zero_division=0) for name, f in names.items()}
    if case != "several outputs":
        numbers["balanced_accuracy"] = sk.balanced_accuracy_score(y, said)
    if "auc" not in NONE.get(case, ()):
        p = z if case.startswith("signs") else net.predict_proba(X)
        p = p[:, 1] if p.shape[1] == 2 else p[:, 0] if p.shape[1] == 1 else p
        numbers["auc"] = sk.roc_auc_score(y, p, multi_class="ovr", average="macro")
    if "log_loss" not in NONE.get(case, ()):
        p = net.predict_proba(X)
        numbers["log_loss"] = sk.log_loss(y, p[:, 0] if p.shape[1] == 1 else p, labels=np.arange(classes))
    return numbers


def measured(case):
    return [name for name in NAMES if name not in NONE.get(case, ())]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_numbers_are_scikit_learns(case, dtype):
    y = CASES[case][3]
    trainer = trainer_of(case, dtype)
    held, apart = slice(0, 60), slice(40, N)
    history = trainer.fit(
        X, y, 12, validation_data=(X[held], y[held]), test_data=(X[apart], y[apart]), metrics=measured(case)
    )
    for prefix, rows in (("", slice(None)), ("val_", held), ("test_", apart)):
        expected = expected_of(case, trainer.model, X[rows], y[rows])
        assert set(expected) == set(measured(case))
        for name, number in expected.items():
            tolerance = 1e-6 if name == "log_loss" and dtype == "float32" else 1e-12
            assert history[prefix + name][-1] == pytest.approx(number, rel=tolerance), prefix + name
    again = trainer.evaluate(X, y)
    assert {name: again[name] for name in expected} == {name: history[name][-1] for name in expected}
    assert len({round(history[name][-1], 12) for name in expected}) > 1


@pytest.mark.parametrize("case", NONE)
def test_what_cannot_be_measured_is_refused(case):
    trainer = trainer_of(case)
    before = trainer.model.flat_parameters.copy()
    for name in NONE[case]:
        for call in (trainer.fit, trainer.evaluate):
            with pytest.raises(nc.ConfigError, match=rf"metrics: '{name}': expected "):
                call(X, CASES[case][3], metrics=["accuracy", name])
    assert np.array_equal(trainer.model.flat_parameters, before)


@pytest.mark.parametrize("name", NAMES)
def test_values_are_no_classes(name):
    net = nc.Sequential(nc.Linear(3, 1), seed=0)
    with pytest.raises(nc.ConfigError, match=rf"metrics: '{name}': expected targets that are classes: labels"):
        nc.Trainer(net, nc.MSELoss(), nc.SGD()).fit(X, SCORES[:, 0], metrics=[name])


def constant(outputs, row, loss=None):
    """A net whose outputs are this row for every sample, and its trainer."""
    net = nc.Sequential(nc.Linear(3, outputs, weight_init="zeros", bias_init="zeros"), dtype="float64", seed=0)
    net.parameters()[1].value = row
    return nc.Trainer(net, loss or nc.CrossEntropyLoss(), nc.SGD())


def test_undefined_numbers():
    """0/0 is 0, as with zero_division=0; an area needs both classes, a loss does not."""
    zeros, ones = np.zeros(N, int), np.ones(N, int)
    never, always = constant(2, [1.0, 0.0]), constant(2, [0.0, 1.0])
    names = list(NAMES)
    got = never.evaluate(X, zeros, names)
    assert [got[name] for name in names[:4]] == [0, 0, 0, 1] and math.isnan(got["auc"])
    assert got["log_loss"] == pytest.approx(math.log(1 + math.exp(-1)))
    got = never.evaluate(X, ones, names)
    assert [got[name] for name in names[:4]] == [0, 0, 0, 0] and math.isnan(got["auc"])
    got = always.evaluate(X, RARE, names)
    share = RARE.mean()
    assert [got[name] for name in names[:5]] == pytest.approx([2 * share / (1 + share), share, 1, 0.5, 0.5])
    three = constant(3, [1.0, 0.0, 0.0]).evaluate(X, RARE, names)  # no sample of class 2
    said = np.zeros(N, int)
    assert three["f1"] == pytest.approx(sk.f1_score(RARE, said, average="macro", zero_division=0))
    assert three["balanced_accuracy"] == pytest.approx(0.5) and math.isnan(three["auc"])


def test_certainty_that_is_wrong_costs_what_it_costs_in_scikit_learn():
    for dtype in ("float32", "float64"):
        trainer = constant(2, [800.0, 0.0])
        trainer.model.to(dtype)
        p = trainer.model.predict_proba(X)
        got = trainer.evaluate(X, RARE, ["log_loss"])["log_loss"]
        assert got == pytest.approx(sk.log_loss(RARE, p), rel=1e-6) and math.isfinite(got)


def test_ties_count_half():
    net = nc.Sequential(nc.Linear(1, 1, weight_init="ones", bias_init="zeros"), seed=0)
    trainer = nc.Trainer(net, nc.BCEWithLogitsLoss(), nc.SGD())
    x, y = np.array([[0.0], [0.0], [1.0], [1.0], [1.0]]), np.array([0, 1, 0, 1, 1])
    assert trainer.evaluate(x, y, ["auc"])["auc"] == pytest.approx(sk.roc_auc_score(y, x[:, 0])) == 7 / 12


def test_ignored_labels_count_nowhere():
    y = SCORES[:, :3].argmax(1)
    net = nc.Sequential(nc.Linear(3, 3), seed=0)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD())
    some = np.where(np.arange(N) % 3 == 0, -100, y)
    got, expected = trainer.evaluate(X, some, NAMES), trainer.evaluate(X[some >= 0], y[some >= 0], NAMES)
    assert got == expected
    class_ignored = nc.Trainer(net, nc.CrossEntropyLoss(ignore_index=2), nc.SGD())
    assert class_ignored.evaluate(X, y, ["recall"]) != trainer.evaluate(X, y, ["recall"])


def test_outputs_that_are_nan_are_of_no_class():
    bad = X.copy()
    bad[:5] = np.nan
    trainer = trainer_of("two classes")
    got = trainer.evaluate(bad, RARE, NAMES, allow_nan=True)
    said = np.where(np.arange(N) < 5, -1, trainer.model(X).argmax(1))
    assert got["recall"] == pytest.approx((said[RARE == 1] == 1).mean())
    assert math.isnan(got["auc"]) and math.isnan(got["log_loss"])


def test_whole_sets_are_measured_not_batches():
    """A mean of batches' F1 would be another number."""
    trainer = trainer_of("two classes")
    history = trainer.fit(X, RARE, 3, metrics=["f1"])
    said = trainer.model.predict(X)
    assert history["f1"][-1] == pytest.approx(sk.f1_score(RARE, said))
    batches = [sk.f1_score(RARE[i : i + 16], said[i : i + 16], zero_division=0) for i in range(0, N, 16)]
    assert abs(np.mean(batches) - history["f1"][-1]) > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_early_stopping_knows_the_direction(name):
    trainer = trainer_of("two classes")
    stop = nc.EarlyStopping(f"val_{name}", patience=3)
    history = trainer.fit(X, RARE, 40, validation_data=(X[:50], RARE[:50]), metrics=[name], callbacks=[stop])
    best = (np.nanmin if name == "log_loss" else np.nanmax)(history[f"val_{name}"])
    assert stop.best == best
    assert trainer.evaluate(X[:50], RARE[:50], [name])[name] == pytest.approx(best)


@pytest.mark.parametrize("name", NAMES)
def test_sweeps_measure_them(name):
    def build(lr, seed):
        net = nc.Sequential(nc.Linear(3, 4), nc.Tanh(), nc.Linear(4, 2), seed=seed)
        return nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=lr), batch_size=16, seed=seed)

    held = (X[:50], RARE[:50])
    given = {"validation_data": held, "metrics": [name], "progress": False}
    table = nc.sweep(build, {"lr": [0.01, 0.5]}, X, RARE, epochs=4, seeds=3, **given)
    for row in table:
        own = build(row["lr"], row["seed"])
        alone = own.fit(X, RARE, 4, validation_data=held, metrics=[name], progress=False)
        assert row[f"val_{name}"] == pytest.approx(alone[f"val_{name}"][-1], rel=1e-4)
        assert row[name] == pytest.approx(alone[name][-1], rel=1e-4)
    column = [row[f"val_{name}"] for row in table]
    assert table.best(f"val_{name}")[f"val_{name}"] == (min if name == "log_loss" else max)(column)


def test_a_schedule_can_wait_for_them():
    trainer = trainer_of("two classes")
    trainer.optimizer = nc.SGD(lr=nc.ReduceLROnPlateau(0.1, monitor="val_auc", factor=0.5, patience=0))
    history = trainer.fit(X, RARE, 20, validation_data=(X[:50], RARE[:50]), metrics=["auc"])
    best, worse = -1.0, 0
    for number in history["val_auc"][:-1]:
        best, worse = max(best, number), worse + (number <= best)
    assert history["lr"][-1] == pytest.approx(0.1 * 0.5**worse)


def test_a_function_of_that_name_is_measured_in_its_place():
    def f1(y, z):
        return 0.25

    trainer = trainer_of("two classes")
    assert trainer.fit(X, RARE, 1, metrics=["accuracy", f1])["f1"].tolist() == [0.25]
    with pytest.raises(nc.ConfigError, match="'f1' again"):
        trainer.fit(X, RARE, 1, metrics=["f1", f1])


@pytest.mark.parametrize(
    ("given", "meant"),
    [("f1_score", "f1"), ("F1", "f1"), ("roc_auc", "auc"), ("logloss", "log_loss"), ("recal", "recall")],
)
def test_the_nearest_name_is_told_where_one_is_wrong(given, meant):
    listed = "'f1', 'precision', 'recall', 'auc', 'log_loss'"
    with pytest.raises(nc.ConfigError, match=rf"{listed}.*got '{given}' \(did you mean .*{meant}"):
        trainer_of("two classes").fit(X, RARE, metrics=[given])


@pytest.mark.parametrize("case", ["two classes", "one output", "signs", "five classes", "several outputs"])
def test_weighted_samples_are_scikit_learns(case, monkeypatch):
    """Those of scikit-learn with sample_weight; whole weights are repeated samples."""
    weights = np.random.default_rng(5).integers(0, 4, N)
    y, trainer = CASES[case][3], trainer_of(case, "float64")
    trainer.fit(X, y, 5, progress=False)
    names = measured(case)
    got = trainer.evaluate(X, y, names, sample_weight=weights)
    repeated = trainer.evaluate(np.repeat(X, weights, axis=0), np.repeat(y, weights, axis=0), names)
    assert {name: got[name] for name in names} == pytest.approx({name: repeated[name] for name in names}, rel=1e-12)
    for name in ("f1_score", "precision_score", "recall_score", "balanced_accuracy_score", "roc_auc_score", "log_loss"):
        plain = getattr(sk, name)
        monkeypatch.setattr(sk, name, lambda *a, f=plain, **k: f(*a, sample_weight=weights, **k))
    expected = expected_of(case, trainer.model, X, y)
    assert {name: got[name] for name in names} == pytest.approx(expected, rel=1e-12)
