"""What is assigned to a Trainer between fits: it acts as in a trainer made so, and history and checkpoint tell it."""

import numpy as np
import pytest

import nncore as nc
from support.cases import TRAINER_OPTIONS

X, Y = nc.datasets.make_moons(60, noise=0.2, seed=0)
IMAGES = np.random.default_rng(0).normal(size=(60, 1, 6, 6))
OTHERS = {
    "batch_size": 7, "shuffle": False, "seed": 9, "l2": 0.1, "l1": 0.05, "clip_grad_norm": 0.05,
    "clip_grad_value": 0.003, "drop_last": True, "on_nonfinite": "ignore", "num_threads": 1, "augment": nc.Augment(1),
    "penalty_per_sample": True,
}  # fmt: skip


def net(images=False):
    layers = [nc.Conv2d(1, 4, 3), nc.GlobalAvgPool2d(), nc.Linear(4, 2)] if images else [nc.Linear(2, 8), nc.Tanh(),
              nc.Dropout(0.2), nc.Linear(8, 2)]  # fmt: skip
    return nc.Sequential(*layers, seed=1)


def trainer(images=False, **options):
    return nc.Trainer(net(images), nc.CrossEntropyLoss(), nc.Adam(lr=0.02), **{"batch_size": 8, **options})


def train(one, **length):
    data = IMAGES if isinstance(one.model[0], nc.Conv2d) else X
    return one.fit(data, Y, **{"epochs": 2, "progress": False, **length})


def same(a, b):
    assert np.array_equal(a.model.flat_parameters, b.model.flat_parameters)
    for key in ("epoch", "loss", "accuracy", "lr"):
        assert np.array_equal(a.history[key], b.history[key]), key
    assert np.array_equal(a.history.steps["step"], b.history.steps["step"])


@pytest.mark.parametrize("option", [field["name"] for field in TRAINER_OPTIONS["fields"]])
def test_an_option_acts_from_the_next_fit_on(option, tmp_path):
    pytest.importorskip("safetensors")
    images = option == "augment"
    beside = {"l2": 0.05} if option == "penalty_per_sample" else {}
    one, kept = trainer(images, **beside), trainer(images, **beside)
    for each in (one, kept):
        train(each)
    wanted = trainer(images, **beside, **{option: OTHERS[option]})
    wanted.load_state_dict(one.state_dict())
    setattr(one, option, OTHERS[option])
    assert getattr(one, option) == one.options[option] == OTHERS[option] and option in repr(one)
    one.save(tmp_path / "run.safetensors")
    resumed = nc.Trainer.resume(tmp_path / "run.safetensors")
    for each in (one, wanted, resumed, kept):
        train(each)
    same(one, wanted)
    same(one, resumed)
    acts = not np.array_equal(one.model.flat_parameters, kept.model.flat_parameters)
    assert acts == (option not in ("on_nonfinite", "num_threads"))


@pytest.mark.parametrize("option", [field["name"] for field in TRAINER_OPTIONS["fields"]])
def test_a_wrong_value_changes_nothing(option):
    one = trainer()
    before = one.options
    for wrong in (object(), -1.5, "nonsense"):
        with pytest.raises(nc.ConfigError, match=rf"\[Trainer\] {option}: expected"):
            setattr(one, option, wrong)
    assert one.options == before


@pytest.mark.parametrize("option", ["batch_size", "seed", "shuffle", "drop_last"])
def test_another_order_begins_the_epoch_again(option):
    one = trainer()
    train(one, steps=3)
    before = one.model.flat_parameters.copy()
    setattr(one, option, OTHERS[option])
    history = train(one, epochs=1)
    n = {"batch_size": 9, "drop_last": 7}.get(option, 8)
    assert history.n_steps == n and history["epoch"].tolist() == [1]
    assert one.history.steps["step"].tolist() == list(range(1, n + 4))
    assert not np.array_equal(before, one.model.flat_parameters)


def test_another_optimizer(tmp_path):
    pytest.importorskip("safetensors")
    one = trainer()
    train(one)
    other = trainer()
    other.model.load_state_dict(one.model.state_dict())
    rule, twin = nc.SGD(lr=0.3, momentum=0.9), nc.SGD(lr=0.3, momentum=0.9)
    one.optimizer = rule
    assert one.optimizer is rule and "SGD" in repr(one)
    state = one.state_dict()
    wanted = nc.Trainer(other.model, one.loss, twin, batch_size=8)
    wanted.load_state_dict(state)
    one.save(tmp_path / "run.safetensors")
    resumed = nc.Trainer.resume(tmp_path / "run.safetensors")
    for each in (one, wanted, resumed):
        train(each)
    same(one, wanted)
    same(one, resumed)
    assert (
        one.history.steps["step"].tolist() == list(range(1, 33))
        and one.history["lr"].tolist() == [0.02] * 2 + [0.3] * 2
    )
    with pytest.raises(nc.StateError, match="serves another model"):
        one.optimizer = nc.Trainer(net(), nc.MSELoss(), nc.SGD()).optimizer
    with pytest.raises(nc.ConfigError, match="optimizer: expected an Optimizer"):
        one.optimizer = "sgd"
    assert one.optimizer is rule


def test_another_loss(tmp_path):
    pytest.importorskip("safetensors")
    targets = np.eye(2)[Y] * 2 - 1
    one = trainer()
    train(one)
    assert set(np.unique(one.model.predict(X))) <= {0, 1}
    one.loss = nc.MSELoss()
    assert np.array_equal(one.model.predict(X), one.model(X))
    assert set(one.evaluate(X, targets)) == {"loss"}
    wanted = nc.Trainer(net(), nc.MSELoss(), nc.Adam(lr=0.02), batch_size=8)
    wanted.load_state_dict(one.state_dict())
    one.save(tmp_path / "run.safetensors")
    resumed = nc.Trainer.resume(tmp_path / "run.safetensors")
    for each in (one, wanted, resumed):
        each.fit(X, targets, epochs=2, progress=False)
    for each in (wanted, resumed):
        assert np.array_equal(one.model.flat_parameters, each.model.flat_parameters)
        assert np.array_equal(one.history["loss"], each.history["loss"])
    one.loss = nc.CrossEntropyLoss()
    assert np.array_equal(one.model.predict(X), one.model(X).argmax(axis=1))
    softmax = nc.Trainer(nc.Sequential(nc.Linear(2, 2), nc.Softmax(), seed=0), nc.MSELoss(), nc.SGD())
    with pytest.raises(nc.ConfigError, match="ends in Softmax"):
        softmax.loss = nc.CrossEntropyLoss()
    with pytest.raises(nc.ConfigError, match="loss: expected a Loss"):
        one.loss = None


def test_numbers_of_layers_losses_and_optimizers_act_in_the_next_fit():
    one, twin = trainer(), trainer()
    for each in (one, twin):
        train(each)
    one.model[2].p, one.loss.label_smoothing, one.optimizer.betas = 0.5, 0.2, (0.5, 0.9)
    wanted = nc.Sequential(nc.Linear(2, 8), nc.Tanh(), nc.Dropout(0.5), nc.Linear(8, 2), seed=1)
    rule = nc.Adam(lr=0.02, betas=(0.5, 0.9))
    other = nc.Trainer(wanted, nc.CrossEntropyLoss(label_smoothing=0.2), rule, batch_size=8)
    other.load_state_dict(twin.state_dict())
    for each in (one, other):
        train(each)
    same(one, other)


@pytest.mark.parametrize("graph", [False, True])
def test_another_normalisation(graph):
    if graph:
        x = nc.Input(2)
        model = nc.Graph(x, nc.Linear(2, 2)(x), seed=0)
    else:
        model = nc.Sequential(nc.Linear(2, 2), seed=0)
    weight = model[0].weight
    one = nc.Trainer(model, nc.CrossEntropyLoss(), nc.SGD(lr=0.1))
    train(one)
    plain = model((X - 1.0) / 2.0)
    model.input = nc.Normalize(1.0, 2.0)
    np.testing.assert_allclose(model(X), plain, rtol=1e-5, atol=1e-6)
    assert np.shares_memory(weight, model[0].weight) and "Normalize" in repr(model)
    before = weight.copy()
    train(one)
    assert not np.array_equal(before, weight)
    with pytest.raises(nc.ConfigError, match="input: expected a Normalize or None"):
        model.input = 3
    if graph:
        with pytest.raises(nc.ShapeError):
            model.input = nc.Normalize(np.zeros(5), 1.0)
    model.input = None
    assert model.input is None


def test_within_a_fit_what_cannot_act_says_so():
    one = trainer()
    attempts = {
        "batch_size": lambda: setattr(one, "batch_size", 3),
        "betas": lambda: setattr(one.optimizer, "betas", (0.1, 0.2)),
        "label_smoothing": lambda: setattr(one.loss, "label_smoothing", 0.1),
        "p": lambda: setattr(one.model[2], "p", 0.1),
        "input": lambda: setattr(one.model, "input", None),
        "optimizer": lambda: setattr(one, "optimizer", nc.SGD()),
        "loss": lambda: setattr(one, "loss", nc.MSELoss()),
    }
    seen = []

    def during(record):
        for name, attempt in attempts.items():
            with pytest.raises(nc.StateError, match=rf"{name}: expected a time between fits"):
                attempt()
            seen.append(name)
        one.optimizer.lr = 0.001  # acts at once

    history = train(one, epochs=2, callbacks=[during])
    assert seen == [*attempts, *attempts] and history["lr"].tolist() == [0.02, 0.001]
    for attempt in attempts.values():
        attempt()
