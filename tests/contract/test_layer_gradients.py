"""Every layer's gradients: against central differences, against the NumPy reference, added and never assigned."""

import numpy as np
import pytest

from support.cases import examples, in_model, layer_reference, make, sample_input, values_of

STEP = 1e-5
SEED = 11  # of the masks: the same in every pass
N = 3


def relative_error(analytic, numeric):
    return np.abs(analytic - numeric) / np.maximum(1e-8, np.abs(analytic) + np.abs(numeric))


def jacobian_by_differences(f, array):
    """d f / d array as a matrix (elements of array, elements of f); `array` is changed in place and put back."""
    rows = []
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + STEP
        above = f()
        array[index] = kept - STEP
        below = f()
        array[index] = kept
        rows.append((above - below).ravel() / (2 * STEP))
    return np.array(rows)


def case(name, args, sample, rng):
    net = in_model(name, args, "float64")
    x = sample_input(rng, (N, *sample))
    y = net.forward(x, seed=SEED)
    dy = rng.uniform(0.5, 1.5, size=y.shape) * rng.choice([-1, 1], size=y.shape)
    return net, x, dy


@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
def test_input_gradient_is_that_of_central_differences(name, args, sample, rng):
    net, x, dy = case(name, args, sample, rng)
    numeric = jacobian_by_differences(lambda: net.forward(x, seed=SEED), x) @ dy.ravel()
    net.forward(x, seed=SEED)
    assert relative_error(net.backward(dy).ravel(), numeric).max() < 1e-7


@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
def test_parameter_gradients_are_those_of_central_differences(name, args, sample, rng):
    net, x, dy = case(name, args, sample, rng)
    net.forward(x, seed=SEED)
    net.zero_grad()
    net.backward(dy)
    for p in net.parameters():
        analytic = p.grad.copy()
        numeric = jacobian_by_differences(lambda: net.forward(x, seed=SEED), p.value) @ dy.ravel()
        assert relative_error(analytic.ravel(), numeric).max() < 1e-7, p.name


@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
def test_whole_jacobian_from_unit_gradients(name, args, sample, rng):
    """backward of each unit vector is a column of the Jacobian: finds terms that a sum over outputs would hide."""
    net, x, dy = case(name, args, sample, rng)
    numeric = jacobian_by_differences(lambda: net.forward(x, seed=SEED), x)
    net.forward(x, seed=SEED)
    columns = [net.backward(unit.reshape(dy.shape)).ravel() for unit in np.eye(dy.size)]
    np.testing.assert_allclose(np.array(columns).T, numeric, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
def test_backward_equals_the_reference(name, args, sample, dtype, tolerance, rng):
    net = in_model(name, args, dtype)
    x = sample_input(rng, (N, *sample), dtype)
    dy = rng.normal(size=net.forward(x, seed=SEED).shape).astype(dtype)
    dx = net.backward(dy)
    reference, a = layer_reference(name, args, sample, N, SEED)
    params = {k: v.astype(np.float64) for k, v in values_of(net).items()}
    expected_dx, expected = reference.backward(a, params, x.astype(np.float64), dy.astype(np.float64))
    assert dx.dtype == dtype and dx.shape == x.shape
    np.testing.assert_allclose(dx, expected_dx, rtol=tolerance, atol=tolerance)
    grads = {p.name.removeprefix("0."): p.grad for p in net.parameters()}
    assert grads.keys() == expected.keys()
    for key, grad in grads.items():
        np.testing.assert_allclose(grad, expected[key], rtol=tolerance, atol=tolerance, err_msg=key)


@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
def test_backward_adds_to_parameter_gradients_and_assigns_dx(name, args, sample, rng):
    net, x, dy = case(name, args, sample, rng)
    net.forward(x, seed=SEED)
    first = net.backward(dy)
    once = [p.grad.copy() for p in net.parameters()]
    second = net.backward(dy)
    assert np.array_equal(first, second)
    for p, g in zip(net.parameters(), once, strict=True):
        assert np.any(g != 0)
        np.testing.assert_array_equal(p.grad, 2 * g)
    net.zero_grad()
    assert all(np.all(p.grad == 0) for p in net.parameters())


@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
def test_a_layer_alone_has_the_gradients_of_a_model_of_it(name, args, sample, rng):
    net, x, dy = case(name, args, sample, rng)
    layer = make("layer", name, args)
    for own, given in zip(layer.parameters(), net.parameters(), strict=True):
        assert own.name == given.name.removeprefix("0.")
        own.value = given.value
    layer.forward(x, seed=SEED)
    net.forward(x, seed=SEED)
    layer.zero_grad()
    net.zero_grad()
    assert np.array_equal(layer.backward(dy), net.backward(dy))
    for own, given in zip(layer.parameters(), net.parameters(), strict=True):
        assert np.array_equal(own.grad, given.grad)
