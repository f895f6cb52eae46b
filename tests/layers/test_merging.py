"""Add, Multiply and Concat on several inputs; tests/contract tries them on one, where they change nothing."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import nncore as nc


def arrays(rng, *shapes, n=4):
    return [rng.normal(size=(n, *shape)) for shape in shapes]


@pytest.mark.parametrize("shape", [(3,), (2, 5, 7), (21, 70, 3)])
@pytest.mark.parametrize("inputs", [2, 3])
def test_add_and_multiply_by_hand(shape, inputs, rng):
    x = arrays(rng, *[shape] * inputs)
    assert np.array_equal(nc.Add()(*x), sum(x[1:], x[0]))
    assert np.array_equal(nc.Multiply()(*x), np.prod(x, axis=0))


@pytest.mark.parametrize("scale", [(5,), (5, 1, 1), (5, 7)])
def test_multiply_scales_what_follows_the_leading_axes(scale, rng):
    x, s = arrays(rng, (5, 7, 3), scale)
    whole = s.reshape(4, *scale, *[1] * (3 - len(scale)))
    assert np.array_equal(nc.Multiply()(x, s), x * whole)
    assert np.array_equal(nc.Multiply()(s, x), x * whole)


@pytest.mark.parametrize(("dim", "axis"), [(1, 1), (2, 2), (3, 3), (-1, 3), (-3, 1)])
def test_concat_by_hand(dim, axis, rng):
    shapes = [[2, 3, 4], [2, 3, 4], [2, 3, 4]]
    for k, shape in enumerate(shapes):
        shape[axis - 1] += k
    x = arrays(rng, *shapes)
    assert np.array_equal(nc.Concat(dim)(*x), np.concatenate(x, axis=axis))


def test_float32_stays_float32(rng):
    x = [a.astype(np.float32) for a in arrays(rng, (3,), (3,))]
    assert nc.Add()(*x).dtype == np.float32 and nc.Concat()(*x).dtype == np.float32


MISFITS = [
    (nc.Add, {}, [(3,), (4,)], r"^\[Add\] x: expected the shape of the first input \(4, 3\), got \(4, 4\)"),
    (nc.Multiply, {}, [(3, 4), (4,)], r"^\[Multiply\] x: expected \(4, 3, 4\) or its leading axes.*got \(4, 4\)"),
    (nc.Concat, {}, [(3, 4), (3, 5)], r"^\[Concat\] x: expected the shape .* but for axis 1, got \(4, 3, 5\)"),
    (nc.Concat, {"dim": 3}, [(3, 4), (3, 4)], r"^\[Concat\] x: expected an array with an axis 3, got \(4, 3, 4\)"),
    (nc.Concat, {"dim": -3}, [(3, 4), (3, 4)], r"^\[Concat\] x: expected an array with an axis -3"),
]


@pytest.mark.parametrize(("layer", "args", "shapes", "message"), MISFITS)
def test_inputs_that_do_not_fit(layer, args, shapes, message, rng):
    with pytest.raises(nc.ShapeError, match=message):
        layer(**args)(*arrays(rng, *shapes))


def test_hostile_calls(rng):
    x, y = arrays(rng, (3,), (3,))
    with pytest.raises(nc.ConfigError, match=r"^\[Add\] inputs: expected one or more, got none"):
        nc.Add()()
    with pytest.raises(nc.ShapeError, match=r"^\[Add\] x: expected 4 samples, got 3"):
        nc.Add()(x, y[:3])
    with pytest.raises(nc.ConfigError, match=r"^\[Concat\] dim: expected an axis of the samples"):
        nc.Concat(0)
    with pytest.raises(nc.ShapeError, match=r"^\[Add\] x: "):
        nc.Add()(x, "text")
    with pytest.raises(nc.ConfigError, match=r"^\[Add\] inputs: expected symbols or arrays, not both"):
        nc.Add()(nc.Input(3), x)


def test_in_a_sequential_they_change_nothing(rng):
    (x,) = arrays(rng, (3,))
    net = nc.Sequential(nc.Add(), nc.Multiply(), nc.Concat(), dtype="float64", seed=0)
    assert np.array_equal(net.forward(x), x) and np.array_equal(net.backward(x), x)


@pytest.mark.parametrize("kind", ["add", "multiply", "scale", "concat"])
def test_gradients_against_torch(kind, rng, torch):
    (a,) = arrays(rng, (5, 4, 3))
    layer = {"add": nc.Add(), "multiply": nc.Multiply(), "scale": nc.Multiply(), "concat": nc.Concat(2)}[kind]
    x = nc.Input((5, 4, 3))
    scale = nc.Linear(5, 5)(nc.GlobalAvgPool2d()(x)) if kind == "scale" else nc.Conv2d(5, 5, 1)(x)
    net = nc.Graph(x, layer(x, scale), dtype="float64", seed=0)
    weight, bias = (torch.tensor(p.value.copy(), requires_grad=True) for p in net.parameters())
    t = torch.tensor(a, requires_grad=True)
    if kind == "scale":
        h = torch.nn.functional.linear(t.mean((2, 3)), weight, bias)[:, :, None, None]
    else:
        h = torch.nn.functional.conv2d(t, weight, bias)
    theirs = {"add": lambda: t + h, "concat": lambda: torch.cat([t, h], dim=2)}.get(kind, lambda: t * h)()
    y = net.forward(a)
    assert_allclose(y, theirs.detach().numpy(), rtol=1e-12, atol=1e-12)
    dy = rng.normal(size=y.shape)
    theirs.backward(torch.tensor(dy))
    assert_allclose(net.backward(dy), t.grad.numpy(), rtol=1e-12, atol=1e-12)
    for ours, grad in zip(net.parameters(), (weight.grad, bias.grad), strict=True):
        assert_allclose(ours.grad, grad.numpy(), rtol=1e-12, atol=1e-12)
