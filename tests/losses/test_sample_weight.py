"""Weights of samples: whole numbers do what repeated samples do, in every loss, metric, optimizer and executor."""

import copy

import numpy as np
import pytest

import nncore as nc
from nncore.train._validation import held_mask
from support.cases import arguments, examples, loss_case, make, names

LOSSES = examples("loss")
VECTORS = [case for case in LOSSES if len(case.values[2]) == 1]  #: whose outputs are (N, C)
N = 24


def weighted(name, args, sample, rng):
    """(loss, z, y, weights 0 to 3, the index of each sample as often as it weighs)."""
    z, y = loss_case(name, args, sample, rng, N)
    weights = rng.integers(0, 4, N).astype(float)
    weights[0] = 2
    return make("loss", name, args), z, y, weights, np.repeat(np.arange(N), weights.astype(int))


@pytest.mark.parametrize(("name", "args", "sample"), LOSSES)
def test_a_loss_of_repeated_samples(name, args, sample, rng):
    loss, z, y, weights, again = weighted(name, args, sample, rng)
    value, dz = loss(z, y, weights)
    expected, repeated_dz = loss(z[again], y[again])
    expected_dz = np.zeros_like(dz)
    np.add.at(expected_dz, again, repeated_dz)
    assert value == loss.value(z, y, sample_weight=weights) == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(dz, expected_dz, rtol=1e-12, atol=1e-15)
    assert not np.any(dz[weights == 0])


@pytest.mark.parametrize(("name", "args", "sample"), LOSSES)
def test_a_sample_of_weight_0_is_not_looked_at(name, args, sample, rng):
    loss, z, y, weights, _ = weighted(name, args, sample, rng)
    weights[3] = 0
    broken = z.copy()
    broken[3] = np.nan
    assert loss.value(broken, y, weights) == loss.value(z, y, weights)
    np.testing.assert_array_equal(loss(broken, y, weights)[1], loss(z, y, weights)[1])


@pytest.mark.parametrize(("name", "args", "sample"), LOSSES)
def test_weights_of_0_alone(name, args, sample, rng):
    """NaN for a mean and 0 for a sum, with a gradient of 0."""
    loss, z, y, _, _ = weighted(name, args, sample, rng)
    value, dz = loss(z, y, np.zeros(N))
    assert np.isnan(value) if arguments("loss", name, args).reduction == "mean" else value == 0
    assert not np.any(dz)


def case_of(loss_name, args, sample, rng):
    """(loss, a function that makes a net for it, X, y, weights, repeated indices, metrics)."""
    loss, _, y, weights, again = weighted(loss_name, args, sample, rng)
    end = [nc.LogSoftmax()] if loss.link == "log_softmax" else []
    rates = loss_name == "PoissonNLLLoss" and not loss.log_input
    end += [nc.Softplus()] if rates else []

    def build():
        return nc.Sequential(nc.Linear(3, 6), nc.Tanh(), nc.Linear(6, sample[0]), *end, dtype="float64", seed=1)

    metrics = ["accuracy"] if loss.link != "identity" else ["mse", "mae", "r2"]
    return loss, build, rng.normal(size=(N, 3)), y, weights, again, metrics


# Every loss with one optimizer, and every optimizer, which is given the gradient alone, with one loss.
FITS = [pytest.param(*case.values, "Adam", id=f"{case.id}-Adam") for case in VECTORS]
FITS += [("MSELoss", {}, (3,), optimizer) for optimizer in names("optimizer")]


@pytest.mark.parametrize(("name", "args", "sample", "optimizer"), FITS)
def test_a_fit_on_repeated_samples(name, args, sample, optimizer, rng):
    """In full batches: weights, history and metrics, those of held-out data included."""
    loss, build, X, y, weights, again, metrics = case_of(name, args, sample, rng)
    trained, histories = [], []
    for data in ((X, y, weights), (X[again], y[again], None)):
        trainer = nc.Trainer(build(), loss, make("optimizer", optimizer, {"lr": 1e-3}), batch_size=None, l2=1e-3)
        options = {"metrics": metrics, "validation_data": data, "progress": False}
        histories.append(trainer.fit(data[0], data[1], 8, sample_weight=data[2], **options))
        trained.append(trainer)
    for one, other in zip(trained[0].model.parameters(), trained[1].model.parameters(), strict=True):
        np.testing.assert_allclose(one.value, other.value, rtol=1e-11, atol=1e-12)
    for key in set(histories[0].to_dict()["epochs"]) - {"seconds"}:
        np.testing.assert_allclose(histories[0][key], histories[1][key], rtol=1e-10, atol=1e-12, err_msg=key)
    assert trained[0].evaluate(X, y, sample_weight=weights) == pytest.approx(
        trained[1].evaluate(X[again], y[again]), rel=1e-10
    )


@pytest.mark.parametrize(("name", "args", "sample"), VECTORS)
def test_gradients_of_a_weighted_loss(name, args, sample, rng):
    loss, build, X, y, weights, _, _ = case_of(name, args, sample, rng)
    assert nc.gradcheck(build(), loss, X, y, sample_weight=weights).ok


def small(seed=0, **options):
    """A net for each executor: batch 1 trains by the single-sample one, others by the plan."""
    net = nc.Sequential(nc.Linear(2, 8), nc.ReLU(), nc.Linear(8, 3), seed=seed)
    return nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(lr=0.05), **options)


def data(rng, n=40):
    return rng.normal(size=(n, 2)), rng.integers(0, 3, n)


@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize("optimizer", names("optimizer"))
def test_a_batch_of_weight_0_changes_nothing_and_counts(batch_size, optimizer, rng):
    """Neither parameters nor what the optimizer keeps of them, momentum included; the step is counted."""
    X, y = data(rng)
    net = nc.Sequential(nc.Linear(2, 8), nc.BatchNorm1d(8), nc.ReLU(), nc.Linear(8, 3), seed=0)
    if batch_size == 1:
        net = small().model
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), make("optimizer", optimizer, {"lr": 0.01}), shuffle=False, l2=0.1)
    trainer.batch_size = batch_size
    if batch_size == 1:
        trainer.l2 = 0.0
    trainer.fit(X, y, 1, progress=False)
    before = copy.deepcopy(trainer.state_dict())
    weights = np.zeros(len(X))
    weights[-batch_size:] = 1
    steps = len(X) // batch_size - 1
    trainer.fit(X, y, steps=steps, sample_weight=weights, progress=False)
    after = trainer.state_dict()
    for name, value in before["model"].items():
        np.testing.assert_array_equal(after["model"][name], value, err_msg=name)
    for name, arrays in before["optimizer"]["state"].items():
        for key, value in arrays.items():
            np.testing.assert_array_equal(after["optimizer"]["state"][name][key], value, err_msg=f"{name} {key}")
    assert trainer.optimizer.t == len(X) // batch_size + steps
    assert trainer.history.n_steps == trainer.optimizer.t


@pytest.mark.parametrize("batch_size", [1, 8])
def test_a_step_of_weight_0(batch_size, rng):
    X, y = data(rng, batch_size)
    trainer = small(batch_size=batch_size)
    trainer.step(X, y)
    before = trainer.model.state_dict()
    assert trainer.step(X, y, sample_weight=np.zeros(batch_size)) == 0
    for name, value in before.items():
        np.testing.assert_array_equal(trainer.model.state_dict()[name], value)
    assert trainer.optimizer.t == 2


def test_the_loss_of_an_epoch_weighs_its_batches(rng):
    """sum s l / sum s over the whole epoch, also where batches weigh differently."""
    X, y = data(rng)
    weights = rng.uniform(0, 5, len(X))
    trainer = small(batch_size=8, shuffle=False)
    trainer.optimizer.lr = 1e-30  # the parameters stay what they are
    history = trainer.fit(X, y, 1, sample_weight=weights, progress=False)
    assert history["loss"][-1] == pytest.approx(trainer.evaluate(X, y, sample_weight=weights)["loss"], rel=1e-6)
    assert history["accuracy"][-1] == pytest.approx(trainer.evaluate(X, y, sample_weight=weights)["accuracy"])
    assert history["loss"][-1] != pytest.approx(trainer.evaluate(X, y)["loss"], rel=1e-3)


def test_metrics_equal_their_formulas(rng):
    X, y = data(rng)
    weights = rng.uniform(0, 3, len(X))
    trainer = small()
    right = trainer.model.predict(X) == y

    def share(y_true, outputs, sample_weight=None):
        return np.average(outputs.argmax(axis=1) == y_true, weights=sample_weight)

    def plain(y_true, outputs):
        return len(y_true)

    found = trainer.evaluate(X, y, ["accuracy", "top5", share, plain], sample_weight=weights)
    expected = np.average(right, weights=weights)
    assert found["accuracy"] == pytest.approx(expected) and found["share"] == pytest.approx(expected)
    assert found["top5"] == 1 and found["plain"] == len(X)


def test_shuffled_weights_stay_with_their_samples(rng):
    """Samples of weight 0 are those that an impossible target shows."""
    X = rng.normal(size=(64, 2))
    y = X.sum(axis=1, keepdims=True)
    weights = (np.arange(64) % 2).astype(float)
    y[weights == 0] = 1e3
    net = nc.Sequential(nc.Linear(2, 1), seed=0)
    history = nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=0.1), batch_size=8).fit(X, y, 40, sample_weight=weights)
    assert history["loss"][-1] < 1e-6


def test_the_same_bits_for_any_number_of_threads_and_after_a_break(rng, tmp_path):
    X, y = data(rng, 100)
    weights = rng.uniform(0, 2, len(X))
    whole, parts = small(batch_size=8, num_threads=1), small(batch_size=8, num_threads=2)
    history = whole.fit(X, y, 3, sample_weight=weights)
    parts.fit(X, y, steps=7, sample_weight=weights)
    parts.save(tmp_path / "part.ckpt")
    parts = nc.Trainer.resume(tmp_path / "part.ckpt")
    parts.fit(X, y, 3, sample_weight=weights)
    for one, other in zip(whole.model.parameters(), parts.model.parameters(), strict=True):
        np.testing.assert_array_equal(one.value, other.value)
    np.testing.assert_array_equal(history["loss"], parts.history["loss"])


def test_a_split_takes_the_weights_along(rng):
    X, y = data(rng, 100)
    weights = np.where(y == 0, 5.0, 1.0)
    trainer = small(batch_size=None)
    history = trainer.fit(X, y, 1, sample_weight=weights, validation_split=0.3)
    mask = held_mask("fit", X, y, 0.3, 0)
    found = trainer.evaluate(X[mask], y[mask], sample_weight=weights[mask])
    assert history["val_loss"][-1] == pytest.approx(found["loss"])


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        (np.ones(39), r"sample_weight: expected one number for each sample, \(40,\), got \(39,\)"),
        (np.ones((40, 1)), r"sample_weight: expected one number for each sample, \(40,\), got \(40, 1\)"),
        (2.0, r"sample_weight: expected one number for each sample, \(40,\), got \(\)"),
        (np.full(40, np.nan), r"sample_weight: expected finite float64 numbers, got nan"),
        (np.full(40, np.inf), r"sample_weight: expected finite float64 numbers, got inf"),
        (-np.arange(40.0), r"sample_weight: expected numbers >= 0, got -1.0 at 1"),
        (np.zeros(40), r"sample_weight: expected a number > 0 among them, got zeros alone"),
        (["heavy"] * 40, r"sample_weight: expected"),
    ],
)
def test_weights_that_are_none(weights, text, rng):
    X, y = data(rng)
    trainer = small()
    before = trainer.model.state_dict()
    with pytest.raises((nc.ShapeError, nc.ConfigError), match=r"^\[fit\] " + text):
        trainer.fit(X, y, 1, sample_weight=weights)
    with pytest.raises((nc.ShapeError, nc.ConfigError), match=r"^\[fit\] validation_data: " + text):
        trainer.fit(X, y, 1, validation_data=(X, y, weights))
    with pytest.raises((nc.ShapeError, nc.ConfigError), match=r"^\[evaluate\] " + text):
        trainer.evaluate(X, y, sample_weight=weights)
    with pytest.raises((nc.ShapeError, nc.ConfigError), match=r"^\[gradcheck\] " + text):
        nc.gradcheck(trainer.model, trainer.loss, X, y, sample_weight=weights)
    assert trainer.optimizer.t == 0 and trainer.history.n_steps == 0
    for name, value in before.items():
        np.testing.assert_array_equal(trainer.model.state_dict()[name], value)


def test_numbers_of_any_type(rng):
    X, y = data(rng)
    weights = rng.integers(0, 3, len(X))
    forms = [weights, weights.tolist(), weights.astype(np.float32), weights.astype(np.uint8)]
    losses = {small().evaluate(X, y, sample_weight=form)["loss"] for form in forms}
    assert len(losses) == 1
    halves = small().evaluate(X, y, sample_weight=rng.random(len(X)) < 0.5)
    assert np.isfinite(halves["loss"])


def test_a_loss_written_in_python_is_given_none(rng):
    class Half(nc.Loss):
        def forward(self, z, y):
            self.d = z - y
            return float((self.d**2).mean() / 2)

        def backward(self):
            return self.d / self.d.size

    X = rng.normal(size=(10, 2))
    trainer = nc.Trainer(nc.Sequential(nc.Linear(2, 1), seed=0), Half(), nc.SGD(lr=0.1))
    trainer.fit(X, X[:, :1], 1)
    with pytest.raises(nc.ConfigError, match=r"^\[Half\] sample_weight: expected a loss of nncore"):
        trainer.fit(X, X[:, :1], 1, sample_weight=np.ones(10))
