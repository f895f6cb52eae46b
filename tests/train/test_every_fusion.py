"""Over the registry: each layer behind a Linear and a Conv2d, each optimizer inside the weights' gradients, and the
bits are those of the layers one by one."""

import numpy as np
import pytest

import nncore as nc
from support.cases import activations, examples, make
from support.layerwise import layerwise_step


def same_training(layers, optimizer, X, y, dtype, steps=3):
    planned = nc.Sequential(*layers, dtype=dtype, seed=1)
    plain, loss, hand = planned.copy(), nc.CrossEntropyLoss(), optimizer()
    trainer = nc.Trainer(planned, loss, optimizer(), seed=5)
    for step in range(steps):
        assert trainer.step(X, y) == layerwise_step(plain, loss, hand, X, y, 5, step)
    assert trainer._core.layout != "feature_major"
    for key, array in planned.state_dict().items():
        assert np.array_equal(array, plain.state_dict()[key]), key


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", activations().values())
@pytest.mark.parametrize("dropped", [False, True])
def test_every_activation_behind_products_and_convolutions(name, dropped, dtype, rng):
    def follow():
        return [getattr(nc, name)(), *([nc.Dropout(0.3)] if dropped else [])]

    X, y = rng.normal(size=(9, 7)), rng.integers(0, 3, 9)
    same_training([nc.Linear(7, 70), *follow(), nc.Linear(70, 3)], lambda: nc.SGD(lr=0.1), X, y, dtype)
    images = rng.normal(size=(9, 2, 6, 5))
    conv = [nc.Conv2d(2, 18, 3, padding=1), *follow(), nc.MaxPool2d(2), nc.Flatten(), nc.Linear(108, 3)]
    same_training(conv, lambda: nc.SGD(lr=0.1), images, y, dtype)


POOLS = {
    "apart": {"kernel_size": 2},
    "over the end": {"kernel_size": 2, "ceil_mode": True},
    "pixels between": {"kernel_size": (1, 2), "stride": (2, 3)},
    "three rows": {"kernel_size": 3},
    "four rows": {"kernel_size": (3, 4), "stride": 4},
    "overlapping": {"kernel_size": 3, "stride": 2},
    "padded": {"kernel_size": 2, "padding": 1},
}


@pytest.mark.parametrize("kind", ["MaxPool2d", "AvgPool2d"])
@pytest.mark.parametrize("where", POOLS)
@pytest.mark.parametrize("name", ["Tanh", "LeakyReLU", "GELU", None])
@pytest.mark.parametrize("channels", [2, 24])  # direct kernels, Winograd's
def test_every_pooling_behind_convolutions(channels, name, where, kind, rng):
    X, y = rng.normal(size=(5, channels, 15, 13)), rng.integers(0, 3, 5)
    follow = [] if name is None else [getattr(nc, name)()]
    layers = [nc.Conv2d(channels, 20, 3, padding=1), *follow, getattr(nc, kind)(**POOLS[where]), nc.Conv2d(20, 3, 2),
              nc.GlobalAvgPool2d()]  # fmt: skip
    same_training(layers, lambda: nc.SGD(lr=0.1, momentum=0.9), X, y, "float32", steps=2)
    net = nc.Sequential(*layers, seed=1)
    assert np.array_equal(net(X), net.forward(X, training=False))
    assert np.array_equal(net(X), np.concatenate([net(x[None]) for x in X]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "args", "sample"), examples("optimizer"))
def test_every_optimizer_inside_the_gradients(name, args, sample, dtype, rng):
    X, y = rng.normal(size=(12, 9)), rng.integers(0, 3, 12)
    layers = [nc.Linear(9, 70), nc.ReLU(), nc.Linear(70, 3, bias=False)]
    same_training(layers, lambda: make("optimizer", name, args), X, y, dtype)
