"""Inference on many samples: in pieces, whose memory does not grow with the samples and whose results do not differ."""

import resource
from pathlib import Path

import numpy as np
import pytest

import nncore as nc
from support.programs import run_program


def peak(n):
    """MiB of a process that classifies n images."""
    (mib,) = run_program(Path(__file__).parent / "programs" / "peak_of_inference.py", n, timeout=300)
    return int(mib)


@pytest.mark.slow
def test_ten_thousand_images_need_little_more_than_a_thousand():
    assert peak(10_000) - peak(1_000) < 120  # MiB, of which 38 for the images: bytes and numbers


def small_cnn():
    net = nc.Sequential(
        nc.Conv2d(1, 3, 3, padding="same"), nc.BatchNorm2d(3), nc.ReLU(), nc.MaxPool2d(2), nc.Flatten(),
        nc.Linear(48, 4),
        seed=0,
    )  # fmt: skip
    net.forward(np.random.default_rng(1).normal(size=(50, 1, 8, 8)))  # running statistics that are not 0 and 1
    return net


def test_pieces_give_what_single_samples_give():
    net = small_cnn()
    X = np.random.default_rng(0).normal(size=(1100, 1, 8, 8)).astype(np.float32)
    whole = net(X)
    assert whole.shape == (1100, 4)
    for part in (slice(0, 3), slice(510, 514), slice(1024, 1100), slice(1099, 1100)):
        np.testing.assert_allclose(whole[part], net(X[part]), rtol=1e-5, atol=1e-6)
    assert np.array_equal(net.predict(X), whole.argmax(axis=1))
    np.testing.assert_allclose(net.predict_proba(X).sum(axis=1), 1, rtol=1e-5)
    assert np.array_equal(net.forward(X, training=False), whole)


def most_kib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_memory_does_not_grow_with_the_samples():
    """Two hidden outputs of 4096 numbers are 32 KiB a sample: so many that the process would exceed its peak by far."""
    net = nc.Sequential(nc.Linear(2, 4096), nc.ReLU(), nc.Linear(4096, 1), seed=0)
    net(np.zeros((1000, 2)))
    before = most_kib()
    net(np.zeros((before // 32 + 10_000, 2)))
    assert most_kib() - before < 100 * 1024


def test_none_and_wrong_samples():
    net = small_cnn()
    assert net(np.zeros((0, 1, 8, 8))).shape == (0, 4)
    with pytest.raises(nc.ShapeError, match=r"got \(1000, 2, 8, 8\)"):  # the samples given, not those of a piece
        net(np.zeros((1000, 2, 8, 8)))


def test_nothing_is_kept_for_backward():
    for n in (0, 600):
        net = small_cnn().copy()
        net(np.zeros((n, 1, 8, 8)))
        with pytest.raises(nc.StateError, match="forward"):
            net.backward(np.zeros((n, 4)))


def test_what_a_forward_kept_stays():
    net, rng, gradients = small_cnn(), np.random.default_rng(0), []
    x, dy = rng.normal(size=(4, 1, 8, 8)), rng.normal(size=(4, 4))
    for n in (None, 0, 600):
        net.forward(x, seed=0)
        if n is not None:
            net(np.ones((n, 1, 8, 8)))
        net.zero_grad()
        gradients.append([net.backward(dy).tobytes(), net.flat_gradients.tobytes()])
    assert gradients[0] == gradients[1] == gradients[2]


def test_a_layer_in_python_sees_all_samples_at_once():
    class Centre(nc.Layer):
        def forward(self, x, training):
            return x - x.mean(axis=0)

        def backward(self, dy):
            return dy - dy.mean(axis=0)

    x = np.random.default_rng(0).normal(size=(1500, 2))
    net = nc.Sequential(nc.Residual(Centre()), dtype="float64")
    np.testing.assert_allclose(net(x), 2 * x - x.mean(axis=0))


def test_activations_of_images():
    net = nc.mnist_cnn(seed=0)
    x = np.random.default_rng(0).random((3, 1, 28, 28), dtype=np.float32)
    found = net.activations(x)
    assert list(found) == [str(i) for i in range(len(net))]
    shapes = [found[name].shape[1:] for name in found]
    wanted = [(32, 28, 28), (32, 28, 28), (32, 14, 14), (64, 14, 14), (64, 14, 14), (64, 7, 7), (3136,)]
    assert shapes == [*wanted, (1024,), (1024,), (1024,), (10,)]
    assert np.array_equal(found["1"], np.maximum(found["0"], 0))
    windows = found["1"].reshape(3, 32, 14, 2, 14, 2)
    assert np.array_equal(found["2"], windows.max(axis=(3, 5)))
    assert np.array_equal(found["8"], found["9"])  # no dropout in inference
    assert np.array_equal(found["10"], net(x))
