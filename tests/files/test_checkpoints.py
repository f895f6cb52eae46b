"""trainer.save and Trainer.resume: a run that was stopped anywhere ends with the bits of one that never stopped."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nncore as nc

pytest.importorskip("safetensors")
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.checkpoint"


@pytest.fixture
def data(rng):
    return rng.normal(size=(46, 4)), rng.integers(0, 3, 46)


OPTIMIZERS = {
    "Adam by epoch": lambda: nc.Adam(lr=nc.StepLR(0.05, step_size=2, gamma=0.5)),
    "momentum by step": lambda: nc.SGD(lr=nc.ExponentialLR(0.1, 0.97, per="step"), momentum=0.9, nesterov=True),
    "amsgrad": lambda: nc.Adam(lr=0.01, amsgrad=True),
}


def make(optimizer="Adam by epoch", dtype="float32", **options):
    shared = nc.Linear(4, 4, weight_init="kaiming")
    layers = {"in": shared, "t": nc.Tanh(), "drop": nc.Dropout(0.3), "again": shared, "out": nc.Linear(4, 3)}
    net = nc.Sequential(layers, dtype=dtype, seed=1, input=nc.Normalize(0.1, 2.0))
    return nc.Trainer(net, nc.CrossEntropyLoss(label_smoothing=0.1), OPTIMIZERS[optimizer](),
                      **{"batch_size": 10, "seed": 5, **options})  # fmt: skip


def assert_same(trainer, other):
    assert np.array_equal(trainer.model.flat_parameters, other.model.flat_parameters)
    states = trainer.state_dict(), other.state_dict()
    for name, arrays in states[0]["optimizer"]["state"].items():
        assert all(np.array_equal(arrays[key], states[1]["optimizer"]["state"][name][key]) for key in arrays)
    assert states[0]["optimizer"]["step"] == states[1]["optimizer"]["step"]
    assert trainer.optimizer.lr == other.optimizer.lr
    for key, value in states[0]["progress"].items():
        assert key == "seconds" or states[1]["progress"][key] == value, key
    for table in ("epochs", "steps"):
        mine, others = getattr(trainer.history, table), getattr(other.history, table)
        assert list(mine) == list(others)
        for key, values in mine.items():
            assert key == "seconds" or values.tobytes() == others[key].tobytes(), key
    assert trainer.history.n_steps == other.history.n_steps


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"clip_grad_norm": 0.5, "l2": 0.1}, {"batch_size": None}], ids=str)
def test_stopped_after_any_step_it_ends_with_the_same_bits(optimizer, dtype, options, data, path):
    whole = make(optimizer, dtype, **options)
    whole.fit(*data, steps=13, validation_data=data)
    for stop in range(14):
        trainer = make(optimizer, dtype, **options)
        trainer.fit(*data, steps=stop, validation_data=data)
        trainer.save(path)
        resumed = nc.Trainer.resume(path)
        assert_same(resumed, trainer)
        resumed.fit(*data, steps=13 - stop, validation_data=data)
        assert_same(resumed, whole)


def test_saved_and_resumed_after_every_step(data, path):
    whole, trainer = make(), make()
    whole.fit(*data, steps=12)
    for _ in range(12):
        trainer.fit(*data, steps=1)
        trainer.save(path)
        trainer = nc.Trainer.resume(path)
    assert_same(trainer, whole)


def test_saved_from_a_callback_it_has_the_epochs_so_far(data, path):
    whole, trainer = make(), make()
    whole.fit(*data, epochs=6, validation_data=data)

    def keep(record):
        trainer.save(path)
        assert trainer.epoch == record["epoch"] == len(trainer.history["loss"])
        return record["epoch"] == 4

    trainer.fit(*data, epochs=6, validation_data=data, callbacks=[keep])
    resumed = nc.Trainer.resume(path)
    assert resumed.epoch == 4 and resumed.history["epoch"].tolist() == [1, 2, 3, 4]
    resumed.fit(*data, epochs=6 - resumed.epoch, validation_data=data)
    assert_same(resumed, whole)


def test_steps_by_hand_and_a_rate_set_by_hand_go_on(data, path):
    X, y = data
    runs = [make(), make()]
    for trainer in runs:
        trainer.step(X[:7], y[:7])
        trainer.fit(X, y, steps=2)
        trainer.optimizer.lr = 0.003
        trainer.model.forward(X)  # draws random numbers
    runs[0].save(path)
    resumed = nc.Trainer.resume(path)
    assert resumed.optimizer.lr == 0.003
    assert np.array_equal(resumed.model.forward(X), runs[1].model.forward(X))
    for trainer in (resumed, runs[1]):
        trainer.step(X[:9], y[:9])
        trainer.fit(X, y, epochs=2)
    assert_same(resumed, runs[1])


def test_options_come_back(path):
    options = {
        "batch_size": 7, "shuffle": False, "seed": 2**64 - 1, "l2": 0.1, "l1": 0.2, "clip_grad_norm": 0.3,
        "clip_grad_value": 0.4, "drop_last": True, "on_nonfinite": "stop", "num_threads": 2,
    }  # fmt: skip
    for given in (options, {"batch_size": None}):
        made = make(**given)
        made.save(path)
        resumed = nc.Trainer.resume(path)
        assert resumed.options == made.options and repr(resumed) == repr(made)
        assert resumed.loss.config == made.loss.config


def test_a_run_with_non_finite_sums_is_saved_too(data, path):
    trainer = make(on_nonfinite="ignore", optimizer="amsgrad")
    trainer.model.parameters()[0].value[...] = np.nan
    trainer.fit(*data, steps=3)
    trainer.save(path)
    assert np.isnan(nc.Trainer.resume(path).state_dict()["progress"]["loss_sum"])


def test_state_dict_goes_into_another_trainer(data):
    first, second = make(), make(seed=5)
    first.fit(*data, steps=8)
    second.fit(*data, steps=3)
    second.load_state_dict(first.state_dict())
    assert_same(second, first)
    for trainer in (first, second):
        trainer.fit(*data, steps=8)
    assert_same(second, first)


@pytest.mark.parametrize("part", ["model", "optimizer", "progress", "history", None])
def test_a_bad_state_changes_nothing(part, data):
    trainer, other = make(), make()
    trainer.fit(*data, steps=8)
    other.fit(*data, steps=8)
    state = make().state_dict()
    bad = {
        "model": {"model": {}},
        "optimizer": {"optimizer": {"state": {"in.weight": {"exp_avg": np.zeros(3)}}}},
        "progress": {"progress": {"epoch": 1}},
        "history": {"history": {}},
        None: {"more": 1},
    }[part]
    with pytest.raises((nc.ConfigError, nc.ShapeError)):
        trainer.load_state_dict({**state, **bad})
    assert_same(trainer, other)


def test_another_kernel_set_is_warned_about(data, path):
    trainer = make()
    trainer.fit(*data, steps=3)
    trainer.save(path)
    sets = [name for name in nc._core.kernel_sets() if name != nc._core.kernel_set()]
    if not sets:
        pytest.skip("this CPU has one kernel set")
    code = f"import nncore as nc; nc.Trainer.resume({str(path)!r})"
    for name, warned in ((sets[0], True), (nc._core.kernel_set(), False)):
        done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "NNCORE_ISA": name}, capture_output=True,
                              text=True, timeout=60, check=True)  # fmt: skip
        assert ("RuntimeWarning" in done.stderr) == warned
        assert (f"kernel set {nc._core.kernel_set()}, this is {name}" in done.stderr) == warned


@pytest.mark.filterwarnings("ignore:.*kernel set:RuntimeWarning")
def test_files_of_format_1_keep_loading():
    """Written by version 0.1.0: weights 1, 2, 3 … / 8 and momentum after one full-batch step at rate 0.5."""
    net = nc.load(GOLDEN / "model-1.safetensors")
    assert list(net._layers) == ["fc", "tanh", "fc_again", "out"] and net["fc"] is net["fc_again"]
    assert (
        net.dtype == "float64" and net.seed == 7 and net["fc"].config["weight_init"].config == {"mean": 0.0, "std": 0.5}
    )
    assert np.array_equal(net.flat_parameters, np.arange(1, 10) / 8)
    x = np.array([[3.0, 5.0]])
    W, b, V, c = (np.arange(1, 5) / 8).reshape(2, 2), np.array([5, 6]) / 8, np.array([[7, 8]]) / 8, 9 / 8
    expected = (np.tanh((x - 1.0) / 2.0 @ W.T + b) @ W.T + b) @ V.T + c
    np.testing.assert_allclose(net(x), expected, rtol=1e-14)

    trainer = nc.Trainer.resume(GOLDEN / "checkpoint-1.safetensors")
    # L = mean((w x + b - y)²) with x = 1, 3, y = 0: w = 1, b = 0: dL/dw = 10, dL/db = 4
    assert trainer.model.flat_parameters.tolist() == [1.0 - 0.5 * 10, 0.0 - 0.5 * 4]
    state = trainer.optimizer.state_dict()
    assert state["step"] == 1 and state["state"]["0.weight"]["momentum_buffer"].tolist() == [[10.0]]
    assert trainer.history["loss"].tolist() == [5.0] and trainer.epoch == 1
    history = trainer.fit([[1.0], [3.0]], [[0.0], [0.0]], epochs=1)  # outputs -6, -14: dL/dw = -48, dL/db = -20
    assert history["loss"].tolist() == [116.0] and history["epoch"].tolist() == [2]
    assert trainer.model.flat_parameters.tolist() == [-4 - 0.5 * (0.5 * 10 - 48), -2 - 0.5 * (0.5 * 4 - 20)]


def test_what_was_trained_on_before_does_not_decide_how_it_is_computed(path, rng):
    """A step on many rows lays the plan out for many; the fit that follows must not differ from a resumed one."""
    X, y = rng.normal(size=(300, 4)), rng.integers(0, 3, 300)
    trainer = nc.Trainer(nc.Sequential(nc.Linear(4, 5), nc.Tanh(), nc.Linear(5, 3), seed=0), nc.CrossEntropyLoss(),
                         nc.SGD(lr=0.1), batch_size=6)  # fmt: skip
    for n in (300, 1, 300, 17, 6):
        trainer.step(X[:n], y[:n])
        trainer.save(path)
        resumed = nc.Trainer.resume(path)
        for each in (trainer, resumed):
            each.step(X[:n], y[:n])
            each.fit(X[:41], y[:41], epochs=2)
        assert_same(resumed, trainer)
