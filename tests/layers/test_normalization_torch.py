"""BatchNorm1d and LayerNorm against PyTorch: outputs, every gradient, the running statistics after several batches."""

import numpy as np
import pytest

import nncore as nc

torch = pytest.importorskip("torch")

SHAPES = {
    "narrow": (5, 3),
    "few": (4, 21),  # with 2 float32 samples close to one another PyTorch keeps five digits
    "wide": (64, 200),
    "runs": (4, 6, 1),
    "short runs": (3, 5, 7),
    "long runs": (2, 3, 130),
    "one sample": (1, 4, 9),
}
DTYPES = [("float64", 1e-12), ("float32", 1e-6)]


def close(got, expected, tolerance, what=""):
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=4 * tolerance * scale, err_msg=what)


def compare(ours, theirs, x, dy, dtype, tolerance):
    """One training pass of both, with everything it leaves behind."""
    y = ours.forward(x)
    ours.zero_grad()
    dx = ours.backward(dy)
    given = torch.tensor(x.astype(dtype), requires_grad=True)
    theirs.zero_grad()
    expected = theirs(given)
    expected.backward(torch.tensor(dy.astype(dtype)))
    close(y, expected.detach().numpy(), tolerance, "y")
    close(dx, given.grad.numpy(), tolerance, "dx")
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(p.grad, q.grad.numpy(), tolerance, p.name)
    for (key, value), (other, wanted) in zip(ours.state_dict().items(), theirs.state_dict().items(), strict=True):
        assert key == f"0.{other}" and value.shape == tuple(wanted.shape)
        close(value, wanted.numpy(), tolerance, key)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
@pytest.mark.parametrize(
    "args",
    [{}, {"momentum": 0.3, "eps": 1e-3}, {"momentum": None}, {"affine": False}, {"track_running_stats": False}],
    ids=repr,
)
def test_batch_norm(shape, dtype, tolerance, args, rng):
    shape = SHAPES[shape]
    ours = nc.Sequential(nc.BatchNorm1d(shape[1], **args), dtype=dtype, seed=0)
    theirs = torch.nn.BatchNorm1d(shape[1], dtype=getattr(torch, dtype), **args)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        p.value = rng.normal(size=p.shape)
        q.data = torch.tensor(p.value.copy())
    for _ in range(4):
        compare(ours, theirs, rng.normal(2.0, 3.0, size=shape), rng.normal(size=shape), dtype, tolerance)
    theirs.eval()
    x = rng.normal(size=shape)
    close(ours(x), theirs(torch.tensor(x.astype(dtype))).detach().numpy(), tolerance)


@pytest.mark.parametrize(
    ("sample", "normalized"), [((3,), 3), ((200,), (200,)), ((2, 5, 7), (5, 7)), ((6, 5), 5), ((4, 33), (4, 33))]
)
@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
def test_layer_norm(sample, normalized, dtype, tolerance, rng):
    ours = nc.Sequential(nc.LayerNorm(normalized), dtype=dtype, seed=0)
    theirs = torch.nn.LayerNorm(normalized, dtype=getattr(torch, dtype))
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        p.value = rng.normal(size=p.shape)
        q.data = torch.tensor(p.value.copy())
    for n in (1, 6, 70):
        compare(ours, theirs, rng.normal(2.0, 3.0, size=(n, *sample)), rng.normal(size=(n, *sample)), dtype, tolerance)


def test_state_travels_to_and_from_torch(rng):
    ours = nc.Sequential(nc.Linear(3, 4), nc.BatchNorm1d(4), nc.LayerNorm(4), dtype="float64", seed=0)
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.LayerNorm(4)).double()
    x = rng.normal(size=(9, 3))
    ours.forward(x)
    theirs.load_state_dict({key: torch.as_tensor(value) for key, value in ours.state_dict().items()})
    theirs(torch.tensor(x))
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    np.testing.assert_allclose(ours(x), theirs.eval()(torch.tensor(x)).detach().numpy(), rtol=1e-12, atol=1e-12)
    assert ours.state_dict()["1.num_batches_tracked"] == 2
