"""Document 001: a 2-20-2 ReLU net on 1000 points of two moons, lr 0.01, means over seeds against reported figures."""

import numpy as np
import pytest

import nncore as nc

POINTS = 0.03  # a single split of 200 test points has a standard deviation of 0.02


def run(seed, batch_size, epochs, **init):
    """Updates, then first loss, training loss, test loss, training accuracy, test accuracy."""
    X, y = nc.datasets.make_moons(1000, noise=0.2, seed=seed)
    X, X_test, y, y_test = nc.datasets.train_test_split(X, y, test_size=0.2, seed=seed)
    net = nc.Sequential(nc.Linear(2, 20, **init), nc.ReLU(), nc.Linear(20, 2, **init), seed=seed)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.01), batch_size=batch_size, seed=seed)
    first = trainer.evaluate(X, y)["loss"]
    history = trainer.fit(X, y, epochs, metrics=(), progress=False)
    train, test = trainer.evaluate(X, y), trainer.evaluate(X_test, y_test)
    return history.n_steps, first, train["loss"], test["loss"], train["accuracy"], test["accuracy"]


def means(batch_size, epochs, seeds, **init):
    return np.mean([run(seed, batch_size, epochs, **init) for seed in range(seeds)], axis=0)


@pytest.mark.parametrize(
    ("init", "last"),
    [
        # the report ends at 0.3123 in training; its start is unknown: small weights end there, the default does not
        pytest.param({"weight_init": nc.init.normal(0.0, 0.1), "bias_init": "zeros"}, (0.30, 0.32), id="small weights"),
        pytest.param({}, (0.27, 0.30), id="default weights"),
    ],
)
def test_full_batch(init, last):
    updates, first, train_loss, test_loss, train_accuracy, test_accuracy = means(None, 1500, 20, **init)
    assert updates == 1500
    assert first == pytest.approx(0.6994, abs=0.03)
    assert last[0] < train_loss < last[1]
    assert test_loss == pytest.approx(0.3037, abs=0.02)
    assert train_accuracy == pytest.approx(0.8688, abs=POINTS)
    assert test_accuracy == pytest.approx(0.845, abs=POINTS)


@pytest.mark.parametrize(
    ("batch_size", "epochs", "seeds", "updates", "train", "test"),
    [
        pytest.param(1, 1500, 3, 1_200_000, 0.96, 0.97, id="1, 1500 epochs"),
        pytest.param(16, 30, 20, 1500, 0.88, 0.88, id="16, 1500 updates"),
        pytest.param(64, 115, 20, 1495, 0.88, 0.89, id="64, 1495 updates"),
        pytest.param(256, 375, 20, 1500, 0.87, 0.86, id="256, 1500 updates"),
        pytest.param(None, 1500, 20, 1500, 0.86, 0.84, id="full, 1500 epochs"),
    ],
)
def test_batch_sizes(batch_size, epochs, seeds, updates, train, test):
    found = means(batch_size, epochs, seeds)
    assert found[0] == updates
    assert found[4] == pytest.approx(train, abs=POINTS)
    assert found[5] == pytest.approx(test, abs=POINTS)


def test_passes_give_more_than_updates():
    """1500 epochs instead of 1500 updates: why the report's rows for 16 and 64 cannot mean epochs."""
    for batch_size, least in ((16, 0.95), (64, 0.93)):
        assert means(batch_size, 1500, 3)[5] > least
