"""With reduction="sum" the losses of training, validation and test data are in one unit, whatever their sizes."""

import numpy as np
import pytest

import nncore as nc
from support.cases import SCHEMAS, loss_case, make, names, traits

LOSSES = [name for name in names("loss") if "reduction" in {field["name"] for field in SCHEMAS["loss", name]["fields"]}]
N = 46


def data_of(name, outputs, n=N):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 3)), loss_case(name, {}, (outputs,), rng, n)[1]


def trainer_of(name, outputs, lr=1e-30, dtype="float64", **options):
    last = [nc.LogSoftmax()] if name == "NLLLoss" else []
    net = nc.Sequential(nc.Linear(3, 5), nc.Tanh(), nc.Linear(5, outputs), *last, dtype=dtype, seed=0)
    return nc.Trainer(net, make("loss", name, {"reduction": "sum"}), nc.SGD(lr=lr), seed=0, **options)


def outputs_of(name):
    return 1 if traits("loss", name).get("signs") else 3


@pytest.mark.parametrize("batch_size", [1, 10, 23, 46, None, 1000])
@pytest.mark.parametrize("name", LOSSES)
def test_training_data_as_held_out_data_give_the_same_numbers(name, batch_size):
    X, y = data_of(name, outputs_of(name))
    trainer = trainer_of(name, outputs_of(name), batch_size=batch_size)
    history = trainer.fit(X, y, 2, validation_data=(X, y), test_data=(np.tile(X, (3, 1)), np.concatenate([y] * 3)))
    whole = trainer.loss.value(trainer.model(X), y)
    expected = whole * min(batch_size or N, N) / N
    for column in ("loss", "val_loss", "test_loss"):
        np.testing.assert_allclose(history[column], expected, rtol=1e-12)
    assert trainer.evaluate(X, y)["loss"] == pytest.approx(whole, rel=1e-12)  # by hand: what the loss says


@pytest.mark.parametrize("name", LOSSES)
def test_a_short_last_batch_has_the_penalty_of_any_step(name):
    X, y = data_of(name, outputs_of(name))
    trainer = trainer_of(name, outputs_of(name), batch_size=40, l2=0.3, l1=0.1)
    history = trainer.fit(X, y, 1, validation_data=(X, y))
    weights = [p.value for p in trainer.model.parameters() if p.value.ndim > 1]
    penalty = sum(0.15 * (w**2).sum() + 0.1 * np.abs(w).sum() for w in weights)
    np.testing.assert_allclose(history["loss"] - penalty, history["val_loss"], rtol=1e-12)


@pytest.mark.parametrize("name", ["MSELoss", "CrossEntropyLoss", "BCEWithLogitsLoss"])
def test_sweeps_side_by_side_have_the_same_unit(name):
    X, y = data_of(name, 3)
    alone = trainer_of(name, 3, lr=0.01, batch_size=20).fit(X, y, 3, validation_data=(X[:9], y[:9]), test_data=(X, y))
    expected = {key: alone[key][-1] for key in ("loss", "val_loss", "test_loss")}

    def build(lr, seed):
        return trainer_of(name, 3, lr, batch_size=20)

    keep = {"validation_data": (X[:9], y[:9]), "test_data": (X, y), "epochs": 3, "seeds": 4, "progress": False}
    for row in nc.sweep(build, {"lr": [0.01]}, X, y, **keep):
        assert {key: row[key] for key in expected} == pytest.approx(expected, rel=1e-9)


def test_means_are_as_they_were():
    X, y = data_of("MSELoss", 3)
    trainer = trainer_of("MSELoss", 3, batch_size=40)
    trainer.loss = nc.MSELoss()
    history = trainer.fit(X, y, 1, validation_data=(X[:5], y[:5]))
    assert history["val_loss"][0] == pytest.approx(((trainer.model(X[:5]) - y[:5]) ** 2).mean(), rel=1e-13)
    assert history["loss"][0] == pytest.approx(((trainer.model(X) - y) ** 2).mean(), rel=1e-12)
