"""BatchNorm1d and LayerNorm on numbers worked by hand, and what training leaves in the running statistics."""

import numpy as np
import pytest

import nncore as nc


def test_batch_norm_by_hand():
    # channel 0: 1, 3 (mean 2, var 1); channel 1: 0, 8 (mean 4, var 16); eps = 0
    layer = nc.BatchNorm1d(2, eps=0.0)
    weight, bias = layer.parameters()
    weight.value, bias.value = [2, 3], [10, 20]
    y = layer.forward(np.array([[1.0, 0.0], [3.0, 8.0]]))
    np.testing.assert_allclose(y, [[8, 17], [12, 23]], rtol=1e-15)
    dx = layer.backward(np.array([[1.0, 0.0], [0.0, 1.0]]))
    # two samples: y is ±weight whatever x is, so dx = 0
    np.testing.assert_allclose(dx, np.zeros((2, 2)), atol=1e-15)
    assert weight.grad.tolist() == [-1, 1] and bias.grad.tolist() == [1, 1]


def test_batch_norm_gradient_by_hand():
    # x = -1, 0, 1: mean 0, var 2/3; with eps = 1/3 the root is 1. dy = (1, 0, 0): mean 1/3, mean of dy x = -1/3
    layer = nc.BatchNorm1d(1, eps=1 / 3)
    np.testing.assert_allclose(layer.forward([[-1.0], [0.0], [1.0]]), [[-1], [0], [1]], rtol=1e-15)
    np.testing.assert_allclose(layer.backward([[1.0], [0.0], [0.0]]), [[1 / 3], [-1 / 3], [0]], atol=1e-15)


@pytest.mark.parametrize("C", [16, 37, 130])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_channel_has_its_own_moments(C, dtype, rng):
    """More channels than one register, or several, hold; means far from each other."""
    x = rng.normal(100.0 * np.arange(C), 1.0 + np.arange(C), size=(6, C))
    net = nc.Sequential(nc.BatchNorm1d(C, affine=False), dtype=dtype, seed=0)
    expected = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
    np.testing.assert_allclose(net.forward(x), expected, atol=1e-12 if dtype == "float64" else 2e-3)
    dy = rng.normal(size=(6, C))
    root = np.sqrt(x.var(axis=0) + 1e-5)
    dx = (dy - dy.mean(axis=0) - expected * (dy * expected).mean(axis=0)) / root
    np.testing.assert_allclose(net.backward(dy), dx, atol=1e-12 if dtype == "float64" else 2e-3)


def test_running_statistics_weigh_the_new_batch_and_are_unbiased():
    net = nc.Sequential(nc.BatchNorm1d(1, momentum=0.25), dtype="float64", seed=0)
    net.forward(np.array([[2.0], [6.0]]))  # mean 4, unbiased variance 8
    state = net.state_dict()
    assert state["0.running_mean"].tolist() == [1.0]  # 0.75 · 0 + 0.25 · 4
    assert state["0.running_var"].tolist() == [2.75]  # 0.75 · 1 + 0.25 · 8
    assert state["0.num_batches_tracked"] == 1 and state["0.num_batches_tracked"].dtype == np.int64
    np.testing.assert_allclose(net([[1.0]]), [[0.0]])
    np.testing.assert_allclose(net([[3.0]]), 2 / np.sqrt(2.75 + 1e-5))


def test_without_momentum_all_batches_weigh_alike(rng):
    net = nc.Sequential(nc.BatchNorm1d(2, momentum=None), dtype="float64", seed=0)
    batches = rng.normal(size=(5, 7, 2))
    for batch in batches:
        net.forward(batch)
    state = net.state_dict()
    np.testing.assert_allclose(state["0.running_mean"], batches.mean(axis=(0, 1)))
    np.testing.assert_allclose(state["0.running_var"], batches.var(axis=1, ddof=1).mean(axis=0))


def test_inference_and_gradcheck_leave_the_running_statistics_alone(rng):
    net = nc.Sequential(nc.Linear(3, 4), nc.BatchNorm1d(4), nc.Tanh(), nc.Linear(4, 2), seed=0)
    X, y = rng.normal(size=(9, 3)), rng.integers(0, 2, 9)
    net.forward(X)
    before = net.state_dict()
    net(X)
    net.predict(X)
    assert nc.gradcheck(net, nc.CrossEntropyLoss(), X, y).ok
    for key, value in net.state_dict().items():
        assert np.array_equal(value, before[key]), key


@pytest.mark.parametrize("seed", range(6))
def test_gradcheck_takes_no_noise_for_an_error(seed, rng):
    """A bias in front of BatchNorm has gradient 0, and its central difference is rounding alone."""
    net = nc.mlp([3, 8, 8, 2], "tanh", batch_norm=True, seed=seed)
    report = nc.gradcheck(net, nc.CrossEntropyLoss(), rng.normal(size=(20, 3)), rng.integers(0, 2, 20))
    assert report.ok and abs(report.per_parameter["0.bias"].analytic) < 1e-15


@pytest.mark.parametrize(("args", "size"), [((3, 8, 3), 14), ((16, 20, 5), 18), ((2, 33, 3), 10)])
@pytest.mark.parametrize("affine", [True, False])
def test_behind_a_convolution_in_inference(args, size, affine, rng):
    """There the convolution takes BatchNorm in, with the numbers of the moment."""
    conv, norm = nc.Conv2d(*args), nc.BatchNorm2d(args[1], affine=affine)
    net = nc.Sequential(conv, norm, nc.LeakyReLU(0.1), nc.MaxPool2d(2), dtype="float64", seed=0)
    plain = nc.Sequential(conv, dtype="float64")
    x = rng.normal(size=(5, args[0], size, size))
    for _ in range(2):
        net.forward(rng.normal(2.0, 3.0, size=x.shape))  # moves the running statistics
        for parameter in net.parameters():
            parameter.value = parameter.value + rng.normal(size=parameter.shape)
        state = {key: value[:, None, None] if value.ndim == 1 else value for key, value in net.state_dict().items()}
        plain.load_state_dict({key: value for key, value in net.state_dict().items() if key.startswith("0.")})
        h = (plain(x) - state["1.running_mean"]) / np.sqrt(state["1.running_var"] + 1e-5)
        h = h * state["1.weight"] + state["1.bias"] if affine else h
        h = np.where(h > 0, h, 0.1 * h)
        n = h.shape[2] // 2
        expected = h[:, :, : 2 * n, : 2 * n].reshape(5, args[1], n, 2, n, 2).max(axis=(3, 5))
        np.testing.assert_allclose(net(x), expected, rtol=1e-12, atol=1e-12)
        assert np.array_equal(net(x[1:2])[0], net(x)[1])


def test_without_running_statistics_inference_uses_the_batch(rng):
    net = nc.Sequential(nc.BatchNorm1d(3, track_running_stats=False), dtype="float64", seed=0)
    x = rng.normal(3.0, 2.0, size=(8, 3))
    assert list(net.state_dict()) == ["0.weight", "0.bias"]
    assert np.array_equal(net(x), net.forward(x))
    np.testing.assert_allclose(net(x).mean(axis=0), 0, atol=1e-14)
    assert np.array_equal(net(x[:1]), np.zeros((1, 3)))


def test_one_value_per_channel_cannot_be_trained_on_and_changes_nothing(rng):
    net = nc.Sequential(nc.BatchNorm1d(2), nc.Flatten(), nc.BatchNorm1d(8), seed=0)
    before = net.state_dict()
    with pytest.raises(
        nc.ShapeError, match=r'^\[BatchNorm1d "2"\] x: expected more than one value per channel in training'
    ):
        net.forward(rng.normal(size=(1, 2, 4)))
    assert all(np.array_equal(value, before[key]) for key, value in net.state_dict().items())
    assert net(np.zeros((1, 2, 4))).shape == (1, 8)
    assert nc.BatchNorm1d(2).forward(rng.normal(size=(1, 2, 4))).shape == (1, 2, 4)


def test_a_last_batch_of_one_is_refused_before_training_begins(rng):
    net = nc.Sequential(nc.Linear(3, 4), nc.BatchNorm1d(4), nc.Linear(4, 2), seed=0)
    X, y = rng.normal(size=(9, 3)), rng.integers(0, 2, 9)
    before = net.state_dict()
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=4)
    with pytest.raises(nc.ShapeError, match="drop_last=True"):
        trainer.fit(X, y, epochs=2)
    with pytest.raises(nc.ShapeError, match="more than one value per channel"):
        trainer.step(X[:1], y[:1])
    assert all(np.array_equal(value, before[key]) for key, value in net.state_dict().items())
    nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=4, drop_last=True).fit(X, y, epochs=2)
    assert net.state_dict()["1.num_batches_tracked"] == 4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layer", [nc.BatchNorm1d(3), nc.LayerNorm(3)], ids=repr)
def test_constant_and_huge_numbers(layer, dtype):
    large = 1e18 if dtype == "float32" else 1e150
    net = nc.Sequential(type(layer)(3), dtype=dtype, seed=0)
    y = net.forward(np.full((6, 3), 0.1))
    assert np.abs(y).max() < 1e-11 and np.isfinite(net.backward(np.ones((6, 3)))).all()
    x = large * np.array([[1.0, 2.0, 4.0], [2.0, 4.0, 1.0], [4.0, 1.0, 2.0]])
    expected = (x / large - 7 / 3) / np.std([1, 2, 4])
    np.testing.assert_allclose(net.forward(x), expected, rtol=1e-5 if dtype == "float32" else 1e-13)
    assert np.isfinite(net.backward(np.ones((3, 3)))).all()


def test_a_mean_far_above_the_deviation_keeps_the_digits_of_x(rng):
    x = (1e4 + rng.normal(size=(500, 4))).astype(np.float32)
    expected = (x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)) / x.std(axis=0, dtype=np.float64)
    y = nc.Sequential(nc.BatchNorm1d(4, eps=0.0), seed=0).forward(x)
    np.testing.assert_allclose(y, expected, atol=1e-3)  # float32 has 1e4 to 5e-4


def test_layer_norm_by_hand():
    # row 0: -1, 0, 1 has var 2/3, row 1: 4, 4, 4 has var 0; eps = 1/3: roots 1 and sqrt(1/3)
    layer = nc.LayerNorm(3, eps=1 / 3)
    weight, bias = layer.parameters()
    weight.value, bias.value = [1, 2, 3], [0, 0, 10]
    y = layer.forward([[-1.0, 0.0, 1.0], [4.0, 4.0, 4.0]])
    np.testing.assert_allclose(y, [[-1, 0, 13], [0, 0, 10]], atol=1e-15)
    # g = dy weight = (3, 0, 0): mean 1, mean of g h = -1: dx = g - 1 + h
    dx = layer.backward([[3.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(dx, [[1, -1, 0], [0, 0, 0]], atol=1e-15)
    np.testing.assert_allclose(weight.grad, [-3, 0, 0], atol=1e-15)
    assert bias.grad.tolist() == [3, 0, 0]


@pytest.mark.parametrize(
    ("layer", "x", "text"),
    [
        (
            nc.BatchNorm1d(3),
            np.zeros((2, 4)),
            r'^\[BatchNorm1d "0"\] x: expected \(N, 3\) or \(N, 3, L\), got \(2, 4\)',
        ),
        (nc.BatchNorm1d(3), np.zeros((2, 3, 4, 5)), r"got \(2, 3, 4, 5\)"),
        (nc.LayerNorm(3), np.zeros((2, 4)), r'^\[LayerNorm "0"\] x: expected \(N, \*, 3\), got \(2, 4\)'),
        (nc.LayerNorm((2, 3)), np.zeros((2, 3)), r"expected \(N, \*, 2, 3\), got \(2, 3\)"),
    ],
    ids=repr,
)
def test_shapes_that_do_not_fit(layer, x, text):
    with pytest.raises(nc.ShapeError, match=text):
        layer(x)


@pytest.mark.parametrize("given", [0, (), (2, 0), (2.5,), "3", None, [[1]]], ids=repr)
def test_shapes_that_are_none(given):
    with pytest.raises(
        nc.ConfigError, match=r"\[LayerNorm\] normalized_shape: expected an integer >= 1 or a row of them"
    ):
        nc.LayerNorm(given)


def test_gains_and_shifts_are_free_of_penalties(rng):
    """l2 pulls at the weights of Linear and leaves gamma and beta alone: with a zero gradient they stay."""
    net = nc.Sequential(nc.BatchNorm1d(3), nc.LayerNorm(3), nc.Linear(3, 2), dtype="float64", seed=0)
    before = net.state_dict()
    X, target = rng.normal(size=(6, 3)), None
    target = net.forward(X)
    value = nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=0.1), l2=1.0).step(X, target)
    after = net.state_dict()
    np.testing.assert_allclose(value, 0.5 * (before["2.weight"] ** 2).sum())
    np.testing.assert_allclose(after["2.weight"], 0.9 * before["2.weight"])
    for key in ("0.weight", "0.bias", "1.weight", "1.bias", "2.bias"):
        np.testing.assert_allclose(after[key], before[key], atol=1e-14, err_msg=key)


def test_running_statistics_arrive_without_the_count():
    net = nc.Sequential(nc.BatchNorm1d(2), seed=0)
    state = net.state_dict()
    del state["0.num_batches_tracked"]
    state["0.running_mean"][:] = [3, 4]
    net.load_state_dict(state)
    assert net.state_dict()["0.running_mean"].tolist() == [3, 4]


@pytest.mark.parametrize("layer", [nc.BatchNorm1d, nc.LayerNorm])
@pytest.mark.parametrize("shape", [(700, 300), (40, 300, 33)])
def test_same_bits_for_any_number_of_threads(layer, shape, restore_threads, rng):
    x, dy = rng.normal(size=shape), rng.normal(size=shape)
    found = set()
    for threads in (1, 2, 3, 5):
        nc.set_num_threads(threads)
        net = nc.Sequential(layer(300) if layer is nc.BatchNorm1d else layer(shape[1:]), seed=0)
        y = net.forward(x)
        dx = net.backward(dy)
        found.add(y.tobytes() + dx.tobytes() + net.flat_gradients.tobytes() + net(x).tobytes())
    assert len(found) == 1
