"""Whatever is ready for JSON, or written as JSON, is strict: no NaN, no Infinity. The command line: tests/cli."""

import inspect
import json

import numpy as np
import pytest

import nncore as nc


def diverged():
    X, y = nc.datasets.make_moons(60, noise=0.3, seed=0)
    trainer = nc.Trainer(nc.mlp([2, 4, 2], seed=0), nc.CrossEntropyLoss(), nc.SGD(lr=0.1), on_nonfinite="ignore")
    trainer.fit(X, y, epochs=1, progress=False)
    trainer.fit(X, y, epochs=1, validation_split=0.2, callbacks=[nc.Monitor(every=3)], progress=False)
    trainer.model.flat_parameters[0] = np.inf
    trainer.fit(X, y, epochs=1, progress=False)
    return trainer


def strict(value):
    def refuse(name):
        raise AssertionError(f"{name} in JSON")

    return json.loads(json.dumps(value, allow_nan=False), parse_constant=refuse)


def test_a_history_with_gaps_and_diverged_numbers():
    history = diverged().history
    assert np.isnan(history["val_loss"][0]) and np.isnan(history["loss"][-1])
    content = strict(history.to_dict())
    assert content["epochs"]["val_loss"][0] is None and content["epochs"]["loss"][-1] is None
    assert None in content["steps"]["grad_norm"] and content["epochs"]["epoch"] == [1, 2, 3]
    assert content["epochs"]["loss"][:2] == history["loss"][:2].tolist()
    assert content["n_steps"] == history.n_steps


def diverging_runs(**options):
    X, y = nc.datasets.make_moons(60, noise=0.3, seed=0)

    def build(lr, seed):
        return nc.Trainer(nc.mlp([2, 4, 2], seed=seed), nc.CrossEntropyLoss(), nc.SGD(lr=lr))

    return nc.sweep(build, {"lr": [0.1, 1e38]}, X, y, epochs=2, validation_data=(X, y), progress=False, **options)


#: Objects of all public classes that have a to_dict.
WITH_TO_DICT = {"History": lambda: diverged().history, "SweepTable": diverging_runs}


def test_every_to_dict_is_tried_here():
    classes = {name for name in dir(nc) if inspect.isclass(getattr(nc, name)) and hasattr(getattr(nc, name), "to_dict")}
    assert classes == set(WITH_TO_DICT)


@pytest.mark.parametrize("name", WITH_TO_DICT)
def test_every_to_dict(name):
    strict(WITH_TO_DICT[name]().to_dict())


def test_a_folder_of_runs(tmp_path):
    diverging_runs(folder=tmp_path)
    found = list(tmp_path.rglob("*.json"))
    assert found
    for path in found:
        json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(name))
