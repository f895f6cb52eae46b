"""Normalize: the formula, bytes, fused into training with the same bits, refused where it does not fit."""

import copy
import pickle

import numpy as np
import pytest

import nncore as nc
from support.layerwise import layerwise_step


def build(normalize, dtype="float32"):
    return nc.Sequential(nc.Linear(6, 5), nc.Tanh(), nc.Linear(5, 2), dtype=dtype, seed=1, input=normalize)


@pytest.fixture
def byte_rows(rng):
    return rng.integers(0, 256, (30, 6), dtype=np.uint8), rng.integers(0, 2, 30)


MODES = ["scale", "mean", "standard"]


@pytest.mark.parametrize("mode", MODES)
def test_modes_by_formula(mode, byte_rows):
    X = byte_rows[0]
    x = X.astype(np.float64)
    expected = {
        "scale": x / 255,
        "mean": x - x.mean(axis=0),
        "standard": (x - x.mean(axis=0)) / x.std(axis=0),
    }[mode]
    net = nc.Sequential(nc.Identity(), dtype="float64", seed=0, input=nc.Normalize.from_data(X, mode))
    np.testing.assert_allclose(net(X), expected, rtol=1e-13, atol=1e-13)


def test_a_feature_that_does_not_vary_stays_finite():
    X = np.column_stack([np.arange(5.0), np.full(5, 3.0)])
    normalize = nc.Normalize.from_data(X)
    assert normalize.std[1] == 1.0 and normalize.mean.tolist() == [2.0, 3.0]
    assert np.all(nc.Sequential(nc.Identity(), seed=0, input=normalize)(X)[:, 1] == 0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bytes_and_the_same_numbers_train_to_the_same_bits(mode, dtype, byte_rows):
    X, y = byte_rows
    found = []
    for rows in (X, X.astype(dtype), X.astype(np.int64), np.asfortranarray(X)):
        net = build(nc.Normalize.from_data(X, mode), dtype)
        trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(lr=0.01), batch_size=7)
        history = trainer.fit(rows, y, epochs=3, validation_data=(rows, y))
        found.append(
            net.flat_parameters.tobytes()
            + history["loss"].tobytes()
            + history["val_loss"].tobytes()
            + net(rows).tobytes()
        )
        assert net.predict(rows).shape == (30,)
    assert len(set(found)) == 1


@pytest.mark.parametrize("mode", MODES)
def test_training_is_training_on_numbers_normalised_before(mode, byte_rows):
    X, y = byte_rows
    normalize = nc.Normalize.from_data(X, mode)
    nets = build(normalize, "float64"), build(None, "float64")
    x = ((X - normalize.mean) * (1 / normalize.std)).astype(np.float64)
    for net, rows in zip(nets, (X, x), strict=True):
        nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.05), batch_size=7).fit(rows, y, epochs=3)
    np.testing.assert_allclose(nets[0].flat_parameters, nets[1].flat_parameters, rtol=1e-9, atol=1e-12)


def test_planned_and_layerwise_normalise_to_the_same_bits(byte_rows):
    X, y = (rows[:5] for rows in byte_rows)  # so few that the plan keeps the order of all sums
    planned = build(nc.Normalize.from_data(X))
    plain, hand, loss = planned.copy(), nc.SGD(lr=0.1), nc.CrossEntropyLoss()
    trainer = nc.Trainer(planned, loss, nc.SGD(lr=0.1))
    for _ in range(3):
        assert trainer.step(X, y) == layerwise_step(plain, loss, hand, X, y)
    assert np.array_equal(planned.flat_parameters, plain.flat_parameters)


def test_the_gradient_of_the_input_passes_through(rng):
    net = build(nc.Normalize(rng.normal(size=6), rng.uniform(0.5, 2.0, 6)), "float64")
    report = nc.gradcheck(net, nc.CrossEntropyLoss(), rng.normal(size=(4, 6)), np.array([0, 1, 1, 0]))
    assert report.per_parameter["x"].max_relative_error < 1e-7 and report.ok


def test_bytes_need_a_normalize(byte_rows):
    X, y = byte_rows
    net = build(None)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD())
    before = net.flat_parameters.copy()
    for use in (
        lambda: net(X),
        lambda: net.forward(X),
        lambda: net.predict(X),
        lambda: net.activations(X),
        lambda: trainer.fit(X, y),
        lambda: trainer.step(X, y),
        lambda: trainer.evaluate(X, y),
    ):
        with pytest.raises(nc.ConfigError, match=r"uint8.*Normalize"):
            use()
    assert np.array_equal(net.flat_parameters, before)


def test_images_are_normalised_feature_by_feature(rng):
    X = rng.integers(0, 256, (20, 1, 4, 4), dtype=np.uint8)
    normalize = nc.Normalize.from_data(X)
    assert normalize.mean.shape == (1, 4, 4)
    net = nc.Sequential(nc.Flatten(), nc.Linear(16, 2), seed=0, input=normalize)
    assert net(X).shape == (20, 2)
    assert nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD()).fit(X, rng.integers(0, 2, 20), epochs=1).n_steps == 1


def test_another_number_of_features_is_refused(byte_rows):
    net = build(nc.Normalize(np.zeros(5), np.ones(5)))
    with pytest.raises(nc.ShapeError, match=r"^\[Normalize\] x: expected samples of 5 features"):
        net(byte_rows[0])


@pytest.mark.parametrize(
    "arguments",
    [
        (np.nan,),
        (np.inf,),
        (0.0, 0.0),
        (0.0, -1.0),
        (0.0, np.nan),
        ([],),
        ("x",),
        (None,),
        (1j,),
        ([0.0], [1.0, 0.0]),
        (object(),),
    ],
    ids=repr,
)
def test_wrong_numbers_are_refused(arguments):
    with pytest.raises((nc.ConfigError, nc.ShapeError), match=r"^\[Normalize\] "):
        nc.Normalize(*arguments)


def test_mean_and_std_have_one_shape():
    with pytest.raises(nc.ShapeError, match=r"^\[Normalize\] std"):
        nc.Normalize(np.zeros(3), np.ones(4))


@pytest.mark.parametrize("mode", ["Scale", "", None, 1])
def test_unknown_modes_are_refused(mode):
    with pytest.raises(nc.ConfigError, match=r"^\[Normalize\] mode"):
        nc.Normalize.from_data(np.zeros((2, 2)), mode)


@pytest.mark.parametrize(
    "X", [np.zeros(3), np.zeros((0, 3)), np.full((2, 2), np.nan), "x", None, [[1.0], [1.0, 2.0]]], ids=repr
)
def test_data_that_have_no_mean_are_refused(X):
    with pytest.raises((nc.ConfigError, nc.ShapeError), match=r"^\[Normalize\] "):
        nc.Normalize.from_data(X)


def test_what_was_given_may_change_later(rng):
    mean = np.zeros(6)
    net = build(nc.Normalize(mean, 1.0), "float64")
    x = rng.normal(size=(3, 6))
    before = net(x)
    mean[:] = 100.0
    assert np.array_equal(net(x), before) and np.array_equal(net.copy()(x), before)


@pytest.mark.parametrize("make", [lambda n: n.copy(), copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))])
def test_copies_normalise_too(make, byte_rows):
    net = build(nc.Normalize.from_data(byte_rows[0]))
    assert np.array_equal(make(net)(byte_rows[0]), net(byte_rows[0]))
    assert repr(net.input) == "Normalize(mean=array(6,), std=array(6,))"
