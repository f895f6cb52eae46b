"""Steps of the optimizers worked by hand, where the formula is easy to follow, and at the edges of its numbers."""

import numpy as np
import pytest

import nncore as nc
from support.cases import names


def step_of(optimizer, w, g, state=None):
    """w after one step along gradient g."""
    net = nc.Sequential(nc.Linear(1, 1, bias=False), dtype="float64", seed=0)
    p = net.parameters()[0]
    p.value, p.grad = np.array([[w]]), np.array([[g]])
    if state:
        optimizer.load_state_dict(state)
    optimizer.step(net)
    return p.value.item(), optimizer.state_dict()["state"]["0.weight"]


def test_lion_steps_by_its_rate_whatever_the_gradient():
    assert step_of(nc.Lion(lr=0.25), 1.0, 1e-9)[0] == 0.75
    assert step_of(nc.Lion(lr=0.25), 1.0, -1e9)[0] == 1.25
    assert step_of(nc.Lion(lr=0.25), 1.0, 0.0)[0] == 1.0
    w, state = step_of(nc.Lion(lr=0.25, weight_decay=0.5, betas=(0.5, 0.75)), 2.0, 4.0)
    assert w == 2.0 * (1 - 0.25 * 0.5) - 0.25 and state["exp_avg"] == 1.0


def test_lion_takes_its_direction_from_one_average_and_keeps_another():
    state = {"step": 3, "state": {"0.weight": {"exp_avg": np.array([[-1.0]])}}}
    w, new = step_of(nc.Lion(lr=0.25, betas=(0.5, 0.75)), 1.0, 0.5, state)  # c = -0.5 + 0.25
    assert w == 1.25 and new["exp_avg"] == -0.75 + 0.125


def test_adamw_shrinks_by_the_rate_times_the_decay_past_the_averages():
    w, state = step_of(nc.AdamW(lr=0.5, weight_decay=0.25), 8.0, 0.0)
    assert w == 7.0 and state["exp_avg"] == 0 and state["exp_avg_sq"] == 0
    w, state = step_of(nc.Adam(lr=0.5, weight_decay=0.25), 8.0, 0.0)
    assert w == pytest.approx(7.5) and state["exp_avg"] == pytest.approx(0.2)


def test_adagrad_starts_from_the_sum_it_is_given():
    w, state = step_of(nc.Adagrad(lr=1.0, initial_accumulator_value=7.0, eps=0), 1.0, 3.0)  # sqrt(7 + 9) = 4
    assert w == 0.25 and state["sum"] == 16
    assert nc.minimize("quadratic", [3.0], nc.Adagrad(lr=1.0, initial_accumulator_value=7.0, eps=0), 1).x == 2.25


def test_adagrads_rate_falls_with_the_step_count():
    state = {"step": 10, "state": {"0.weight": {"sum": np.array([[7.0]])}}}
    assert step_of(nc.Adagrad(lr=1.0, lr_decay=0.1, eps=0), 1.0, 3.0, state)[0] == pytest.approx(1 - 0.75 / 2)


def test_rmsprop_without_memory_steps_by_the_sign():
    assert step_of(nc.RMSprop(lr=0.25, alpha=0.0, eps=0), 1.0, 3.0)[0] == 0.75
    assert step_of(nc.RMSprop(lr=0.25, alpha=0.75, eps=0), 1.0, 3.0)[0] == 0.5  # v = 9 / 4


def test_centred_rmsprop_of_a_gradient_that_never_changes_stays_a_number():
    """v - m^2 is 0 in the limit; rounding would put it below."""
    for g in np.linspace(0.1, 0.2, 50):
        net, optimizer = nc.Sequential(nc.Linear(1, 1), seed=0), nc.RMSprop(lr=1e-12, centered=True, alpha=0.5)
        for _ in range(100):
            for p in net.parameters():
                p.grad = np.full(p.shape, g)
            optimizer.step(net)
        assert np.isfinite(net.flat_parameters).all()


def test_adamax_divides_by_the_largest_gradient_that_has_not_faded():
    state = {"step": 1, "state": {"0.weight": {"exp_avg": np.array([[0.0]]), "exp_inf": np.array([[8.0]])}}}
    w, new = step_of(nc.Adamax(lr=1.0, betas=(0.5, 0.5), eps=0), 1.0, 3.0, state)
    assert new["exp_inf"] == 4.0 and new["exp_avg"] == 1.5
    assert w == 1 - 1.5 / 0.75 / 4


def test_adadelta_begins_with_steps_of_the_root_of_eps():
    w, _ = step_of(nc.Adadelta(rho=0.0, eps=1e-6), 1.0, 1.0)  # sqrt(1e-6) / sqrt(1 + 1e-6)
    assert w == pytest.approx(1 - 1e-3 / np.sqrt(1 + 1e-6), rel=1e-15)


def test_radam_begins_as_momentum():
    optimizer = nc.RAdam(lr=0.25)
    assert step_of(optimizer, 1.0, 2.0)[0] == pytest.approx(0.5)  # m / (1 - beta1) = g


@pytest.mark.parametrize("t", [10**3, 10**6, 10**12, 2**61])
@pytest.mark.parametrize(
    "args", [{}, {"betas": (0.999999999, 0.999)}, {"momentum_decay": 0.0}, {"momentum_decay": 1e9}]
)
def test_nadam_of_any_step_count_is_fast_and_finite(t, args):
    state = {"step": t, "state": {"0.weight": {"exp_avg": np.array([[1.0]]), "exp_avg_sq": np.array([[1.0]])}}}
    w, _ = step_of(nc.NAdam(lr=0.1, **args), 1.0, 1.0, state)
    assert w < 1.0 and np.isfinite(w)


@pytest.mark.parametrize("momentum_decay", [0.0, 1e-3, 4e-3, 0.1, 1.0, 100.0])
@pytest.mark.parametrize("beta", [0.5, 0.9, 0.999])
def test_nadams_product_from_the_step_count_is_the_product(momentum_decay, beta):
    """With v = 1, m = 0 and g = 0 at the step's end known, w moves by the factors alone."""
    for t in (1, 2, 3, 10, 40, 200):
        mu = beta * (1 - 0.5 * 0.96 ** (momentum_decay * np.arange(1, t + 2)))
        state = {"step": t - 1, "state": {"0.weight": {"exp_avg": np.array([[1.0]]), "exp_avg_sq": np.array([[1.0]])}}}
        optimizer = nc.NAdam(lr=1.0, betas=(beta, 0.0), eps=1.0, momentum_decay=momentum_decay)
        w, new = step_of(optimizer, 0.0, 0.0, state)  # m = beta, v = 0: divided by eps = 1
        expected = -mu[-1] / (1 - np.prod(mu)) * beta
        assert new["exp_avg"] == beta
        assert w == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("name", names("optimizer"))
def test_a_gradient_that_is_no_number_is_seen_in_the_weights(name):
    assert np.isnan(step_of(getattr(nc, name)(), 1.0, np.nan)[0])
