"""The folder of a sweep: it goes on where it stopped, takes what is there, and believes no damaged file; Ctrl-C."""

import json
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest

import nncore as nc
from support.programs import command

PROGRAMS = Path(__file__).parent / "programs"
MADE = []


@pytest.fixture(autouse=True)
def nothing_made():
    MADE.clear()


def build(lr, seed):
    model = nc.Sequential(nc.Linear(2, 4), nc.ReLU(), nc.Linear(4, 2), seed=seed)
    trainer = nc.Trainer(model, nc.CrossEntropyLoss(), nc.SGD(lr=lr), batch_size=16, seed=seed)
    MADE.append((lr, seed, trainer))
    return trainer


def trained():
    """(rate, seed) of the trainers that have been used since the last call."""
    done = [(lr, seed) for lr, seed, trainer in MADE if trainer.history.n_steps]
    MADE.clear()
    return done


@pytest.fixture
def moons():
    return nc.datasets.make_moons(60, noise=0.1, seed=0)


def test_finished_runs_are_not_run_again(moons, tmp_path):
    folder = tmp_path / "new" / "runs"
    first = nc.sweep(build, {"lr": [0.1, 1e38]}, *moons, epochs=2, seeds=2, folder=folder, n_jobs=2)
    assert len(trained()) == 4 and len(list(folder.iterdir())) == 4
    again = nc.sweep(build, {"lr": [0.1, 1e38]}, *moons, epochs=2, seeds=2, folder=str(folder))
    assert trained() == []
    np.testing.assert_equal(list(again), list(first))  # seconds, too
    assert {row["status"] for row in again} == {"ok", "diverged"}


def test_a_changed_grid_takes_what_is_there(moons, tmp_path):
    X, y = moons
    nc.sweep(build, {"lr": [0.1, 0.2]}, X, y, epochs=2, folder=tmp_path)
    assert trained() == [(0.1, 0), (0.2, 0)]
    table = nc.sweep(build, [{"lr": np.float64(0.2)}, {"lr": 0.3}], X, y, epochs=2, seeds=[0, 5], folder=tmp_path)
    assert trained() == [(0.2, 5), (0.3, 0), (0.3, 5)]
    np.testing.assert_equal(
        [row["loss"] for row in table],
        [row["loss"] for row in nc.sweep(build, {"lr": [0.2, 0.3]}, X, y, epochs=2, seeds=[0, 5])],
    )


@pytest.mark.parametrize("change", ["epochs", "steps", "X", "y", "dtype", "validation", "metrics", "seed", "point"])
def test_another_run_is_another_run(change, moons, tmp_path):
    X, y = moons
    given = {"grid": {"lr": [0.1]}, "X": X, "y": y, "epochs": 2, "folder": tmp_path}
    nc.sweep(build, **given)
    assert len(trained()) == 1
    other = {
        "epochs": {"epochs": 3},
        "steps": {"steps": 2},
        "X": {"X": X + np.eye(1, X.size).reshape(X.shape)},
        "y": {"y": 1 - y},
        "dtype": {"X": X.astype(np.float32)},
        "validation": {"validation_data": (X, y)},
        "metrics": {"metrics": ["accuracy", "mse"]},
        "seed": {"seeds": [1]},
        "point": {"grid": {"lr": [0.1000001]}},
    }[change]
    if change == "metrics":
        with pytest.warns(RuntimeWarning, match="labels"):  # they have no mse: it was run, not read
            assert nc.sweep(build, **{**given, **other})[0]["status"] == "failed"
    else:
        nc.sweep(build, **{**given, **other})
        assert len(trained()) == 1


def damaged(text):
    content = json.loads(text)
    yield from ("", text[: len(text) // 2], "null", "[]", "3", '"x"', "{}", "[" * 100_000, "\x00\xff", text * 10_000)
    yield json.dumps({**content, "key": "0" * 32})
    yield json.dumps({**content, "status": "fine"})
    yield json.dumps({**content, "numbers": {"accuracy": 1.0}})
    for wrong in ([], None, 3, {"loss": "0"}, {"loss": True}, {"loss": [1]}, {"loss": 10**400}):
        yield json.dumps({**content, "numbers": wrong})
    yield json.dumps({**content, "numbers": {"loss": float("nan")}})
    yield json.dumps({**content, "seconds": -1})
    yield json.dumps({**content, "seconds": None})
    yield json.dumps({**content, "message": 3})
    yield json.dumps({key: value for key, value in content.items() if key != "numbers"})


def test_a_damaged_file_is_run_again_with_a_warning(moons, tmp_path):
    (row,) = nc.sweep(build, {"lr": [0.1]}, *moons, epochs=2, folder=tmp_path)
    assert len(trained()) == 1
    (path,) = tmp_path.iterdir()
    good = path.read_text()
    texts = list(damaged(good))
    for text in texts:
        path.write_text(text, encoding="latin-1")
        with pytest.warns(RuntimeWarning, match=rf"\[sweep\] .*{path.name}: expected a finished run.*run again"):
            (again,) = nc.sweep(build, {"lr": [0.1]}, *moons, epochs=2, folder=tmp_path)
        assert len(trained()) == 1 and again["loss"] == row["loss"]
        restored = json.loads(path.read_text())
        assert {**restored, "seconds": 0} == {**json.loads(good), "seconds": 0}
    assert len(texts) > 20


def test_a_pipe_is_no_file_and_does_not_block(moons, tmp_path):
    nc.sweep(build, {"lr": [0.1]}, *moons, epochs=2, folder=tmp_path)
    (path,) = tmp_path.iterdir()
    path.unlink()
    os.mkfifo(path)
    with pytest.warns(RuntimeWarning, match="run again"), pytest.raises(OSError, match="not a regular file"):
        nc.sweep(build, {"lr": [0.1]}, *moons, epochs=2, folder=tmp_path)


def test_a_folder_that_cannot_be(moons, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        nc.sweep(build, {"lr": [0.1]}, *moons, epochs=2, folder=tmp_path / "file")
    assert MADE == []


def named(seed):
    return seed


@pytest.mark.parametrize(
    "value", [nc.SGD(lr=0.1), [1, (2, None)], {"a": 1.5}, np.ones(3), nc.ReLU, named, "text", nc.Tanh()]
)
def test_values_that_another_process_knows(value, moons, tmp_path):
    def any_build(value, seed):
        return build(0.1, seed)

    for expected in ([(0.1, 0)], []):
        nc.sweep(any_build, [{"value": value}], *moons, epochs=1, folder=tmp_path)
        assert trained() == expected


@pytest.mark.parametrize("value", [lambda: 0, object()])
def test_values_that_another_process_does_not_know(value, moons, tmp_path):
    with pytest.raises(
        nc.ConfigError, match=r"\[sweep\] folder: expected values that another process knows again, got f="
    ):
        nc.sweep(lambda f, seed: build(0.1, seed), [{"f": value}], *moons, epochs=1, folder=tmp_path)
    assert nc.sweep(lambda f, seed: build(0.1, seed), [{"f": value}], *moons, epochs=1)[0]["status"] == "ok"


def test_a_rate_set_later_and_arguments_tell_optimizers_apart(moons, tmp_path):
    def with_optimizer(optimizer, seed):
        model = nc.Sequential(nc.Linear(2, 2), seed=seed)
        MADE.append((optimizer, seed, nc.Trainer(model, nc.CrossEntropyLoss(), optimizer, seed=seed)))
        return MADE[-1][-1]

    optimizers = [nc.SGD(lr=0.1), nc.SGD(lr=0.1), nc.SGD(lr=0.2), nc.SGD(lr=0.1, momentum=0.5)]
    optimizers[1].lr = 0.4
    table = nc.sweep(with_optimizer, {"optimizer": optimizers}, *moons, epochs=2, folder=tmp_path)
    assert len(trained()) == 4 and len({row["loss"] for row in table}) == 4


def test_what_was_finished_before_an_error_is_there(moons, tmp_path):
    with pytest.raises(nc.ConfigError):
        nc.sweep(build, {"lr": [0.1, -1.0]}, *moons, epochs=1, folder=tmp_path, on_error="raise")
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_one_ctrl_c_stops_the_sweep_and_keeps_what_is_finished(jobs, tmp_path):
    program = command(PROGRAMS / "interrupted_sweep.py", jobs, tmp_path)
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "the short ones are done\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT, err
    assert err.rstrip().endswith("KeyboardInterrupt")
    files = [json.loads(path.read_text()) for path in tmp_path.iterdir()]
    assert sorted(file["point"]["epochs"] for file in files) == ["short", "short2"]
