"""Every schedule against its formula, and how optimizers and the Trainer count its index."""

import numpy as np
import pytest

import nncore as nc
from support.cases import SCHEMAS, arguments, examples, make
from support.reference import reference_of

#: Those whose index is a matter of choice.
PERIODIC = [
    p for p in examples("schedule") if "per" in {field["name"] for field in SCHEMAS["schedule", p.values[0]]["fields"]}
]


@pytest.mark.parametrize(("name", "args", "sample"), examples("schedule"))
def test_rates_equal_the_formula(name, args, sample):
    schedule, a = make("schedule", name, args), arguments("schedule", name, args)
    for i in (0, 1, 2, 3, 4, 10, 1000):
        rate = schedule(i)
        assert isinstance(rate, float)
        assert rate == pytest.approx(reference_of("schedule", name)(a, i), rel=1e-12, abs=1e-17)


@pytest.mark.parametrize(("name", "args", "sample"), examples("schedule"))
@pytest.mark.parametrize("index", [-1, 1.5, None, "x", True, 2**63])
def test_an_index_that_is_no_count_is_refused(name, args, sample, index):
    with pytest.raises(nc.ConfigError, match=rf"^\[{name}\] index"):
        make("schedule", name, args)(index)


@pytest.mark.parametrize(("name", "args", "sample"), PERIODIC)
def test_per_step_counts_the_optimizers_steps(name, args, sample):
    schedule = make("schedule", name, {**args, "per": "step"})
    net, optimizer = nc.Sequential(nc.Linear(2, 1), dtype="float64", seed=0), nc.SGD(lr=schedule)
    for p in net.parameters():
        p.grad = np.ones(p.shape)
    for i in range(7):
        assert optimizer.lr == schedule(i)
        before = net.flat_parameters.copy()
        optimizer.step(net)
        np.testing.assert_allclose(before - net.flat_parameters, schedule(i), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("name", "args", "sample"), PERIODIC)
@pytest.mark.parametrize("per", ["epoch", "step"])
def test_the_trainer_counts_epochs_or_steps(name, args, sample, per):
    schedule = make("schedule", name, {**args, "per": per})
    X, y = np.ones((10, 2)), np.ones((10, 1))
    trainer = nc.Trainer(nc.Sequential(nc.Linear(2, 1), seed=0), nc.MSELoss(), nc.SGD(lr=schedule), batch_size=3)
    steps = np.concatenate([trainer.fit(X, y, epochs=n).steps["lr"] for n in (3, 2)])
    index = np.arange(20) if per == "step" else np.repeat(np.arange(5), 4)
    assert steps.tolist() == [schedule(int(i)) for i in index]
    assert trainer.optimizer.lr == schedule(20 if per == "step" else 5)


def test_the_rate_of_an_epoch_is_that_of_its_first_step():
    X, y = np.ones((10, 2)), np.ones((10, 1))
    schedule = nc.ExponentialLR(0.1, 0.9, per="step")
    trainer = nc.Trainer(nc.Sequential(nc.Linear(2, 1), seed=0), nc.MSELoss(), nc.SGD(lr=schedule), batch_size=5)
    assert trainer.fit(X, y, epochs=3)["lr"].tolist() == [schedule(0), schedule(2), schedule(4)]


def test_by_hand():
    assert [nc.StepLR(1.0, 2, gamma=0.5)(i) for i in range(5)] == [1, 1, 0.5, 0.5, 0.25]
    assert [nc.ExponentialLR(8.0, 0.5)(i) for i in range(4)] == [8, 4, 2, 1]
