"""net.save and nc.load: bit for bit the same model, one file format that others read, nothing but data in it."""

import json
import struct

import numpy as np
import pytest

import nncore as nc
from support.cases import examples, in_model, sample_input

safetensors = pytest.importorskip("safetensors.numpy")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net.safetensors"


def again(net, path):
    net.save(path)
    return nc.load(path)


def assert_same(net, other):
    assert repr(other) == repr(net) and list(other._layers) == list(net._layers)
    assert (other.dtype, other.seed) == (net.dtype, net.seed)
    state, others = net.state_dict(), other.state_dict()
    assert list(state) == list(others)
    for name, value in state.items():
        assert value.dtype == others[name].dtype and value.tobytes() == others[name].tobytes(), name


@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_layer_comes_back_bit_for_bit(name, args, sample, dtype, path, rng):
    net = in_model(name, args, dtype)
    x = sample_input(rng, (8, *sample), dtype)
    net.forward(x, training=True)  # running statistics move
    other = again(net, path)
    assert_same(net, other)
    assert net(x).tobytes() == other(x).tobytes()


def test_names_sharing_normalisation_and_link_come_back(path, rng):
    shared = nc.Linear(3, 3, weight_init=nc.init.normal(0.0, 0.5), bias_init="zeros")
    layers = {"first": shared, "t": nc.Tanh(), "second": shared, "ü s": nc.Linear(3, 1)}
    net = nc.Sequential(layers, dtype="float64", seed=2**63, input=nc.Normalize([1.0, 2.0, 3.0], 0.1))
    nc.Trainer(net, nc.MSELoss(), nc.SGD())
    other = again(net, path)
    assert_same(net, other)
    assert other["first"] is other["second"] and len(other.parameters()) == 4
    x = rng.normal(size=(5, 3))
    assert net(x).tobytes() == other(x).tobytes() and net.predict(x).tobytes() == other.predict(x).tobytes()
    other.parameters()[0].value[...] = 0
    assert not np.array_equal(net(x), other(x)), "it has memory of its own"


def test_layers_inside_others_stay_shared(path, rng):
    """A Linear that stands alone, in a Residual and in a Residual in it, and that Residual in two places."""
    shared = nc.Linear(3, 3)
    inner = nc.Residual(shared, nc.Tanh())
    outer = nc.Residual(inner, nc.LayerNorm(3), shared)
    net = nc.Sequential({"a": shared, "r": outer, "again": outer, "out": nc.Linear(3, 2)}, dtype="float64", seed=4)
    other = again(net, path)
    assert_same(net, other)
    assert other["a"] is other["r"][2] is other["r"][0][0] and other["again"] is other["r"]
    assert [p.name for p in other.parameters()] == [p.name for p in net.parameters()]
    x = rng.normal(size=(5, 3))
    assert net(x).tobytes() == other(x).tobytes()
    for each in (net, other):
        nc.Trainer(each, nc.MSELoss(), nc.Adam(), batch_size=2).fit(x, np.ones((5, 2)), epochs=2)
    assert net(x).tobytes() == other(x).tobytes()


def test_a_loaded_model_goes_on_with_the_same_random_numbers(path, rng):
    net = nc.Sequential(nc.Linear(3, 50), nc.Dropout(0.5), seed=1)
    x = rng.normal(size=(4, 3))
    net.forward(x)
    other = again(net, path)
    assert net.forward(x).tobytes() == other.forward(x).tobytes()
    assert net.initialize(5).flat_parameters.tobytes() == other.initialize(5).flat_parameters.tobytes()


def test_weights_that_are_not_finite_are_saved_as_they_are(path):
    net = nc.Sequential(nc.Linear(2, 2), seed=0)
    net.parameters()[0].value[...] = [[np.nan, np.inf], [-np.inf, -0.0]]
    assert_same(net, again(net, path))


def test_an_empty_model_and_one_without_parameters(path):
    assert len(again(nc.Sequential(seed=0), path)) == 0
    assert_same(nc.Sequential(nc.Tanh(), seed=0), again(nc.Sequential(nc.Tanh(), seed=0), path))


def test_the_file_is_safetensors_with_pytorchs_keys(path):
    net = nc.Sequential(nc.Linear(3, 2), nc.ReLU(), nc.Linear(2, 2), seed=1, input=nc.Normalize(0.5, 2.0))
    net.save(path)
    arrays = safetensors.load_file(path)
    state = net.state_dict()
    assert set(arrays) == set(state)
    assert all(np.array_equal(arrays[name], state[name]) for name in state)
    raw = path.read_bytes()
    head = json.loads(raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]])["__metadata__"]
    facts = json.loads(head["nncore"])
    assert facts["format"] == 1 and facts["nncore"] == nc.__version__ and facts["kernel_set"] == nc.info()["kernel set"]
    assert facts["model"]["layers"][1] == {"name": "ReLU", "args": {}}


def test_the_same_model_is_the_same_file(path):
    net = nc.Sequential(nc.Linear(3, 2), nc.ReLU(), seed=1)
    net.save(path)
    first = path.read_bytes()
    nc.load(path).save(path)
    assert path.read_bytes() == first


def test_a_saved_file_is_replaced_and_links_stay_links(path, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(path)
    for seed in (1, 2):
        nc.Sequential(nc.Linear(2, 2), seed=seed).save(link)
        assert link.is_symlink() and nc.load(path).seed == seed
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "net.safetensors"]


@pytest.mark.parametrize("bad", [None, 3, 1.5, "", "a\0b", [], object()], ids=repr)
def test_what_is_no_path_is_refused(bad):
    with pytest.raises(nc.ConfigError, match=r"^\[save\] path: expected the path of a file, got"):
        nc.Sequential(seed=0).save(bad)
    with pytest.raises(nc.ConfigError, match=r"^\[load\] path: expected the path of a file, got"):
        nc.load(bad)


def test_without_safetensors_the_error_says_what_to_install(path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "safetensors", None)
    monkeypatch.setitem(__import__("sys").modules, "safetensors.numpy", None)
    for use in (lambda: nc.Sequential(seed=0).save(path), lambda: nc.load(path)):
        with pytest.raises(ImportError, match=r"pip install nncore\[save\]"):
            use()
    assert not path.exists()


def test_a_class_of_ones_own_is_refused_by_name(path):
    class Mine(nc.ReLU):
        pass

    net = nc.Sequential(nc.ReLU(), seed=0)
    net[0].__class__ = Mine
    with pytest.raises(nc.ConfigError, match=r"^\[save\] .*Mine is written in Python"):
        net.save(path)
    assert not path.exists()


def test_layers_and_losses_written_in_python_are_refused(path, rng):
    class Twice(nc.Layer):
        def forward(self, x, training):
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    class Square(nc.Loss):
        def __call__(self, z, y):
            return float(np.mean((z - y) ** 2)), 2 * (z - y) / z.size

    net = nc.Sequential(nc.Linear(2, 2), Twice(), seed=0)
    with pytest.raises(nc.ConfigError, match=r"^\[save\] .*Twice is written in Python, and files hold no code"):
        net.save(path)
    trainer = nc.Trainer(nc.Sequential(nc.Linear(2, 2), seed=0), Square(), nc.SGD())
    trainer.fit(rng.normal(size=(4, 2)), np.zeros((4, 2)), epochs=1)
    with pytest.raises(nc.ConfigError, match=r"^\[save\] cannot save .*Python code is not written to files"):
        trainer.save(path)
    assert not path.exists()


def many(kind):
    if kind == "a graph":
        x = symbol = nc.Input(2)
        for _ in range(2000):
            symbol = nc.Add()(x, nc.ReLU()(symbol))
        return nc.Graph(x, symbol, seed=0)
    part = {
        "activations": nc.ReLU,
        "dense": lambda: nc.Linear(2, 2),
        "residuals": lambda: nc.Residual(nc.BatchNorm1d(2)),
    }
    if kind == "one block in many places":
        return nc.Sequential(*[nc.Residual(*[nc.Tanh() for _ in range(50)])] * 200, seed=0)
    return nc.Sequential(*[part[kind]() for _ in range(2000)], seed=0)


@pytest.mark.parametrize("kind", ["activations", "dense", "residuals", "one block in many places", "a graph"])
def test_models_of_thousands_of_layers(kind, path):
    net = many(kind)
    other = again(net, path)
    assert_same(net, other)
    X = np.random.default_rng(0).normal(size=(3, 2))
    assert np.array_equal(other(X), net(X), equal_nan=True)


def test_what_could_not_be_read_is_not_written(path):
    layer = nc.ReLU()
    for _ in range(50):
        layer = nc.Residual(layer)
    with pytest.raises(nc.ConfigError, match=r"^\[save\] layers: expected at most 50 layers inside each other"):
        nc.Sequential(layer).save(path)
    again(nc.Sequential(layer[0]), path)
    many_times = nc.Residual(*[nc.ReLU() for _ in range(8000)])
    with pytest.raises(nc.ConfigError, match=r"^\[save\] layers: expected at most 131072 layers in all"):
        nc.Sequential(*[many_times] * 17).save(path)
