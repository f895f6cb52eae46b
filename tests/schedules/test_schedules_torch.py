"""Rates are those of PyTorch's schedulers, index by index."""

import warnings

import numpy as np
import pytest

import nncore as nc

torch = pytest.importorskip("torch")
lrs = torch.optim.lr_scheduler


def torch_optimizer(lr):
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)


def their_rates(make, lr, n):
    optimizer = torch_optimizer(lr)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SequentialLR of PyTorch uses what it deprecates
        scheduler, rates = make(optimizer), []
        for _ in range(n):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    return rates


CASES = [
    *[(nc.StepLR(0.1, 3, gamma), lambda o, g=gamma: lrs.StepLR(o, 3, g)) for gamma in (0.1, 0.95, 1.0)],
    *[(nc.ExponentialLR(0.1, gamma), lambda o, g=gamma: lrs.ExponentialLR(o, g)) for gamma in (0.1, 0.95, 1.0)],
    (nc.MultiStepLR(0.1, [3, 4, 17]), lambda o: lrs.MultiStepLR(o, [3, 4, 17])),
    (nc.MultiStepLR(0.1, (1,), 0.5), lambda o: lrs.MultiStepLR(o, (1,), 0.5)),
    (nc.CosineAnnealingLR(0.1, 9), lambda o: lrs.CosineAnnealingLR(o, 9)),
    (nc.CosineAnnealingLR(0.1, 50, 0.02), lambda o: lrs.CosineAnnealingLR(o, 50, 0.02)),
    (nc.LinearWarmup(0.1, 8), lambda o: lrs.LinearLR(o, 1 / 8, total_iters=7)),
    (
        nc.LinearWarmup(0.1, 8, then=nc.CosineAnnealingLR(0.1, 20)),
        lambda o: lrs.SequentialLR(o, [lrs.LinearLR(o, 1 / 8, total_iters=7), lrs.CosineAnnealingLR(o, 20)], [8]),
    ),
    (nc.Schedule(0.1, lambda i: 0.9**i), lambda o: lrs.LambdaLR(o, lambda i: 0.9**i)),
]


@pytest.mark.parametrize(("ours", "theirs"), CASES, ids=lambda c: repr(c) if isinstance(c, nc.Schedule) else "")
def test_rates(ours, theirs):
    expected = their_rates(theirs, 0.1, 40)
    np.testing.assert_allclose([ours(i) for i in range(40)], expected, rtol=1e-10, atol=1e-16)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("total", [1, 2, 10, 37])
@pytest.mark.parametrize("start", [0.0, 0.3, 0.55, 0.99])
@pytest.mark.parametrize("factors", [{}, {"div_factor": 5.0, "final_div_factor": 10.0}], ids=str)
def test_one_cycle(strategy, total, start, factors):
    args = {"pct_start": start, "anneal_strategy": strategy, **factors}
    ours = nc.OneCycleLR(0.1, total, **args)
    theirs = their_rates(lambda o: lrs.OneCycleLR(o, 0.1, total, cycle_momentum=False, **args), 0.1, total)
    np.testing.assert_allclose([ours(i) for i in range(total)], theirs, rtol=1e-12, atol=1e-17)
    assert ours(total) == ours(10 * total) == ours(total - 1)


def test_one_cycle_where_pytorch_divides_by_zero():
    assert nc.OneCycleLR(0.1, 2, pct_start=0.5)(0) == 0.1
    rises = nc.OneCycleLR(0.1, 5, pct_start=1.0)
    assert rises(0) == pytest.approx(0.1 / 25) and rises(4) == rises(100) == 0.1


PLATEAU = [
    {},
    {"factor": 0.5, "patience": 2},
    {"factor": 0.5, "patience": 0, "cooldown": 3},
    {"factor": 0.5, "patience": 1, "mode": "max"},
    {"factor": 0.5, "patience": 1, "threshold": 0.1},
    {"factor": 0.5, "patience": 1, "threshold": 0.5, "mode": "max"},
    {"factor": 0.5, "patience": 1, "threshold": 0.1, "threshold_mode": "abs", "mode": "max"},
    {"factor": 0.5, "patience": 0, "min_lr": 0.03},
    {"factor": 0.5, "patience": 0, "eps": 0.02},
]


@pytest.mark.parametrize("args", PLATEAU, ids=str)
@pytest.mark.parametrize("case", range(4))
def test_plateau(args, case, rng):
    """Told the same numbers through a training: the loss of each epoch, whatever it is."""
    net = nc.Sequential(nc.Linear(2, 1), seed=case)
    schedule = nc.ReduceLROnPlateau(0.1, monitor="val_loss", **args)
    trainer = nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=schedule), batch_size=4)
    theirs = lrs.ReduceLROnPlateau(torch_optimizer(0.1), **args)
    X, y = rng.normal(size=(20, 2)), rng.normal(size=(20, 1))
    rates = []
    for _ in range(40):
        noise = rng.normal(size=y.shape) * rng.choice([0, 1, 2])
        history = trainer.fit(X, y, epochs=1, validation_data=(X, y + noise))
        rates.append(trainer.optimizer.lr)
        theirs.step(history["val_loss"][0])
        assert trainer.optimizer.lr == pytest.approx(theirs.get_last_lr()[0], rel=1e-12)
    state = trainer.optimizer.state_dict()["schedule"]
    assert (state["best"], state["bad_epochs"]) == (theirs.best, theirs.num_bad_epochs)
    assert state["cooldown"] == theirs.cooldown_counter
    if args:
        assert len(set(rates)) > 1
