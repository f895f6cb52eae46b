"""Small dense nets that learn from one sample at a time: many steps a call, the same training."""

import numpy as np
import pytest

import nncore as nc
from support.nets import NETS, ONLINE, for_executor

OPTIMIZERS = {
    "SGD": lambda: nc.SGD(lr=0.05),
    "momentum": lambda: nc.SGD(lr=0.05, momentum=0.9, weight_decay=0.01),
    "Adam": lambda: nc.Adam(lr=0.01),
    "RMSprop": lambda: nc.RMSprop(lr=0.01, momentum=0.5, centered=True),
}
LOSSES = {
    "cross-entropy": (nc.CrossEntropyLoss, "labels"),
    "smoothed": (lambda: nc.CrossEntropyLoss(label_smoothing=0.1), "labels"),
    "ignored labels": (lambda: nc.CrossEntropyLoss(ignore_index=1), "labels"),
    "MSE": (nc.MSELoss, "values"),
    "hinge": (nc.HingeLoss, "labels"),
}
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def sizes_of(net):
    maps = [layer for layer in net if isinstance(layer, nc.Linear)]
    return maps[0].config["in_features"], maps[-1].config["out_features"]


def data(net, kind, n, rng):
    inputs, outputs = sizes_of(net)
    X = rng.normal(size=(n, inputs))
    return X, rng.integers(0, outputs, n) if kind == "labels" else rng.normal(size=(n, outputs))


def check_against_layerwise(net, loss, kind, optimizer, rng, steps=20):
    plain, hand, tolerance = net.copy(), optimizer(), TOLERANCE[net.dtype]
    X, y = data(net, kind, steps, rng)
    trainer = nc.Trainer(net, loss(), optimizer(), batch_size=1, shuffle=False)
    history = trainer.fit(X, y, epochs=1)
    assert trainer._core.layout == "online"
    for i in range(steps):
        z = plain.forward(X[i : i + 1], training=True)
        value, dz = loss()(z, y[i : i + 1])
        plain.zero_grad()
        plain.backward(dz)
        hand.step(plain)
        assert history.steps["loss"][i] == pytest.approx(value, rel=tolerance, abs=tolerance)
    np.testing.assert_allclose(net.flat_parameters, plain.flat_parameters, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", for_executor(ONLINE))
def test_twenty_steps_are_those_of_the_layers(name, optimizer, dtype, rng):
    net = NETS[name].build(dtype=dtype, seed=3)
    check_against_layerwise(net, nc.CrossEntropyLoss, "labels", OPTIMIZERS[optimizer], rng)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("name", LOSSES)
def test_any_loss(name, optimizer, dtype, rng):
    loss, kind = LOSSES[name]
    net = nc.Sequential(nc.Linear(3, 11), nc.Tanh(), nc.Linear(11, 4), dtype=dtype, seed=3)
    if name == "ignored labels":  # a lone ignored sample is a step with gradient 0: the layers' loss alone says NaN
        X, _ = data(net, kind, 8, rng)
        y, other = np.array([0, 2, 3, 0, 2, 1, 0, 0]), net.copy()
        one = nc.Trainer(net, loss(), OPTIMIZERS[optimizer](), batch_size=1, shuffle=False)
        assert one.fit(X, y, epochs=1, metrics=(), progress=False).n_steps == 8
        two = nc.Trainer(other, loss(), OPTIMIZERS[optimizer](), batch_size=1, shuffle=False)
        for i in range(8):
            if i != 5:
                two.step(X[i : i + 1], y[i : i + 1])
            elif optimizer == "Adam":  # its averages go on
                two.step(X[5:6], y[5:6])
        close = 1e-5 if dtype == "float32" else 1e-12
        np.testing.assert_allclose(net.flat_parameters, other.flat_parameters, rtol=close, atol=close)
        return
    check_against_layerwise(net, loss, kind, OPTIMIZERS[optimizer], rng)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_fit_is_its_steps_and_may_stop_anywhere(optimizer, rng):
    """More steps than one call takes; the same bits one by one, in two halves, and with the score counted."""

    def trainer(**options):
        net = NETS["moons"].build(seed=1)
        return nc.Trainer(net, nc.CrossEntropyLoss(), OPTIMIZERS[optimizer](), batch_size=1, **options)

    whole, halves, ordered, single = trainer(), trainer(), trainer(shuffle=False), trainer()
    X, y = data(whole.model, "labels", 700, rng)
    history = whole.fit(X, y, epochs=2)
    assert history["loss"][0] == pytest.approx(np.mean(history.steps["loss"][:700]), rel=1e-12)
    halves.fit(X, y, steps=901)
    halves.fit(X, y, steps=499)
    assert np.array_equal(whole.model.flat_parameters, halves.model.flat_parameters)
    losses = ordered.fit(X, y, epochs=1).steps["loss"]
    assert np.array_equal(losses, [single.step(X[i : i + 1], y[i : i + 1]) for i in range(700)])
    assert np.array_equal(ordered.model.flat_parameters, single.model.flat_parameters)


def test_the_score_counts_outputs_before_each_update(rng):
    net = NETS["moons"].build(seed=1)
    X, y = data(net, "labels", 300, rng)
    right = np.mean(net(X).argmax(axis=1) == y)
    history = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=1e-12), batch_size=1).fit(X, y, epochs=1)
    assert history["accuracy"][0] == pytest.approx(right, abs=1e-12)


def test_what_is_not_finite_is_named_with_its_step(rng):
    def trainer():
        net = NETS["deeper"].build(seed=1)
        return nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=0.01), batch_size=1, shuffle=False)

    broken, whole = trainer(), trainer()
    X, y = data(broken.model, "values", 600, rng)
    y[522] = 3e38  # the update is finite, what the next step computes with it is not
    with pytest.raises(nc.NumericError, match=r"epoch 1, step 524: \[Linear \"2\"\] output"):
        broken.fit(X, y, epochs=1)
    whole.fit(X[:523], y[:523], epochs=1)
    assert np.array_equal(broken.model.flat_parameters, whole.model.flat_parameters)


def test_a_rate_that_is_too_large_stops_and_ignore_goes_on(rng):
    X, y = rng.normal(size=(300, 2)) * 1e20, rng.normal(size=(300, 1))
    build = lambda: nc.Sequential(nc.Linear(2, 5), nc.ReLU(), nc.Linear(5, 1), seed=0)
    net = build()
    with pytest.raises(nc.NumericError, match="is not finite; the model holds its last finite parameters"):
        nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=1.0), batch_size=1).fit(X, y, epochs=1)
    assert np.isfinite(net.flat_parameters).all()
    net = build()
    history = nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=1.0), batch_size=1, on_nonfinite="ignore").fit(X, y, epochs=1)
    assert len(history.steps["loss"]) == 300 and not np.isfinite(net.flat_parameters).all()


def test_rates_of_a_schedule_by_steps(rng):
    net = NETS["moons"].build(seed=1)
    X, y = data(net, "labels", 300, rng)
    schedule = nc.ExponentialLR(0.1, 0.99, per="step")
    history = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=schedule), batch_size=1).fit(X, y, epochs=1)
    np.testing.assert_allclose(history.steps["lr"], 0.1 * 0.99 ** np.arange(300), rtol=1e-12)


@pytest.mark.parametrize("options", [{"l2": 1e-3}, {"clip_grad_norm": 1}, {"clip_grad_value": 1}, {"batch_size": 2}])
def test_what_needs_more_than_the_optimizer_goes_the_way_of_batches(options, rng):
    net = NETS["moons"].build(seed=1)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(), **{"batch_size": 1, **options})
    trainer.fit(*data(net, "labels", 10, rng), epochs=1)
    assert trainer._core.layout != "online"


def test_many_weights_go_the_way_of_batches(rng):
    net = nc.Sequential(nc.Linear(100, 50), nc.ReLU(), nc.Linear(50, 2), seed=1)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(), batch_size=1)
    trainer.fit(*data(net, "labels", 10, rng), epochs=1)
    assert trainer._core.layout == "batch_major"
