"""Inference of image models, with nodes in blocks of channels, against the layers one by one."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import nncore as nc

NETS = {
    "conv, pool, flatten": lambda: [
        nc.Conv2d(2, 5, 3, padding=1),
        nc.ReLU(),
        nc.MaxPool2d(2),
        nc.Flatten(),
        nc.Linear(80, 3),
    ],
    "batch norm, dropout between": lambda: [
        nc.Conv2d(2, 20, 3),
        nc.BatchNorm2d(20),
        nc.GELU(),
        nc.Dropout(0.5),
        nc.AvgPool2d(2),
        nc.Conv2d(20, 3, 2),
        nc.Tanh(),
        nc.GlobalAvgPool2d(),
    ],
    "residual, stride and groups": lambda: [
        nc.Conv2d(2, 8, 1),
        nc.Residual(nc.Conv2d(8, 8, 3, padding=1), nc.ReLU()),
        nc.Conv2d(8, 8, 3, stride=2, groups=4),
        nc.LayerNorm((8, 3, 3)),
        nc.Conv2d(8, 4, 2),
        nc.Sigmoid(),
        nc.Flatten(),
    ],
    "ways around": lambda: [
        nc.Residual(nc.Conv2d(2, 3, 3, padding=1), nc.Dropout(0.4), nc.Conv2d(3, 2, 1), nc.BatchNorm2d(2)),
        nc.ReLU(),
        nc.Residual(
            nc.Linear(8, 8),
            nc.Conv2d(2, 2, 1),
            nc.Residual(nc.SiLU(), nc.Conv2d(2, 2, 3, padding=1)),
            nc.BatchNorm2d(2),
        ),
        nc.Residual(nc.LayerNorm((2, 8, 8)), nc.Tanh()),
    ],
    "activation first": lambda: [nc.Tanh(), nc.Conv2d(2, 3, 5), nc.Softplus(), nc.ELU(), nc.Flatten(), nc.Dropout(0.2)],
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("N", [0, 1, 7, 700])
def test_equals_the_layers_one_by_one(name, dtype, N):
    net = nc.Sequential(*NETS[name](), dtype=dtype, seed=0, input=nc.Normalize(0.5, 2.0))
    x = np.random.default_rng(1).normal(size=(N, 2, 8, 8)).astype(dtype)
    if N:
        net.forward(x)  # running statistics of their own
    expected = list(net.activations(x).values())[-1]
    assert_allclose(
        net(x), expected, rtol=1e-5 if dtype == "float32" else 1e-12, atol=1e-6 if dtype == "float32" else 1e-13
    )
    assert_array_equal(net(x[:3]), net(x)[:3])  # whatever comes beside a sample


def test_follows_the_parameters():
    net = nc.Sequential(nc.Conv2d(1, 2, 1, bias=False), nc.Flatten(), seed=0)
    x = np.ones((2, 1, 1, 1), np.float32)
    net(x)
    net.parameters()[0].value = np.array([3.0, -4.0]).reshape(2, 1, 1, 1)
    assert_array_equal(net(x), [[3, -4], [3, -4]])
    x = np.ones((1, 1, 2, 1), np.float32)  # another shape
    assert_array_equal(net(x), [[3, 3, -4, -4]])


def test_statistics_of_the_batch_are_those_of_all_of_it():
    net = nc.Sequential(nc.Conv2d(1, 2, 1), nc.BatchNorm2d(2, track_running_stats=False), seed=0)
    x = np.random.default_rng(0).normal(size=(1500, 1, 3, 3)).astype(np.float32)
    assert_allclose(net(x).mean(axis=(0, 2, 3)), 0, atol=1e-5)


def test_memory_does_not_grow_with_the_samples():
    net = nc.mnist_cnn(seed=0)
    few, many = (np.zeros((n, 1, 28, 28), np.float32) for n in (600, 3000))
    net(few)
    with open("/proc/self/status", encoding="ascii") as file:
        before = int(next(line for line in file if line.startswith("VmHWM")).split()[1])
    net(many)
    with open("/proc/self/status", encoding="ascii") as file:
        after = int(next(line for line in file if line.startswith("VmHWM")).split()[1])
    assert after - before < 20_000  # KiB; the layers' outputs would take 800 000
