"""gradient_flow by hand and against the gradients of a pass of one's own; its picture."""

import numpy as np
import pytest

import nncore as nc


def test_by_hand():
    """z = 3 (2 x), L = (z - y)²: dL/dz = 2 (z - y), dw2 = dz · 2x, dw1 = dz · 3 x."""
    net = nc.Sequential({"a": nc.Linear(1, 1, bias=False), "b": nc.Linear(1, 1, bias=False)})
    net.flat_parameters[:] = [2.0, 3.0]
    flow = nc.gradient_flow(net, nc.MSELoss(), [[1.0]], [[5.0]])
    assert flow.norms == {"a": 6.0, "b": 4.0} and flow.ratio == 1.5
    assert str(flow) == repr(flow)
    assert [line.split() for line in str(flow).splitlines()[1:]] == [
        ["a", "6.000e+00"], ["b", "4.000e+00"], ["first", "/", "last:", "1.500e+00"],
    ]  # fmt: skip


def test_against_a_pass_of_ones_own_and_nothing_changes(rng):
    X, y = rng.normal(size=(20, 3)), rng.integers(0, 4, 20)
    net = nc.Sequential(nc.Linear(3, 8), nc.Tanh(), nc.Dropout(0.3), nc.Linear(8, 4), dtype="float64", seed=0)
    net.flat_gradients[:] = 7.0
    before = net.flat_parameters.copy()
    flow = nc.gradient_flow(net, nc.CrossEntropyLoss(), X, y, seed=5)
    assert (net.flat_gradients == 7.0).all() and np.array_equal(net.flat_parameters, before) and net.dtype == "float64"
    with pytest.raises(nc.StateError):
        net.backward(np.ones((20, 4)))
    net.zero_grad()
    net.backward(nc.CrossEntropyLoss()(net.forward(X, seed=5), y)[1])
    expected = {p.name[0]: np.linalg.norm(p.grad) for p in net.parameters() if "weight" in p.name}
    assert list(flow.norms) == ["0", "3"]
    np.testing.assert_allclose(list(flow.norms.values()), list(expected.values()), rtol=1e-12)


def test_small_norms_of_a_float32_model_are_not_lost():
    layers = [layer for _ in range(60) for layer in (nc.Linear(3, 3), nc.Sigmoid())]
    flow = nc.gradient_flow(nc.Sequential(*layers, seed=0), nc.MSELoss(), np.ones((2, 3)), np.zeros((2, 3)))
    assert len(flow.norms) == 60 and 0 < flow.ratio < 1e-30


def test_zero_gradients():
    net = nc.Sequential(nc.Linear(1, 1), nc.Linear(1, 1), dtype="float64", seed=0)
    assert np.isnan(nc.gradient_flow(net, nc.MSELoss(), [[1.0]], net([[1.0]])).ratio)


@pytest.mark.parametrize(
    "change, error, match",
    [
        ({"model": nc.ReLU()}, nc.ConfigError, r"\[gradient_flow\] model: expected a Sequential"),
        ({"model": nc.Sequential(nc.ReLU())}, nc.ConfigError, "expected a model with weights"),
        ({"loss": "mse"}, nc.ConfigError, r"\[gradient_flow\] loss: expected a Loss"),
        ({"X": np.ones((2, 5))}, nc.ShapeError, r"\[Linear \"0\"\] x"),
        ({"y": np.ones((3, 2))}, nc.ShapeError, r"\[MSELoss\] y"),
        ({"seed": -1}, nc.ConfigError, r"\[gradient_flow\] seed"),
    ],
)
def test_hostile_arguments(change, error, match):
    given = {"model": nc.Sequential(nc.Linear(2, 2)), "loss": nc.MSELoss(), "X": np.ones((2, 2)), "y": np.ones((2, 2))}
    with pytest.raises(error, match=match):
        nc.gradient_flow(**{**given, **change})
