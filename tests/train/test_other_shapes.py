"""A callback, or a loop by hand, runs the model on images of another size: training goes on to the same bits."""

import contextlib

import numpy as np
import pytest

import nncore as nc
from support.cases import examples, make, sample_input

IMAGES = [example for example in examples("layer") if len(example.values[2]) == 3]
BLOCKED = pytest.param(None, None, (3, 9, 9), id="blocked")


def layers_of(name, args):
    if name is None:
        return [nc.Conv2d(3, 16, 3, padding=1), nc.BatchNorm2d(16), nc.ReLU(), nc.MaxPool2d(2), nc.Conv2d(16, 16, 3)]
    return [make("layer", name, args)]


def forward_and_back(net, trainer, x):
    net.backward(np.ones_like(net.forward(x)))
    net.zero_grad()


BESIDE = {
    "nothing": lambda net, trainer, x: None,
    "call": lambda net, trainer, x: net(x),
    "forward": lambda net, trainer, x: net.forward(x),
    "forward and back": forward_and_back,
    "activations": lambda net, trainer, x: net.activations(x),
    "summary": lambda net, trainer, x: net.summary(x.shape[1:]),
    "evaluate": lambda net, trainer, x: trainer.evaluate(x, np.arange(len(x)) % 2),
}


def beside(act, net, trainer, x):
    with contextlib.suppress(nc.ShapeError):  # of layers made for one size
        act(net, trainer, x)


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize(("name", "args", "sample"), [*IMAGES, BLOCKED])
def test_training_goes_on_to_the_same_bits(name, args, sample, by_hand):
    rng = np.random.default_rng(0)
    X, y = sample_input(rng, (12, *sample)), np.arange(12) % 2
    other = sample_input(rng, (9, sample[0], 2 * sample[1] + 1, 2 * sample[2] + 3))
    found = {}
    for what, act in BESIDE.items():
        rest = nc.Sequential(*layers_of(name, args))(X[:1])
        if rest.ndim != 4:
            pytest.skip("its outputs are no images")
        net = nc.Sequential(*layers_of(name, args), nc.GlobalAvgPool2d(), nc.Linear(rest.shape[1], 2), seed=1)
        for layer in net:
            if type(layer).__name__.startswith("BatchNorm"):
                layer.momentum = 0.0  # what passes through a forward in between would count
        trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=4)
        if by_hand:
            for i in range(6):
                trainer.step(X[2 * i : 2 * i + 2], y[2 * i : 2 * i + 2])
                beside(act, net, trainer, other)
        else:
            trainer.fit(X, y, epochs=3, callbacks=[lambda r, a=act, n=net, t=trainer: beside(a, n, t, other)])
        found[what] = net.flat_parameters.tobytes()
    assert set(found.values()) == {found["nothing"]}
