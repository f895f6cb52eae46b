"""Sequential: a sequence of layers, its parameters, its flat view, its labels and probabilities."""

import numpy as np
import pytest

import nncore as nc


def mlp(dtype="float64", seed=0):
    return nc.Sequential(nc.Linear(3, 4), nc.Tanh(), nc.Linear(4, 2), dtype=dtype, seed=seed)


def test_by_hand():
    net = nc.Sequential(nc.Linear(2, 2), nc.ReLU(), nc.Linear(2, 1), dtype="float64", seed=0)
    net.load_state_dict(
        {"0.weight": [[1, 2], [-1, 1]], "0.bias": [0.5, 0.0], "2.weight": [[3.0, -2.0]], "2.bias": [1.0]}
    )
    x = np.array([[1.0, -1.0], [0.0, 2.0]])
    # hidden: (1 - 2 + .5, -1 - 1) = (-.5, -2) -> (0, 0);  (4.5, 2) -> (4.5, 2)
    assert net.forward(x).tolist() == [[1.0], [10.5]]
    dx = net.backward(np.array([[1.0], [2.0]]))
    assert dx.tolist() == [[0.0, 0.0], [6 + 4, 12 - 4]]
    grads = {p.name: p.grad.tolist() for p in net.parameters()}
    assert grads == {
        "0.weight": [[0.0, 12.0], [0.0, -8.0]],
        "0.bias": [6.0, -4.0],
        "2.weight": [[9.0, 4.0]],
        "2.bias": [3.0],
    }


def test_it_is_a_sequence():
    layers = [nc.Linear(3, 4), nc.Tanh(), nc.Linear(4, 2)]
    net = nc.Sequential(*layers, seed=0)
    assert len(net) == 3 and list(net) == layers
    assert net[0] is layers[0] and net[-1] is layers[2] and net["1"] is layers[1]
    for missing, error in ((3, IndexError), (-4, IndexError), ("x", KeyError)):
        with pytest.raises(error):
            net[missing]


def test_named_layers_name_their_parameters():
    net = nc.Sequential({"hidden": nc.Linear(3, 4), "act": nc.ReLU(), "out": nc.Linear(4, 2)}, seed=0)
    assert [p.name for p in net.parameters()] == ["hidden.weight", "hidden.bias", "out.weight", "out.bias"]
    assert list(net.activations(np.zeros((1, 3)))) == ["hidden", "act", "out"]


def test_activations_are_the_outputs_of_every_layer(rng):
    net, x = mlp(), rng.normal(size=(5, 3))
    seen = net.activations(x)
    hidden = x @ net[0].parameters()[0].value.T + net[0].parameters()[1].value
    np.testing.assert_allclose(seen["0"], hidden, rtol=1e-12)
    np.testing.assert_allclose(seen["1"], np.tanh(hidden), rtol=1e-12)
    assert np.array_equal(seen["2"], net(x))
    with pytest.raises(nc.StateError):
        net.backward(np.ones((5, 2)))


def test_append_keeps_the_numbers_and_adds_a_layer(rng):
    net, x = mlp(), rng.normal(size=(5, 3))
    y, before = net(x), net.state_dict()
    assert net.append(nc.Linear(2, 7)) is net
    assert len(net) == 4 and net(x).shape == (5, 7)
    after = net.state_dict()
    assert all(np.array_equal(after[key], before[key]) for key in before)
    np.testing.assert_allclose(net(x), y @ after["3.weight"].T + after["3.bias"], rtol=1e-12)
    assert net.flat_parameters.size == sum(p.value.size for p in net.parameters())


def test_building_by_append_is_building_at_once():
    grown = nc.Sequential(nc.Linear(3, 4), seed=0)
    grown.append(nc.Tanh()).append(nc.Linear(4, 2))
    whole = mlp("float32")
    assert np.array_equal(grown.flat_parameters, whole.flat_parameters)


@pytest.mark.parametrize("what", [None, 3, "Linear", nc.Linear, nc.MSELoss(), [nc.ReLU()], nc.ReLU], ids=repr)
def test_what_is_no_layer_is_refused(what):
    with pytest.raises(nc.ConfigError, match=r"^\[Sequential\] layer '0': expected a layer"):
        nc.Sequential(what)
    net = mlp()
    with pytest.raises(nc.ConfigError, match="expected a layer"):
        net.append(what)
    assert len(net) == 3


@pytest.mark.parametrize("name", ["", "a.b", 3, None])
def test_names_with_dots_and_none_are_refused(name):
    with pytest.raises(nc.ConfigError, match="layer name"):
        nc.Sequential({name: nc.ReLU()})


@pytest.mark.parametrize(
    "arguments",
    [{"dtype": "float16"}, {"dtype": "int32"}, {"dtype": None}, {"dtype": "x"}, {"input": 3}, {"input": nc.ReLU()}],
    ids=str,
)
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(nc.ConfigError, match=rf"^\[Sequential\] {next(iter(arguments))}"):
        nc.Sequential(nc.ReLU(), **arguments)


def test_the_empty_model_passes_on():
    net = nc.Sequential(seed=0)
    x = np.array([[1.0, 2.0]], dtype=np.float32)
    assert len(net) == 0 and net.parameters() == [] and np.array_equal(net.forward(x), x)
    assert np.array_equal(net.backward(x), x) and net.flat_parameters.shape == (0,)


def test_flat_parameters_are_the_parameters_themselves(rng):
    net = mlp()
    flat = net.flat_parameters
    assert flat.dtype == np.float64 and flat.flags.writeable and flat.flags.c_contiguous
    np.testing.assert_array_equal(flat, np.concatenate([p.value.ravel() for p in net.parameters()]))
    flat[:] = rng.normal(size=flat.size)
    np.testing.assert_array_equal(flat, np.concatenate([p.value.ravel() for p in net.parameters()]))
    net.parameters()[1].value = np.arange(4.0)
    assert flat[12:16].tolist() == [0.0, 1.0, 2.0, 3.0]
    net.forward(np.ones((2, 3)))
    net.backward(np.ones((2, 2)))
    grads = np.concatenate([p.grad.ravel() for p in net.parameters()])
    assert np.any(grads != 0) and np.array_equal(net.flat_gradients, grads)
    net.flat_gradients[:] = 1.0
    assert all(np.all(p.grad == 1.0) for p in net.parameters())


def test_flat_parameters_are_those_training_changes(rng):
    net = mlp()
    flat = net.flat_parameters
    before = flat.copy()
    nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=0.1)).step(rng.normal(size=(5, 3)), rng.normal(size=(5, 2)))
    assert not np.array_equal(flat, before) and np.array_equal(flat, net.flat_parameters)


def test_parameters_can_be_assigned_and_changed_in_place():
    net = nc.Sequential(nc.Linear(2, 1), dtype="float64", seed=0)
    weight, bias = net.parameters()
    weight.value = [[1.0, 2.0]]
    bias.value[...] = 3.0
    assert net(np.array([[1.0, 1.0]])).item() == 6.0
    weight.value += 1.0
    assert net(np.array([[1.0, 1.0]])).item() == 8.0
    assert repr(weight) == "Parameter('0.weight', shape=(1, 2), dtype=float64)"
    for bad in (np.zeros((2, 1)), 1.0, [1.0, 2.0], "x", None, np.zeros((1, 2), complex)):
        with pytest.raises((nc.ShapeError, nc.ConfigError)):
            weight.value = bad
    assert weight.value.tolist() == [[2.0, 3.0]]


def test_to_converts_the_model_itself(rng):
    net, x = mlp("float32"), rng.normal(size=(5, 3))
    before = net.state_dict()
    assert net.to("float64") is net and net.dtype == "float64" and net(x).dtype == np.float64
    assert all(np.array_equal(value, before[key]) for key, value in net.state_dict().items())
    net.to(np.float32)
    assert net.dtype == "float32"
    assert all(np.array_equal(value, before[key]) for key, value in net.state_dict().items())
    with pytest.raises(nc.ConfigError, match="dtype"):
        net.to("float16")


def test_a_seed_is_drawn_and_shown_when_none_is_given():
    first, second = (nc.Sequential(nc.Linear(3, 3)) for _ in range(2))
    assert first.seed != second.seed
    assert f"seed={first.seed}" in repr(first)
    again = nc.Sequential(nc.Linear(3, 3), seed=first.seed)
    assert np.array_equal(again.flat_parameters, first.flat_parameters)


def test_repr_shows_layers_as_pytorch_does():
    text = repr(nc.Sequential(nc.Linear(3, 4), nc.Tanh(), seed=1))
    assert text == (
        "Sequential(\n  (0): Linear(in_features=3, out_features=4)\n  (1): Tanh()\n  dtype='float32', seed=1\n)"
    )
    assert "<table>" in nc.Sequential(nc.Tanh(), seed=1)._repr_html_()


def test_summary_counts_shapes_parameters_and_memory():
    net = nc.Sequential(nc.Flatten(), nc.Linear(784, 30), nc.Sigmoid(), nc.Linear(30, 10), seed=0)
    summary = net.summary((1, 28, 28))
    assert [row.output_shape for row in summary.rows] == [(784,), (30,), (30,), (10,)]
    assert [row.parameters for row in summary.rows] == [0, 784 * 30 + 30, 0, 310]
    assert summary.parameters == 23860 and summary.parameter_bytes == 4 * 23860
    assert summary.activation_bytes == 4 * (784 + 30 + 30 + 10)
    assert "23,860 parameters" in str(summary) and "(N, 784)" in str(summary)
    assert mlp().summary().rows[-1].output_shape == (2,)
    with pytest.raises(nc.ConfigError, match="input_shape"):
        nc.Sequential(nc.Tanh(), seed=0).summary()
    with pytest.raises(nc.ShapeError, match=r'\[Linear "1"\]'):
        net.summary((1, 28, 27))


def test_probabilities_follow_the_outputs(rng):
    x = rng.normal(size=(6, 3))
    net = mlp()
    z = net(x)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(net.predict_proba(x), p, rtol=1e-12)
    assert np.array_equal(net.predict(x), z.argmax(axis=1))
    for end in (nc.Softmax(), nc.LogSoftmax()):
        other = mlp()
        other.append(end)
        np.testing.assert_allclose(other.predict_proba(x), p, rtol=1e-12)
        assert np.array_equal(other.predict(x), z.argmax(axis=1))
    one = nc.Sequential(nc.Linear(3, 1), dtype="float64", seed=0)
    np.testing.assert_allclose(one.predict_proba(x), 1 / (1 + np.exp(-one(x))), rtol=1e-12)
    one.append(nc.Sigmoid())
    assert np.array_equal(one.predict_proba(x), one(x))
    assert np.array_equal(one.predict(x), (one(x)[:, 0] >= 0.5).astype(int))


def test_predictions_follow_the_loss_of_the_last_trainer(rng):
    x = rng.normal(size=(6, 3))
    values = mlp()
    nc.Trainer(values, nc.MSELoss(), nc.SGD())
    assert np.array_equal(values.predict(x), values(x))
    with pytest.raises(nc.StateError, match="probabilities"):
        values.predict_proba(x)
    signs = nc.Sequential(nc.Linear(3, 1), dtype="float64", seed=0)
    nc.Trainer(signs, nc.PerceptronLoss(), nc.SGD())
    assert np.array_equal(signs.predict(x), np.where(signs(x)[:, 0] >= 0, 1, -1))
