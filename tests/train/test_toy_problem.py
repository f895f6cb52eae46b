"""The two-layer toy net of the course (document 002, E2): loss λΣW², float64, NumPy's legacy generator."""

import numpy as np
import pytest

import nncore as nc

Y = np.array([0, 1, 2, 2, 1])


def toy():
    """The net, its data, and the generator as the weights' draws left it."""
    draws = np.random.RandomState(0)
    w1, w2 = 0.1 * draws.randn(4, 10), 0.1 * draws.randn(10, 3)
    net = nc.Sequential(nc.Linear(4, 10), nc.ReLU(), nc.Linear(10, 3), dtype="float64", seed=0)
    net.load_state_dict({"0.weight": w1.T, "0.bias": np.zeros(10), "2.weight": w2.T, "2.bias": np.zeros(3)})
    return net, 10 * np.random.RandomState(1).randn(5, 4), draws


def test_first_row_of_probabilities():
    net, X, _ = toy()
    np.testing.assert_allclose(net.predict_proba(X)[0], [0.3644621, 0.22911264, 0.40642526], atol=5e-9)


def test_loss_with_penalty():
    net, X, _ = toy()
    value = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=1e-300), l2=2 * 0.05).step(X, Y)
    assert value == pytest.approx(1.30378789, abs=5e-9)
    weights = [p.value for p in net.parameters() if p.name.endswith("weight")]
    penalty = 0.05 * sum((w**2).sum() for w in weights)
    assert value == pytest.approx(nc.CrossEntropyLoss().value(net(X), Y) + penalty, rel=1e-14)


def test_gradients_of_all_four_parameters():
    net, X, _ = toy()
    report = nc.gradcheck(net, nc.CrossEntropyLoss(), X, Y, eps=1e-5)
    assert set(report.per_parameter) == {"x", "0.weight", "0.bias", "2.weight", "2.bias"}
    for name in ("0.weight", "0.bias", "2.weight", "2.bias"):
        assert report.per_parameter[name].max_relative_error < 1e-8, str(report)
    assert report.ok


def test_training_through_trainer_step_ends_where_numpy_ends():
    net, X, draws = toy()
    optimizer = nc.SGD(lr=nc.ExponentialLR(0.1, 0.95, per="step"))
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), optimizer, l2=2 * 5e-6)
    losses = []
    for _ in range(100):
        batch = draws.choice(5, 200)
        losses.append(trainer.step(X[batch], Y[batch]))
    assert losses[-1] == pytest.approx(0.017149607938732, abs=1e-9)
    assert losses[0] > 1 and (net.predict(X) == Y).all()
    assert optimizer.lr == pytest.approx(0.1 * 0.95**100, rel=1e-12)
