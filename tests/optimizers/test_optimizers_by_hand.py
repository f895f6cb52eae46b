"""Steps of the optimizers worked by hand, where the formula is easy to follow, and at the edges of its numbers."""

import numpy as np
import pytest

import nncore as nc
from support.cases import names
from support.reference import reference_of


def step_of(optimizer, w, g, state=None):
    """w after one step along gradient g."""
    net = nc.Sequential(nc.Linear(1, 1, bias=False), dtype="float64", seed=0)
    p = net.parameters()[0]
    p.value, p.grad = np.array([[w]]), np.array([[g]])
    if state:
        optimizer.load_state_dict(state)
    optimizer.step(net)
    return p.value.item(), optimizer.state_dict()["state"]["0.weight"]


def steps_by_hand():
    for name in names("optimizer"):
        steps = reference_of("optimizer", name).by_hand
        assert steps, f"{name}: expected steps worked by hand beside its reference"
        yield from (pytest.param(name, step, id=f"{name}-{i}") for i, step in enumerate(steps))


@pytest.mark.parametrize(("name", "step"), list(steps_by_hand()))
def test_steps_worked_by_hand(name, step):
    state = {"step": step.step, "state": {"0.weight": {k: np.array([[v]]) for k, v in step.state.items()}}}
    w, new = step_of(getattr(nc, name)(**step.args), step.w, step.g, state if step.state else None)
    assert w == pytest.approx(step.to, rel=1e-14, abs=1e-14)
    assert {k: new[k].item() for k in step.new} == pytest.approx(step.new, rel=1e-14)


def test_adagrad_starts_from_the_sum_it_is_given():
    assert nc.minimize("quadratic", [3.0], nc.Adagrad(lr=1.0, initial_accumulator_value=7.0, eps=0), 1).x == 2.25


def test_centred_rmsprop_of_a_gradient_that_never_changes_stays_a_number():
    """v - m^2 is 0 in the limit; rounding would put it below."""
    for g in np.linspace(0.1, 0.2, 50):
        net, optimizer = nc.Sequential(nc.Linear(1, 1), seed=0), nc.RMSprop(lr=1e-12, centered=True, alpha=0.5)
        for _ in range(100):
            for p in net.parameters():
                p.grad = np.full(p.shape, g)
            optimizer.step(net)
        assert np.isfinite(net.flat_parameters).all()


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
