"""What the Trainer runs (packed weights, fused activations, updates inside gradients) gives the bits of the plain way.

In the feature-major layout, which narrow nets get, sums have another order: then it agrees to rounding.
"""

import numpy as np
import pytest

import nncore as nc
from support.layerwise import layerwise_step
from support.nets import FEATURE_MAJOR, NETS, for_executor

OPTIMIZERS = {
    "SGD": lambda: nc.SGD(lr=0.1),
    "momentum": lambda: nc.SGD(lr=0.05, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda: nc.SGD(lr=0.05, momentum=0.9, nesterov=True),
    "Adam": lambda: nc.Adam(lr=0.01),
    "amsgrad": lambda: nc.Adam(lr=0.01, amsgrad=True, weight_decay=0.1),
}
SEED = 23
SIZES = (7, 64, 1, 130, 33)
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def batches(name, rng, sizes=SIZES):
    return [(NETS[name].samples(n, rng), NETS[name].labels(n, rng)) for n in sizes]


def assert_same(a, b, tolerance):
    """The same bits, unless rounding is allowed for."""
    if tolerance == 0:
        assert np.array_equal(a, b)
    else:
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_same_bits(name, optimizer, dtype, rng):
    planned = NETS[name].build(dtype=dtype, seed=1)
    plain = planned.copy()
    loss, hand = nc.CrossEntropyLoss(), OPTIMIZERS[optimizer]()
    trainer = nc.Trainer(planned, loss, OPTIMIZERS[optimizer](), seed=SEED)
    tolerance = 0.0
    for step, (X, y) in enumerate(batches(name, rng)):
        value = trainer.step(X, y)
        if trainer._core.layout != "batch_major":
            tolerance = TOLERANCE[dtype]
        assert value == pytest.approx(layerwise_step(plain, loss, hand, X, y, SEED, step), rel=tolerance, abs=tolerance)
        assert_same(planned.flat_parameters, plain.flat_parameters, tolerance)
    states = trainer.optimizer.state_dict()["state"], hand.state_dict()["state"]
    for key, arrays in states[0].items():
        for part, values in arrays.items():
            assert_same(values, states[1][key][part], tolerance)


@pytest.mark.parametrize("name", for_executor(FEATURE_MAJOR))
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_feature_major_layout(name, optimizer, dtype, rng):
    """Twenty steps with batches that fill registers and that do not."""
    planned = NETS[name].build(dtype=dtype, seed=1)
    plain = planned.copy()
    loss, hand, tolerance = nc.CrossEntropyLoss(), OPTIMIZERS[optimizer](), TOLERANCE[dtype]
    trainer = nc.Trainer(planned, loss, OPTIMIZERS[optimizer](), seed=SEED, l2=1e-3)
    for step in range(20):
        n = (160, 16, 33, 1, 700)[step % 5]
        X, y = NETS[name].samples(n, rng), NETS[name].labels(n, rng)
        value = trainer.step(X, y)
        penalty = sum(0.5e-3 * np.sum(p.value.astype(float) ** 2) for p in plain.parameters() if p.value.ndim == 2)
        z = plain._core.forward(X, True, SEED, step)
        expected, dz = loss(z, y)
        plain.zero_grad()
        plain.backward(dz)
        for p in plain.parameters():
            if p.value.ndim == 2:
                p.grad += np.asarray(1e-3, dtype=dtype) * p.value
        hand.step(plain)
        assert value == pytest.approx(expected + penalty, rel=tolerance, abs=tolerance)
        np.testing.assert_allclose(planned.flat_parameters, plain.flat_parameters, rtol=tolerance, atol=tolerance)
    assert trainer._core.layout == "feature_major" or name != "tiny"  # for the others it is up to the registers' size


@pytest.mark.parametrize("name", ["relu of odd widths", "wide", "dropout"])
def test_a_fit_is_its_steps(name, rng):
    """One epoch of fit without shuffling against Trainer.step on the same batches: the same bits, losses too."""
    fitted = NETS[name].build(seed=1)
    stepped = fitted.copy()
    ((X, y),) = batches(name, rng, sizes=(50,))
    make = OPTIMIZERS["Adam"]
    history = nc.Trainer(fitted, nc.CrossEntropyLoss(), make(), batch_size=16, shuffle=False, seed=SEED).fit(
        X, y, epochs=1
    )
    trainer = nc.Trainer(stepped, nc.CrossEntropyLoss(), make(), seed=SEED)
    losses = [trainer.step(X[i : i + 16], y[i : i + 16]) for i in range(0, 50, 16)]
    assert history.steps["loss"].tolist() == losses
    assert np.array_equal(fitted.flat_parameters, stepped.flat_parameters)


def test_results_that_are_one_more_than_a_piece(rng):
    """What follows a layer goes back in tasks of 2^14 elements."""
    planned = nc.Sequential(nc.Linear(40, 113), nc.Tanh(), nc.Dropout(0.5), nc.Linear(113, 3), seed=1)
    plain = planned.copy()
    X, y = rng.normal(size=(145, 40)), rng.integers(0, 3, 145)
    assert 145 * 113 == 2**14 + 1
    nc.Trainer(planned, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), seed=SEED).step(X, y)
    layerwise_step(plain, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), X, y, SEED, 0)
    assert np.array_equal(planned.flat_parameters, plain.flat_parameters)


@pytest.mark.parametrize(
    "loss", [nc.MSELoss(), nc.CrossEntropyLoss(label_smoothing=0.1, weight=[1, 2, 3]), nc.NLLLoss()]
)
def test_every_loss_by_either_way(loss, rng):
    layers = [nc.Linear(4, 8), nc.Tanh(), nc.Linear(8, 3)] + ([nc.LogSoftmax()] if isinstance(loss, nc.NLLLoss) else [])
    planned = nc.Sequential(*layers, seed=1)
    plain, hand = planned.copy(), nc.SGD(lr=0.1)
    trainer = nc.Trainer(planned, loss, nc.SGD(lr=0.1), seed=SEED)
    for step in range(4):
        X = rng.normal(size=(9, 4))
        y = rng.normal(size=(9, 3)).astype(np.float32) if isinstance(loss, nc.MSELoss) else rng.integers(0, 3, 9)
        assert trainer.step(X, y) == layerwise_step(plain, loss, hand, X, y, SEED, step)
    assert np.array_equal(planned.flat_parameters, plain.flat_parameters)


def test_batch_norm_by_either_way(rng):
    """Parameters and running statistics; a net of its own because it cannot be trained on one sample."""
    layers = [nc.BatchNorm1d(5), nc.Linear(5, 40), nc.BatchNorm1d(40, momentum=0.3), nc.ReLU(), nc.Linear(40, 3)]
    planned = nc.Sequential(*layers, seed=1)
    plain, loss, hand = planned.copy(), nc.CrossEntropyLoss(), nc.Adam(lr=0.01)
    trainer = nc.Trainer(planned, loss, nc.Adam(lr=0.01), seed=SEED)
    for step, n in enumerate((7, 64, 2, 130)):
        X, y = rng.normal(size=(n, 5)), rng.integers(0, 3, n)
        assert trainer.step(X, y) == layerwise_step(plain, loss, hand, X, y, SEED, step)
        for key, value in planned.state_dict().items():
            assert np.array_equal(value, plain.state_dict()[key]), (step, key)


def test_gradients_read_zero_after_training_and_are_neither_read_nor_added_to(rng):
    net = NETS["relu of odd widths"].build(seed=1)
    other = net.copy()
    net.flat_gradients[:] = 1e6
    ((X, y),) = batches("relu of odd widths", rng, sizes=(20,))
    for model in (net, other):
        nc.Trainer(model, nc.CrossEntropyLoss(), nc.SGD(lr=0.1)).step(X, y)
        assert np.all(model.flat_gradients == 0)
    assert np.array_equal(net.flat_parameters, other.flat_parameters)


def test_parameters_changed_between_steps_are_those_that_train(rng):
    net = NETS["relu of odd widths"].build(dtype="float64", seed=1)
    ((X, y),) = batches("relu of odd widths", rng, sizes=(20,))
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=1e-300))
    trainer.step(X, y)
    net.flat_parameters[:] = rng.normal(size=net.flat_parameters.size)
    kept = net.flat_parameters.copy()
    assert trainer.step(X, y) == pytest.approx(nc.CrossEntropyLoss().value(net(X), y), rel=1e-13)
    assert np.array_equal(net.flat_parameters, kept)
