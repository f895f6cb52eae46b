"""Activations against PyTorch: values and derivatives, at kinks, in the tails, for huge and for tiny numbers."""

import numpy as np
import pytest

import nncore as nc
from support.cases import SCHEMAS, activations

torch = pytest.importorskip("torch")

ARGUMENTS = {  # beside those of the examples in the schema
    "ELU": [{"alpha": 0.3}, {"alpha": -1.5}],
    "GELU": [{"approximate": "tanh"}],
    "LeakyReLU": [{"negative_slope": 0.3}],
    "Softplus": [{"beta": 3.0, "threshold": 5.0}, {"beta": 0.1, "threshold": -1.0}],
}
OURS = [name for name in activations().values() if hasattr(torch.nn, name)]
CASES = [(getattr(nc, name), args) for name in OURS
         for args in ({}, *(args for args, _ in SCHEMAS["layer", name]["examples"] if args),
                      *ARGUMENTS.get(name, []))]  # fmt: skip
IDS = [f"{cls.__name__}-{i}" for i, (cls, _) in enumerate(CASES)]


def both(cls, args, x, dy):
    """(y, dx) of ours and of PyTorch's layer of the same name."""
    net = nc.Sequential(cls(**args), dtype=str(x.dtype), seed=0)
    ours = net.forward(x), net.backward(dy)
    given = torch.tensor(x, requires_grad=True)
    y = getattr(torch.nn, cls.__name__)(**args)(given)
    y.backward(torch.tensor(dy))
    return ours, (y.detach().numpy(), given.grad.numpy())


@pytest.mark.parametrize(("cls", "args"), CASES, ids=IDS)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-6)])
def test_equal_to_torch(cls, args, dtype, tolerance, rng):
    x = np.concatenate(
        [rng.normal(size=999), np.linspace(-12, 25, 997), [0.0, -0.0, 1e-30, -1e-30, 60.0, -60.0, 4e4, -4e4]]
    )
    x = x.astype(dtype).reshape(4, -1)
    dy = rng.normal(size=x.shape).astype(dtype)
    for got, expected in zip(*both(cls, args, x, dy), strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("cls", "args"), CASES, ids=IDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_largest_numbers_give_finite_values_and_derivatives(cls, args, dtype):
    largest = np.finfo(dtype).max / 4
    x = np.array([[-largest, largest, -1e4, 1e4]], dtype)
    (y, dx), (expected, expected_dx) = both(cls, args, x, np.ones_like(x))
    assert np.isfinite(y).all() and np.isfinite(dx).all()
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-6)
    if args.get("approximate") != "tanh":  # PyTorch's x³ overflows
        np.testing.assert_allclose(dx, expected_dx, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("cls", [nc.ELU, nc.GELU, nc.SiLU, nc.Softplus])
def test_infinite_numbers_have_their_limits_and_nan_stays(cls):
    y = cls()(np.array([[-np.inf, np.inf, np.nan]]))[0]
    assert y[0] == (-1.0 if cls is nc.ELU else 0.0) and y[1] == np.inf and np.isnan(y[2])


def test_tails_keep_their_digits():
    """Left of 0 GELU and SiLU are x times something tiny: relative errors, where 1 + erf(x) would have none left."""
    tails = {-5.0: 2.866515718791939117e-7, -10.0: 7.619853024160526066e-24, -30.0: 4.906713927148187060e-198}
    for x, tail in tails.items():  # P(X <= x) from tables
        np.testing.assert_allclose(nc.GELU()([[x]]), [[x * tail]], rtol=2e-15)
    x = np.linspace(-37, -1, 500)[None, :]
    np.testing.assert_allclose(nc.SiLU()(x), x * np.exp(x) / (1 + np.exp(x)), rtol=1e-14)
    np.testing.assert_allclose(nc.Softplus()(x), np.log1p(np.exp(x)), rtol=1e-14)
    np.testing.assert_allclose(nc.ELU()(x * 1e-9), np.expm1(x * 1e-9), rtol=1e-14)
