"""Document 001: the perceptron on four pairs of Gaussian clouds, 160 points to train on and 40 to test, 100 seeds."""

import numpy as np
import pytest

import nncore as nc

APART, CLOSE = [[2, 2], [-2, -2]], [[2, 2], [2.5, 2.5]]


def runs(means, cov):
    """Fitted perceptrons and their test accuracies."""
    models, scores = [], []
    for seed in range(100):
        X, y = nc.datasets.make_gaussians(means, cov, 100, labels=[1, -1], seed=seed)
        X, X_test, y, y_test = nc.datasets.train_test_split(X, y, test_size=40, seed=seed)
        models.append(nc.Perceptron(lr=0.01, max_epochs=100).fit(X, y))
        scores.append(models[-1].score(X_test, y_test))
    return models, np.array(scores)


def test_case_1_converges_at_epoch_1():
    models, scores = runs(APART, 0.5)
    epochs = np.array([model.n_epochs_ for model in models])
    assert all(model.converged_ for model in models)
    assert (epochs >= 1).all()  # from w = 0 all of class -1 is wrong at epoch 0
    assert (epochs == 1).mean() >= 0.95  # now and then a point lies beyond the first line
    assert (scores == 1.0).mean() >= 0.95


@pytest.mark.parametrize(
    ("means", "cov", "reported", "mean", "best_possible"),
    [
        pytest.param(CLOSE, 0.5, 0.525, (0.45, 0.62), 0.691, id="case 2"),
        pytest.param(APART, 8.0, 0.85, (0.65, 0.84), 0.841, id="case 3"),
        pytest.param(CLOSE, 8.0, 0.375, (0.45, 0.55), 0.550, id="case 4"),
    ],
)
def test_reported_accuracy_lies_within_ours(means, cov, reported, mean, best_possible):
    models, scores = runs(means, cov)
    assert not any(model.converged_ for model in models)
    assert {model.n_epochs_ for model in models} == {100}
    assert scores.min() <= reported <= scores.max()
    assert mean[0] < scores.mean() < mean[1]
    assert scores.mean() < best_possible  # no rule does better on average
