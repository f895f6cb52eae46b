"""What is not finite is named: every layer × tensor × place in a training; the parameters are those of a step
boundary."""

import re

import numpy as np
import pytest

import nncore as nc
from support.cases import examples, in_model, sample_input

VALUES = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf}


def with_parameters():
    return [case for case in examples("layer") if in_model(case.values[0], case.values[1], "float32").parameters()]


def regression(net, sample, rng, n=6):
    x = sample_input(rng, (n, *sample), net.dtype)
    return x, np.zeros(net(x).shape)


USES = {
    "fit": lambda trainer, X, y: trainer.fit(X, y, epochs=1),
    "step": lambda trainer, X, y: trainer.step(X, y),
    "mid-epoch": lambda trainer, X, y: trainer.fit(X, y, steps=1),
}


@pytest.mark.parametrize(("name", "args", "sample"), with_parameters())
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
@pytest.mark.parametrize("use", USES)
def test_a_parameter_that_is_not_finite_is_named(name, args, sample, value, use, rng):
    net = in_model(name, args, "float32")
    X, y = regression(net, sample, rng)
    trainer = nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=1e-3), batch_size=3)
    if use == "mid-epoch":
        trainer.fit(X, y, steps=1)
    good = net.state_dict()
    for parameter in net.parameters():
        parameter.value.ravel()[-1] = value
        before = net.flat_parameters.copy()
        step = 2 if use == "mid-epoch" else 1
        own = re.escape(parameter.name.removeprefix("0."))  # "0.weight" inside a Residual
        where = rf'^epoch 1, step {step}: \[{name} "0"\] {own} was not finite before the step'
        with pytest.raises(nc.NumericError, match=where):
            USES[use](trainer, X, y)
        assert net.flat_parameters.tobytes() == before.tobytes()
        net.load_state_dict(good)
    USES[use](trainer, X, y)
    assert np.isfinite(net.flat_parameters).all()


@pytest.mark.parametrize(("name", "args", "sample"), with_parameters())
def test_a_gradient_that_overflows_is_named_for_every_layer(name, args, sample, rng):
    """Parameters 0 give outputs 0 or so; dz = 2e15 meets a weight of 1e30 on its way back."""
    net = in_model(name, args, "float32")
    net.append(nc.Flatten())
    width = net(sample_input(rng, (6, *sample))).shape[1]
    net.append(nc.Linear(width, 1, bias=False))
    for parameter in net.parameters():
        parameter.value[...] = 1e30 if parameter.name == "2.weight" else 0.0
    X = sample_input(rng, (6, *sample))
    if not np.all(net.forward(X) == 0):
        net.parameters()[-1].value[...] = 1e30 * (np.arange(width) % 2 * 2 - 1)  # a Residual: x + 0
    before = net.state_dict()
    trainer = nc.Trainer(net, nc.MSELoss(), nc.Adam(), batch_size=None)
    with pytest.raises(nc.NumericError, match=r'^epoch 1, step 1: (\[\w+ "0.*"\] gradient of|the loss|\[Linear "2"\])'):
        trainer.fit(X, np.full((6, 1), -1e15), epochs=2)
    after = net.state_dict()
    assert all(np.array_equal(before[key], after[key]) for key in before if "num_batches" not in key)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_the_first_output_that_overflows_is_named(at):
    """1 → 1 → … → 1e20 · 1e30; the layers after it would make it finite again."""
    net = nc.Sequential(*[nc.Linear(1, 1, bias=False) for _ in range(3)], seed=0)
    for i, parameter in enumerate(net.parameters()):
        parameter.value[...] = 1e30 if i == at else 1.0 if i < at else 0.0
    with pytest.raises(nc.NumericError, match=rf'^epoch 1, step 1: \[Linear "{at}"\] output is not finite'):
        nc.Trainer(net, nc.MSELoss(), nc.SGD()).fit(np.full((4, 1), 1e20), np.zeros((4, 1)), epochs=1)


@pytest.mark.parametrize("name", ["the input x", "the loss", "the penalty"])
@pytest.mark.parametrize("use", USES)
def test_what_belongs_to_no_layer_is_named(name, use):
    X, y, options = np.ones((4, 2)), np.zeros((4, 2)), {}
    net = nc.Sequential(
        nc.Linear(2, 2), dtype="float64", seed=0, input=nc.Normalize(0.0, 1e-300 if "x" in name else 1.0)
    )
    if name == "the input x":
        X = np.full((4, 2), 1e30)
    elif name == "the loss":
        y = np.full((4, 2), 1e200)
    else:
        net.parameters()[0].value[...] = 1e200
        X, options = np.zeros((4, 2)), {"l2": 1.0}
    before = net.flat_parameters.copy()
    trainer = nc.Trainer(net, nc.MSELoss(), nc.SGD(), **options)
    with pytest.raises(nc.NumericError, match=rf"^epoch 1, step 1: {name} is not finite"):
        USES[use](trainer, X, y)
    assert np.array_equal(net.flat_parameters, before)


def plain(*more):
    return nc.Sequential(nc.Linear(3, 8), nc.Tanh(), *more, nc.Linear(8, 2), seed=1)


def tied():
    layer = nc.Linear(3, 3)
    return nc.Sequential(layer, nc.Tanh(), layer, nc.Linear(3, 2), seed=1)


NETS = {"plain": plain, "dropout": lambda: plain(nc.Dropout(0.4)), "tied": tied}
if hasattr(nc, "BatchNorm1d"):
    NETS["batch norm"] = lambda: plain(nc.BatchNorm1d(8))
LEAP = 27  # the rate leaps at this step, in mid-epoch
OPTIMIZERS = {
    "SGD": lambda: nc.SGD(lr=nc.StepLR(0.01, LEAP, gamma=1e42, per="step")),
    "momentum": lambda: nc.SGD(lr=nc.StepLR(0.01, LEAP, gamma=1e42, per="step"), momentum=0.9),
    "Adam": lambda: nc.Adam(lr=nc.StepLR(0.001, LEAP, gamma=1e42, per="step")),
}
OPTIONS = {"": {}, "clip norm": {"clip_grad_norm": 0.1}, "clip value": {"clip_grad_value": 0.1}, "l2": {"l2": 0.1}}


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("options", OPTIONS)
def test_a_run_that_breaks_stands_before_the_step_that_broke_it(net, optimizer, options, rng, tmp_path):
    """In one fit, in parts that end in mid-epoch, and resumed from a file: the same step, parameters and history."""
    X, y = rng.normal(size=(46, 3)), rng.normal(size=(46, 2))

    def make(policy="raise"):
        chosen = {"batch_size": 10, "seed": 3, "on_nonfinite": policy, **OPTIONS[options]}
        return nc.Trainer(NETS[net](), nc.MSELoss(), OPTIMIZERS[optimizer](), **chosen)

    def fails(trainer, **length):
        with pytest.raises(nc.NumericError) as error:
            trainer.fit(X, y, **length)
        return str(error.value)

    whole, parts = make(), make()
    message = fails(whole, epochs=10)
    taken = whole.optimizer.state_dict()["step"]
    assert taken in (LEAP, LEAP + 1) and message.startswith(f"epoch {taken // 5 + 1}, step {taken % 5 + 1}: ")
    parts.fit(X, y, steps=13)
    pytest.importorskip("safetensors")
    parts.save(tmp_path / "file")
    resumed = nc.Trainer.resume(tmp_path / "file")
    stopped, reference = make("stop"), make("ignore")
    assert fails(parts, steps=40) == fails(resumed, steps=40) == message
    with pytest.warns(RuntimeWarning, match="training stopped"):
        history = stopped.fit(X, y, epochs=10)
    reference.fit(X, y, steps=taken)
    for trainer in (whole, parts, resumed, stopped):
        assert np.array_equal(trainer.model.flat_parameters, reference.model.flat_parameters)
        assert np.isfinite(trainer.model.flat_parameters).all()
        assert trainer.optimizer.state_dict()["step"] == trainer.history.n_steps == taken
        assert trainer.history.steps["loss"].tolist() == reference.history.steps["loss"].tolist()
        assert trainer.history["loss"].tolist() == reference.history["loss"].tolist()
        assert trainer.epoch == taken // 5
        buffers = {k: v for k, v in trainer.model.state_dict().items() if "running" in k}
        assert all(np.array_equal(v, reference.model.state_dict()[k]) for k, v in buffers.items())
    assert history.n_steps == taken and len(history["loss"]) == taken // 5


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_after_the_break_a_smaller_rate_goes_on_from_there(optimizer, rng):
    X, y = rng.normal(size=(46, 3)), rng.normal(size=(46, 2))
    trainer = nc.Trainer(plain(), nc.MSELoss(), OPTIMIZERS[optimizer](), batch_size=10)
    with pytest.raises(nc.NumericError):
        trainer.fit(X, y, epochs=10)
    taken = trainer.history.n_steps
    trainer.optimizer.lr = 1e-3
    history = trainer.fit(X, y, epochs=3)
    assert history["epoch"].tolist() == [6, 7, 8] and history.n_steps == 40 - taken
    assert trainer.history["epoch"].tolist() == list(range(1, 9)) and np.isfinite(trainer.history["loss"]).all()
    assert trainer.history.steps["step"].tolist() == list(range(1, 41))
