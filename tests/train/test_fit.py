"""Fits: n steps asked are n taken, what the history holds, callbacks, a second fit that goes on."""

import csv
import json

import numpy as np
import pytest

import nncore as nc


def build(dtype="float64"):
    return nc.Sequential(nc.Linear(3, 8), nc.Tanh(), nc.Linear(8, 2), dtype=dtype, seed=1)


def make(optimizer=None, **options):
    return nc.Trainer(build(), nc.CrossEntropyLoss(), optimizer or nc.SGD(lr=0.1), **options)


@pytest.fixture
def data(rng):
    X = rng.normal(size=(46, 3))
    return X, (X.sum(axis=1) > 0).astype(np.int64)


@pytest.mark.parametrize(
    ("batch_size", "drop_last", "steps"),
    [(10, False, 5), (10, True, 4), (46, False, 1), (None, False, 1), (1000, True, 1), (23, True, 2), (1, False, 46)],
)
def test_steps_asked_are_steps_taken(batch_size, drop_last, steps, data):
    trainer = make(batch_size=batch_size, drop_last=drop_last)
    history = trainer.fit(*data, epochs=3)
    assert history.n_steps == 3 * steps == trainer.optimizer.state_dict()["step"]
    assert history.steps["step"].tolist() == list(range(1, 3 * steps + 1))
    assert len(history.steps["loss"]) == len(history.steps["lr"]) == 3 * steps
    assert history["epoch"].tolist() == [1, 2, 3]


def test_no_epochs_change_nothing(data):
    trainer = make()
    before = trainer.model.flat_parameters.copy()
    history = trainer.fit(*data, epochs=0)
    assert history.n_steps == 0 and len(history["loss"]) == 0 and "0 epochs" in repr(history)
    assert np.array_equal(trainer.model.flat_parameters, before)


def test_the_default_is_ten_epochs_of_batches_of_32(data):
    history = make().fit(*data)
    assert len(history["epoch"]) == 10 and history.n_steps == 20


def test_a_second_fit_goes_on_where_the_first_ended(data):
    whole, parts = make(nc.Adam(), batch_size=7), make(nc.Adam(), batch_size=7)
    history = whole.fit(*data, epochs=5)
    histories = [parts.fit(*data, epochs=n) for n in (2, 3)]
    assert [h["epoch"].tolist() for h in histories] == [[1, 2], [3, 4, 5]]
    assert histories[1].steps["step"].tolist() == list(range(15, 36))
    assert np.concatenate([h.steps["loss"] for h in histories]).tolist() == history.steps["loss"].tolist()
    assert np.array_equal(whole.model.flat_parameters, parts.model.flat_parameters)


def test_an_epochs_loss_weighs_the_short_batch_by_its_size(data):
    history = make(batch_size=10).fit(*data, epochs=2)
    losses = history.steps["loss"].reshape(2, 5)
    expected = (losses[:, :4].sum(axis=1) * 10 + losses[:, 4] * 6) / 46
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-13)


def test_accuracy_is_that_of_the_outputs_before_each_update(data):
    X, y = data
    trainer = make(batch_size=None, shuffle=False)
    expected = []
    for _ in range(3):
        expected.append(np.mean(trainer.model(X).argmax(axis=1) == y))
        assert trainer.fit(X, y, epochs=1)["accuracy"].tolist() == expected[-1:]
    assert "accuracy" not in make().fit(X, y, epochs=1, metrics=())
    values = nc.Trainer(build(), nc.MSELoss(), nc.SGD())
    assert "accuracy" not in values.fit(X, np.zeros((46, 2)), epochs=1)


def test_validation_and_test_data_are_evaluated_after_each_epoch(data):
    X, y = data
    trainer = make(l2=0.1)
    history = trainer.fit(X, y, epochs=4, validation_data=(X[:9], y[:9]), test_data=[X[:5], y[:5]])
    assert len(history["val_loss"]) == len(history["test_accuracy"]) == 4
    assert history["val_loss"][-1] == pytest.approx(nc.CrossEntropyLoss().value(trainer.model(X[:9]), y[:9]), rel=1e-13)
    assert history["test_accuracy"][-1] == np.mean(trainer.model.predict(X[:5]) == y[:5])
    quiet = make(l2=0.1)
    plain = quiet.fit(X, y, epochs=4)
    assert "val_loss" not in plain and set(plain.epochs) == {"epoch", "loss", "accuracy", "lr", "seconds"}
    assert np.array_equal(quiet.model.flat_parameters, trainer.model.flat_parameters), "looking changed training"


LOSSES = [
    nc.CrossEntropyLoss(),
    nc.CrossEntropyLoss(weight=[1.0, 9.0]),
    nc.CrossEntropyLoss(ignore_index=1),
    nc.CrossEntropyLoss(reduction="sum"),
    nc.CrossEntropyLoss(label_smoothing=0.2),
]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("n", [1, 46, 512, 513, 1300])
def test_evaluate_is_the_loss_of_all_samples_together(loss, n, rng):
    net, X = build(), rng.normal(size=(n, 3))
    y = (rng.random(n) < 0.3).astype(np.int64)
    y[0] = 0
    before = net.flat_parameters.copy()
    result = nc.Trainer(net, loss, nc.SGD()).evaluate(X, y)
    assert result["loss"] == pytest.approx(loss.value(net(X), y), rel=1e-12)
    if "ignore_index" not in loss.config:
        assert result["accuracy"] == pytest.approx(np.mean(net.predict(X) == y))
    assert np.array_equal(net.flat_parameters, before)


def test_ignored_labels_are_neither_right_nor_wrong(rng):
    net, X = build(), rng.normal(size=(40, 3))
    y = rng.integers(0, 2, 40)
    expected = np.mean(net.predict(X) == y)
    padded_X, padded_y = np.concatenate([X, X]), np.concatenate([y, np.full(40, -100)])
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=1e-300), batch_size=None)
    assert trainer.evaluate(padded_X, padded_y)["accuracy"] == pytest.approx(expected)
    assert trainer.fit(padded_X, padded_y, epochs=1)["accuracy"] == pytest.approx([expected])


def test_evaluate_of_values_and_signs(rng):
    X = rng.normal(size=(20, 3))
    net, y = build(), rng.normal(size=(20, 2))
    assert nc.Trainer(net, nc.MSELoss(), nc.SGD()).evaluate(X, y) == {"loss": pytest.approx(np.mean((net(X) - y) ** 2))}
    sign = nc.Sequential(nc.Linear(3, 1), dtype="float64", seed=0)
    labels = rng.choice([-1, 1], 20)
    result = nc.Trainer(sign, nc.PerceptronLoss(), nc.SGD()).evaluate(X, labels)
    assert result["accuracy"] == np.mean(sign.predict(X) == labels)


def test_evaluate_is_inference(rng):
    net = nc.Sequential(nc.Linear(3, 20), nc.Dropout(0.5), nc.Linear(20, 2), dtype="float64", seed=0)
    X, y = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD())
    assert trainer.evaluate(X, y)["loss"] == pytest.approx(nc.CrossEntropyLoss().value(net(X), y), rel=1e-13)


def test_callbacks_see_each_epochs_record_and_a_usable_model(data):
    trainer, seen = make(), []

    def after_epoch(record):
        seen.append(record)
        assert trainer.evaluate(*data)["loss"] == pytest.approx(record["val_loss"], rel=1e-12)
        record["loss"] = "changed"  # a copy: the history does not mind

    history = trainer.fit(*data, epochs=3, validation_data=data, callbacks=[after_epoch])
    assert [r["epoch"] for r in seen] == [1, 2, 3]
    assert history["val_loss"].tolist() == [r["val_loss"] for r in seen]
    assert history["loss"].dtype == np.float64 and not history.interrupted


def test_a_callback_that_returns_true_stops(data):
    calls = []
    callbacks = [lambda r: r["epoch"] == 2, lambda r: calls.append(r["epoch"])]
    history = make().fit(*data, epochs=9, callbacks=callbacks)
    assert history["epoch"].tolist() == [1, 2] == calls and not history.interrupted


def test_what_a_callback_raises_arrives_and_the_model_is_usable(data):
    trainer = make()

    def fail(record):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        trainer.fit(*data, epochs=5, callbacks=[fail])
    assert np.isfinite(trainer.model(data[0])).all()
    assert trainer.fit(*data, epochs=1)["epoch"].tolist() == [2]


def test_weights_changed_in_a_callback_are_those_that_train_on(data):
    trainer = make(nc.SGD(lr=1e-300), batch_size=None)
    flat = trainer.model.flat_parameters
    history = trainer.fit(*data, epochs=2, callbacks=[lambda r: flat.fill(0.0)])
    assert history["loss"][1] == pytest.approx(np.log(2.0), rel=1e-14)


def test_training_learns(data):
    history = make(nc.Adam(lr=0.05)).fit(*data, epochs=60)
    assert history["accuracy"][-1] > 0.95 and history["loss"][-1] < 0.3 * history["loss"][0]


def test_history_goes_to_tables(data, tmp_path):
    history = make().fit(*data, epochs=3, validation_data=data)
    assert np.array_equal(history["loss"], history.epochs["loss"]) and "val_loss" in history
    plain = json.loads(json.dumps(history.to_dict()))
    assert plain["epochs"]["loss"] == history["loss"].tolist() and plain["n_steps"] == 6
    history.to_csv(tmp_path / "history.csv")
    with open(tmp_path / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_loss"]) for row in rows] == history["val_loss"].tolist()
    assert "3 epochs" in repr(history) and "µs" in repr(history)
    with pytest.raises(KeyError):
        history["no such column"]


def test_times_add_up(data):
    history = make().fit(*data, epochs=5, validation_data=data)
    assert np.all(history["seconds"] > 0) and history["seconds"].sum() <= history.seconds * 1.001


def test_a_history_is_read_as_a_dict_is():
    X, y = nc.datasets.make_moons(20, noise=0.1, seed=0)
    history = nc.Trainer(nc.mlp([2, 4, 2], seed=0), nc.CrossEntropyLoss(), nc.SGD(lr=0.1)).fit(X, y, 3)
    assert list(history) == history.keys() == list(history.epochs) and len(history) == len(history.epochs)
    assert dict(history) == history.epochs and "loss" in history and "val_loss" not in history
    table = pytest.importorskip("pandas").DataFrame(history.epochs)
    assert history.to_pandas().equals(table) and len(table) == 3
