"""Same seed, same bits of weights and history: for any number of threads, with and without a progress bar, in any
run."""

import hashlib

import numpy as np
import pytest

import nncore as nc

THREADS = [1, 2, 3, 5]


def wide():
    layers = [nc.Linear(784, 512), nc.ReLU(), nc.Linear(512, 256), nc.ReLU(), nc.Linear(256, 10)]
    return layers, {"batch_size": 64}, lambda: nc.Adam(lr=1e-3), 200


def dropout():
    layers = [nc.Linear(60, 300), nc.Tanh(), nc.Dropout(0.5), nc.Linear(300, 7)]
    return layers, {"batch_size": 48}, lambda: nc.SGD(lr=0.1, momentum=0.9), 300


def many_inputs():
    layers = [nc.Linear(60, 1100), nc.ReLU(), nc.Linear(1100, 150), nc.ReLU(), nc.Dropout(0.5), nc.Linear(150, 7)]
    return layers, {"batch_size": 80}, lambda: nc.Adam(lr=1e-3), 200


def clipped():
    layers = [nc.Linear(100, 200), nc.Sigmoid(), nc.Linear(200, 4)]
    return layers, {"batch_size": 100, "clip_grad_norm": 0.1, "l2": 0.01, "l1": 0.001}, lambda: nc.SGD(lr=0.5), 250


def tiny():
    return [nc.Linear(2, 5), nc.Tanh(), nc.Linear(5, 2)], {"batch_size": 16}, lambda: nc.SGD(lr=0.1), 130


def shared():
    layer = nc.Linear(120, 120)
    layers = [layer, nc.ReLU(), layer, nc.ReLU(), nc.Linear(120, 3)]
    return layers, {"batch_size": 130}, lambda: nc.Adam(lr=1e-3), 260


def normalised():
    layers = [nc.Linear(60, 300), nc.BatchNorm1d(300), nc.ELU(), nc.LayerNorm(300), nc.GELU(), nc.Linear(300, 7)]
    return layers, {"batch_size": 48}, lambda: nc.SGD(lr=0.1, momentum=0.9), 300


def fingerprint(build, dtype, threads=None, progress=False, seed=4, epochs=2):
    """SHA-256 of weights and running statistics, optimizer state, history, evaluation and outputs after a fit."""
    layers, options, optimizer, n = build()
    net = nc.Sequential(*layers, dtype=dtype, seed=1)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, layers[0].config["in_features"]))
    y = rng.integers(0, net(X[:1]).shape[1], n)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), optimizer(), seed=seed, num_threads=threads, **options)
    history = trainer.fit(X, y, epochs=epochs, validation_data=(X[:50], y[:50]), progress=progress)
    digest = hashlib.sha256(b"".join(value.tobytes() for value in net.state_dict().values()))
    for arrays in trainer.optimizer.state_dict()["state"].values():
        for values in arrays.values():
            digest.update(values.tobytes())
    for table in (history.epochs, history.steps):
        for key, values in table.items():
            if key != "seconds":
                digest.update(key.encode() + values.tobytes())
    digest.update(repr(sorted(trainer.evaluate(X, y).items())).encode())
    digest.update(net(X).tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("build", [wide, dropout, many_inputs, clipped, tiny, shared, normalised])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_number_of_threads_gives_the_same_bits(build, dtype):
    assert len({fingerprint(build, dtype, threads) for threads in THREADS}) == 1


@pytest.mark.parametrize(("build", "epochs"), [(wide, 40), (dropout, 100), (tiny, 10000)])
def test_a_progress_bar_changes_nothing(build, epochs, capsys):
    """Fits of some 0.2 s, long enough for a bar to be drawn."""
    quiet = fingerprint(build, "float32", epochs=epochs)
    assert capsys.readouterr() == ("", "")
    assert fingerprint(build, "float32", epochs=epochs, progress=True) == quiet
    assert "epoch" in capsys.readouterr().err


def test_the_threads_of_the_library_change_nothing(restore_threads):
    found = set()
    for threads in THREADS:
        nc.set_num_threads(threads)
        assert nc.get_num_threads() == threads
        found.add(fingerprint(wide, "float32", epochs=1))
    assert len(found) == 1


def test_another_seed_gives_other_bits():
    assert fingerprint(tiny, "float32", seed=4) != fingerprint(tiny, "float32", seed=5)
    assert fingerprint(dropout, "float32", seed=4) != fingerprint(dropout, "float32", seed=5)


@pytest.mark.parametrize("n", [0, -1, 257, 1.5, None, "x", True])
def test_a_number_of_threads_that_is_none_is_refused(n):
    with pytest.raises(nc.ConfigError):
        nc.set_num_threads(n)


def test_forward_and_backward_by_hand_do_not_depend_on_threads(restore_threads):
    rng = np.random.default_rng(1)
    x, dy = rng.normal(size=(64, 784)), rng.normal(size=(64, 10))
    found = set()
    for threads in THREADS:
        nc.set_num_threads(threads)
        net = nc.Sequential(*wide()[0], seed=1)
        y = net.forward(x)
        dx = net.backward(dy)
        found.add(y.tobytes() + dx.tobytes() + net.flat_gradients.tobytes())
    assert len(found) == 1
