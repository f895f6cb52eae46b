"""Normalize in numbers: constant features, features far off 0, blocks of rows, and every way data come to a model."""

import tracemalloc

import numpy as np
import pytest

import nncore as nc

DTYPES = ["float64", "float32", "float16", "int64", "uint8", "bool", ">f8"]


@pytest.mark.parametrize("mode", ["scale", "mean", "standard"])
@pytest.mark.parametrize("n", [1, 10, 1000, 70_000])
def test_what_does_not_vary_has_a_std_of_1(mode, n):
    """Constants with two decimals: their mean is rounded, their deviation is not to be the rounding."""
    X = np.repeat(np.random.default_rng(n).integers(0, 10_000, (1, 8)) / 100, n, axis=0)
    normalize = nc.Normalize.from_data(X, mode)
    assert np.all(normalize.std == (255.0 if mode == "scale" else 1.0))
    if mode != "scale":
        assert np.array_equal(normalize.mean, X[0])
        net = nc.Sequential(nc.Identity(), input=normalize, dtype="float64")
        assert np.all(net(X[:1]) == 0) and np.allclose(net(X[:1] + 0.01), 0.01)


@pytest.mark.parametrize("dtype", DTYPES)
def test_constants_of_every_type(dtype):
    X = np.full((300, 2), 1).astype(dtype)
    normalize = nc.Normalize.from_data(X)
    assert normalize.std.tolist() == [1.0, 1.0] and normalize.mean.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("X", "std"),
    [
        ([0.1 + 0.2, 0.3, 0.3], 1.0),  # the same number, worked out in two ways
        (1e9 * (1 + np.array([0, 1, 2]) * 2.3e-16), 1.0),
        (np.float32([0.3, np.nextafter(np.float32(0.3), np.float32(1))]), 1.0),
        (np.array([10**15, 10**15 + 1]), 0.5),  # integers are not rounded
        (np.array([False, True]), 0.5),
        (1e9 + np.array([0.0, 0.5]), 0.25),
        (np.float32([1e5, 1e5 + 0.125]), 0.0625),
        (np.array([0.0, 1e-150]), 0.5e-150),
        (np.array([-1e-9, 1e-9]), 1e-9),
    ],
)
def test_rounding_is_told_from_a_small_spread(X, std):
    assert nc.Normalize.from_data(np.asarray(X)[:, None]).std[0] == pytest.approx(std, rel=1e-6)


@pytest.mark.parametrize("offset", [0.0, 1e4, -1e9, 1e12])
@pytest.mark.parametrize("shape", [(3001, 500), (140_000, 2), (5, 2, 3, 4)])
def test_moments_of_several_blocks(offset, shape):
    """Of data whose exact mean and deviation are known from the data without the offset."""
    small = np.random.default_rng(1).integers(-50, 50, shape).astype(np.float64)
    normalize = nc.Normalize.from_data(small + offset)
    np.testing.assert_allclose(normalize.mean - offset, small.mean(axis=0), rtol=0, atol=1e-12 + abs(offset) * 2e-16)
    np.testing.assert_allclose(normalize.std, small.std(axis=0), rtol=1e-12)
    only = nc.Normalize.from_data(small + offset, "mean")
    assert np.array_equal(only.mean, normalize.mean) and np.all(only.std == 1)


def test_memory_is_a_few_blocks():
    X = np.zeros((20_000, 784), np.uint8)
    tracemalloc.start()
    nc.Normalize.from_data(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.nbytes / 2


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("mode", ["mean", "standard"])
def test_a_number_that_is_not_finite_is_named_with_its_place(bad, mode):
    X = np.zeros((140_000, 2))
    X[139_000, 1] = bad
    with pytest.raises(nc.ConfigError, match=rf"\[Normalize\] X: expected finite numbers, got {bad} at \[139000, 1\]"):
        nc.Normalize.from_data(X, mode)


FAR = [(1.6e9, 1000.0), (5e6, 10.0), (1e5, 1.0), (-1e12, 3.0)]


def far_off(offset, spread, dtype=np.float64, features=2):
    X = offset + spread * np.random.default_rng(0).normal(size=(64, features))
    return np.round(X).astype(dtype) if np.dtype(dtype).kind == "i" else X.astype(dtype)


def normalised(X, normalize):
    return (X.astype(np.float64) - normalize.mean) / normalize.std


@pytest.mark.parametrize(("offset", "spread"), FAR)
@pytest.mark.parametrize("kind", ["float64", "int64", ">f8", "fortran", "list"])
def test_outputs_of_numbers_far_off_0(offset, spread, kind):
    X = far_off(offset, spread, "int64" if kind == "int64" else "float64")
    normalize = nc.Normalize.from_data(X)
    given = {"fortran": np.asfortranarray(X), "list": X.tolist(), ">f8": X.astype(">f8")}.get(kind, X)
    net, wanted = nc.Sequential(nc.Identity(), input=normalize), normalised(X, normalize)
    found = {
        "call": net(given),
        "forward": net.forward(given, training=False),
        "training": net.forward(given),
        "activations": net.activations(given)["0"],
    }
    for way, z in found.items():
        np.testing.assert_allclose(z, wanted, rtol=1.5e-7, atol=1.5e-7, err_msg=way)
    rows = [net([given[i]] if kind == "list" else given[i : i + 1])[0] for i in range(64)]
    assert np.array_equal(rows, found["call"])  # a row alone has the bits it has among others


@pytest.mark.parametrize(("offset", "spread"), FAR)
def test_training_on_numbers_far_off_0(offset, spread):
    """fit, step, evaluate and sweeps see what a model without Normalize sees of numbers normalised before."""
    X, held = far_off(offset, spread, features=3), far_off(offset, spread, features=3)[:9]
    y = (X[:, 0] > offset).astype(int)
    normalize = nc.Normalize.from_data(X)
    before, before_held = (normalised(data, normalize).astype(np.float32) for data in (X, held))

    def trainer(input, seed=0, lr=0.5):
        net = nc.Sequential(nc.Linear(3, 8), nc.Tanh(), nc.Linear(8, 2), seed=seed, input=input)
        return nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=lr), batch_size=10)

    mine, right = trainer(normalize), trainer(None)
    assert mine.step(X, y) == pytest.approx(right.step(before, y), rel=1e-5)
    histories = [
        mine.fit(X, y, epochs=5, validation_data=(held, y[:9])),
        right.fit(before, y, epochs=5, validation_data=(before_held, y[:9])),
    ]
    for column in ("loss", "val_loss", "accuracy"):
        np.testing.assert_allclose(histories[0][column], histories[1][column], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(mine.model.flat_parameters, right.model.flat_parameters, rtol=1e-3, atol=1e-4)
    assert mine.evaluate(X, y)["loss"] == pytest.approx(right.evaluate(before, y)["loss"], rel=1e-4)
    np.testing.assert_allclose(mine.model.predict_proba(X), right.model.predict_proba(before), rtol=1e-3, atol=1e-4)
    tables = [
        nc.sweep(lambda lr, seed, i=i: trainer(i, seed, lr), {"lr": [0.1, 0.5]}, data, y, seeds=4, epochs=3)
        for i, data in ((normalize, X), (None, before))
    ]
    for mine_row, right_row in zip(*tables, strict=True):
        assert mine_row["loss"] == pytest.approx(right_row["loss"], rel=1e-4)


def test_pixels_moved_in_are_zeros_before_the_normalisation():
    """Augmented images of numbers that float32 does not hold, and of such that it holds."""
    rng = np.random.default_rng(0)
    small, y = rng.integers(0, 50, (40, 1, 6, 6)).astype(np.float64), rng.integers(0, 2, 40)
    mean, std = np.full((1, 6, 6), 3.3), np.linspace(1, 2, 36).reshape(1, 6, 6)

    def loss(images, input):
        net = nc.Sequential(nc.Flatten(), nc.Linear(36, 2), seed=0, input=input)
        trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=1e-3), augment=nc.Augment(crop_padding=2, flip=True))
        return trainer.fit(images, y, epochs=2)["loss"]

    as_floats = loss(small.astype(np.float32), nc.Normalize(mean, std))
    np.testing.assert_allclose(loss(small + 1e-9, nc.Normalize(mean, std)), as_floats, rtol=1e-5)
    np.testing.assert_allclose(loss(small.astype(np.int64), nc.Normalize(mean, std)), as_floats, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "int64", "uint16"])
def test_numbers_that_float32_holds_have_its_bits_in_whatever_type_they_come(dtype):
    X = np.random.default_rng(0).integers(0, 100, (50, 4)).astype(dtype)
    net = nc.Sequential(nc.Linear(4, 3), seed=0, input=nc.Normalize([1.1, 2.2, 3.3, 0.4], [30.0, 20.0, 40.0, 30.0]))
    assert np.array_equal(net(X), net(X.astype(np.float32)))


@pytest.mark.parametrize("exponent", [-1020, -900, -600, -510, 500, 510, 600, 1000, 1020])
@pytest.mark.parametrize("offset", [0.0, 3.0])
def test_numbers_whose_squares_float64_does_not_hold(exponent, offset, rng):
    X = rng.normal(size=(70000, 4)) + offset  # more than one block
    X[:, 1] = 0.0
    scale = 2.0**exponent
    usual, scaled = nc.Normalize.from_data(X), nc.Normalize.from_data(X * [scale, scale, 1.0, scale])
    np.testing.assert_allclose(scaled.mean / [scale, 1.0, 1.0, scale], usual.mean, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(scaled.std / [scale, 1.0, 1.0, scale], usual.std, rtol=1e-12)


def test_numbers_whose_difference_float64_does_not_hold():
    normalize = nc.Normalize.from_data([[1.5e308, 1.0], [-1.5e308, 1.0]])
    assert normalize.std.tolist() == [1.5e308, 1.0] and normalize.mean.tolist() == [0.0, 1.0]
    assert nc.Normalize.from_data([[1.5e308], [1.7e308]], "mean").mean.item() == pytest.approx(1.6e308)
