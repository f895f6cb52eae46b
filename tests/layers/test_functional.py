"""nncore.functional: layers as functions of arrays."""

import numpy as np
import pytest

import nncore as nc
from support.cases import activations, arguments, with_trait
from support.reference import reference_of

F = nc.functional
ACTIVATIONS = activations()
FUNCTIONS = {**ACTIVATIONS, **with_trait("function")}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4), (0, 4)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_are_those_of_the_reference(name, shape, dtype, rng):
    z = rng.normal(size=shape).astype(dtype)
    y = getattr(F, name)(z)
    assert y.dtype == dtype and y.shape == shape
    expected = reference_of("layer", FUNCTIONS[name]).forward(
        arguments("layer", FUNCTIONS[name], {}), {}, z.astype(np.float64)
    )
    np.testing.assert_allclose(y, expected, rtol=1e-5 if dtype == "float32" else 1e-12, atol=1e-7)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives_are_those_of_central_differences(name, rng):
    z = rng.normal(size=(3, 5))
    z += np.copysign(0.05, z)
    numeric = (F.activation(z + 1e-5, name) - F.activation(z - 1e-5, name)) / 2e-5
    np.testing.assert_allclose(F.activation_derivative(z, name), numeric, rtol=1e-7, atol=1e-10)


def test_numbers_and_lists_are_taken():
    assert F.relu(-1.0) == 0.0 and F.sigmoid(0) == 0.5
    assert F.tanh([[0, 0]]).tolist() == [[0.0, 0.0]] and F.tanh([1]).dtype == np.float64
    assert F.leaky_relu([-1.0], 0.5).tolist() == [-0.5]
    assert F.elu([np.log(0.5), 2.0], 4.0).tolist() == [-2.0, 2.0]
    assert F.softplus([0.0, 2.0], 2.0, 3.0).tolist() == [np.log(2.0) / 2, 2.0]
    assert F.gelu(0.0) == F.silu(0.0) == F.gelu(0.0, "tanh") == 0.0


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_by_name_is_the_function(name, rng):
    z = rng.normal(size=(3, 5))
    assert np.array_equal(F.activation(z, name), getattr(F, name)(z))
    assert np.array_equal(F.activation(z, name.upper()), F.activation(z, name))


@pytest.mark.parametrize("call", [F.activation, F.activation_derivative])
@pytest.mark.parametrize("name", ["no such", "", None, 3, "Linear", "dropout"])
def test_unknown_names_are_refused(call, name):
    with pytest.raises(nc.ConfigError, match=r"name: expected one of \['elu', 'gelu', "):
        call([1.0], name)


def test_arguments_are_the_layers_own():
    z = np.array([[-1.0, 2.0]])
    assert np.array_equal(F.leaky_relu(z, negative_slope=0.5), nc.LeakyReLU(0.5)(z))
    assert np.array_equal(F.softmax(z=z, dim=-1), nc.Softmax()(z)) and not np.shares_memory(F.identity(z), z)
    with pytest.raises(TypeError, match=r"^elu: .*unexpected keyword argument 'slope' \(there are: alpha, z\)"):
        F.elu(z, slope=1.0)
    with pytest.raises(nc.ConfigError, match=r"negative_slope: expected a number in \[0, 1\)"):
        F.leaky_relu(z, 2.0)


def test_linear_by_hand():
    assert F.linear([[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]], [0.5, 0.0]).tolist() == [[11.5, 17.0]]
    assert F.linear([[1.0, 2.0]], [[3.0, 4.0]]).tolist() == [[11.0]]


@pytest.mark.parametrize(
    "arrays", [([1.0], [[1.0]]), ([[1.0]], [[1.0, 2.0]]), ([[1.0]], [[1.0]], [1.0, 2.0]), ("x", [[1.0]])]
)
def test_linear_of_shapes_that_do_not_fit(arrays):
    with pytest.raises((nc.ShapeError, nc.ConfigError), match=r"^\[linear\]"):
        F.linear(*arrays)


def test_one_hot_by_hand():
    assert F.one_hot([2, 0], 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert F.one_hot(np.array([], dtype=int), 3).shape == (0, 3)


@pytest.mark.parametrize(
    ("y", "n"), [([3], 3), ([-1], 3), ([[1]], 3), ([0.5], 3), ([0], 0), ([0], -1), ([0], 1.5), ("x", 3), (None, 2)]
)
def test_one_hot_of_what_are_no_labels(y, n):
    with pytest.raises((nc.ShapeError, nc.ConfigError), match=r"^\[one_hot\]"):
        F.one_hot(y, n)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("z", [None, "x", [[1.0], [1.0, 2.0]], 1j, [object()], {}], ids=repr)
def test_what_is_no_array_of_real_numbers_is_refused(name, z):
    with pytest.raises((nc.ShapeError, nc.ConfigError)):
        getattr(F, name)(z)


def test_softmax_of_nothing_is_refused_or_empty():
    for call in (F.softmax, F.log_softmax):
        with pytest.raises(nc.ShapeError):
            call(np.zeros((2, 0)))
