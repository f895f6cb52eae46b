"""Losses and their gradients are PyTorch's in all combinations of arguments."""

import itertools

import numpy as np
import pytest

import nncore as nc

torch = pytest.importorskip("torch")

N, C = 12, 5
WEIGHT = (0.3, 2.0, 1.0, 0.0, 5.0)
TOLERANCE = {"float64": 1e-12, "float32": 1e-6}


def compare(ours, theirs, z, y, dtype):
    z = z.astype(dtype)
    tz = torch.tensor(z, requires_grad=True)
    ty = torch.tensor(y if np.issubdtype(y.dtype, np.integer) else y.astype(dtype))
    expected = theirs(tz, ty)
    expected.backward()
    value, dz = ours(z, y)
    tolerance = TOLERANCE[dtype]
    assert value == pytest.approx(expected.item(), rel=tolerance)
    largest = float(tz.grad.abs().max())
    np.testing.assert_allclose(dz, tz.grad.numpy(), rtol=tolerance, atol=tolerance * max(largest, 1e-3))


def weight_of(weight, dtype):
    return None if weight is None else torch.tensor(weight, dtype=getattr(torch, dtype))


COMBINATIONS = list(
    itertools.product([None, WEIGHT], [-100, 1], ["mean", "sum"], [0.0, 0.1, 1.0], ["float64", "float32"])
)


@pytest.mark.parametrize(("weight", "ignored", "reduction", "smoothing", "dtype"), COMBINATIONS)
def test_cross_entropy_of_labels(weight, ignored, reduction, smoothing, dtype, rng):
    z, y = 3 * rng.normal(size=(N, C)), rng.integers(0, C, N)
    y[:3] = 1, 0, 4
    args = {"ignore_index": ignored, "reduction": reduction, "label_smoothing": smoothing}
    theirs = torch.nn.CrossEntropyLoss(weight=weight_of(weight, dtype), **args)
    compare(nc.CrossEntropyLoss(weight=weight, **args), theirs, z, y, dtype)


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_cross_entropy_of_probabilities(weight, reduction, smoothing, dtype, rng):
    z, y = 3 * rng.normal(size=(N, C)), rng.dirichlet(np.ones(C), N)
    args = {"reduction": reduction, "label_smoothing": smoothing}
    theirs = torch.nn.CrossEntropyLoss(weight=weight_of(weight, dtype), **args)
    compare(nc.CrossEntropyLoss(weight=weight, **args), theirs, z, y, dtype)


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("ignored", [-100, 1])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_nll(weight, ignored, reduction, dtype, rng):
    z = 3 * rng.normal(size=(N, C))
    z, y = z - np.log(np.exp(z).sum(axis=1, keepdims=True)), rng.integers(0, C, N)
    y[:3] = 1, 0, 4
    args = {"ignore_index": ignored, "reduction": reduction}
    theirs = torch.nn.NLLLoss(weight=weight_of(weight, dtype), **args)
    compare(nc.NLLLoss(weight=weight, **args), theirs, z, y, dtype)


@pytest.mark.parametrize("shape", [(7, 1), (7, 4), (3, 2, 5)])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_mse(shape, reduction, dtype, rng):
    z, y = rng.normal(size=shape), rng.normal(size=shape).astype(dtype)
    compare(nc.MSELoss(reduction), torch.nn.MSELoss(reduction=reduction), z, y, dtype)


SHAPES = [(7,), (7, 1), (7, 4), (3, 2, 5)]
REGRESSION = [
    (nc.L1Loss, torch.nn.L1Loss, [{}]),
    (nc.SmoothL1Loss, torch.nn.SmoothL1Loss, [{}, {"beta": 0.3}, {"beta": 0.0}, {"beta": 2.5}]),
    (nc.HuberLoss, torch.nn.HuberLoss, [{}, {"delta": 0.3}, {"delta": 2.5}]),
]


@pytest.mark.parametrize(("ours", "theirs", "args"), [(o, t, a) for o, t, every in REGRESSION for a in every], ids=str)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_losses_of_the_difference(ours, theirs, args, shape, reduction, dtype, rng):
    z, y = 2 * rng.normal(size=shape).astype(dtype), rng.normal(size=shape).astype(dtype)
    y.flat[0] = z.flat[0]  # the kink
    compare(ours(reduction=reduction, **args), theirs(reduction=reduction, **args), z, y, dtype)


@pytest.mark.parametrize("pos_weight", [None, 3.0, 0.0, (0.3, 2.0, 1.0, 0.0)])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_bce_with_logits(pos_weight, shape, reduction, dtype, scale, rng):
    if isinstance(pos_weight, tuple) and shape[-1] != len(pos_weight):
        pos_weight = (2.0,)
    z, y = scale * rng.normal(size=shape), rng.choice([0.0, 1.0, 0.25], size=shape).astype(dtype)
    theirs = torch.nn.BCEWithLogitsLoss(pos_weight=weight_of(pos_weight, dtype), reduction=reduction)
    compare(nc.BCEWithLogitsLoss(pos_weight, reduction), theirs, z, y, dtype)


@pytest.mark.parametrize("log_input", [True, False])
@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("eps", [1e-8, 0.0, 0.5])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_poisson_nll(log_input, full, eps, shape, reduction, dtype, rng):
    z, y = rng.normal(size=shape), rng.poisson(2.0, size=shape).astype(dtype)
    y.flat[:3] = 0, 1, 7.5  # Stirling's term begins above 1
    args = {"log_input": log_input, "full": full, "eps": eps, "reduction": reduction}
    z = z if log_input else np.abs(z) + 0.1
    compare(nc.PoissonNLLLoss(**args), torch.nn.PoissonNLLLoss(**args), z, y, dtype)


@pytest.mark.parametrize("margin", [0.0, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_hinge_of_classes_is_pytorchs_where_only_the_largest_violation_counts(margin, dtype, rng):
    """With two classes the largest is the only one; PyTorch divides by their number."""
    z, y = rng.normal(size=(N, 2)), rng.integers(0, 2, N)
    theirs = torch.nn.MultiMarginLoss(margin=margin)
    compare(nc.HingeLoss(margin), lambda tz, ty: 2 * theirs(tz, ty), z, y, dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 50.0, 1e4])
def test_cross_entropy_of_outputs_of_any_size(dtype, scale, rng):
    z, y = scale * rng.normal(size=(N, C)), rng.integers(0, C, N)
    compare(nc.CrossEntropyLoss(), torch.nn.CrossEntropyLoss(), z, y, dtype)


def test_a_batch_whose_labels_are_all_ignored_has_no_mean_as_in_pytorch():
    for ours in (nc.CrossEntropyLoss(ignore_index=0), nc.NLLLoss(ignore_index=0)):
        assert np.isnan(ours.value(np.zeros((2, 3)), np.array([0, 0])))
        total, dz = type(ours)(ignore_index=0, reduction="sum")(np.zeros((2, 3)), np.array([0, 0]))
        assert total == 0 and np.all(dz == 0)
