"""weight="balanced": scikit-learn's class weights of the labels that a fit trains on, kept with the training."""

import copy
import pickle
import re

import numpy as np
import pytest

import nncore as nc

C = 3
X = np.random.default_rng(0).normal(size=(90, 2))
Y = np.searchsorted([-0.8, 0.9], X[:, 0])
Y[:60] = np.where(Y[:60] == 2, 1, Y[:60])  # rare in the first part
LOSSES = [nc.CrossEntropyLoss, nc.NLLLoss]


def weights_of(y):
    return len(y) / (C * np.bincount(y, minlength=C))


def trainer_of(loss, weight="balanced", dtype="float64", optimizer=None, **arguments):
    last = [nc.LogSoftmax()] if loss is nc.NLLLoss else []
    net = nc.Sequential(nc.Linear(2, 5), nc.Tanh(), nc.Linear(5, C), *last, dtype=dtype, seed=0)
    return nc.Trainer(net, loss(weight=weight, **arguments), optimizer or nc.SGD(lr=0.2), batch_size=20, seed=0)


def numbers(history):
    return {key: value.tolist() for key, value in history.epochs.items() if key != "seconds"}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("arguments", [{}, {"reduction": "sum"}], ids=str)
@pytest.mark.parametrize("loss", LOSSES)
def test_training_is_that_with_scikit_learns_weights(loss, arguments, dtype):
    utils = pytest.importorskip("sklearn.utils.class_weight")
    expected = utils.compute_class_weight("balanced", classes=np.arange(C), y=Y)
    ours, given = trainer_of(loss, dtype=dtype, **arguments), trainer_of(loss, expected, dtype, **arguments)
    assert ours.class_weights is None
    keep = {"validation_data": (X[:30], Y[:30]), "test_data": (X[30:], Y[30:])}
    assert numbers(ours.fit(X, Y, 4, **keep)) == numbers(given.fit(X, Y, 4, **keep))
    assert np.array_equal(ours.model.flat_parameters, given.model.flat_parameters)
    np.testing.assert_allclose(ours.class_weights, expected, rtol=1e-15)
    assert ours.evaluate(X, Y) == given.evaluate(X, Y) and ours.step(X, Y) == given.step(X, Y)
    assert ours.loss.weight == "balanced" and "weight='balanced'" in repr(ours.loss) and given.class_weights is None


def test_rare_classes_are_found():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 2))
    y = (X[:, 0] + rng.normal(size=1000) > 2.2).astype(int)
    recalls = []
    for weight in (None, "balanced"):
        net = nc.Sequential(nc.Linear(2, 2), seed=0)
        trainer = nc.Trainer(net, nc.CrossEntropyLoss(weight), nc.SGD(lr=0.5))
        recalls.append(trainer.fit(X, y, 20, metrics=["recall"])["recall"][-1])
    assert recalls[0] < 0.4 and recalls[1] > 0.6


FORMS = {
    "floats": Y.astype(float),
    "a list": Y.tolist(),
    "uint8": Y.astype(np.uint8),
    "ignored ones": np.where(np.arange(90) % 4 == 0, -100, Y),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("loss", LOSSES)
def test_labels_are_counted_in_every_form_that_is_taken(loss, form):
    y = np.asarray(FORMS[form], int)
    trainer = trainer_of(loss)
    trainer.fit(X, FORMS[form], 1)
    np.testing.assert_allclose(trainer.class_weights, weights_of(y[y >= 0]), rtol=1e-15)


@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_held_out_is_not_counted(loss):
    trainer, plain = trainer_of(loss), trainer_of(loss, None)
    counted = []
    history = trainer.fit(X, Y, 1, validation_split=0.3)
    plain.fit(X, Y, 1, validation_split=0.3, metrics=[lambda y, z: counted.append(np.bincount(y, minlength=C)) or 0.0])
    train = max(counted, key=np.sum)
    np.testing.assert_allclose(trainer.class_weights, train.sum() / (C * train), rtol=1e-15)
    assert len(history["val_loss"]) == 1


def test_each_fit_counts_its_own_labels_and_a_shared_loss_serves_several_trainers():
    loss = nc.CrossEntropyLoss("balanced")
    one, two = (nc.Trainer(nc.mlp([2, 4, C], seed=0), loss, nc.SGD()) for _ in range(2))
    one.fit(X, Y, 1)
    two.fit(X[30:], Y[30:], 1)
    assert one.class_weights == tuple(weights_of(Y)) and two.class_weights == tuple(weights_of(Y[30:]))
    assert one.evaluate(X, Y)["loss"] != nc.CrossEntropyLoss(two.class_weights).value(one.model(X), Y)
    one.fit(X[30:], Y[30:], 1)
    assert one.class_weights == two.class_weights
    one.loss = nc.CrossEntropyLoss("balanced")
    assert one.class_weights is None
    one.fit(X, Y, 1)
    one.loss.label_smoothing = 0.1
    expected = nc.CrossEntropyLoss(weights_of(Y), label_smoothing=0.1).value(one.model(X), Y)
    assert one.evaluate(X, Y)["loss"] == pytest.approx(expected, rel=1e-6)
    one.loss.weight = None
    assert one.class_weights is None
    assert one.evaluate(X, Y)["loss"] == pytest.approx(
        nc.CrossEntropyLoss(label_smoothing=0.1).value(one.model(X), Y), rel=1e-6
    )


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda t: pickle.loads(pickle.dumps(t)),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("way", [*COPIES, "save", "state_dict"])
def test_a_copy_has_the_weights_and_goes_on_to_the_same_bits(loss, way, tmp_path):
    pytest.importorskip("safetensors")
    trainer = trainer_of(loss, optimizer=nc.Adam())
    assert copy.deepcopy(trainer).class_weights is None
    trainer.fit(X, Y, 2)
    if way == "save":
        trainer.save(tmp_path / "run")
        other = nc.Trainer.resume(tmp_path / "run")
    elif way == "state_dict":
        other = trainer_of(loss, optimizer=nc.Adam())
        other.load_state_dict(trainer.state_dict())
    else:
        other = COPIES[way](trainer)
    assert other.class_weights == trainer.class_weights is not None and other.loss.weight == "balanced"
    assert other.evaluate(X[:9], Y[:9]) == trainer.evaluate(X[:9], Y[:9])
    assert other.step(X[:9], Y[:9]) == trainer.step(X[:9], Y[:9])
    assert numbers(other.fit(X, Y, 2)) == numbers(trainer.fit(X, Y, 2))
    for one in (trainer.loss, pickle.loads(pickle.dumps(trainer.loss)), copy.copy(trainer.loss)):
        assert repr(one) == repr(loss("balanced"))


@pytest.mark.parametrize("given", [[1.0, -1.0], "x", [float("nan")], [], 3])
def test_forged_weights_are_refused(given):
    trainer = trainer_of(nc.CrossEntropyLoss)
    trainer.fit(X, Y, 1)
    state = {**trainer.state_dict(), "class_weights": given}
    with pytest.raises(nc.ConfigError, match=r"\[Trainer\] class_weights: expected numbers >= 0"):
        trainer.load_state_dict(state)
    assert trainer.class_weights == tuple(weights_of(Y))


REFUSED = {
    "a class without samples": (np.minimum(Y, 1), nc.ConfigError, "samples of each of the 3 classes"),
    "one-hot rows": (np.eye(C)[Y], (nc.ConfigError, nc.ShapeError), "y.argmax(1)"),
    "probabilities": (np.full((90, C), 1 / C), (nc.ConfigError, nc.ShapeError), "expected labels (N,) to count"),
    "names": (np.array(["a", "b", "c"])[Y], nc.ShapeError, "np.unique"),
    "from 1": (Y + 1, nc.ConfigError, "use y - 1"),
    "others": (Y[:-1], nc.ShapeError, "as many as the samples of X"),
}


@pytest.mark.parametrize("form", REFUSED)
@pytest.mark.parametrize("loss", LOSSES)
def test_what_cannot_be_counted_is_refused_and_changes_nothing(loss, form):
    y, error, text = REFUSED[form]
    trainer = trainer_of(loss)
    for expected in (None, tuple(weights_of(Y))):
        before = trainer.model.flat_parameters.copy()
        with pytest.raises(error, match=re.escape(text)):
            trainer.fit(X, y, 1)
        with pytest.raises(nc.ConfigError, match="got nan at"):
            trainer.fit(np.where(np.arange(90)[:, None] == 3, np.nan, X), Y, 1)
        assert trainer.class_weights == expected and np.array_equal(trainer.model.flat_parameters, before)
        trainer.fit(X, Y, 1)


def test_a_fit_that_fails_before_its_first_step_keeps_the_weights_of_the_last():
    trainer = trainer_of(nc.CrossEntropyLoss)
    trainer.fit(X, Y, 1)
    bad = X.copy()
    bad[80] = np.inf
    with pytest.raises(nc.ConfigError, match="got inf"):
        trainer.fit(bad[30:], Y[30:], 1)
    assert trainer.class_weights == tuple(weights_of(Y))


BY_HAND = {
    "loss": lambda t: t.loss(t.model(X), Y),
    "value": lambda t: t.loss.value(t.model(X), Y),
    "gradcheck": lambda t: nc.gradcheck(t.model, t.loss, X, Y),
    "gradient_flow": lambda t: nc.gradient_flow(t.model, t.loss, X, Y),
    "step": lambda t: t.step(X, Y),
    "evaluate": lambda t: t.evaluate(X, Y),
}


@pytest.mark.parametrize("use", BY_HAND)
@pytest.mark.parametrize("loss", LOSSES)
def test_before_a_fit_nobody_has_counted(loss, use):
    with pytest.raises(nc.ConfigError, match="weight: expected numbers, which") as error:
        BY_HAND[use](trainer_of(loss))
    line = re.search(r"by hand weight=([^\n]*)\)$", str(error.value))[1]
    np.testing.assert_allclose(eval(line, {"np": np, "y": Y, "len": len}), weights_of(Y))


@pytest.mark.parametrize("weight", ["Balanced", "balance", "", b"balanced"])
def test_other_words_are_refused(weight):
    with pytest.raises(nc.ConfigError, match=r"\[CrossEntropyLoss\] weight: expected 'balanced' or a one-dim"):
        nc.CrossEntropyLoss(weight)


def test_sweeps_train_with_them_as_fits_do():
    def build(lr, seed):
        return nc.Trainer(nc.mlp([2, 4, C], seed=seed), nc.CrossEntropyLoss("balanced"), nc.SGD(lr=lr), batch_size=20)

    keep = {"validation_data": (X[:40], Y[:40]), "progress": False}
    for row in nc.sweep(build, {"lr": [0.1, 0.5]}, X, Y, epochs=3, seeds=2, **keep):
        alone = build(row["lr"], row["seed"]).fit(X, Y, 3, **keep)
        assert (row["loss"], row["val_loss"]) == (alone["loss"][-1], alone["val_loss"][-1])


def test_a_report_of_it_is_whole(tmp_path):
    pytest.importorskip("matplotlib")
    trainer = trainer_of(nc.CrossEntropyLoss)
    history = trainer.fit(X, Y, 2, validation_data=(X[:30], Y[:30]))
    history.report(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Gradients, held-out data" in text and "balanced" in text and "expected numbers" not in text
