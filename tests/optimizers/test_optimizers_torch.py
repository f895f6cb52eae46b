"""Optimizers are PyTorch's over fifty steps, in all combinations of their arguments."""

import numpy as np
import pytest

import nncore as nc
from support.cases import names
from support.reference import reference_of

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


#: Those that torch.optim has, with the arguments to compare.
PYTORCH = {
    name: reference_of("optimizer", name).pytorch for name in names("optimizer") if hasattr(torch.optim, name)
}


@pytest.fixture
def exact_products():
    """PyTorch keeps NAdam's product of factors in its default type: in float64 for these tests."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize(
    ("name", "args"), [(name, args) for name, all_args in PYTORCH.items() for args in all_args], ids=str
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.usefixtures("exact_products")
def test_fifty_steps(name, args, dtype, rng):
    theirs = getattr(torch.optim, name)
    assert_equal_trajectories(getattr(nc, name)(**args), lambda tensors: theirs(tensors, **args), dtype, rng)


@pytest.mark.parametrize("name", PYTORCH)
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
