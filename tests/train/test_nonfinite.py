"""Divergence: NumericError names epoch, step, layer and tensor, and the model holds its last finite parameters."""

import warnings

import numpy as np
import pytest

import nncore as nc


def regression(rng, n=20):
    return rng.normal(size=(n, 3)), rng.normal(size=(n, 2))


def build(dtype="float32"):
    return nc.Sequential(nc.Linear(3, 8), nc.ReLU(), nc.Linear(8, 2), dtype=dtype, seed=1)


def hand_steps_until_it_breaks(net, optimizer, batches):
    """Steps without a Trainer; the parameters after the last step with finite loss, gradients and parameters."""
    loss, kept = nc.MSELoss(), net.flat_parameters.copy()
    for count, (X, y) in enumerate(batches):
        with np.errstate(all="ignore"):
            value, dz = loss(net.forward(X), y)
            net.zero_grad()
            net.backward(dz)
            broken = not np.isfinite(value) or not np.isfinite(net.flat_gradients).all()
            optimizer.step(net)
        if broken or not np.isfinite(net.flat_parameters).all():
            return count, kept
        kept = net.flat_parameters.copy()
    raise AssertionError("it did not break")


OPTIMIZERS = {
    "SGD": lambda: nc.SGD(lr=1e6),
    "slow growth": lambda: nc.SGD(lr=1.0),
    "momentum": lambda: nc.SGD(lr=1e3, momentum=0.9),
    "huge": lambda: nc.SGD(lr=1e36),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [4, None])
def test_a_fit_that_diverges_leaves_the_parameters_before_the_break(name, dtype, batch_size, rng):
    X, y = (1e3 * a for a in regression(rng))
    net, hand = build(dtype), build(dtype)
    size = batch_size or len(X)
    per_epoch = len(X) // size
    batches = [(X[i : i + size], y[i : i + size]) for i in range(0, len(X), size)] * 400
    steps, _ = hand_steps_until_it_breaks(hand, OPTIMIZERS[name](), batches)
    stepped = build(dtype)  # rounds as a fit does
    stepper = nc.Trainer(stepped, nc.MSELoss(), OPTIMIZERS[name](), batch_size=batch_size)
    for batch in batches[:steps]:
        stepper.step(*batch)
    optimizer = OPTIMIZERS[name]()
    trainer = nc.Trainer(net, nc.MSELoss(), optimizer, batch_size=batch_size, shuffle=False)
    with pytest.raises(nc.NumericError) as error:
        trainer.fit(X, y, epochs=400)
    assert f"epoch {steps // per_epoch + 1}, step {steps % per_epoch + 1}: " in str(error.value)
    assert np.isfinite(net.flat_parameters).all()
    assert np.array_equal(net.flat_parameters, stepped.flat_parameters)
    assert optimizer.state_dict()["step"] == steps, "the optimizer stands where the model stands"
    assert np.all(net.flat_gradients == 0)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_steps_that_diverge_leave_the_parameters_before_the_break(name, dtype, rng):
    batches = [tuple(1e3 * a for a in regression(rng, 5)) for _ in range(400)]
    net, hand = build(dtype), build(dtype)
    steps, kept = hand_steps_until_it_breaks(hand, OPTIMIZERS[name](), batches)
    trainer = nc.Trainer(net, nc.MSELoss(), OPTIMIZERS[name]())
    for X, y in batches[:steps]:
        trainer.step(X, y)
    with pytest.raises(nc.NumericError, match=f"step {steps + 1}: "):
        trainer.step(*batches[steps])
    assert np.array_equal(net.flat_parameters, kept)


LAST_STEPS = {
    "fit": lambda trainer, X, y: trainer.fit(X, y, epochs=1),
    "step": lambda trainer, X, y: trainer.step(X, y),
    "with validation": lambda trainer, X, y: trainer.fit(X, y, epochs=1, validation_data=(X, y)),
    "with a callback": lambda trainer, X, y: trainer.fit(X, y, epochs=1, callbacks=[lambda record: None]),
}


@pytest.mark.parametrize("run", LAST_STEPS.values(), ids=LAST_STEPS.keys())
def test_parameters_that_the_very_last_step_breaks_are_seen(run):
    """Loss and gradients are finite; the update overflows; no step comes after it."""
    net = build()
    before = net.flat_parameters.copy()
    trainer = nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=1e38), batch_size=None)
    with pytest.raises(nc.NumericError, match=r'epoch 1, step 1: \[Linear "\d"\] .*not finite'):
        run(trainer, np.full((4, 3), 1e3), np.ones((4, 2)))
    assert np.array_equal(net.flat_parameters, before)


def broken_net(layer, index, value):
    """A net in which one number of one layer is not finite."""
    net = nc.Sequential(nc.Linear(3, 4), nc.Tanh(), nc.Linear(4, 4), nc.ReLU(), nc.Linear(4, 2), seed=1)
    net.parameters()[2 * layer + index].value.ravel()[-1] = value
    return net


@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_layer_where_it_begins_is_named(layer, index, value, rng):
    X, y = np.abs(rng.normal(size=(8, 3))) + 0.1, rng.normal(size=(8, 2))
    net = broken_net(layer, index, value)
    try:
        nc.Trainer(net, nc.MSELoss(), nc.SGD()).fit(X, y, epochs=1)
    except nc.NumericError as error:
        name = f'[Linear "{2 * layer}"]'
        assert str(error).startswith(f"epoch 1, step 1: {name} ") or "epoch 1, step 1: [ReLU" in str(error)
    else:
        # tanh of infinity is 1 and the ReLU of minus infinity 0: the pass can be finite, the gradients too
        assert np.isinf(value) and layer < 2


def test_a_gradient_that_overflows_is_named():
    net = nc.Sequential(nc.Linear(1, 1, bias=False), nc.Linear(1, 1, bias=False), seed=0)
    net.load_state_dict({"0.weight": [[1e-30]], "1.weight": [[1e30]]})
    before = net.flat_parameters.copy()
    X, y = np.array([[1.0]]), np.array([[-1e15]])  # loss 1e30, gradient of the first weight 2e15 · 1e30
    with pytest.raises(nc.NumericError, match=r'^epoch 1, step 1: \[Linear "0"\] gradient of weight is not finite'):
        nc.Trainer(net, nc.MSELoss(), nc.SGD()).fit(X, y, epochs=1)
    assert np.array_equal(net.flat_parameters, before)


@pytest.mark.parametrize("options", [{}, {"clip_grad_norm": 1.0}, {"clip_grad_value": 1.0}, {"l2": 0.1}], ids=str)
def test_half_an_update_is_undone(options):
    """The last layer's gradient is finite and comes first in backward; the first layer's overflows."""
    net = nc.Sequential(nc.Linear(1, 1, bias=False), nc.Linear(1, 1, bias=False), seed=0)
    net.load_state_dict({"0.weight": [[1e-30]], "1.weight": [[1e30]]})
    before, optimizer = net.flat_parameters.copy(), nc.SGD(lr=0.1, momentum=0.9)
    trainer = nc.Trainer(net, nc.MSELoss(), optimizer, **options)
    if "clip_grad_value" in options:
        trainer.step(np.array([[1.0]]), np.array([[-1e15]]))  # infinity is clipped to the bound
        assert np.isfinite(net.flat_parameters).all()
        return
    with pytest.raises(nc.NumericError):
        trainer.step(np.array([[1.0]]), np.array([[-1e15]]))
    state = optimizer.state_dict()
    assert np.array_equal(net.flat_parameters, before) and state["step"] == 0
    assert all(np.all(v == 0) for arrays in state["state"].values() for v in arrays.values())


def test_after_the_error_training_can_go_on(rng):
    X, y = regression(rng)
    net = build()
    trainer = nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=1e6), batch_size=None)
    with pytest.raises(nc.NumericError):
        trainer.fit(X, y, epochs=50)
    trainer.optimizer.lr = 0.01
    net.initialize(1)
    history = trainer.fit(X, y, epochs=20)
    assert np.isfinite(history["loss"]).all() and history["loss"][-1] < history["loss"][0]


def test_stop_ends_with_a_warning_and_the_history_so_far(rng):
    X, y = regression(rng)
    net, optimizer = build(), nc.SGD(lr=10.0)
    trainer = nc.Trainer(net, nc.MSELoss(), optimizer, batch_size=None, on_nonfinite="stop")
    with pytest.warns(RuntimeWarning, match=r"training stopped: epoch \d+, step 1: .* is not finite"):
        history = trainer.fit(X, y, epochs=400)
    assert 0 < history.n_steps < 400 and len(history["loss"]) == history.n_steps
    assert np.isfinite(history["loss"]).all() and np.isfinite(net.flat_parameters).all()
    assert not history.interrupted and optimizer.state_dict()["step"] == history.n_steps


def test_ignore_goes_on(rng):
    X, y = regression(rng)
    net = build()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer = nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=10.0), batch_size=None, on_nonfinite="ignore")
        history = trainer.fit(X, y, epochs=100)
    assert history.n_steps == 100 and not np.isfinite(history["loss"][-1])
    assert not np.isfinite(net.flat_parameters).all()


@pytest.mark.parametrize("policy", ["Raise", "", None, 1, True])
def test_other_policies_are_refused(policy):
    with pytest.raises(nc.ConfigError, match=r"^\[Trainer\] on_nonfinite: expected 'raise', 'stop' or 'ignore'"):
        nc.Trainer(build(), nc.MSELoss(), nc.SGD(), on_nonfinite=policy)


def with_dropout():
    return nc.Sequential(nc.Linear(3, 8), nc.Tanh(), nc.Dropout(0.3), nc.Linear(8, 2), seed=1)


def test_a_break_after_a_thousand_steps_is_replayed_to_the_same_bits(rng):
    """The snapshot lies 500 steps back; the rate leaps at step 1501, the first of epoch 151."""
    X, y = rng.normal(size=(60, 3)), rng.normal(size=(60, 2))
    net, other = with_dropout(), with_dropout()
    leap = nc.StepLR(0.01, 1500, gamma=1e41, per="step")
    with pytest.raises(nc.NumericError, match=r"^epoch 151, step [12]: "):
        trainer = nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=leap, momentum=0.5), batch_size=6, seed=3)
        trainer.fit(X, y, epochs=160)
    nc.Trainer(other, nc.MSELoss(), nc.SGD(lr=0.01, momentum=0.5), batch_size=6, seed=3).fit(X, y, epochs=150)
    assert trainer.optimizer.state_dict()["step"] == 1500
    assert np.array_equal(net.flat_parameters, other.flat_parameters)


@pytest.mark.parametrize("change", ["rate", "weights"])
def test_what_a_callback_changes_is_known_to_the_replay(change, rng):
    X, y = rng.normal(size=(60, 3)), rng.normal(size=(60, 2))
    net, kept = with_dropout(), []
    trainer = nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=0.01, momentum=0.5), batch_size=6, seed=3)

    def meddle(record):
        if record["epoch"] == 50 and change == "weights":
            net.flat_parameters[:] *= 0.5
        if record["epoch"] == 51:
            trainer.optimizer.lr = 1e39
        kept.append(net.flat_parameters.copy())

    with pytest.raises(nc.NumericError, match=r"^epoch 52, step [12]: "):
        trainer.fit(X, y, epochs=60, callbacks=[meddle])
    assert trainer.optimizer.state_dict()["step"] == 510
    assert np.array_equal(net.flat_parameters, kept[50])
