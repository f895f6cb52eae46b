"""nc.mlp: what it builds, in which order, and what it refuses."""

import numpy as np
import pytest

import nncore as nc
from support.cases import activations


def kinds(net):
    return [type(layer).__name__ for layer in net]


def test_linear_and_activation_by_turns_and_nothing_after_the_last():
    net = nc.mlp([3, 5, 4, 2], seed=0)
    assert kinds(net) == ["Linear", "ReLU", "Linear", "ReLU", "Linear"]
    assert [p.shape for p in net.parameters()] == [(5, 3), (5,), (4, 5), (4,), (2, 4), (2,)]
    assert net(np.zeros((7, 3))).shape == (7, 2)


def test_the_same_net_as_by_hand():
    made = nc.mlp([3, 5, 2], "tanh", seed=4)
    hand = nc.Sequential(nc.Linear(3, 5), nc.Tanh(), nc.Linear(5, 2), seed=4)
    assert repr(made) == repr(hand) and np.array_equal(made.flat_parameters, hand.flat_parameters)


def test_order_with_batch_norm_and_dropout():
    net = nc.mlp([3, 5, 4, 2], "gelu", dropout=0.25, batch_norm=True, seed=0)
    hidden = ["Linear", "BatchNorm1d", "GELU", "Dropout"]
    assert kinds(net) == [*hidden, *hidden, "Linear"]
    assert net[1].config == {"num_features": 5} and net[3].config == {"p": 0.25}


def test_without_hidden_layers_it_is_one_linear():
    assert kinds(nc.mlp((784, 10), dropout=0.5, batch_norm=True, seed=0)) == ["Linear"]


@pytest.mark.parametrize(("name", "layer"), [*activations().items(), ("ReLU", "ReLU"), ("Leaky_ReLU", "LeakyReLU")])
def test_every_activation_by_name(name, layer):
    assert kinds(nc.mlp([2, 3, 1], name, seed=0))[1] == layer


@pytest.mark.parametrize("init", ["xavier", "kaiming", "orthogonal", nc.init.kaiming_normal()], ids=repr)
def test_init_fills_the_weights_and_leaves_biases_zero(init):
    net = nc.mlp([30, 50, 20], init=init, seed=0)
    hand = nc.Sequential(
        nc.Linear(30, 50, weight_init=init, bias_init="zeros"),
        nc.ReLU(),
        nc.Linear(50, 20, weight_init=init, bias_init="zeros"),
        seed=0,
    )
    for p, q in zip(net.parameters(), hand.parameters(), strict=True):
        assert np.array_equal(p.value, q.value)
        assert np.all(p.value == 0) == p.name.endswith("bias")


def test_dtype_seed_and_input_are_the_models():
    net = nc.mlp([2, 3, 1], dtype="float64", seed=7, input=nc.Normalize(1.0, 2.0))
    assert net.dtype == "float64" and net.seed == 7 and net.input is not None


def test_it_trains():
    X, y = nc.datasets.make_moons(200, noise=0.1, seed=0)
    net = nc.mlp([2, 16, 16, 2], "elu", batch_norm=True, dropout=0.1, init="kaiming", seed=0)
    nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(lr=0.02), batch_size=20).fit(X, y, epochs=40)
    assert np.mean(net.predict(X) == y) > 0.95


@pytest.mark.parametrize(
    "sizes",
    [None, 3, [], [3], "34", [3, 0], [3, -1, 2], [3, 2.5], [3, True], [3, "4"], [3, None], [3, 2**40]],
    ids=repr,
)
def test_sizes_that_are_none(sizes):
    with pytest.raises(nc.ConfigError, match=r"^\[mlp\] sizes"):
        nc.mlp(sizes)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"activation": "softmax"}, r"\[mlp\] activation: expected one of \['elu', .*, got 'softmax'"),
        ({"activation": None}, r"\[mlp\] activation"),
        ({"dropout": 1.0}, r"\[mlp\] dropout: expected a number in \[0, 1\)"),
        ({"dropout": -0.1}, r"\[mlp\] dropout"),
        ({"batch_norm": 1}, r"\[mlp\] batch_norm: expected True or False"),
        ({"init": 3}, r"\[mlp\] init"),
        ({"init": "no such"}, r"weight_init"),
        ({"dtype": "int32"}, r"dtype"),
        ({"seed": -1}, r"seed"),
        ({"input": 3}, r"input"),
    ],
    ids=repr,
)
def test_other_arguments_outside_their_range(arguments, text):
    with pytest.raises(nc.ConfigError, match=text):
        nc.mlp([2, 3, 1], **arguments)


def test_options_are_keywords():
    with pytest.raises(TypeError):
        nc.mlp([2, 3, 1], "relu", "xavier")
