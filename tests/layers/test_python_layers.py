"""Layers written in Python: beside compiled ones they compute, train, are checked, copied and saved alike."""

import copy
import pickle

import numpy as np
import pytest

import nncore as nc
from support.example_layers import Bare, Dense, Rectifier, SoftMax, data, dense_like


def pair(dtype="float64"):
    """A compiled net and one with the same numbers and layers in Python."""
    compiled = nc.Sequential(
        nc.Linear(3, 7), nc.ReLU(), nc.Linear(7, 5), nc.Tanh(), nc.Linear(5, 4), dtype=dtype, seed=1
    )
    ours = nc.Sequential(
        dense_like(compiled[0]), Rectifier(), dense_like(compiled[2]), nc.Tanh(), dense_like(compiled[4]), dtype=dtype
    )
    return compiled, ours


@pytest.mark.parametrize(
    "optimizer",
    [lambda: nc.SGD(lr=0.3, momentum=0.9, weight_decay=0.01), lambda: nc.Adam(lr=0.01)],
    ids=["SGD", "Adam"],
)
@pytest.mark.parametrize("options", [{}, {"l2": 0.02, "l1": 0.01}, {"clip_grad_norm": 0.5}, {"clip_grad_value": 0.01}])
def test_training_follows_the_compiled_layers(optimizer, options, rng):
    X, y = data(rng)
    nets = pair()
    histories = []
    for net in nets:
        trainer = nc.Trainer(net, nc.CrossEntropyLoss(), optimizer(), batch_size=9, **options)
        histories.append(trainer.fit(X, y, epochs=15, validation_data=(X[:7], y[:7])))
    start = pair()[0].flat_parameters
    assert np.abs(nets[0].flat_parameters - start).max() > 0.01, "nothing was trained"
    np.testing.assert_allclose(nets[1].flat_parameters, nets[0].flat_parameters, rtol=0, atol=1e-10)
    for key in ("loss", "val_loss", "accuracy", "val_accuracy"):
        np.testing.assert_allclose(histories[1][key], histories[0][key], rtol=0, atol=1e-10)
    assert not nets[1].flat_gradients.any()


def test_float32_layers_get_and_give_float32(rng):
    X, y = data(rng)
    compiled, ours = pair("float32")
    seen = []
    ours[1].forward = lambda x: (seen.append(x.dtype), np.where(x > 0, x, 0))[1]  # a method set on the object
    ours[1].backward = lambda dy: (seen.append(dy.dtype), dy)[1]
    assert ours(X).dtype == np.float32 and ours[0].weight.value.dtype == np.float32
    compiled, ours = pair("float32")
    for net in (compiled, ours):
        nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=8).fit(X, y, epochs=5)
    np.testing.assert_allclose(ours.flat_parameters, compiled.flat_parameters, rtol=0, atol=1e-5)
    assert {"float32"} == {str(d) for d in seen}


def test_gradcheck_passes_and_finds_a_wrong_gradient(rng):
    X, y = data(rng, n=5)
    report = nc.gradcheck(pair()[1], nc.CrossEntropyLoss(), X, y)
    assert report.ok and set(report.per_parameter) == {
        "0.weight",
        "0.bias",
        "2.weight",
        "2.bias",
        "4.weight",
        "4.bias",
        "x",
    }
    softmax = nc.Sequential(dense_like(nc.Linear(3, 4)), SoftMax(), dtype="float64")
    assert nc.gradcheck(softmax, nc.MSELoss(), X, rng.normal(size=(5, 4))).ok
    assert nc.gradcheck(dense_like(nc.Linear(3, 4)), nc.CrossEntropyLoss(), X, y).ok

    class Wrong(Dense):
        def backward(self, dy):
            dx = super().backward(dy)
            self.bias.grad += 0.01
            return dx

    wrong = nc.Sequential(Wrong(rng.normal(size=(4, 3)), np.zeros(4)), dtype="float64")
    report = nc.gradcheck(wrong, nc.CrossEntropyLoss(), X, y)
    assert not report.ok and report.per_parameter["0.weight"].max_relative_error < 1e-6
    assert report.per_parameter["0.bias"].max_relative_error > 1e-4


def test_values_by_hand_alone_and_in_a_model():
    layer = Dense([[1.0, 2.0]], [0.5])
    x = np.array([[3.0, 4.0]])
    np.testing.assert_array_equal(layer(x), [[11.5]])
    np.testing.assert_array_equal(layer.forward(x, True), [[11.5]])
    np.testing.assert_array_equal(layer.backward(np.array([[2.0]])), [[2.0, 4.0]])
    np.testing.assert_array_equal(layer.weight.grad, [[6.0, 8.0]])
    assert [p.name for p in layer.parameters()] == ["weight", "bias"]
    layer.zero_grad()
    assert not layer.weight.grad.any() and not layer.bias.grad.any()
    net = nc.Sequential(layer)
    layer.weight.value = [[-1.0, 0.0]]
    np.testing.assert_array_equal(net(x), [[-2.5]])
    net.forward(x)
    np.testing.assert_array_equal(net.backward(np.array([[2.0]])), [[-2.0, 0.0]])
    np.testing.assert_array_equal(net.flat_gradients, [6.0, 8.0, 2.0])
    assert layer.weight.grad.dtype == np.float32


def test_arrays_handed_out_in_init_stay_the_layers_own():
    class Late(nc.Layer):
        def __init__(self):
            first = self.add_parameter("a", np.zeros((1, 2)))
            array = first.value
            self.add_parameter("b", np.zeros(2))
            array[:] = 3.0

        def forward(self, x):
            return x + self.parameters()[0].value

    layer = Late()
    np.testing.assert_array_equal(layer(np.zeros((1, 2))), [[3.0, 3.0]])
    np.testing.assert_array_equal(nc.Sequential(layer)(np.zeros((1, 2))), [[3.0, 3.0]])


def test_flat_parameters_state_dict_and_initialize(rng):
    weight, bias = rng.normal(size=(2, 3)), rng.normal(size=2)
    net = nc.Sequential(nc.Linear(3, 3), Dense(weight, bias), dtype="float64", seed=0)
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert net.flat_parameters.size == 12 + 8
    np.testing.assert_array_equal(net.flat_parameters[12:], np.r_[weight.ravel(), bias])
    net.flat_parameters[12:] = 0
    assert not net[1].weight.value.any()
    net.initialize(3)
    np.testing.assert_array_equal(net[1].weight.value, weight)
    net.load_state_dict({"1.bias": [5.0, 6.0]}, strict=False)
    np.testing.assert_array_equal(net[1].bias.value, [5.0, 6.0])
    net.to("float32")
    assert net[1].bias.value.dtype == np.float32 and net[1].bias.value.tolist() == [5.0, 6.0]
    net.append(nc.ReLU())
    net.flat_parameters[-1] = 9.0
    assert net[1].bias.value.tolist() == [5.0, 9.0]


@pytest.mark.parametrize(
    "copy_of", [lambda n: n.copy(), copy.copy, copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))]
)
def test_copies_are_models_of_their_own(copy_of, rng):
    X, y = data(rng)
    net = pair("float32")[1]
    nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1)).fit(X, y, epochs=2)
    other = copy_of(net)
    assert other(X).tobytes() == net(X).tobytes()
    assert type(other[0]) is Dense and other[0] is not net[0]
    assert other[0].weight is not net[0].weight and other[0].weight.value.dtype == np.float32
    before = net.flat_parameters.copy()
    nc.Trainer(other, nc.CrossEntropyLoss(), nc.SGD(lr=0.1)).fit(X, y, epochs=1)
    np.testing.assert_array_equal(net.flat_parameters, before)
    assert not np.array_equal(other.flat_parameters, before)
    start = net[0].parameters()[0]._start.astype(np.float32)
    assert np.array_equal(other.initialize(0)[0].weight.value, start)


def test_one_layer_in_two_places_has_one_weight_and_two_memories(rng):
    """f(x) = W W x: what forward keeps must not be mixed up between the places."""
    X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    layer = Dense(rng.normal(size=(3, 3)), np.zeros(3))
    net = nc.Sequential(layer, nc.Tanh(), layer, dtype="float64")
    assert net.flat_parameters.size == 12
    assert nc.gradcheck(net, nc.MSELoss(), X, y).ok
    compiled_layer = nc.Linear(3, 3)
    compiled = nc.Sequential(compiled_layer, nc.Tanh(), compiled_layer, dtype="float64")
    compiled.flat_parameters[:] = net.flat_parameters
    for model in (net, compiled):
        nc.Trainer(model, nc.MSELoss(), nc.SGD(lr=0.1), batch_size=2).fit(X, y, epochs=4)
    np.testing.assert_allclose(net.flat_parameters, compiled.flat_parameters, rtol=0, atol=1e-12)
    other = net.copy()
    assert other[0] is other[2]


def test_inference_through_a_slice_leaves_the_backward_pass_alone(rng):
    net = nc.Sequential(Rectifier(), nc.Linear(2, 1), dtype="float64", seed=0)
    x = np.array([[1.0, -1.0]])
    net.forward(x)
    net[:1](-x)
    dx = net.backward(np.ones((1, 1)))
    assert dx[0, 0] == net[1].parameters()[0].value[0, 0] and dx[0, 1] == 0


def test_looking_inside(rng):
    X, _ = data(rng)
    compiled, ours = pair()
    np.testing.assert_allclose(ours(X), compiled(X), atol=1e-12)
    np.testing.assert_array_equal(ours.predict(X), compiled.predict(X))
    np.testing.assert_allclose(ours.predict_proba(X), compiled.predict_proba(X), atol=1e-12)
    for name, values in compiled.activations(X).items():
        np.testing.assert_allclose(ours.activations(X)[name], values, atol=1e-12)
    rows = ours.summary((3,)).rows
    assert [(r.kind, r.output_shape, r.parameters) for r in rows[:2]] == [("Dense", (7,), 28), ("Rectifier", (7,), 0)]
    assert "(0): Dense()" in repr(ours) and "Dense()" in ours._repr_html_()


def test_nothing_else_than_forward_and_backward_is_needed(rng):
    X, y = data(rng)
    net = nc.Sequential(Bare(2.0), nc.Linear(3, 4), seed=0)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1))
    assert trainer.fit(X, y, epochs=2).n_steps == 4
    assert trainer.evaluate(X, y)["loss"] > 0 and trainer.step(X, y) > 0
    np.testing.assert_array_equal(Bare(2.0)(np.ones((1, 2))), [[2.0, 2.0]])
    assert Bare(1.0).parameters() == []


def test_penalties_act_on_arrays_with_two_axes(rng):
    layer = Dense(np.full((1, 2), 2.0), np.full(1, 3.0))
    trainer = nc.Trainer(nc.Sequential(layer), nc.MSELoss(), nc.SGD(lr=1.0), l2=0.5)
    x = np.zeros((4, 2))
    assert trainer.step(x, np.full((4, 1), 3.0)) == pytest.approx(0.25 * 8)
    np.testing.assert_array_equal(layer.weight.value, [[1.0, 1.0]])
    np.testing.assert_array_equal(layer.bias.value, [3.0])
