"""Models inside models: a Sequential becomes its layers, with PyTorch's names; any model may be a part of a Graph."""

import copy
import pickle

import numpy as np
import pytest

import nncore as nc


def numbers(n=24):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 4)), rng.integers(0, 3, n)


def nested(**facts):
    body = nc.Sequential(nc.Linear(4, 8), nc.Sequential(nc.ReLU(), nc.Linear(8, 8), seed=2), seed=1)
    return nc.Sequential(body, nc.Tanh(), nc.Sequential(nc.Linear(8, 3), seed=3), **facts)


NAMES = ["0.0", "0.1.0", "0.1.1", "1", "2.0"]
KEYS = [f"{name}.{part}" for name in ("0.0", "0.1.1", "2.0") for part in ("weight", "bias")]


def fit(net, X, y, **options):
    options = {"batch_size": 7, "seed": 3} | options
    nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(lr=0.01), **options).fit(X, y, 2, progress=False)
    return net


def test_names_are_pytorchs(torch):
    ours, nn = nested(), torch.nn
    body = nn.Sequential(nn.Linear(4, 8), nn.Sequential(nn.ReLU(), nn.Linear(8, 8)))
    theirs = nn.Sequential(body, nn.Tanh(), nn.Sequential(nn.Linear(8, 3)))
    assert list(ours.state_dict()) == list(theirs.state_dict()) == KEYS
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    X, _ = numbers()
    expected = theirs(torch.tensor(X, dtype=torch.float32)).detach().numpy()
    np.testing.assert_allclose(ours(X), expected, rtol=1e-5, atol=1e-6)


def test_layers_summary_activations_monitor_and_slices():
    X, y = numbers()
    net, monitor = nested(seed=0), nc.Monitor()
    assert len(net) == 5 and net["0.1.1"] is net[2]
    assert [row.name for row in net.summary(4).rows][-5:] == NAMES
    assert list(net.activations(X)) == NAMES
    assert list(net[1:4].state_dict()) == ["0.1.1.weight", "0.1.1.bias"]
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=7)
    trainer.fit(X, y, 1, callbacks=[monitor], progress=False)
    assert {f"{name}.output" for name in NAMES} | {f"{key}.grad" for key in KEYS} <= set(monitor.records[0])


def test_training_is_that_of_the_chain_and_the_inner_model_sees_it():
    X, y = numbers()
    inner = nc.mlp([4, 8, 8], seed=1)
    net = nc.Sequential(inner, nc.Tanh(), nc.Linear(8, 3), seed=0)
    flat = nc.Sequential(*inner.copy(), nc.Tanh(), nc.Linear(8, 3), seed=0)
    flat.load_state_dict(dict(zip(flat.state_dict(), net.state_dict().values(), strict=True)))
    for one in (net, flat):
        fit(one, X, y)
    for ours, theirs in zip(net.parameters(), flat.parameters(), strict=True):
        assert np.array_equal(ours.value, theirs.value)
    assert np.array_equal(inner(X), net.activations(X)["0.2"])


@pytest.mark.parametrize("how", ["save", "pickle", "copy", "deepcopy", "checkpoint"])
def test_copies_and_files(how, tmp_path):
    X, y = numbers()
    net = fit(nested(seed=1), X, y)
    if how in ("save", "checkpoint"):
        pytest.importorskip("safetensors")
        saved = net if how == "save" else nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(), seed=0)
        saved.save(tmp_path / "file")
        other = nc.load(tmp_path / "file")
    elif how == "pickle":
        other = pickle.loads(pickle.dumps(net))
    else:
        other = net.copy() if how == "copy" else copy.deepcopy(net)
    assert list(other.state_dict()) == KEYS and repr(other) == repr(net)
    assert np.array_equal(other(X), net(X))
    assert np.array_equal(fit(other, X, y)(X), fit(net, X, y)(X))


def test_tensorboard_has_a_group_for_each_layer(tmp_path):
    X, y = numbers()
    writer = nc.TensorBoard(tmp_path, every=1)
    trainer = nc.Trainer(nested(seed=1), nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=7)
    trainer.fit(X, y, 1, callbacks=[writer], progress=False)
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("events*"))
    assert b"layer0.1.1_Linear/weight_gradient" in content and b"layer2.0_Linear/" in content


def test_append_counts_as_pytorch_does():
    net = nc.Sequential(nc.Sequential(nc.Linear(4, 4), nc.ReLU()), nc.Tanh(), seed=0)
    net.append(nc.Linear(4, 2)).append(nc.Sequential(nc.ReLU(), nc.Linear(2, 2)))
    assert list(net.state_dict())[2::2] == ["2.weight", "3.1.weight"]
    named = nc.Sequential({"body": nc.Sequential(nc.Linear(4, 2)), "head": nc.Tanh()})
    assert list(named.state_dict()) == ["body.0.weight", "body.0.bias"]


def test_what_is_appended_stays_shared():
    X, y = numbers()
    other = nc.Sequential(nc.Linear(4, 3), nc.Tanh(), seed=0)
    net = nc.Sequential(nc.Linear(4, 4), seed=1).append(other)
    fit(net, X, y)
    assert np.array_equal(net["1.0"].parameters()[0].value, other.parameters()[0].value)
    assert np.array_equal(other(net[:1](X)), net(X))


def test_a_residual_takes_the_layers_of_a_sequential():
    X, _ = numbers()
    body = nc.Sequential(nc.Linear(4, 4), nc.ReLU(), seed=1)
    for block in (nc.Residual(body), nc.Residual([body]), nc.Residual(nc.Sequential(body))):
        assert np.array_equal(nc.Sequential(block)(X), X.astype("float32") + body(X)), block


# ---- Graphs ---------------------------------------------------------------------------------------------------------


def block(**facts):
    x = nc.Input(4)
    h = nc.Linear(4, 4)(x)
    return nc.Graph(x, nc.Add()(x, nc.ReLU()(h), h), **facts)


def test_a_graph_is_a_part_of_a_graph():
    X, y = numbers()
    part, x = block(dtype="float64", seed=1), nc.Input(4)
    net = nc.Graph(x, nc.Linear(4, 3)(part(nc.Tanh()(part(x)))), dtype="float64", seed=0)
    np.testing.assert_allclose(net.activations(X)[str(len(net) - 2)], part(np.tanh(part(X))), rtol=1e-12)
    assert len(net) == 2 * len(part) + 2
    assert nc.gradcheck(net, nc.CrossEntropyLoss(), X[:5], y[:5]).ok
    fit(net, X, y)
    assert np.array_equal(net.parameters()[0].value, part.parameters()[0].value)  # shared
    again = net.copy()
    assert np.array_equal(again(X), net(X))


def test_what_is_no_part():
    graph, x = block(), nc.Input(4)
    for make in (lambda: nc.Sequential(graph), lambda: nc.Sequential(nc.ReLU()).append(graph)):
        with pytest.raises(nc.ConfigError, match=r"^\[Sequential\] layer '\d': expected .*, got a Graph \(write "):
            make()
    with pytest.raises(nc.ConfigError, match=r"^\[Residual\] layers: expected .*, got a Graph \(write nc.Graph"):
        nc.Residual(graph)
    scaled = nc.Sequential(nc.ReLU(), input=nc.Normalize(0.0, 2.0))
    with pytest.raises(nc.ConfigError, match=r"^\[Sequential\] layer '1': expected a Sequential without input="):
        nc.Sequential(nc.ReLU(), scaled)
    with pytest.raises(nc.ConfigError, match=r"^\[Residual\] layers: expected a Sequential without input="):
        nc.Residual(scaled)
    for part in (scaled, block(input=nc.Normalize(0.0, 2.0))):
        with pytest.raises(nc.ConfigError, match=r"input: expected none in a part of a Graph"):
            part(x)


@pytest.mark.parametrize("join", [nc.Add, nc.Multiply, nc.Concat])
def test_inputs_come_one_by_one(join):
    x, X = nc.Input(4), numbers()[0]
    for given, names in [([x, x], "a, b"), ((X, X), "a, b"), ([x], "a"), ([X, X, X], "a, b, c"), ([x, X], "a, b")]:
        name = join.__name__
        message = rf"^\[{name}\] inputs: expected them one by one, got a list \(write nc.{name}\(\)\({names}\)\)"
        with pytest.raises(nc.ConfigError, match=message):
            join()(given)
    assert np.array_equal(join()([[1.0, 2.0], [3.0, 4.0]]), [[1.0, 2.0], [3.0, 4.0]])  # rows of one input
    message = r"^\[\w+\] inputs: expected one symbol, got a list of "
    for part in (nc.Linear(4, 2), nc.mlp([4, 2]), block()):
        with pytest.raises(nc.ConfigError, match=message + r"1 \(write layer\(x\)"):
            part([x])
        with pytest.raises(nc.ConfigError, match=message + r"2 \(join them"):
            part([x, x])


# ---- What fails changes nothing -------------------------------------------------------------------------------------


def misfits():
    """(what, layers, make): make fails, and the layers are then as before."""
    for at in range(4):
        layers = [nc.Linear(4, 4), nc.BatchNorm1d(4), nc.Residual(nc.Linear(4, 4)), nc.Linear(4, 4)]
        layers[at] = nc.Linear(5, 5)

        def chain(layers=layers):
            symbol = x = nc.Input(4)
            for layer in layers:
                symbol = layer(symbol)
            return nc.Graph(x, symbol, seed=1)

        yield f"layer {at}", layers, chain
    layers = [nc.Linear(4, 4), nc.Linear(4, 3)]

    def join(layers=layers, **facts):
        x = nc.Input(4)
        return nc.Graph(x, nc.Add()(*[layer(x) for layer in layers]), **facts)

    yield "a sum", layers, join
    same = [nc.Linear(4, 4), nc.Linear(4, 4)]
    yield "normalisation", same, lambda: join(same, input=nc.Normalize(np.zeros(5), np.ones(5)))
    yield "a dtype", same, lambda: join(same, dtype="int8")
    yield "a seed", same, lambda: join(same, seed=-1)
    taken = nc.Linear(4, 4)
    keep, single = nc.Sequential(taken, dtype="float64"), nc.Sequential(nc.Linear(4, 4))[0]
    yield "another dtype", same, lambda: join([*same, taken], dtype="float32") or keep
    yield "a chain of another dtype", same, lambda: nc.Sequential(*same, taken)
    yield "no layer", same, lambda: nc.Sequential(*same, 3)
    yield "append", same, lambda: keep.append(nc.Residual(*same, single))


def fresh(layers):
    return [nc.Residual(*fresh(one)) if isinstance(one, nc.Residual) else type(one)(**one.config) for one in layers]


@pytest.mark.parametrize("what", [case[0] for case in misfits()])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_that_fails_leaves_new_layers_as_they_were(what, dtype):
    layers, make = {name: rest for name, *rest in misfits()}[what]
    with pytest.raises((nc.ConfigError, nc.ShapeError)):
        make()
    ours, theirs = (nc.Sequential(*each, seed=5, dtype=dtype) for each in (layers, fresh(layers)))
    assert np.array_equal(ours.flat_parameters, theirs.flat_parameters)


@pytest.mark.parametrize("what", [case[0] for case in misfits()])
def test_a_model_that_fails_leaves_layers_that_were_called_as_they_were(what):
    layers, make = {name: rest for name, *rest in misfits()}[what]
    for layer in layers:
        layer(np.ones((3, 5 if layer.config.get("in_features") == 5 else 4)))
    before = nc.Sequential(*[copy.deepcopy(layer) for layer in layers], dtype="float64").flat_parameters
    with pytest.raises((nc.ConfigError, nc.ShapeError)):
        make()
    assert np.array_equal(nc.Sequential(*layers, dtype="float32").flat_parameters, before.astype("float32"))


@pytest.mark.parametrize("make", [lambda: nc.Linear(4, 2), lambda: nc.Residual(nc.ReLU()), nc.Softmax, nc.Add], ids=str)
def test_errors_of_a_layer_alone_name_it(make):
    layer = make()
    name = type(layer).__name__
    calls = lambda: layer(np.zeros(4)), lambda: layer("a"), lambda: layer.forward(3), lambda: layer.backward([[1.0]])
    for call in calls:
        with pytest.raises((nc.ShapeError, nc.StateError), match=rf"^\[{name}\] "):
            call()
