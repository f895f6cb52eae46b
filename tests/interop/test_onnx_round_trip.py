"""Models written as ONNX files and read again compute the same."""

import numpy as np
import pytest

import nncore as nc
from interop.onnx_runs import assert_same
from support.cases import examples, make
from support.random_chains import RandomChain
from support.random_graphs import RandomGraph

pytest.importorskip("onnx")

RNG = np.random.default_rng(6)


def assert_there_and_back(net, x, shape=None):
    again = nc.onnx.load(nc.onnx.export(net, input_shape=shape), dtype=net.dtype)
    assert again.dtype == net.dtype
    assert_same(again(x), net(x))
    return again


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
def test_layer(name, args, sample, dtype):
    net = nc.Sequential(make("layer", name, args), dtype=dtype, seed=0)
    x = RNG.normal(size=(4, *sample)).astype(dtype)
    if args.get("track_running_stats", True):
        again = assert_there_and_back(net, x, sample)
        merged = name in ("Dropout", "Residual", "Add", "Multiply")
        assert merged or [type(layer).__name__ for layer in again] == [name]
    else:
        with pytest.raises(nc.ConfigError, match="ReduceMean.*axes"):
            assert_there_and_back(net, x, sample)


@pytest.mark.parametrize("seed", range(100))
def test_random_chains(seed):
    norm = nc.Normalize(0.5, 2.0) if seed % 5 == 0 else None
    chain = RandomChain(1000 + seed, ["float32", "float64"][seed % 2], input=norm, residual=seed % 3 == 0)
    again = assert_there_and_back(chain.net, chain.samples(), chain.start)
    assert (again.input is None) == (norm is None)
    if not any(isinstance(layer, (nc.Residual, nc.Dropout)) for layer in chain.net):
        assert [type(layer) for layer in again] == [type(layer) for layer in chain.net]
        state = again.state_dict()
        assert list(state) == list(chain.net.state_dict())


@pytest.mark.parametrize("seed", range(100))
def test_random_graphs(seed):
    graph = RandomGraph(1000 + seed, ["float32", "float64"][seed % 2])
    x, _ = graph.data()
    again = assert_there_and_back(graph.net, x)
    assert isinstance(again, (nc.Graph, nc.Sequential))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2000, 5000))
def test_more_random_nets(seed):
    chain = RandomChain(seed, residual=seed % 2 == 0)
    assert_there_and_back(chain.net, chain.samples(), chain.start)
    graph = RandomGraph(seed, "float32")
    assert_there_and_back(graph.net, graph.data()[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bytes(dtype):
    net = nc.Sequential(nc.Flatten(), nc.Linear(16, 3), dtype=dtype, seed=0, input=nc.Normalize(0.0, 255.0))
    X = RNG.integers(0, 256, (6, 1, 4, 4), np.uint8)
    again = assert_there_and_back(net, X, (1, 4, 4))
    assert again.input.std == 255 and len(again) == 2


def test_shared_layers_stay_shared():
    layer = nc.Linear(3, 3)
    net = nc.Sequential(layer, nc.Tanh(), layer, seed=0)
    again = assert_there_and_back(net, RNG.normal(size=(4, 3)).astype(np.float32))
    assert again[0] is again[2] and len(again.parameters()) == 2


def test_images_of_any_size():
    net = nc.Sequential(nc.Conv2d(2, 3, 3), nc.ReLU(), nc.MaxPool2d(2), nc.GlobalAvgPool2d(), nc.Linear(3, 2), seed=0)
    again = nc.onnx.load(nc.onnx.export(net))
    for size in ((8, 9), (12, 7)):
        x = RNG.normal(size=(2, 2, *size)).astype(np.float32)
        assert_same(again(x), net(x))


def test_what_was_loaded_learns():
    X, y = nc.datasets.make_moons(200, noise=0.1, seed=0)
    net = nc.Sequential(nc.Linear(2, 8), nc.BatchNorm1d(8), nc.Tanh(), nc.Linear(8, 2), seed=0)
    again = nc.onnx.load(nc.onnx.export(net))
    history = nc.Trainer(again, nc.CrossEntropyLoss(), nc.Adam(lr=0.05), batch_size=20, seed=0).fit(X, y, epochs=20)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
