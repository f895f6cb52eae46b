"""Document 004: MNIST with a 784-30-10 sigmoid net, SGD."""

import numpy as np
import pytest

import nncore as nc


@pytest.fixture
def mnist():
    """Images as rows, and labels: train, then test."""
    try:
        sets = [nc.datasets.load_mnist(split) for split in ("train", "test")]
    except FileNotFoundError:
        pytest.skip("MNIST is not here: point NNCORE_DATA to a folder that has mnist/")
    return [array for X, y in sets for array in (X.reshape(len(X), -1), y)]


@pytest.mark.slow
def test_sgd_reaches_the_reported_accuracy(mnist):
    X, y, X_test, y_test = mnist
    accuracies = []
    for seed in range(3):
        net = nc.Sequential(
            nc.Linear(784, 30, weight_init="xavier_normal", bias_init="zeros"),
            nc.Sigmoid(),
            nc.Linear(30, 10, weight_init="xavier_normal", bias_init="zeros"),
            seed=seed,
            input=nc.Normalize.from_data(X, "scale"),
        )
        trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=10, seed=seed)
        history = trainer.fit(X, y, 30, metrics=(), progress=False)
        accuracies.append(trainer.evaluate(X_test, y_test)["accuracy"])
        print(f"seed {seed}: {accuracies[-1]:.4f}, {history.seconds:.1f} s")
    assert np.mean(accuracies) == pytest.approx(0.9635, abs=0.004)
