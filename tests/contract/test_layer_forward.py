"""Every layer's forward pass: the formula, either dtype, any memory layout, copies, inference without a trace."""

import copy
import pickle

import numpy as np
import pytest

import nncore as nc
from support.cases import examples, in_model, layer_reference, make, sample_input, traits, values_of

SEED = 11
N = 8


@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
def test_forward_equals_the_reference(name, args, sample, training, dtype, tolerance, rng):
    net = in_model(name, args, dtype)
    x = sample_input(rng, (N, *sample), dtype)
    y = net.forward(x, training=training, seed=SEED)
    reference, a = layer_reference(name, args, sample, N, SEED if training else None)
    params = {k: v.astype(np.float64) for k, v in values_of(net).items()}
    expected = reference.forward(a, params, x.astype(np.float64))
    assert y.dtype == dtype and y.shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=1e-14 if dtype == "float64" else 1e-7)


@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
def test_calling_is_forward_in_inference(name, args, sample, rng):
    net = in_model(name, args, "float64")
    x = sample_input(rng, (N, *sample))
    assert np.array_equal(net(x), net.forward(x, training=False))
    layer = make("layer", name, args)
    assert np.array_equal(layer(x), layer.forward(x, training=False))


@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
def test_one_function_of_each_number_is_an_activation(name, args, sample, rng):
    """Its trait makes it one in nc.mlp and in the tests of what is fused. Numbers that change places tell."""
    net = in_model(name, args, "float64")
    x = sample_input(rng, (N, *sample))
    order = rng.permutation(x.size)
    y = net.forward(x, training=True, seed=SEED)
    moved = net.forward(x.ravel()[order].reshape(x.shape), training=True, seed=SEED)
    alone = y.shape == x.shape and np.array_equal(moved.ravel(), y.ravel()[order])
    if not np.array_equal(y, x):  # Identity is one, Flatten of one axis is none
        assert alone == ("activation" in traits("layer", name))


@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
def test_summary_says_the_shape_that_forward_gives(name, args, sample, rng):
    net = in_model(name, args, "float32")
    summary = net.summary(sample)
    assert summary.rows[0].output_shape == net(np.zeros((2, *sample))).shape[1:]
    assert summary.parameters == sum(p.value.size for p in net.parameters())


def layouts(x):
    """The same numbers in other memory layouts."""
    padded = np.full((2 * len(x), *x.shape[1:]), 7.0, dtype=x.dtype)
    padded[::2] = x
    read_only = x.copy()
    read_only.flags.writeable = False
    byteswapped = x.astype(x.dtype.newbyteorder())
    shifted = np.frombuffer(b"\0" + x.tobytes(), dtype=np.uint8)[1:].view(x.dtype).reshape(x.shape)
    return {
        "every second row": padded[::2],
        "Fortran order": np.asfortranarray(x),
        "negative strides": x[::-1].copy()[::-1],
        "read-only": read_only,
        "other byte order": byteswapped,
        "not aligned": shifted,
        "list": x.tolist(),
    }


@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
def test_memory_layout_changes_no_bit_and_inputs_are_not_written(name, args, sample, rng):
    net = in_model(name, args, "float64")
    x = sample_input(rng, (N, *sample))
    y = net.forward(x, seed=SEED)
    dy = rng.normal(size=y.shape)
    dx = net.backward(dy)
    for (label, given_x), given_dy in zip(layouts(x).items(), layouts(dy).values(), strict=True):
        assert np.array_equal(net.forward(given_x, seed=SEED), y), label
        assert np.array_equal(net.backward(given_dy), dx), label
        assert np.array_equal(given_x, x) and np.array_equal(given_dy, dy), label


@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
@pytest.mark.parametrize("given", ["float16", "float32", "float64", "longdouble", "int8", "int64", "uint32", "bool"])
def test_every_real_dtype_is_converted_to_the_models(name, args, sample, given, rng):
    x = rng.integers(0, 2 if given == "bool" else 5, size=(N, *sample)).astype(given)
    for dtype in ("float32", "float64"):
        net = in_model(name, args, dtype)
        y = net(x)
        assert y.dtype == dtype
        assert np.array_equal(y, net(x.astype(dtype)))


@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_copies_give_the_same_bits(name, args, sample, dtype, rng):
    net = in_model(name, args, dtype)
    for p in net.parameters():
        p.value = rng.normal(size=p.shape)
    x = sample_input(rng, (N, *sample))
    trained, y = net.forward(x, seed=SEED), net(x)
    for other in (net.copy(), copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert np.array_equal(other(x), y) and other(x).dtype == dtype
        assert np.array_equal(other.forward(x, seed=SEED), trained)
        for p in other.parameters():
            p.value = p.value + 1
    assert np.array_equal(net(x), y), "a copy shares memory with the original"


@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
@pytest.mark.parametrize("dtype", ["alone", "float32", "float64"])
def test_copies_of_a_layer_give_the_same_bits(name, args, sample, dtype, rng):
    layer = make("layer", name, args)
    if dtype != "alone":
        model = nc.Sequential(layer, dtype=dtype, seed=1)
        assert len(model) == 1
    for p in layer.parameters():
        p.value = rng.normal(size=p.shape)
    x = sample_input(rng, (N, *sample))
    y = layer(x)
    for other in (copy.copy(layer), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert np.array_equal(other(x), y) and other(x).dtype == y.dtype
        assert repr(other) == repr(layer) and other is not layer


@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
def test_inference_leaves_no_trace(name, args, sample, rng):
    net = in_model(name, args, "float64")
    other = net.copy()
    x = sample_input(rng, (N, *sample))
    before = {key: value.copy() for key, value in net.state_dict().items()}
    y = net(x)
    assert np.array_equal(net(x), y)
    for key, value in net.state_dict().items():
        assert np.array_equal(value, before[key])
    assert all(np.all(p.grad == 0) for p in net.parameters())
    # the random numbers of the next training pass are those of a model that has never been asked
    assert np.array_equal(net.forward(x), other.forward(x))


@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
def test_backward_without_a_training_forward_is_refused(name, args, sample, rng):
    net = in_model(name, args, "float64")
    x = sample_input(rng, (N, *sample))
    dy = np.ones_like(net(x))
    with pytest.raises(nc.StateError, match="forward"):
        net.backward(dy)
    net.forward(x, training=False)
    with pytest.raises(nc.StateError, match="forward"):
        net.backward(dy)
    assert all(np.all(p.grad == 0) for p in net.parameters())


@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
def test_an_empty_batch_gives_an_empty_output(name, args, sample):
    net = in_model(name, args, "float32")
    shape = net(np.zeros((1, *sample))).shape[1:]
    assert net(np.zeros((0, *sample))).shape == (0, *shape)
    net.forward(np.zeros((0, *sample)))
    assert net.backward(np.zeros((0, *shape))).shape == (0, *sample)
