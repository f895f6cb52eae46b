"""Inputs that do not fit a layer: what the messages say, and that nothing crashes or changes."""

import numpy as np
import pytest

import nncore as nc
from support.cases import examples, in_model, make


def message(error):
    return str(error.value)


def test_a_wrong_extent_names_layer_argument_and_both_shapes():
    net = nc.Sequential(nc.Linear(3, 2), seed=0)
    with pytest.raises(nc.ShapeError) as error:
        net(np.zeros((8, 4)))
    assert message(error) == '[Linear "0"] x: expected (N, 3), got (8, 4)'


def test_a_wrong_shape_in_the_middle_names_that_layer():
    net = nc.Sequential(nc.Linear(3, 2), nc.Tanh(), nc.Linear(5, 1), seed=0)
    with pytest.raises(nc.ShapeError) as error:
        net(np.zeros((8, 3)))
    assert message(error).startswith('[Linear "2"] x: expected (N, 5), got (8, 2)')


def test_images_in_front_of_linear_are_told_to_flatten():
    net = nc.Sequential(nc.Linear(784, 10), seed=0)
    with pytest.raises(nc.ShapeError, match=r'^\[Linear "0"\] x: expected \(N, 784\), got \(2, 1, 28, 28\) .*Flatten'):
        net(np.zeros((2, 1, 28, 28)))


def test_named_layers_carry_their_name():
    net = nc.Sequential({"hidden": nc.Linear(3, 2)}, seed=0)
    with pytest.raises(nc.ShapeError, match=r'^\[Linear "hidden"\] x: expected \(N, 3\)'):
        net(np.zeros((1, 2)))


def test_softmax_over_another_axis_is_refused():
    for layer in (nc.Softmax(dim=1), nc.LogSoftmax(dim=1)):
        assert layer(np.zeros((2, 3))).shape == (2, 3), "axis 1 is the last of (N, C)"
        with pytest.raises(nc.ShapeError, match="dim=-1"):
            layer(np.zeros((2, 3, 4)))


def test_one_dimensional_input_is_explained():
    net = nc.Sequential(nc.Linear(3, 2), seed=0)
    with pytest.raises(nc.ShapeError, match=r"X\[None, :\]|x\[None, :\]"):
        net(np.zeros(3))


@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
@pytest.mark.parametrize(
    "x",
    [
        np.float64(1.0),
        np.zeros(()),
        np.zeros(3),
        np.zeros((1,) * 9),
        np.zeros((2, 3), dtype=complex),
        np.array([[1, "a"]], dtype=object),
        np.array([["a", "b"]]),
        np.zeros((2, 3), dtype="datetime64[s]"),
        np.zeros(2, dtype=[("a", "f4")]),
        np.ma.masked_array(np.zeros((2, 3)), mask=True),
        [[1.0, 2.0], [3.0]],
        "text",
        None,
        object(),
        {},
        lambda: 0,
    ],
    ids=lambda x: type(x).__name__ + (f"-{x.dtype}-{x.ndim}" if isinstance(x, np.ndarray) else ""),
)
def test_what_is_no_array_of_real_numbers_is_refused(name, args, sample, x):
    net = in_model(name, args, "float64")
    for model in (net, make("layer", name, args)):
        with pytest.raises((nc.ShapeError, nc.ConfigError)):
            model(x)
        with pytest.raises((nc.ShapeError, nc.ConfigError)):
            model.forward(x)


@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
def test_gradients_of_another_shape_are_refused_and_change_nothing(name, args, sample, rng):
    net = in_model(name, args, "float64")
    y = net.forward(rng.normal(size=(4, *sample)))
    for dy in (np.ones(y.shape[:-1]), np.ones((3, *y.shape[1:])), np.ones((*y.shape, 1)), np.ones(()), None, "x"):
        with pytest.raises(nc.ShapeError, match="dy"):
            net.backward(dy)
    assert all(np.all(p.grad == 0) for p in net.parameters())
    assert net.backward(np.ones(y.shape)).shape == (4, *sample)


@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
def test_a_failed_forward_leaves_nothing_for_backward(name, args, sample, rng):
    net = in_model(name, args, "float64")
    y = net.forward(rng.normal(size=(4, *sample)))
    net.forward(rng.normal(size=(4, *sample)))
    with pytest.raises(nc.ShapeError):
        net.forward(np.zeros((1,) * 9))
    try:
        net.backward(np.ones(y.shape))
    except nc.StateError:
        pass  # either the old pass stands or there is none: both are right, a crash is not


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_beyond_the_dtype_become_infinite_without_an_internal_error(dtype):
    net = nc.Sequential(nc.Identity(), dtype=dtype, seed=0)
    with np.errstate(over="ignore"):
        expected = np.array([[1e300]]).astype(dtype)
    assert np.array_equal(net(np.array([[1e300]])), expected)


def test_integers_too_large_for_numpy_are_refused():
    net = nc.Sequential(nc.Linear(2, 2), seed=0)
    for x in ([[2**70, 1]], [[10**400, 1]]):
        with pytest.raises((nc.ShapeError, nc.ConfigError)):
            net(x)
