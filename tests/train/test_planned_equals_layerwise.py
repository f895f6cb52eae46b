"""What the Trainer runs (packed weights, fused activations, updates inside gradients) gives the bits of the plain way.

With the samples of a batch in vector lanes, which narrow nets get, sums have another order: then it agrees to rounding.
"""

import numpy as np
import pytest

import nncore as nc
from support.layerwise import layerwise_step

NETS = {
    "tiny": lambda: [nc.Linear(2, 3), nc.Tanh(), nc.Linear(3, 2)],
    "one layer": lambda: [nc.Linear(5, 4)],
    "relu": lambda: [nc.Linear(20, 33), nc.ReLU(), nc.Linear(33, 17), nc.ReLU(), nc.Linear(17, 3)],
    "sigmoid, no bias": lambda: [nc.Linear(9, 31, bias=False), nc.Sigmoid(), nc.Linear(31, 5, bias=False)],
    "leaky, flatten": lambda: [nc.Flatten(), nc.Linear(12, 40), nc.LeakyReLU(0.2), nc.Linear(40, 4)],
    "two activations": lambda: [nc.Linear(6, 8), nc.Tanh(), nc.Sigmoid(), nc.Identity(), nc.Linear(8, 3), nc.Tanh()],
    "activation first": lambda: [nc.Tanh(), nc.Linear(6, 8), nc.ReLU(), nc.Linear(8, 3)],
    "functions of x": lambda: [
        nc.Linear(6, 37),
        nc.ELU(0.5),
        nc.Linear(37, 20),
        nc.GELU(),
        nc.SiLU(),
        nc.Linear(20, 3),
    ],
    "softplus, gelu first": lambda: [nc.GELU("tanh"), nc.Linear(6, 8), nc.Softplus(), nc.Linear(8, 3)],
    "layer norm": lambda: [nc.Linear(6, 37), nc.LayerNorm(37), nc.ReLU(), nc.Linear(37, 3), nc.LayerNorm(3)],
    "softmax inside": lambda: [nc.Linear(6, 8), nc.Softmax(), nc.Linear(8, 3)],
    "dropout": lambda: [nc.Dropout(0.2), nc.Linear(10, 30), nc.ReLU(), nc.Dropout(0.5), nc.Linear(30, 4)],
    "dropped tanh": lambda: [nc.Linear(7, 9), nc.Tanh(), nc.Dropout(0.3), nc.Linear(9, 5), nc.Dropout(0.1)],
    "dropped gelu": lambda: [nc.Linear(7, 260), nc.GELU(), nc.Dropout(0.4), nc.Dropout(0.1), nc.Linear(260, 5)],
    "all dropped": lambda: [nc.Linear(7, 130), nc.Dropout(1.0), nc.ReLU(), nc.Dropout(0.0), nc.Linear(130, 5)],
    "wide": lambda: [nc.Linear(150, 260), nc.ReLU(), nc.Linear(260, 100), nc.Tanh(), nc.Linear(100, 10)],
    "many inputs": lambda: [
        nc.Linear(3, 1030),
        nc.ReLU(),
        nc.Linear(1030, 70),
        nc.ReLU(),
        nc.Dropout(0.5),
        nc.Linear(70, 5),
    ],
    "many inputs, dropped gelu": lambda: [nc.Linear(1030, 70), nc.GELU(), nc.Dropout(0.6), nc.Linear(70, 5)],
    "many inputs, all dropped": lambda: [nc.Linear(1024, 66), nc.Sigmoid(), nc.Dropout(1.0), nc.Linear(66, 5)],
    "rows": lambda: [nc.Linear(4, 6), nc.Tanh(), nc.Flatten(), nc.Linear(18, 3)],
}
SAMPLES = {"leaky, flatten": (3, 4), "rows": (3, 4)}
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


def sample_shape(name, net):
    if name in SAMPLES:
        return SAMPLES[name]
    first = next(layer for layer in net if isinstance(layer, nc.Linear))
    return (first.config["in_features"],)


def batches(name, net, rng, sizes=SIZES):
    shape = sample_shape(name, net)
    classes = net(np.zeros((1, *shape))).shape[1]
    return [(rng.normal(size=(n, *shape)), rng.integers(0, classes, n)) for n in sizes]


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
    planned = nc.Sequential(*NETS[name](), dtype=dtype, seed=1)
    plain = planned.copy()
    loss, hand = nc.CrossEntropyLoss(), OPTIMIZERS[optimizer]()
    trainer = nc.Trainer(planned, loss, OPTIMIZERS[optimizer](), seed=SEED)
    tolerance = 0.0
    for step, (X, y) in enumerate(batches(name, planned, rng)):
        value = trainer.step(X, y)
        if trainer._core.layout != "samples":
            tolerance = TOLERANCE[dtype]
        assert value == pytest.approx(layerwise_step(plain, loss, hand, X, y, SEED, step), rel=tolerance, abs=tolerance)
        assert_same(planned.flat_parameters, plain.flat_parameters, tolerance)
    states = trainer.optimizer.state_dict()["state"], hand.state_dict()["state"]
    for key, slots in states[0].items():
        for slot, values in slots.items():
            assert_same(values, states[1][key][slot], tolerance)


NARROW = {
    "tiny": lambda: [nc.Linear(2, 3), nc.Tanh(), nc.Linear(3, 2)],
    "moons": lambda: [nc.Linear(2, 20), nc.ReLU(), nc.Linear(20, 2)],
    "deeper": lambda: [nc.Linear(3, 9), nc.Sigmoid(), nc.Linear(9, 5, bias=False), nc.LeakyReLU(), nc.Linear(5, 3)],
    "two activations": lambda: [nc.Identity(), nc.Linear(2, 5), nc.Tanh(), nc.Sigmoid(), nc.Linear(5, 2), nc.Tanh()],
    "functions of x": lambda: [nc.Linear(2, 7), nc.SiLU(), nc.Linear(7, 5), nc.ELU(), nc.GELU(), nc.Linear(5, 2)],
    "functions of x at the end": lambda: [nc.Linear(2, 7), nc.GELU("tanh"), nc.Linear(7, 2), nc.Softplus()],
}


@pytest.mark.parametrize("name", NARROW)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_samples_in_lanes(name, optimizer, dtype, rng):
    """Twenty steps with batches that fill registers and that leave lanes empty."""
    planned = nc.Sequential(*NARROW[name](), dtype=dtype, seed=1)
    plain = planned.copy()
    loss, hand, tolerance = nc.CrossEntropyLoss(), OPTIMIZERS[optimizer](), TOLERANCE[dtype]
    trainer = nc.Trainer(planned, loss, OPTIMIZERS[optimizer](), seed=SEED, l2=1e-3)
    inputs, outputs = next(iter(planned.parameters())).value.shape[1], planned.parameters()[-1].value.shape[0]
    for step in range(20):
        n = (160, 16, 33, 1, 700)[step % 5]
        X, y = rng.normal(size=(n, inputs)), rng.integers(0, outputs, n)
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
    assert trainer._core.layout == "features" or name != "tiny"  # for the others it is up to the registers' size


@pytest.mark.parametrize("name", ["relu", "wide", "dropout"])
def test_a_fit_is_its_steps(name, rng):
    """One epoch of fit without shuffling against Trainer.step on the same batches: the same bits, losses too."""
    fitted = nc.Sequential(*NETS[name](), seed=1)
    stepped = fitted.copy()
    ((X, y),) = batches(name, fitted, rng, sizes=(50,))
    make = OPTIMIZERS["Adam"]
    history = nc.Trainer(fitted, nc.CrossEntropyLoss(), make(), batch_size=16, shuffle=False, seed=SEED).fit(
        X, y, epochs=1
    )
    trainer = nc.Trainer(stepped, nc.CrossEntropyLoss(), make(), seed=SEED)
    losses = [trainer.step(X[i : i + 16], y[i : i + 16]) for i in range(0, 50, 16)]
    assert history.steps["loss"].tolist() == losses
    assert np.array_equal(fitted.flat_parameters, stepped.flat_parameters)


def test_results_that_are_one_more_than_a_piece(rng):
    """What follows a layer goes back in pieces of 2^14 elements."""
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
    net = nc.Sequential(*NETS["relu"](), seed=1)
    other = net.copy()
    net.flat_gradients[:] = 1e6
    ((X, y),) = batches("relu", net, rng, sizes=(20,))
    for model in (net, other):
        nc.Trainer(model, nc.CrossEntropyLoss(), nc.SGD(lr=0.1)).step(X, y)
        assert np.all(model.flat_gradients == 0)
    assert np.array_equal(net.flat_parameters, other.flat_parameters)


def test_parameters_changed_between_steps_are_those_that_train(rng):
    net = nc.Sequential(*NETS["relu"](), dtype="float64", seed=1)
    ((X, y),) = batches("relu", net, rng, sizes=(20,))
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=1e-300))
    trainer.step(X, y)
    net.flat_parameters[:] = rng.normal(size=net.flat_parameters.size)
    kept = net.flat_parameters.copy()
    assert trainer.step(X, y) == pytest.approx(nc.CrossEntropyLoss().value(net(X), y), rel=1e-13)
    assert np.array_equal(net.flat_parameters, kept)
