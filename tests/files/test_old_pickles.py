"""Objects pickled before the package had packages: their modules lie elsewhere now, and they load as they were."""

import pickle
from pathlib import Path

import numpy as np
import pytest

import nncore as nc

GOLDEN = Path(__file__).parent / "golden" / "objects-1.pickle"

TYPES = {
    "augment": nc.Augment,
    "board": nc.TensorBoard,
    "flow": nc.GradientFlow,
    "gradients": nc.GradientReport,
    "history": nc.History,
    "initializer": nc.init.normal,
    "layer": nc.Linear,
    "loss": nc.CrossEntropyLoss,
    "model": nc.Sequential,
    "monitor": nc.Monitor,
    "objective": type(nc.objectives.get("booth")),
    "optimizer": nc.Adam,
    "parameter": nc.Parameter,
    "perceptron": nc.Perceptron,
    "result": nc.OptimizeResult,
    "schedule": nc.StepLR,
    "stop": nc.EarlyStopping,
    "table": nc.SweepTable,
}


@pytest.fixture
def objects():
    return pickle.loads(GOLDEN.read_bytes())


def test_every_object_is_of_the_class_that_users_know(objects):
    assert {name: type(objects[name]) for name in TYPES} == TYPES


def test_the_model_computes_what_it_computed(objects):
    X, _ = nc.datasets.make_moons(20, noise=0.1, seed=0)
    np.testing.assert_allclose(objects["model"](X[:2]), objects["outputs"], rtol=1e-6)
    assert objects["history"]["epoch"].tolist() == [1, 2] and objects["history"].n_steps == 2
    assert objects["monitor"].steps.tolist() == [0] and objects["monitor"]["0.weight"]["histogram"].shape == (1, 2)
    assert objects["table"].best()["lr"] == 1.0 and objects["result"].nit == 3


def test_they_train_on(objects):
    X, y = nc.datasets.make_moons(20, noise=0.1, seed=0)
    trainer = nc.Trainer(objects["model"], objects["loss"], nc.SGD(lr=objects["schedule"]))
    history = trainer.fit(X, y, epochs=3, callbacks=[objects["monitor"], objects["stop"]], validation_split=0.2)
    assert len(history["loss"]) == 3 and history["lr"].tolist() == [0.1, 0.1, 0.1]
    assert objects["monitor"].steps.tolist() == [0, 2]
