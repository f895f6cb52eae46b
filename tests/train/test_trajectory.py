"""Twenty steps of an MLP are those of its NumPy reference: weights, losses, the order of samples, masks, short
batches."""

import numpy as np
import pytest

import nncore as nc
from support.cases import arguments
from support.philox import dropout_mask, shuffled
from support.reference import Chain, namespace, reference_of


def build(dropout=0.0, dtype="float64"):
    layers = [nc.Linear(6, 9), nc.Tanh(), nc.Dropout(dropout), nc.Linear(9, 7), nc.LeakyReLU(0.1), nc.Linear(7, 4)]
    return nc.Sequential(*layers, dtype=dtype, seed=3)


class ReferenceTraining:
    """The same net, loss and optimizer in NumPy."""

    def __init__(self, net, optimizer, seed, l2=0.0):
        self.layers = []
        for place, layer in net._layers.items():
            args = arguments("layer", type(layer).__name__, layer.config)
            own = {p.name.split(".")[1]: p for p in net.parameters() if p.name.split(".")[0] == place}
            self.layers.append((type(layer).__name__, args, {k: p.value.astype(np.float64) for k, p in own.items()}))
        self.model, self.seed, self.l2, self.t = Chain(self.layers), seed, l2, 0
        self.name = type(optimizer).__name__
        self.args = arguments("optimizer", self.name, optimizer.config)
        names = reference_of("optimizer", self.name).state_names(self.args)
        self.state = [{k: {s: np.zeros_like(v) for s in names} for k, v in p.items()} for _, _, p in self.layers]

    def step(self, X, y, epoch, step):
        for i, (name, args, _) in enumerate(self.layers):
            if name == "Dropout":
                shape = (len(X), 9)
                args.mask = dropout_mask(args.p, self.seed, str(i), shape, epoch, step)
        loss_args = namespace({"weight": None, "ignore_index": -100, "reduction": "mean", "label_smoothing": 0.0})
        z = self.model.forward(X)
        value, dz = reference_of("loss", "CrossEntropyLoss")(loss_args, z, y)
        _, grads = self.model.backward(dz)
        self.t += 1
        for (_, _, params), g, own in zip(self.layers, grads, self.state, strict=True):
            for key in params:
                if key == "weight":
                    value += self.l2 / 2 * (params[key] ** 2).sum()
                    g[key] = g[key] + self.l2 * params[key]
                rule = reference_of("optimizer", self.name).rule
                params[key], own[key] = rule(self.args, self.t, self.args.lr, params[key], g[key], own[key])
        return value

    def parameters(self):
        return [v for _, _, params in self.layers for v in params.values()]


@pytest.fixture
def data(rng):
    return rng.normal(size=(46, 6)), rng.integers(0, 4, 46)


OPTIMIZERS = [
    lambda: nc.SGD(lr=0.2),
    lambda: nc.SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    lambda: nc.Adam(lr=0.02),
    lambda: nc.Adam(lr=0.02, amsgrad=True, eps=1e-3, eps_inside_sqrt=True),
]


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("l2", [0.0, 0.05])
def test_a_fit_is_that_of_the_reference(make, dropout, shuffle, l2, data):
    """46 samples, batches of 10: five steps an epoch, the last of six samples; four epochs."""
    X, y = data
    net, optimizer = build(dropout), make()
    reference = ReferenceTraining(net, optimizer, seed=17, l2=l2)
    trainer = nc.Trainer(
        net, nc.CrossEntropyLoss(), optimizer, batch_size=10, shuffle=shuffle, seed=17, l2=l2, num_threads=2
    )
    history = trainer.fit(X, y, epochs=4)
    expected, means = [], []
    for epoch in range(4):
        order = shuffled(17, epoch, 46) if shuffle else np.arange(46)
        batches = [order[i : i + 10] for i in range(0, 46, 10)]
        values = [reference.step(X[rows], y[rows], epoch, s) for s, rows in enumerate(batches)]
        expected += values
        means.append(np.average(values, weights=[len(rows) for rows in batches]))
    assert history.n_steps == 20
    np.testing.assert_allclose(history.steps["loss"], expected, rtol=1e-11)
    np.testing.assert_allclose(history["loss"], means, rtol=1e-11)
    for p, w in zip(net.parameters(), reference.parameters(), strict=True):
        np.testing.assert_allclose(p.value, w, rtol=1e-9, atol=1e-11)


def test_every_epoch_takes_each_sample_once_and_in_another_order():
    orders = [shuffled(5, epoch, 46) for epoch in range(3)]
    assert all(sorted(order) == list(range(46)) for order in orders)
    assert not np.array_equal(orders[0], orders[1]) and not np.array_equal(orders[1], orders[2])


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_steps_by_hand_through_the_trainer_are_those_of_the_reference(make, rng):
    net, optimizer = build(0.3), make()
    reference = ReferenceTraining(net, optimizer, seed=2)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), optimizer, seed=2)
    for step, size in enumerate([5, 1, 20, 3, 64, 7] * 4):
        X, y = rng.normal(size=(size, 6)), rng.integers(0, 4, size)
        assert trainer.step(X, y) == pytest.approx(reference.step(X, y, 0, step), rel=1e-10)
    for p, w in zip(net.parameters(), reference.parameters(), strict=True):
        np.testing.assert_allclose(p.value, w, rtol=1e-9, atol=1e-11)


def test_float32_stays_near_the_reference(data):
    X, y = data
    net, optimizer = build(dtype="float32"), nc.SGD(lr=0.1)
    reference = ReferenceTraining(net, optimizer, seed=0)
    history = nc.Trainer(net, nc.CrossEntropyLoss(), optimizer, batch_size=None, shuffle=False).fit(X, y, epochs=20)
    expected = [reference.step(X, y, epoch, 0) for epoch in range(20)]
    np.testing.assert_allclose(history.steps["loss"], expected, rtol=1e-5)
