"""fit(steps=n): n steps asked are n taken, and the parts of a training have the bits of the whole."""

import numpy as np
import pytest

import nncore as nc


def make(n_outputs=3, loss=None, **options):
    net = nc.Sequential(nc.Linear(4, 9), nc.Tanh(), nc.Dropout(0.3), nc.Linear(9, n_outputs), seed=1)
    optimizer = options.pop("optimizer", None) or nc.Adam(lr=nc.StepLR(0.05, step_size=2, gamma=0.5))
    return nc.Trainer(net, loss or nc.CrossEntropyLoss(), optimizer, **{"batch_size": 10, "seed": 5, **options})


@pytest.fixture
def data(rng):
    return rng.normal(size=(46, 4)), rng.integers(0, 3, 46)


def joined(histories, table, key):
    return np.concatenate([getattr(h, table).get(key, []) for h in histories]).tolist()


def assert_same(trainer, histories, whole, history):
    assert np.array_equal(trainer.model.flat_parameters, whole.model.flat_parameters)
    for arrays, theirs in zip(
        trainer.optimizer.state_dict()["state"].values(), whole.optimizer.state_dict()["state"].values(), strict=True
    ):
        assert all(np.array_equal(arrays[name], theirs[name]) for name in theirs)
    for table in ("epochs", "steps"):
        for key, values in getattr(history, table).items():
            if key != "seconds":
                assert joined(histories, table, key) == values.tolist(), key


OPTIONS = {
    "plain": {},
    "full batch": {"batch_size": None},
    "drop last": {"drop_last": True},
    "in order": {"shuffle": False},
    "clipped": {"clip_grad_norm": 0.5, "l2": 0.1},
    "momentum": {"optimizer": lambda: nc.SGD(lr=nc.ExponentialLR(0.1, 0.97, per="step"), momentum=0.9)},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
@pytest.mark.parametrize("parts", [(1,) * 24, (3, 4, 17), (0, 5, 0, 5, 14), (7, 17), (23, 1)], ids=str)
def test_the_parts_of_a_training_are_the_whole(options, parts, data):
    made = [make(**{k: v() if callable(v) else v for k, v in options.items()}) for _ in range(2)]
    histories = [made[0].fit(*data, steps=n, validation_data=data) for n in parts]
    assert [h.n_steps for h in histories] == list(parts)
    assert_same(made[0], histories, made[1], made[1].fit(*data, steps=24, validation_data=data))


def test_steps_override_epochs_and_whole_epochs_are_reported(data):
    trainer = make()
    history = trainer.fit(*data, epochs=1, steps=13)
    assert history.n_steps == 13 == trainer.optimizer.state_dict()["step"]
    assert history["epoch"].tolist() == [1, 2] and history.steps["step"].tolist() == list(range(1, 14))
    history = trainer.fit(*data, epochs=2)
    assert history["epoch"].tolist() == [3, 4] and history.n_steps == 7, "an epoch begun is finished first"


def test_epochs_and_steps_say_the_same_in_two_ways(data):
    by_epochs, by_steps = make(), make()
    history = by_epochs.fit(*data, epochs=4)
    assert_same(by_steps, [by_steps.fit(*data, steps=20)], by_epochs, history)


def test_the_record_of_a_split_epoch_by_hand(data):
    """Batches of 10, 10, 10, 10, 6 split after the second step."""
    trainer = make(shuffle=False)
    parts = [trainer.fit(*data, steps=2), trainer.fit(*data, steps=3)]
    assert len(parts[0]["loss"]) == 0 and parts[1]["epoch"].tolist() == [1]
    losses = joined(parts, "steps", "loss")
    assert parts[1]["loss"][0] == pytest.approx(np.dot(losses, [10, 10, 10, 10, 6]) / 46, rel=1e-14)
    hits = parts[1]["accuracy"][0] * 46
    assert hits == pytest.approx(round(hits), abs=1e-9), "of all 46 samples"


def test_other_data_begin_the_epoch_anew(data, rng):
    X, y = data
    trainer = make(shuffle=False)
    trainer.fit(X, y, steps=7)
    history = trainer.fit(X[:30], y[:30], epochs=1)
    assert history.n_steps == 3 and history["epoch"].tolist() == [2]
    np.testing.assert_allclose(history["loss"][0], history.steps["loss"].mean(), rtol=1e-13)


def test_a_callback_that_raises_or_stops_leaves_a_whole_epoch(data):
    trainer, whole = make(), make()

    def fail(record):
        raise KeyError("mine")

    with pytest.raises(KeyError):
        trainer.fit(*data, steps=12, callbacks=[fail])
    assert trainer.optimizer.state_dict()["step"] == 5
    last = trainer.fit(*data, steps=7)
    history = whole.fit(*data, steps=12)
    assert np.array_equal(trainer.model.flat_parameters, whole.model.flat_parameters)
    assert last["loss"].tolist() == history["loss"][1:].tolist()


def test_a_model_that_grows_in_mid_epoch_goes_on_there(data):
    X = data[0]
    trainer = make(loss=nc.MSELoss())
    trainer.fit(X, np.zeros((46, 3)), steps=7)
    trainer.model.append(nc.Linear(3, 2))
    history = trainer.fit(X, np.zeros((46, 2)), epochs=1)
    assert history.n_steps == 3 and history["epoch"].tolist() == [2]


@pytest.mark.parametrize("steps", [-1, 1.5, 2**63, "3", True, [1], float("nan")], ids=repr)
def test_hostile_steps_are_refused(steps, data):
    trainer = make()
    with pytest.raises(nc.ConfigError, match=r"^\[fit\] steps: expected an integer in \[0, \d+\] or None, got"):
        trainer.fit(*data, steps=steps)
    assert trainer.fit(*data, steps=2).n_steps == 2


def test_a_fit_that_goes_on_says_so(data, capsys):
    trainer = make()
    trainer.fit(*data, epochs=10, progress=True)
    assert "continuing" not in capsys.readouterr().err
    trainer.fit(*data, steps=1, progress=True)
    assert "continuing at epoch 11" in capsys.readouterr().err
    trainer.fit(*data, steps=1)
    assert capsys.readouterr().err == ""


def test_beyond_a_million_steps_the_parts_thin_out_as_the_whole():
    """Steps 0, 2, 4, … are kept of 1 000 003, and from the second fit on those the whole would have kept."""
    X = np.ones((1, 1))

    def trainer():
        return nc.Trainer(nc.Sequential(nc.Linear(1, 1), seed=0), nc.MSELoss(), nc.SGD(lr=1e-7), batch_size=None)

    whole, parts = trainer(), trainer()
    history = whole.fit(X, np.zeros((1, 1)), steps=1_000_013)
    assert history.steps["step"].tolist() == list(range(1, 1_000_014, 2))
    assert len(history.steps["loss"]) == len(history.steps["lr"]) == 500_007
    parts.fit(X, np.zeros((1, 1)), steps=11)
    later = parts.fit(X, np.zeros((1, 1)), steps=1_000_002)
    assert later.steps["step"].tolist() == list(range(13, 1_000_014, 2))
    assert np.array_equal(later.steps["loss"], history.steps["loss"][6:])
