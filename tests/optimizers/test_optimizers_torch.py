"""SGD and Adam are PyTorch's over fifty steps, in all combinations of their arguments."""

import itertools

import numpy as np
import pytest

import nncore as nc

torch = pytest.importorskip("torch")

STEPS = 50
TOLERANCE = {"float64": 1e-12, "float32": 1e-6}


def trajectories(ours, theirs, dtype, rng):
    """Both optimizers on two tensors with the same gradients; the parameters after each step, side by side."""
    net = nc.Sequential(nc.Linear(4, 3), dtype=dtype, seed=8)
    tensors = [torch.tensor(p.value.copy(), requires_grad=True) for p in net.parameters()]
    torch_optimizer = theirs(tensors)
    for step in range(STEPS):
        for p, t in zip(net.parameters(), tensors, strict=True):
            g = rng.normal(size=p.shape).astype(dtype) * (0 if step == 20 else 1)
            p.grad = g
            t.grad = torch.tensor(g)
        ours.step(net)
        torch_optimizer.step()
        for p, t in zip(net.parameters(), tensors, strict=True):
            yield step, p.value, t.detach().numpy()


def assert_equal_trajectories(ours, theirs, dtype, rng):
    tolerance = TOLERANCE[dtype]
    for step, mine, other in trajectories(ours, theirs, dtype, rng):
        np.testing.assert_allclose(mine, other, rtol=tolerance, atol=tolerance, err_msg=f"step {step}")


SGD = [
    {"momentum": momentum, "dampening": dampening, "weight_decay": decay, "nesterov": nesterov}
    for momentum, dampening, decay, nesterov in itertools.product(
        [0.0, 0.5, 0.9], [0.0, 0.3], [0.0, 0.1], [False, True]
    )
    if not nesterov or (momentum > 0 and dampening == 0)
]
ADAM = [
    {"betas": betas, "eps": eps, "weight_decay": decay, "amsgrad": amsgrad}
    for betas, eps, decay, amsgrad in itertools.product(
        [(0.9, 0.999), (0.5, 0.7), (0.0, 0.0)], [1e-8, 1e-2], [0.0, 0.1], [False, True]
    )
]


@pytest.mark.parametrize("args", SGD, ids=str)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sgd(args, dtype, rng):
    assert_equal_trajectories(
        nc.SGD(lr=0.05, **args), lambda tensors: torch.optim.SGD(tensors, lr=0.05, **args), dtype, rng
    )


@pytest.mark.parametrize("args", ADAM, ids=str)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_adam(args, dtype, rng):
    assert_equal_trajectories(
        nc.Adam(lr=0.01, **args), lambda tensors: torch.optim.Adam(tensors, lr=0.01, **args), dtype, rng
    )


@pytest.mark.parametrize(("ours", "theirs"), [(nc.SGD, torch.optim.SGD), (nc.Adam, torch.optim.Adam)])
def test_defaults_are_pytorchs(ours, theirs, rng):
    assert_equal_trajectories(ours(), theirs, "float64", rng)


@pytest.mark.parametrize("args", [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}], ids=str)
def test_a_changed_rate_acts_from_the_next_step_on(args, rng):
    optimizer = nc.SGD(lr=0.05, **args)
    made = []

    def theirs(tensors):
        made.append(torch.optim.SGD(tensors, lr=0.05, **args))
        return made[0]

    for step, mine, other in trajectories(optimizer, theirs, "float64", rng):
        np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-12)
        if step == 10:
            optimizer.lr = made[0].param_groups[0]["lr"] = 0.01
