"""Every loss: value and gradient against the reference and against central differences, the mean, exact shapes."""

import copy
import pickle

import numpy as np
import pytest

import nncore as nc
from support.cases import SCHEMAS, arguments, examples, loss_case, make, traits
from support.reference import reference_of

STEP = 1e-5
LOSSES = examples("loss")


def case(name, args, sample, rng, n=8):
    z, y = loss_case(name, args, sample, rng, n)
    return make("loss", name, args), arguments("loss", name, args), z, y


@pytest.mark.parametrize(("name", "args", "sample"), LOSSES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
def test_value_and_gradient_equal_the_reference(name, args, sample, dtype, tolerance, rng):
    loss, a, z, y = case(name, args, sample, rng)
    z = z.astype(dtype)
    if y.dtype == np.float64:
        y = y.astype(dtype)
    value, dz = loss(z, y)
    expected, expected_dz = reference_of("loss", name)(a, z.astype(np.float64), y)
    assert isinstance(value, float) and dz.dtype == dtype and dz.shape == z.shape
    assert value == pytest.approx(expected, rel=tolerance)
    np.testing.assert_allclose(dz, expected_dz, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("name", "args", "sample"), LOSSES)
def test_gradient_is_that_of_central_differences(name, args, sample, rng):
    loss, _, z, y = case(name, args, sample, rng)
    z += np.copysign(0.05, z)  # off the kinks at 0
    dz = loss(z, y)[1]
    for index in np.ndindex(z.shape):
        kept = z[index]
        z[index] = kept + STEP
        above = loss.value(z, y)
        z[index] = kept - STEP
        below = loss.value(z, y)
        z[index] = kept
        numeric = (above - below) / (2 * STEP)
        assert dz[index] == pytest.approx(numeric, rel=1e-7, abs=2e-10), index


@pytest.mark.parametrize(("name", "args", "sample"), LOSSES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_value_is_the_first_of_the_call_and_nothing_is_written(name, args, sample, dtype, rng):
    loss, _, z, y = case(name, args, sample, rng)
    z = z.astype(dtype)
    before_z, before_y = z.copy(), y.copy()
    z.flags.writeable = y.flags.writeable = False
    assert loss.value(z, y) == loss(z, y)[0]
    assert np.array_equal(z, before_z) and np.array_equal(y, before_y)


@pytest.mark.parametrize(("name", "args", "sample"), LOSSES)
def test_a_batch_is_the_mean_of_its_samples(name, args, sample, rng):
    """Where all samples weigh the same; with reduction="sum" it is their sum."""
    a = arguments("loss", name, args)
    if getattr(a, "weight", None) is not None:
        a.weight, args = None, {k: v for k, v in args.items() if k != "weight"}
    loss, _, z, y = case(name, args, sample, rng)
    if hasattr(a, "ignore_index"):
        y[y == a.ignore_index] = 0
    singles = [loss(z[i : i + 1], y[i : i + 1]) for i in range(len(z))]
    scale = len(z) if a.reduction == "mean" else 1
    value, dz = loss(z, y)
    assert value == pytest.approx(sum(v for v, _ in singles) / scale, rel=1e-12)
    np.testing.assert_allclose(dz, np.concatenate([g for _, g in singles]) / scale, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("name", "args", "sample"), LOSSES)
def test_shapes_are_compared_exactly(name, args, sample, rng):
    loss, _, z, y = case(name, args, sample, rng)
    wrong = [y[:-1], y[None], y[..., None, None], np.zeros((), y.dtype)]
    if y.ndim == 1:
        wrong.append(np.stack([y, y], axis=1))
    for bad in wrong:
        with pytest.raises((nc.ShapeError, nc.ConfigError), match=rf"^\[{name}\] y: expected "):
            loss(z, bad)
        with pytest.raises((nc.ShapeError, nc.ConfigError), match=rf"^\[{name}\] y: expected "):
            loss.value(z, bad)


@pytest.mark.parametrize(("name", "args", "sample"), LOSSES)
def test_an_empty_batch_is_refused(name, args, sample, rng):
    loss, _, z, y = case(name, args, sample, rng)
    with pytest.raises(nc.ShapeError, match="at least one sample"):
        loss(z[:0], y[:0])


@pytest.mark.parametrize(("name", "args", "sample"), LOSSES)
def test_what_is_no_array_of_real_numbers_is_refused(name, args, sample, rng):
    loss, _, z, y = case(name, args, sample, rng)
    for bad in (
        None,
        "x",
        object(),
        {},
        z.astype(complex),
        [[1.0], [1.0, 2.0]],
        np.array(["a"]),
        np.ma.masked_array(z),
    ):
        with pytest.raises((nc.ShapeError, nc.ConfigError), match=rf"^\[{name}\] z"):
            loss(bad, y)
    for bad in (None, "x", object(), {}, y.astype(complex), [[1.0], [1.0, 2.0]], np.array(["a"])):
        with pytest.raises((nc.ShapeError, nc.ConfigError), match=rf"^\[{name}\] y"):
            loss(z, bad)


@pytest.mark.parametrize(("name", "args", "sample"), LOSSES)
def test_memory_layout_changes_no_bit(name, args, sample, rng):
    loss, _, z, y = case(name, args, sample, rng)
    value, dz = loss(z, y)
    for other_z, other_y in (
        (np.asfortranarray(z), np.asfortranarray(y)),
        (np.repeat(z, 2, axis=0)[::2], np.repeat(y, 2, axis=0)[::2]),
        (z[::-1].copy()[::-1], y[::-1].copy()[::-1]),
        (z.astype(">f8"), y.astype(y.dtype.newbyteorder(">"))),
        (z.tolist(), y.tolist()),
    ):
        other, other_dz = loss(other_z, other_y)
        assert other == value and np.array_equal(other_dz, dz)


@pytest.mark.parametrize(("name", "args", "sample"), LOSSES)
def test_copies_give_the_same_bits(name, args, sample, rng):
    loss, _, z, y = case(name, args, sample, rng)
    for other in (copy.copy(loss), copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert other(z, y)[0] == loss(z, y)[0] and repr(other) == repr(loss)


@pytest.mark.parametrize(("name", "args", "sample"), LOSSES)
def test_a_value_that_is_not_a_number_is_seen(name, args, sample, rng):
    loss, _, z, y = case(name, args, sample, rng)
    z[0] = np.nan
    value, dz = loss(z, y)
    assert np.isnan(value)
    if not traits("loss", name).get("signs"):
        assert np.isnan(dz[0]).all() or name == "NLLLoss"  # NLLLoss is linear: its gradient does not look at z


def test_every_loss_says_how_outputs_are_read():
    links = {name: make("loss", name, {}).link for kind, name in SCHEMAS if kind == "loss"}
    known = {
        "CrossEntropyLoss": "softmax",
        "NLLLoss": "log_softmax",
        "MSELoss": "identity",
        "PerceptronLoss": "sign",
    }
    assert {name: links[name] for name in known} == known
    assert set(links.values()) <= {"softmax", "log_softmax", "sigmoid", "sign", "identity"}
