"""Optimizers are PyTorch's over fifty steps, in all combinations of their arguments."""

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


def grid(**choices):
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


DECAYS, BETAS = [0.0, 0.1], [(0.9, 0.999), (0.5, 0.7), (0.0, 0.0)]
OTHERS = {
    "AdamW": grid(betas=BETAS, eps=[1e-8, 1e-2], weight_decay=[0.0, 0.3], amsgrad=[False, True]),
    "RMSprop": [
        *grid(alpha=[0.99, 0.5], eps=[1e-8, 1e-2], weight_decay=DECAYS, momentum=[0.0, 0.9], centered=[False, True]),
        {"alpha": 0.0},
        {"alpha": 1.0, "eps": 0.5},
    ],
    "Adagrad": grid(lr_decay=[0.0, 0.1], weight_decay=DECAYS, initial_accumulator_value=[0.0, 0.7], eps=[1e-10, 1e-2]),
    "Adadelta": grid(rho=[0.9, 0.5, 0.0], eps=[1e-6, 1e-2], weight_decay=DECAYS),
    "Adamax": grid(betas=BETAS, eps=[1e-8, 1e-2], weight_decay=DECAYS),
    "NAdam": grid(
        betas=BETAS, eps=[1e-8, 1e-2], weight_decay=DECAYS, momentum_decay=[4e-3, 0.0, 1.0, 50.0],
        decoupled_weight_decay=[False, True],
    ),
    "RAdam": grid(betas=BETAS, eps=[1e-8, 1e-2], weight_decay=DECAYS, decoupled_weight_decay=[False, True]),
}  # fmt: skip


@pytest.fixture
def exact_products():
    """PyTorch keeps NAdam's product of factors in its default type: in float64 for these tests."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize(
    ("name", "args"), [(name, args) for name, all_args in OTHERS.items() for args in all_args], ids=str
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.usefixtures("exact_products")
def test_others(name, args, dtype, rng):
    lr = 0.5 if name == "Adadelta" else 0.01
    theirs = getattr(torch.optim, name)
    assert_equal_trajectories(getattr(nc, name)(lr=lr, **args), lambda ts: theirs(ts, lr=lr, **args), dtype, rng)


@pytest.mark.parametrize("name", ["SGD", "Adam", *OTHERS])
@pytest.mark.usefixtures("exact_products")
def test_defaults_are_pytorchs(name, rng):
    assert_equal_trajectories(getattr(nc, name)(), getattr(torch.optim, name), "float64", rng)


@pytest.mark.parametrize("name", ["Adagrad", "AdamW", "NAdam", "RAdam"])
@pytest.mark.usefixtures("exact_products")
def test_a_state_goes_on_where_pytorchs_left_off(name, rng):
    """Step count and state of PyTorch's optimizer after 30 steps, loaded: the 31st is the same."""
    net = nc.Sequential(nc.Linear(4, 3), dtype="float64", seed=8)
    tensors = [torch.tensor(p.value.copy(), requires_grad=True) for p in net.parameters()]
    theirs, ours = getattr(torch.optim, name)(tensors, weight_decay=0.1), getattr(nc, name)(weight_decay=0.1)

    def their_step():
        for t in tensors:
            t.grad = torch.tensor(rng.normal(size=t.shape))
        theirs.step()

    for _ in range(30):
        their_step()
    state = {}
    for p, t in zip(net.parameters(), tensors, strict=True):
        p.value = t.detach().numpy()
        state[p.name] = {k: v.numpy() for k, v in theirs.state[t].items() if v.ndim}
    ours.load_state_dict({"step": 30, "state": state})
    their_step()
    for p, t in zip(net.parameters(), tensors, strict=True):
        p.grad = t.grad.numpy()
    ours.step(net)
    for p, t in zip(net.parameters(), tensors, strict=True):
        np.testing.assert_allclose(p.value, t.detach().numpy(), rtol=1e-12, atol=1e-14)


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
