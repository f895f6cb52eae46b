"""SweepTable.load: the runs of a folder in another session, with values of their own types."""

import json
import math
import subprocess

import numpy as np
import pytest

import nncore as nc
from support.programs import command


def shrug(x):
    return x


VALUES = [
    0.1, 1 / 3, 1e300, math.inf, 7, 2**70, True, False, None, "text", "0.1", "é☃", (1, 2.5), [1, [2, "x"]],
    {"a": 1.5, "b": (None,)}, {3: "c"}, np.arange(3), np.ones((2, 2), np.float32), np.array(["a", "b"]), nc.ReLU,
    nc.SGD(lr=0.5, momentum=0.9), nc.Adam(lr=nc.StepLR(0.1, 3)), nc.Tanh(), nc.Linear(2, 3, weight_init="xavier"),
    [nc.Linear(2, 2), nc.ReLU()], nc.CrossEntropyLoss(label_smoothing=0.1), nc.init.orthogonal(), shrug, math.sqrt,
]  # fmt: skip


@pytest.fixture
def moons():
    return nc.datasets.make_moons(40, noise=0.1, seed=0)


def build(seed, lr=0.1, **_):
    model = nc.Sequential(nc.Linear(2, 2), seed=seed)
    return nc.Trainer(model, nc.CrossEntropyLoss(), nc.SGD(lr=lr), seed=seed)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:30])
def test_values_come_back_with_their_types(value, moons, tmp_path):
    table = nc.sweep(build, [{"value": value}], *moons, epochs=1, folder=tmp_path)
    loaded = nc.SweepTable.load(tmp_path)
    assert type(loaded) is nc.SweepTable and len(loaded) == 1
    again = loaded[0]["value"]
    assert type(again) is type(value) and repr(again) == repr(value)
    if isinstance(value, np.ndarray):
        assert again.dtype == value.dtype and np.array_equal(again, value)
    rest = [{k: v for k, v in rows[0].items() if k != "value"} for rows in (table, loaded)]
    np.testing.assert_equal(*rest)
    assert list(loaded[0]) == list(table[0])


def test_a_rate_that_was_set_later(moons, tmp_path):
    optimizer = nc.SGD(lr=0.5)
    optimizer.lr = 0.25
    nc.sweep(build, [{"optimizer": optimizer}], *moons, epochs=1, folder=tmp_path)
    assert nc.SweepTable.load(tmp_path)[0]["optimizer"].lr == 0.25


def test_a_table_in_the_order_of_the_sweep(moons, tmp_path):
    grid = {"lr": [0.5, 0.1, 1e39, 0.3], "kind": ["b", "a"]}
    table = nc.sweep(build, grid, *moons, epochs=2, seeds=[3, 1], folder=tmp_path, validation_split=0.2)
    loaded = nc.SweepTable.load(str(tmp_path))
    np.testing.assert_equal(list(loaded), list(table))
    assert repr(loaded) == repr(table) and loaded.parameters == ["lr", "kind"]
    assert type(loaded[0]["best_epoch"]) is int and {row["status"] for row in loaded} == {"ok", "diverged"}
    np.testing.assert_equal(list(loaded.summary()), list(table.summary()))


def test_a_grid_that_grew_is_one_sweep(moons, tmp_path):
    nc.sweep(build, {"lr": [0.2]}, *moons, epochs=1, folder=tmp_path)
    nc.sweep(build, {"lr": [0.1, 0.2, 0.3]}, *moons, epochs=1, folder=tmp_path)
    loaded = nc.SweepTable.load(tmp_path)
    assert sorted(loaded["lr"]) == [0.1, 0.2, 0.3] and loaded.parameters == ["lr"]


def test_several_sweeps_are_told_apart(moons, tmp_path):
    X, y = moons
    nc.sweep(build, {"lr": [0.1, 0.2]}, X, y, epochs=1, folder=tmp_path)
    nc.sweep(build, {"lr": [0.1, 0.2]}, X, y, epochs=2, folder=tmp_path)
    nc.sweep(lambda lr, seed: build(seed, lr), {"lr": [0.1]}, X, y, epochs=2, folder=tmp_path)
    loaded = nc.SweepTable.load(tmp_path)
    assert list(loaded["sweep"]) == [1, 1, 2, 2, 3] and loaded.parameters == ["sweep", "lr"]
    assert [row["n"] for row in loaded.summary()] == [1] * 5


def test_in_another_session(moons, tmp_path):
    """Functions of modules that are not imported there are names; nothing is imported or run."""
    nc.sweep(build, [{"f": shrug, "act": nc.Tanh, "lr": 0.5}], *moons, epochs=1, folder=tmp_path)
    code = "import sys, nncore as nc; (row,) = nc.SweepTable.load(sys.argv[1]); print(row['f'], row['act'], row['lr'])"
    script = tmp_path.parent / "load.py"
    script.write_text(code, encoding="utf-8")
    done = subprocess.run(command(script, tmp_path), check=True, capture_output=True, text=True)
    assert done.stdout == "shrug <class 'nncore.layers.Tanh'> 0.5\n"


def test_folders_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError):
        nc.SweepTable.load(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    with pytest.raises(nc.ConfigError, match="path"):
        nc.SweepTable.load(3)
    assert nc.SweepTable.load(tmp_path) == []


WRONG = {
    "status": "fine", "seed": -1, "place": None, "numbers": {"accuracy": 1.0}, "point": [1], "seconds": None,
    "group": None,
}  # fmt: skip
WRONG_VALUES = [
    [1], {}, {"unknown": 1}, {"list": 3}, {"name": ["os"]}, {"array": [1, 2], "dtype": "<f8", "shape": [3]},
    {"array": ["a"], "dtype": "|O", "shape": [1]},
    {"made": {"kind": "layer", "name": "Nothing", "args": {}}, "layers": []},
    {"made": {"kind": "loss", "name": "MSELoss", "args": {"wrong": 1}}, "layers": []}, {"float": "x"}, {"dict": [[1]]},
]  # fmt: skip


def test_damaged_files_are_named_and_left_out(moons, tmp_path):
    nc.sweep(build, {"lr": [0.1, 0.2]}, *moons, epochs=1, folder=tmp_path)
    path = next(p for p in sorted(tmp_path.iterdir()) if json.loads(p.read_text())["point"]["lr"] == 0.1)
    good = json.loads(path.read_text())
    deep = value = {}
    for _ in range(200):
        value["list"] = [{}]
        value = value["list"][0]
    texts = ["", "null", "[" * 100_000, *(json.dumps({k: v for k, v in good.items() if k != key}) for key in WRONG)]
    texts += [json.dumps({**good, key: wrong}) for key, wrong in WRONG.items() if key != "group"]
    texts += [json.dumps({**good, "point": {"lr": wrong}}) for wrong in [*WRONG_VALUES, deep]]
    for text in texts:
        path.write_text(text, encoding="utf-8")
        with pytest.warns(RuntimeWarning, match=rf"{path.name}: expected a run, got something else .* left out"):
            (row,) = nc.SweepTable.load(tmp_path)
        assert row["lr"] == 0.2
