"""Residual: x + f(x). Gradients, copies and hostile arguments are covered by tests/contract."""

import copy
import pickle

import numpy as np
import pytest

import nncore as nc
from support.example_layers import Rectifier, dense_like
from support.layerwise import layerwise_step
from support.philox import dropout_mask


def block(width=3):
    return nc.Residual(nc.Linear(width, 5), nc.Tanh(), nc.Linear(5, width))


def test_by_hand():
    # f(x) = 2 x + 1: y = 3 x + 1, dx = 3 dy, dW = Σ dy x, db = Σ dy
    inner = nc.Linear(1, 1)
    layer = nc.Residual(inner)
    for p, value in zip(inner.parameters(), ([[2.0]], [1.0]), strict=True):
        p.value = value
    assert layer.forward([[1.0], [-2.0]]).tolist() == [[4.0], [-5.0]]
    assert layer.backward([[1.0], [10.0]]).tolist() == [[3.0], [30.0]]
    assert [p.name for p in layer.parameters()] == ["0.weight", "0.bias"]
    assert [p.grad.tolist() for p in inner.parameters()] == [[[-19.0]], [11.0]]


def test_names_are_those_of_torch_and_values_travel(rng, torch):

    class Block(torch.nn.Sequential):
        def forward(self, x):
            return x + super().forward(x)

    def theirs_of(t):
        inner = Block(t.Linear(4, 4), Block(t.Linear(4, 6), t.BatchNorm1d(6), t.GELU(), t.Linear(6, 4)), t.LayerNorm(4))
        return t.Sequential(t.Linear(3, 4), inner, t.ELU(), t.Linear(4, 2)).double()

    theirs = theirs_of(torch.nn)
    ours = nc.Sequential(
        nc.Linear(3, 4),
        nc.Residual(
            nc.Linear(4, 4),
            nc.Residual(nc.Linear(4, 6), nc.BatchNorm1d(6), nc.GELU(), nc.Linear(6, 4)),
            nc.LayerNorm(4),
        ),
        nc.ELU(),
        nc.Linear(4, 2),
        dtype="float64",
        seed=0,
    )
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert "1.1.1.running_mean" in ours.state_dict()
    ours.load_state_dict(theirs.state_dict())
    for _ in range(3):
        x, dy = rng.normal(size=(7, 3)), rng.normal(size=(7, 2))
        y = ours.forward(x)
        ours.zero_grad()
        dx = ours.backward(dy)
        given = torch.tensor(x, requires_grad=True)
        theirs.zero_grad()
        out = theirs(given)
        out.backward(torch.tensor(dy))
        np.testing.assert_allclose(y, out.detach().numpy(), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(dx, given.grad.numpy(), rtol=1e-12, atol=1e-12)
        for p, (name, q) in zip(ours.parameters(), theirs.named_parameters(), strict=True):
            assert p.name == name
            np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=1e-11, atol=1e-12, err_msg=name)
    for (key, value), wanted in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        np.testing.assert_allclose(value, wanted.numpy(), rtol=1e-12, atol=1e-12, err_msg=key)
    np.testing.assert_allclose(ours(x), theirs.eval()(torch.tensor(x)).detach().numpy(), rtol=1e-12, atol=1e-12)


def test_the_layers_inside_go_on_answering(rng):
    inner = nc.Linear(3, 3)
    net = nc.Sequential(nc.Residual(inner, nc.ReLU()), nc.Linear(3, 2), dtype="float32", seed=0)
    assert np.array_equal(inner.parameters()[0].value, net.state_dict()["0.0.weight"])
    net.forward(rng.normal(size=(4, 3)))
    net.backward(np.ones((4, 2)))
    assert np.any(inner.parameters()[0].grad != 0)
    assert np.array_equal(inner.parameters()[0].grad, net.parameters()[0].grad)
    inner.parameters()[0].value = np.zeros((3, 3))
    assert np.all(net.flat_parameters[:9] == 0)
    assert np.array_equal(inner(np.ones((1, 3))), net[0][0](np.ones((1, 3))))


def test_a_layer_inside_and_outside_is_one(rng):
    shared = nc.Linear(3, 3)
    net = nc.Sequential(shared, nc.Residual(shared, nc.Tanh()), dtype="float64", seed=0)
    assert len(net.parameters()) == 2
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.0.weight", "1.0.bias"]
    X, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    assert nc.gradcheck(net, nc.MSELoss(), X, y).ok
    for other in (net.copy(), pickle.loads(pickle.dumps(net))):
        assert len(other.parameters()) == 2 and np.array_equal(other(X), net(X))
    nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=0.1)).fit(X, y, epochs=3)
    state = net.state_dict()
    assert np.array_equal(state["0.weight"], state["1.0.weight"])


def test_values_given_before_it_joins_a_model_are_kept():
    inner = nc.Linear(2, 2, bias=False)
    inner.parameters()[0].value = [[1, 2], [3, 4]]
    alone = nc.Residual(inner)
    assert alone(np.eye(2)).tolist() == [[2, 3], [2, 5]]
    net = nc.Sequential(alone, dtype="float32", seed=0)
    assert net(np.eye(2)).tolist() == [[2, 3], [2, 5]] and net.dtype == "float32"


def test_gradients_of_a_layer_alone_stay_when_the_one_inside_is_asked():
    inner = nc.Linear(2, 2)
    layer = nc.Residual(inner)
    layer.forward(np.ones((1, 2)))
    layer.backward(np.ones((1, 2)))
    assert inner.parameters()[1].grad.tolist() == [1, 1]
    assert layer.parameters()[1].grad.tolist() == [1, 1]


def test_masks_of_dropout_inside_are_those_of_its_place():
    net = nc.Sequential(nc.Residual(nc.Identity(), nc.Dropout(0.5)), dtype="float64", seed=0)
    x = np.ones((4, 6))
    assert np.array_equal(net.forward(x, seed=9), x + dropout_mask(0.5, 9, "0.1", (4, 6)))
    assert np.array_equal(net(x), 2 * x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_training_planned_and_by_hand(dtype, rng):
    layers = [
        nc.Residual(nc.Linear(4, 4), nc.GELU()), nc.Linear(4, 6), nc.ReLU(),
        nc.Residual(nc.Linear(6, 9), nc.BatchNorm1d(9), nc.ReLU(), nc.Dropout(0.2), nc.Linear(9, 6)), nc.SiLU(),
        nc.Dropout(0.1),
        nc.Residual(nc.LayerNorm(6), nc.Residual(nc.Linear(6, 6), nc.Softmax()), nc.Dropout(0.3)), nc.Linear(6, 3),
    ]  # fmt: skip
    planned = nc.Sequential(*layers, dtype=dtype, seed=1)
    plain, loss, hand = planned.copy(), nc.CrossEntropyLoss(), nc.Adam(lr=0.01)
    trainer = nc.Trainer(planned, loss, nc.Adam(lr=0.01), seed=5)
    for step in range(5):
        X, y = rng.normal(size=(9, 4)), rng.integers(0, 3, 9)
        assert trainer.step(X, y) == layerwise_step(plain, loss, hand, X, y, 5, step)
        for key, array in planned.state_dict().items():
            assert np.array_equal(array, plain.state_dict()[key]), key


def test_predicts_before_anything_else(rng):
    """A convolution inside takes in the BatchNorm behind it, which has its parameters from the first prediction on."""
    inside = nc.Conv2d(3, 3, 3, padding=1), nc.BatchNorm2d(3), nc.Tanh()
    net = nc.Sequential(nc.Conv2d(2, 3, 3, padding=1), nc.Residual(*inside), dtype="float64", seed=0)
    x = rng.normal(size=(2, 2, 5, 5))
    first = nc.Sequential(net[0], dtype="float64")(x)
    h = nc.Sequential(inside[0], dtype="float64")(first) / np.sqrt(1 + 1e-5)
    np.testing.assert_allclose(net(x), first + np.tanh(h), rtol=1e-13)


def test_layers_written_in_python_run_inside(rng):
    compiled = nc.Linear(3, 3)
    inside = dense_like(compiled)
    ours = nc.Sequential(nc.Residual(inside, Rectifier()), nc.Linear(3, 2), dtype="float64", seed=0)
    theirs = nc.Sequential(nc.Residual(compiled, nc.ReLU()), nc.Linear(3, 2), dtype="float64", seed=0)
    theirs[1].parameters()[0].value = ours[1].parameters()[0].value
    theirs[1].parameters()[1].value = ours[1].parameters()[1].value
    X, y = rng.normal(size=(8, 3)), rng.integers(0, 2, 8)
    np.testing.assert_allclose(ours(X), theirs(X), rtol=1e-13)
    assert nc.gradcheck(ours, nc.CrossEntropyLoss(), X, y).ok
    for net in (ours, theirs):
        nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=4).fit(X, y, epochs=5)
    np.testing.assert_allclose(ours.flat_parameters, theirs.flat_parameters, rtol=1e-10, atol=1e-12)
    assert np.array_equal(inside.weight.value, ours.state_dict()["0.0.weight"])
    for other in (ours.copy(), pickle.loads(pickle.dumps(ours))):
        assert np.array_equal(other(X), ours(X)) and other[0][0] is not inside


def test_shape_errors_name_the_place():
    net = nc.Sequential({"block": nc.Residual(nc.Linear(3, 4))}, seed=0)
    with pytest.raises(
        nc.ShapeError, match=r'^\[Residual "block"\] f\(x\): expected x\'s shape \(5, 3\), got \(5, 4\)'
    ):
        net(np.zeros((5, 3)))
    with pytest.raises(nc.ShapeError, match=r'^\[Linear "block.0"\] x: expected \(N, 3\), got \(5, 2\)'):
        net(np.zeros((5, 2)))


def test_one_sample_before_batch_norm_inside_is_refused():
    net = nc.Sequential(nc.Residual(nc.BatchNorm1d(3)), seed=0)
    with pytest.raises(nc.ShapeError, match=r'^\[BatchNorm1d "0.0"\] x: expected more than one value per channel'):
        net.forward(np.zeros((1, 3)))


def test_repr_summary_index_and_copies(rng):
    layer = block()
    assert repr(layer) == (
        "Residual(Linear(in_features=3, out_features=5), Tanh(), Linear(in_features=5, out_features=3))"
    )
    assert len(layer) == 3 and isinstance(layer[1], nc.Tanh)
    net = nc.Sequential(layer, nc.Linear(3, 2), seed=0)
    assert net.summary(3).rows[0] == ("0", "Residual", (3,), 38)
    x = rng.normal(size=(2, 3))
    for other in (copy.copy(layer), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert np.array_equal(other(x), layer(x))
        other.parameters()[0].value = np.zeros((5, 3))
        assert not np.array_equal(other(x), layer(x)) and other[0] is not layer[0]
    reference = nc.Residual(layers=layer.config["layers"])
    assert repr(reference) == repr(layer) and reference[0] is not layer[0]


def test_dtype_changes_with_the_model(rng):
    net = nc.Sequential(block(), nc.Linear(3, 2), dtype="float64", seed=0)
    x = rng.normal(size=(4, 3))
    y = net(x)
    assert net.to("float32")(x).dtype == np.float32
    np.testing.assert_allclose(net(x), y, rtol=1e-5, atol=1e-6)
    assert net[0][0].parameters()[0].value.dtype == np.float32


@pytest.mark.parametrize("given", [(), (3,), (nc.ReLU,), ("ReLU",), (nc.MSELoss(),), ([],), (None,)], ids=repr)
def test_what_are_no_layers_is_refused(given):
    with pytest.raises(nc.ConfigError, match=r"^\[Residual\] layers: expected layers, one or more"):
        nc.Residual(*given)
