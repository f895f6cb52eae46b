"""Tensors that NumPy refuses: everywhere the error holds PyTorch's own reason and the call that mends it."""

import re

import numpy as np
import pytest

import nncore as nc
from support.tensors import tensors, torch_tensors

X, Y = np.random.default_rng(0).normal(size=(6, 2)), np.arange(6) % 2


class Custom(nc.Loss):
    def forward(self, z, y):
        self.d = z - y
        return (self.d**2).mean()

    def backward(self):
        return 2 * self.d / self.d.size


def net():
    return nc.mlp([2, 3, 2], seed=0)


def trainer(loss=None):
    return nc.Trainer(net(), loss or nc.CrossEntropyLoss(), nc.SGD())


def state_with(tensor):
    return {**net().state_dict(), "0.weight": tensor}


#: Places that take arrays: name -> (what the tensor holds, the call).
PLACES = {
    "net": (X, lambda t: net()(t)),
    "forward": (X, lambda t: net().forward(t)),
    "predict": (X, lambda t: net().predict(t)),
    "predict_proba": (X, lambda t: net().predict_proba(t)),
    "activations": (X, lambda t: net().activations(t)),
    "layer": (X, lambda t: nc.Linear(2, 3)(t)),
    "functional": (X, lambda t: nc.functional.relu(t)),
    "loss z": (X, lambda t: nc.MSELoss()(t, X)),
    "loss y": (X, lambda t: nc.MSELoss()(X, t)),
    "loss weight": (X[0] ** 2, lambda t: nc.CrossEntropyLoss(weight=t)),
    "fit X": (X, lambda t: trainer().fit(t, Y)),
    "fit y": (Y, lambda t: trainer().fit(X, t)),
    "fit y, a loss without link": (X, lambda t: trainer(Custom()).fit(X, t)),
    "fit X, split": (X, lambda t: trainer().fit(t, Y, validation_split=0.5)),
    "validation": (X, lambda t: trainer().fit(X, Y, validation_data=(t, Y))),
    "test": (Y, lambda t: trainer().fit(X, Y, test_data=(X, t))),
    "step": (X, lambda t: trainer().step(t, Y)),
    "evaluate": (X, lambda t: trainer().evaluate(t, Y)),
    "load_state_dict": (net().state_dict()["0.weight"], lambda t: net().load_state_dict(state_with(t))),
    "not strict": (net().state_dict()["0.weight"], lambda t: net().load_state_dict({"0.weight": t}, strict=False)),
    "parameter": (net().state_dict()["0.weight"], lambda t: setattr(net().parameters()[0], "value", t)),
    "gradient": (net().state_dict()["0.weight"], lambda t: setattr(net().parameters()[0], "grad", t)),
    "Normalize": (X[0], lambda t: nc.Normalize(t, 1.0)),
    "from_data": (X, lambda t: nc.Normalize.from_data(t)),
    "gradcheck": (X, lambda t: nc.gradcheck(net(), nc.CrossEntropyLoss(), t, Y)),
    "gradient_flow": (X, lambda t: nc.gradient_flow(net(), nc.CrossEntropyLoss(), t, Y)),
    "minimize": (X[0], lambda t: nc.minimize("quadratic", t, nc.SGD(), 3)),
    "Perceptron": (X, lambda t: nc.Perceptron().fit(t, Y)),
    "split": (X, lambda t: nc.datasets.train_test_split(t, Y)),
    "sweep": (X, lambda t: nc.sweep(lambda lr, seed: trainer(), {"lr": [1]}, t, Y, progress=False)),
}


def check(place, tensor, reason, hint):
    with pytest.raises((nc.ShapeError, nc.ConfigError), match=re.escape(hint)) as error:
        PLACES[place][1](tensor)
    assert reason in str(error.value) and str(error.value).startswith("[")


@pytest.mark.parametrize("kind", range(3))
@pytest.mark.parametrize("place", PLACES)
def test_a_tensor_is_refused_with_the_reason_and_the_call(place, kind):
    check(place, *tensors(PLACES[place][0])[kind])


@pytest.mark.pytorch
@pytest.mark.parametrize("kind", range(4))
@pytest.mark.parametrize("place", PLACES)
def test_a_tensor_of_pytorch(place, kind):
    pytest.importorskip("torch")
    check(place, *torch_tensors(PLACES[place][0])[kind])


def test_what_is_no_tensor_keeps_its_message():
    with pytest.raises(nc.ShapeError, match=r"something NumPy cannot make an array of$"):
        net()([[1.0, 2.0], [3.0]])

    class Silent:
        def __array__(self, dtype=None, copy=None):
            raise ValueError

        def __getattr__(self, name):
            raise AttributeError(name) if name.startswith("__") else KeyError(name)

    for call in (net(), nc.Normalize):
        with pytest.raises(nc.ShapeError):
            call(Silent())


@pytest.mark.parametrize("make", [net, lambda: nc.Graph(x := nc.Input((2,)), nc.Linear(2, 3)(x), seed=0)])
def test_keys_that_do_not_match_are_returned(make):
    model = make()
    own = list(model.state_dict())
    other = {f"module.{key}": value for key, value in model.state_dict().items()}
    answer = model.load_state_dict(other, strict=False)
    assert answer == (own, list(other)) and (answer.missing_keys, answer.unexpected_keys) == (own, list(other))
    assert model.load_state_dict({**model.state_dict(), "x": 1}, strict=False) == ([], ["x"])
    assert model.load_state_dict(model.state_dict()) == ([], [])
    state = model.state_dict()
    del state[own[1]]
    assert model.load_state_dict(state, strict=False) == ([own[1]], [])
    normed = nc.Sequential(nc.BatchNorm1d(2), input=nc.Normalize(0.0, 1.0))
    assert normed.load_state_dict({}, strict=False).missing_keys == [
        "0.weight", "0.bias", "0.running_mean", "0.running_var", "input.mean", "input.std",
    ]  # fmt: skip
