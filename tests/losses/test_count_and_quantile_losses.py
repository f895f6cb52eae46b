"""QuantileLoss and PoissonNLLLoss: scikit-learn's numbers, what they estimate, and targets that are none."""

import numpy as np
import pytest

import nncore as nc


@pytest.mark.parametrize("q", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("shape", [(9,), (9, 1), (9, 4)])
def test_quantile_loss_is_scikit_learns(q, shape, rng):
    metrics = pytest.importorskip("sklearn.metrics")
    z, y = rng.normal(size=shape), rng.normal(size=shape)
    y.flat[0] = z.flat[0]
    assert nc.QuantileLoss(q).value(z, y) == pytest.approx(metrics.mean_pinball_loss(y, z, alpha=q), rel=1e-13)


def test_half_a_quantile_loss_is_half_of_l1(rng):
    z, y = rng.normal(size=(9, 2)), rng.normal(size=(9, 2))
    value, dz = nc.QuantileLoss()(z, y)
    assert value == pytest.approx(nc.L1Loss().value(z, y) / 2) and np.allclose(dz, nc.L1Loss()(z, y)[1] / 2)


@pytest.mark.parametrize("q", [-0.1, 1.1, float("nan"), "0.5", None, [0.1, 0.9]])
def test_what_is_no_quantile_is_refused(q):
    with pytest.raises(nc.ConfigError, match=r"\[QuantileLoss\] q: expected a number in \[0, 1\], got"):
        nc.QuantileLoss(q)


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_it_learns_the_quantile(q):
    y = np.random.default_rng(0).gamma(2.0, size=2000)
    net = nc.Sequential(nc.Linear(1, 1), seed=0)
    trainer = nc.Trainer(net, nc.QuantileLoss(q), nc.SGD(lr=nc.CosineAnnealingLR(0.5, 300)), batch_size=None)
    trainer.fit(np.zeros((2000, 1)), y, 300, progress=False)
    assert np.mean(y < net(np.zeros((1, 1)))[0, 0]) == pytest.approx(q, abs=0.01)


@pytest.mark.parametrize("log_input", [True, False])
def test_poisson_learns_the_rate(log_input):
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, 2000)
    X, y = np.eye(2)[group], rng.poisson(np.array([0.5, 6.0])[group])
    net = nc.Sequential(nc.Linear(2, 1), *([] if log_input else [nc.Softplus()]), seed=0)
    nc.Trainer(net, nc.PoissonNLLLoss(log_input), nc.Adam(lr=0.05), batch_size=None).fit(X, y, 600, progress=False)
    rates = net.predict(np.eye(2))[:, 0]
    np.testing.assert_allclose(np.exp(rates) if log_input else rates, [y[group == g].mean() for g in (0, 1)], rtol=1e-3)


@pytest.mark.parametrize("y", [[[-1.0]], [[-1e-9]]])
def test_negative_counts_are_refused(y):
    with pytest.raises(nc.ConfigError, match=r"\[PoissonNLLLoss\] y: expected counts, numbers >= 0, got -"):
        nc.PoissonNLLLoss()(np.zeros((1, 1)), np.array(y))


def test_a_rate_that_is_negative_is_named_in_a_fit():
    net = nc.Sequential(nc.Linear(1, 1, weight_init="zeros", bias_init=nc.init.constant(-1.0)), seed=0)
    with pytest.raises(nc.NumericError, match="epoch 1, step 1: "):
        nc.Trainer(net, nc.PoissonNLLLoss(log_input=False), nc.SGD()).fit(np.ones((4, 1)), np.ones(4), 1)
