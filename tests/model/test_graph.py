"""Graph: what a Sequential can do, for nets that are no chain."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose

import nncore as nc
from support.layerwise import layerwise_step


def images(n=24, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3, 6, 6)), rng.integers(0, 4, n)


def numbers(n=24, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 5)), rng.integers(0, 4, n)


def diamond(**facts):
    x = nc.Input(5)
    h = nc.Tanh()(nc.Linear(5, 7)(x))
    a, b = nc.ReLU()(nc.Linear(7, 6)(h)), nc.Linear(7, 6)(nc.Sigmoid()(h))
    return nc.Graph(x, nc.Linear(6, 4)(nc.GELU()(nc.Add()(a, b))), **facts)


def three_readers(**facts):
    x = nc.Input(5)
    h = nc.Linear(5, 5)(x)
    a, b = nc.Tanh()(h), nc.Linear(5, 5)(h)
    return nc.Graph(x, nc.Linear(5, 4)(nc.SiLU()(nc.Add()(h, a, b))), **facts)


def read_twice(**facts):
    x = nc.Input(5)
    h = nc.Linear(5, 6)(x)
    return nc.Graph(x, nc.Linear(12, 4)(nc.Concat()(nc.Multiply()(h, h), nc.Add()(h, h))), **facts)


def tied(**facts):
    x, same = nc.Input(5), nc.Linear(5, 5)
    return nc.Graph(x, nc.Linear(5, 4)(nc.Add()(same(nc.ReLU()(same(x))), x)), **facts)


def input_read_last(**facts):
    x = nc.Input(5)
    return nc.Graph(x, nc.Linear(9, 4)(nc.Concat()(nc.ReLU()(nc.Linear(5, 4)(x)), x)), **facts)


def dense_block(**facts):
    x = nc.Input((3, 6, 6))
    h = nc.ReLU()(nc.Conv2d(3, 16, 3, padding=1)(x))
    for channels in (16, 24, 32):
        h = nc.Concat()(h, nc.ReLU()(nc.BatchNorm2d(8)(nc.Conv2d(channels, 8, 3, padding=1)(h))))
    return nc.Graph(x, nc.Linear(40, 4)(nc.GlobalAvgPool2d()(h)), **facts)


def squeeze_and_excite(**facts):
    x = nc.Input((3, 6, 6))
    h = nc.ReLU()(nc.Conv2d(3, 20, 3, padding=1)(x))
    scale = nc.Sigmoid()(nc.Linear(4, 20)(nc.ReLU()(nc.Linear(20, 4)(nc.GlobalAvgPool2d()(h)))))
    h = nc.Add()(h, nc.Multiply()(h, scale))
    return nc.Graph(x, nc.Linear(180, 4)(nc.Flatten()(nc.MaxPool2d(2)(h))), **facts)


def branches(**facts):
    """Images that come blocked and not, a pooling beside a convolution, and products of images."""
    x = nc.Input((3, 6, 6))
    h = nc.Conv2d(3, 24, 3, padding=1, stride=1)(x)
    strided = nc.Conv2d(3, 24, 3, padding=1, groups=3)(x)
    joined = nc.Tanh()(nc.Add()(strided, nc.LeakyReLU()(h)))
    pooled = nc.Concat()(nc.MaxPool2d(2)(joined), nc.AvgPool2d(2)(nc.Multiply()(h, joined)))
    return nc.Graph(x, nc.Linear(48, 4)(nc.Dropout(0.3)(nc.GlobalAvgPool2d()(pooled))), **facts)


DENSE = [diamond, three_readers, read_twice, tied, input_read_last]
IMAGES = [dense_block, squeeze_and_excite, branches]
NETS = [*DENSE, *IMAGES]


def data(make, dtype="float64", n=24):
    X, y = numbers(n) if make in DENSE else images(n)
    return X.astype(dtype), y


def fit(net, X, y, epochs=2, **options):
    options = {"batch_size": 7, "seed": 3} | options
    nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(lr=0.01), **options).fit(X, y, epochs, progress=False)
    return net


@pytest.mark.parametrize("make", NETS)
def test_gradients(make):
    X, y = data(make, n=5)
    report = nc.gradcheck(make(dtype="float64", seed=1), nc.CrossEntropyLoss(), X, y)
    assert report.ok, report


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make", NETS)
def test_planned_is_layerwise(make, dtype):
    X, y = data(make, dtype)
    planned, layerwise = (make(dtype=dtype, seed=1) for _ in range(2))
    trainer = nc.Trainer(planned, nc.CrossEntropyLoss(), nc.SGD(lr=0.05, momentum=0.9), batch_size=len(X), seed=0)
    optimizer = nc.SGD(lr=0.05, momentum=0.9)
    for step in range(4):
        ours = trainer.step(X, y)
        theirs = layerwise_step(layerwise, nc.CrossEntropyLoss(), optimizer, X, y, step=step)
        assert_allclose(ours, theirs, rtol=1e-5 if dtype == "float32" else 1e-12)
    if make in IMAGES:  # means over blocked pixels are summed in another order
        tolerance = 1e-5 if dtype == "float32" else 1e-12
        assert_allclose(planned.flat_parameters, layerwise.flat_parameters, rtol=tolerance, atol=tolerance)
    else:
        assert np.array_equal(planned.flat_parameters, layerwise.flat_parameters)


@pytest.mark.parametrize("make", NETS)
def test_the_same_bits_for_any_number_of_threads(make):
    X, y = data(make, "float32")
    states = [fit(make(seed=1), X, y, num_threads=threads).flat_parameters for threads in (1, 2, 3)]
    assert np.array_equal(states[0], states[1]) and np.array_equal(states[0], states[2])


@pytest.mark.parametrize("make", NETS)
def test_inference_is_the_layerwise_run(make):
    X, y = data(make, "float32", n=40)
    net = fit(make(seed=1), X, y)
    last = list(net.activations(X).values())[-1]
    assert_allclose(net(X), last, rtol=1e-5, atol=1e-6)
    assert np.array_equal(net(X), np.concatenate([net(X[:7]), net(X[7:])]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("clip", [None, 0.5])
def test_a_chain_is_a_sequential_to_the_bit(dtype, clip):
    X, y = images()
    X = X.astype(dtype)

    def layers():
        return [nc.Conv2d(3, 8, 3), nc.BatchNorm2d(8), nc.ReLU(), nc.MaxPool2d(2), nc.Flatten(), nc.Dropout(0.2),
                nc.Linear(32, 9), nc.Tanh(), nc.Linear(9, 4)]  # fmt: skip

    x = symbol = nc.Input((3, 6, 6))
    for layer in layers():
        symbol = layer(symbol)
    graph, chain = nc.Graph(x, symbol, dtype=dtype, seed=5), nc.Sequential(*layers(), dtype=dtype, seed=5)
    assert list(graph.state_dict()) == list(chain.state_dict())
    for net in (graph, chain):
        fit(net, X, y, clip_grad_norm=clip)
    assert np.array_equal(graph.flat_parameters, chain.flat_parameters)
    assert np.array_equal(graph(X), chain(X)) and np.array_equal(graph.predict(X), chain.predict(X))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_of_branches_are_a_residual_to_the_bit(dtype):
    X, y = images()
    X = X.astype(dtype)

    def inside():
        return [nc.Conv2d(8, 8, 3, padding=1), nc.BatchNorm2d(8), nc.ReLU(), nc.Conv2d(8, 8, 3, padding=1)]

    x = nc.Input((3, 6, 6))
    h = nc.Conv2d(3, 8, 3, padding=1)(x)
    for _ in range(2):
        branch = h
        for layer in inside():
            branch = layer(branch)
        h = nc.ReLU()(nc.Add()(h, branch))
    graph = nc.Graph(x, nc.Linear(8, 4)(nc.GlobalAvgPool2d()(h)), dtype=dtype, seed=5)
    blocks = [nc.Residual(*inside()), nc.ReLU(), nc.Residual(*inside()), nc.ReLU()]
    chain = nc.Sequential(
        nc.Conv2d(3, 8, 3, padding=1), *blocks, nc.GlobalAvgPool2d(), nc.Linear(8, 4), dtype=dtype, seed=5
    )
    graph.flat_parameters[...] = chain.flat_parameters
    for net in (graph, chain):
        fit(net, X, y)
    assert np.array_equal(graph.flat_parameters, chain.flat_parameters)
    assert np.array_equal(graph(X), chain(X))


def test_against_torch(torch):
    X, _ = images(8)
    net = squeeze_and_excite(dtype="float64", seed=2)
    W = [torch.tensor(p.value.copy(), requires_grad=True) for p in net.parameters()]
    t, F = torch.tensor(X, requires_grad=True), torch.nn.functional
    h = F.relu(F.conv2d(t, W[0], W[1], padding=1))
    scale = torch.sigmoid(F.linear(F.relu(F.linear(h.mean((2, 3)), W[2], W[3])), W[4], W[5]))
    theirs = F.linear(F.max_pool2d(h + h * scale[:, :, None, None], 2).flatten(1), W[6], W[7])
    y = net.forward(X)
    assert_allclose(y, theirs.detach().numpy(), rtol=1e-10, atol=1e-12)
    dy = np.random.default_rng(1).normal(size=y.shape)
    theirs.backward(torch.tensor(dy))
    assert_allclose(net.backward(dy), t.grad.numpy(), rtol=1e-9, atol=1e-12)
    for ours, w in zip(net.parameters(), W, strict=True):
        assert_allclose(ours.grad, w.grad.numpy(), rtol=1e-9, atol=1e-12)


# ---- What a Sequential can do -----------------------------------------------------------------------------------


def test_names_summary_and_repr():
    net = diamond(seed=0)
    assert list(net.state_dict())[:4] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    summary = net.summary()
    assert [row.kind for row in summary.rows][-3:] == ["Add", "GELU", "Linear"]
    assert summary.rows[6] == ("6", "Add", (6,), 0) and summary.input_shape == (5,)
    assert len(net) == 9 and net["6"] is net[6] and [type(layer) for layer in net][6] is nc.Add
    text = repr(net)
    assert text.startswith("Graph(\n  input: (5,)\n") and "(6): Add() <- 3, 5" in text
    assert "Graph: " in net._repr_html_()
    assert list(net.activations(numbers(3)[0])) == [str(i) for i in range(9)]


@pytest.mark.parametrize("make", NETS)
@pytest.mark.parametrize("how", ["save", "pickle", "copy", "deepcopy", "state"])
def test_copies_compute_the_same(make, how, tmp_path):
    X, y = data(make, "float32")
    net = fit(make(seed=1, input=nc.Normalize(0.1, 2.0)), X, y)
    if how == "save":
        pytest.importorskip("safetensors")
        net.save(tmp_path / "net")
        other = nc.load(tmp_path / "net")
    elif how == "pickle":
        other = pickle.loads(pickle.dumps(net))
    elif how == "state":
        other = make(seed=9, input=nc.Normalize())
        other.load_state_dict(net.state_dict())
    else:
        other = net.copy() if how == "copy" else copy.deepcopy(net)
    assert type(other) is nc.Graph and repr(other).split("seed")[0] == repr(net).split("seed")[0]
    assert np.array_equal(other(X), net(X))
    if how != "state":
        for one in (net, other):
            fit(one, X, y)
        assert np.array_equal(net.flat_parameters, other.flat_parameters)


def test_a_checkpoint_goes_on_to_the_same_bits(tmp_path):
    pytest.importorskip("safetensors")
    X, y = images()
    whole = fit(branches(seed=1), X, y, epochs=4)
    trainer = nc.Trainer(branches(seed=1), nc.CrossEntropyLoss(), nc.Adam(lr=0.01), batch_size=7, seed=3)
    trainer.fit(X, y, 2, progress=False)
    trainer.save(tmp_path / "trainer")
    again = nc.Trainer.resume(tmp_path / "trainer")
    again.fit(X, y, 2, progress=False)
    assert np.array_equal(again.model.flat_parameters, whole.flat_parameters)


def test_to_and_initialize():
    X, _ = numbers()
    net = diamond(seed=1)
    double = net.copy().to("float64")
    assert double.dtype == "float64"
    assert_allclose(double(X), net(X), rtol=1e-5, atol=1e-6)
    net.initialize(7)
    assert np.array_equal(net.flat_parameters, diamond(seed=7).flat_parameters)


@pytest.mark.parametrize("make", NETS)
def test_a_monitor_changes_nothing_and_sees_every_layer(make):
    X, y = data(make, "float32")
    plain, seen, monitor = make(seed=1), make(seed=1), nc.Monitor(every=3)
    fit(plain, X, y)
    trainer = nc.Trainer(seen, nc.CrossEntropyLoss(), nc.Adam(lr=0.01), batch_size=7, seed=3)
    trainer.fit(X, y, 2, callbacks=[monitor], progress=False)
    assert np.array_equal(plain.flat_parameters, seen.flat_parameters)
    assert {f"{i}.output" for i in range(len(seen))} <= set(monitor.records[0])


def test_a_monitor_sees_the_sum_of_gradients():
    X, y = numbers()
    net, monitor = three_readers(dtype="float64", seed=1), nc.Monitor()
    probe = net.copy()
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=None)
    trainer.fit(X, y, 1, callbacks=[monitor], progress=False)
    _, dz = nc.CrossEntropyLoss()(probe.forward(X), y)
    probe.backward(dz)  # dW of the first Linear = dh^T x
    dh = np.linalg.lstsq(X.T, probe.parameters()[0].grad.T, rcond=None)[0]
    assert_allclose(X.T @ dh, probe.parameters()[0].grad.T, atol=1e-12)
    assert_allclose(monitor.records[0]["0.bias.grad"]["norm"], np.linalg.norm(probe.parameters()[1].grad), rtol=1e-9)


def test_what_is_not_finite_is_named():
    x = nc.Input(2)
    net = nc.Graph(x, nc.Linear(2, 2)(nc.Multiply()(x, x)), seed=0)
    with pytest.raises(nc.NumericError, match=r'^epoch 1, step 1: \[Multiply "0"\] output is not finite'):
        nc.Trainer(net, nc.MSELoss(), nc.SGD()).fit(np.full((4, 2), 1e30), np.zeros((4, 2)), 1)


def test_a_sweep_takes_graphs():
    X, y = numbers()

    def build(width, seed):
        x = nc.Input(5)
        net = nc.Graph(x, nc.Linear(width + 5, 4)(nc.Concat()(x, nc.ReLU()(nc.Linear(5, width)(x)))), seed=seed)
        return nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=6, seed=seed)

    table = nc.sweep(build, {"width": [2, 3]}, X, y, epochs=2, seeds=2, progress=False)
    alone = build(3, 1)
    history = alone.fit(X, y, 2, progress=False)
    row = next(row for row in table if row["width"] == 3 and row["seed"] == 1)
    assert row["loss"] == history["loss"][-1]


def test_a_sequential_may_be_a_part():
    X, y = numbers()
    body = nc.Sequential(nc.Linear(5, 5), nc.Tanh(), seed=3)
    x = nc.Input(5)
    net = nc.Graph(x, nc.Linear(5, 4)(nc.Add()(x, body(x))), seed=0)
    fit(net, X, y)
    assert np.array_equal(net.parameters()[0].value, body.parameters()[0].value)


def test_a_residual_and_a_layer_in_python_may_be_parts():
    class Double(nc.Layer):
        def forward(self, x, training):
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    X, y = numbers(6)
    x = nc.Input(5)
    h = nc.Residual(nc.Linear(5, 5), nc.ReLU())(x)
    net = nc.Graph(x, nc.Linear(5, 4)(nc.Add()(Double()(h), h)), dtype="float64", seed=0)
    assert nc.gradcheck(net, nc.CrossEntropyLoss(), X, y).ok
    assert "0.0.weight" in net.state_dict()


# ---- What is refused ----------------------------------------------------------------------------------------------


def test_hostile_arguments():
    x, other = nc.Input(5), nc.Input(5)
    h = nc.Linear(5, 4)(x)
    for inputs, outputs, message in [
        (x, x, r"outputs: expected the output of a layer, got Input\(\(5,\)\)"),
        ([x, other], h, "inputs: expected one, got 2; several are not supported"),
        (x, [h, h], "outputs: expected one, got 2; several are not supported"),
        ([], h, "inputs: expected one, got 0"),
        (h, h, "inputs: expected an Input, got "),
        (x, nc.Linear(5, 4), "outputs: expected the output of a layer for symbols, got "),
        (x, nc.Add()(h, nc.Linear(5, 4)(other)), "outputs: expected one that .* alone, got one that depends on Input"),
        (other, h, "outputs: expected one that .* alone, got one that depends on Input"),
        (None, h, "inputs: expected an Input, got None"),
    ]:
        with pytest.raises(nc.ConfigError, match=rf"^\[Graph\] {message}"):
            nc.Graph(inputs, outputs)
    with pytest.raises(nc.ConfigError, match=r"^\[Graph\] dtype: expected"):
        nc.Graph(x, h, dtype="int8")
    with pytest.raises(nc.ConfigError, match=r"^\[Graph\] index: "):
        nc.Graph(x, h)[:1]
    for shape in (0.5, "5", (-1,), None):
        with pytest.raises((nc.ConfigError, nc.ShapeError), match=r"^\[Input\] shape: "):
            nc.Input(shape)
    with pytest.raises(TypeError):
        nc.Linear(5, 4)(x, x)


def test_layers_that_do_not_fit_are_named():
    x = nc.Input(5)
    with pytest.raises(nc.ShapeError, match=r'^\[Linear "1"\] x: expected \(N, 3\), got \(N, 4\)'):
        nc.Graph(x, nc.Linear(3, 2)(nc.Linear(5, 4)(x)))
    layers = nc.Linear(5, 4), nc.Linear(5, 3)
    with pytest.raises(nc.ShapeError, match=r'^\[Add "2"\] x: expected the shape of .* \(N, 4\), got \(N, 3\)'):
        nc.Graph(x, nc.Add()(layers[0](x), layers[1](x)))
    assert nc.Graph(x, nc.Concat()(layers[0](x), layers[1](x)), dtype="float64")(np.zeros((2, 5))).shape == (2, 7)


def test_samples_of_another_shape_are_refused():
    net = dense_block(seed=0)
    with pytest.raises(nc.ShapeError, match=r"^\[Graph\] x: expected \(8, 3, 6, 6\), got \(8, 3, 7, 7\)"):
        net(np.zeros((8, 3, 7, 7)))
    with pytest.raises(nc.ShapeError, match=r"^\[Graph\] x: expected \(.*, 3, 6, 6\), got"):
        nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD()).fit(np.zeros((8, 3, 7, 7)), np.zeros(8, int), 1)
    with pytest.raises(nc.ShapeError, match=r"^\[Graph\] dy: expected"):
        net.forward(np.zeros((8, 3, 6, 6)))
        net.backward(np.zeros((8, 5)))
    with pytest.raises(nc.StateError, match=r"^\[Graph\] backward needs"):
        diamond(seed=0).backward(np.zeros((8, 4)))


def test_symbols_may_serve_several_graphs():
    X, _ = numbers()
    x = nc.Input(5)
    h = nc.Linear(5, 4)(x)
    whole = nc.Graph(x, nc.Linear(4, 3)(nc.ReLU()(h)), seed=0)
    part = nc.Graph(x, h, seed=1)
    assert np.array_equal(part(X), whole.activations(X)["0"])
    assert np.array_equal(part.parameters()[0].value, whole.parameters()[0].value)
