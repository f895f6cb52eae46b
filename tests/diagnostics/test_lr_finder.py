"""lr_finder: rates and losses of the range test, where it ends, and that it leaves everything as it was."""

import copy
import pickle
import random
import threading

import numpy as np
import pytest

import nncore as nc
from support.cases import class_of, names

X, Y = nc.datasets.make_moons(200, noise=0.2, seed=0)


class Momentum(nc.Optimizer):
    def __init__(self, lr=0.01, mu=0.9):
        super().__init__(lr=lr)
        self.mu = mu

    def update(self, parameter, gradient, state):
        state["v"] = self.mu * state.get("v", 0.0) + gradient
        parameter -= self.lr * state["v"]


class Noisy(nc.Layer):
    """Draws from NumPy's and Python's own generators."""

    def forward(self, x, training):
        return x + (0.001 * np.random.normal() * random.random() if training else 0)

    def backward(self, dy):
        return dy


def trainer(optimizer=None, *layers, **options):
    net = nc.Sequential(nc.Linear(2, 16), nc.ReLU(), nc.Dropout(0.2), *layers, nc.Linear(16, 2), seed=0)
    options = {"batch_size": 16, "l2": 1e-4, "seed": 3, **options}
    return nc.Trainer(net, nc.CrossEntropyLoss(), optimizer or nc.SGD(lr=0.1), **options)


def test_samples_may_be_weighted():
    weight = np.where(Y == 1, 3.0, 1.0)
    found = nc.lr_finder(trainer(), X, Y, 1e-3, 1e-1, 25, sample_weight=weight)
    same = trainer(nc.SGD(lr=lambda step: 1e-3 * 100 ** (step / 24)))
    np.testing.assert_array_equal(found.losses, same.fit(X, Y, sample_weight=weight, steps=25).steps["loss"])


def smoothed(losses, share):
    weights = [share ** (len(losses) - 1 - i) for i in range(len(losses))]
    return np.dot(weights, losses) / sum(weights)


def test_rates_grow_and_losses_are_those_of_a_fit_with_them():
    found = nc.lr_finder(trainer(), X, Y, 1e-3, 1e-1, 31)
    np.testing.assert_allclose(found.lrs, np.geomspace(1e-3, 1e-1, 31), rtol=1e-12)
    assert found.ended == "steps"
    same = trainer(nc.SGD(lr=lambda step: 1e-3 * 100 ** (step / 30)))
    np.testing.assert_array_equal(found.losses, same.fit(X, Y, steps=31).steps["loss"])


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_the_average_is_that_of_the_formula(share):
    found = nc.lr_finder(trainer(), X, Y, smoothing=share)
    wanted = [smoothed(found.losses[: i + 1], share) for i in range(len(found.losses))]
    np.testing.assert_allclose(found.smoothed, wanted, rtol=1e-12)


OPTIMIZERS = [*names("optimizer"), "Momentum"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_fit_afterwards_has_the_bits_it_has_without(name):
    make = Momentum if name == "Momentum" else class_of("optimizer", name)
    trainers = [trainer(make(lr=0.01)) for _ in range(2)]
    for each in trainers:
        each.fit(X, Y, steps=17)  # momentum, and an epoch under way
    state = pickle.dumps(trainers[0].state_dict()["model"])
    found = nc.lr_finder(trainers[0], X, Y)
    assert len(found.losses) > 10 and found.smoothed.min() < found.smoothed[0] and found.suggestion is not None
    assert pickle.dumps(trainers[0].state_dict()["model"]) == state
    assert trainers[0].optimizer.t == 17 and trainers[0].optimizer.lr == 0.01
    assert len(trainers[0].history.steps["loss"]) == 17 and trainers[0].on_nonfinite == "raise"
    for each in trainers:
        each.fit(X, Y, epochs=2)
    np.testing.assert_array_equal(trainers[0].model.flat_parameters, trainers[1].model.flat_parameters)
    np.testing.assert_array_equal(trainers[0].history.steps["loss"], trainers[1].history.steps["loss"])


def test_generators_of_layers_in_python_go_on_as_well():
    after = []
    for look in (True, False):
        np.random.seed(5)
        random.seed(5)
        each = trainer(None, Noisy())
        if look:
            nc.lr_finder(each, X, Y)
        each.fit(X, Y, epochs=1)
        after.append(each.model.flat_parameters.copy())
    np.testing.assert_array_equal(*after)


@pytest.mark.parametrize("schedule", [lambda: nc.StepLR(0.1, 1), lambda: nc.ReduceLROnPlateau(0.1)])
def test_a_schedule_is_set_aside_and_stays(schedule):
    each, plain = trainer(nc.SGD(lr=schedule())), trainer(nc.SGD(lr=0.3))
    np.testing.assert_array_equal(nc.lr_finder(each, X, Y).losses, nc.lr_finder(plain, X, Y).losses)
    assert type(each.optimizer.config["lr"]) is type(schedule())


def test_it_ends_where_the_loss_diverges():
    found = nc.lr_finder(trainer(), X, Y, 1e-4, 1e6, 200)
    assert found.ended == "diverged" and 20 < len(found.lrs) < 200
    assert np.isfinite(found.losses).all() and np.isfinite(found.smoothed).all()
    assert found.smoothed[-1] > max(found.smoothed[9], 4 * found.smoothed[9:-1].min())
    inside = found.smoothed[9:-1]
    assert not ((inside > inside[0]) & (inside > 4 * np.minimum.accumulate(inside))).any()


def test_it_ends_where_the_loss_is_not_finite():
    net = nc.Sequential(nc.Linear(2, 1), seed=0)
    each = nc.Trainer(net, nc.MSELoss(), nc.SGD(), batch_size=None)
    found = nc.lr_finder(each, X, Y[:, None].astype(float), 1.0, 1e30, 4)
    assert found.ended == "diverged" and np.isfinite(found.losses).all() and len(found.losses) < 4


def test_the_suggestion_is_a_tenth_of_the_rate_at_the_smallest_average():
    found = nc.lr_finder(trainer(), X, Y, 1e-4, 10.0)
    best = 9 + found.smoothed[9:].argmin()
    assert found.suggestion == found.lrs[best] / 10
    text, rate = str(found), found.lrs[best]
    assert text.startswith(f"suggestion: {found.suggestion:.2g} (a tenth of {rate:.2g}, where the loss is smallest)")
    assert found.ended in text and found.ended in found._repr_html_()


@pytest.mark.parametrize(
    ("make", "batch_size", "good"),
    [(nc.SGD, 16, (0.02, 2)), (nc.Adam, 16, (0.002, 0.1)), (nc.RMSprop, None, (0.002, 0.1)), (nc.SGD, 1, (0.003, 0.5))],
)
def test_the_suggestion_trains(make, batch_size, good):
    X, y = nc.datasets.make_moons(1000, noise=0.2, seed=0)

    def fresh(optimizer):
        return nc.Trainer(nc.mlp([2, 20, 2], seed=0), nc.CrossEntropyLoss(), optimizer, batch_size=batch_size)

    found = nc.lr_finder(fresh(make()), X, y)
    assert good[0] < found.suggestion < good[1]
    history = fresh(make(lr=found.suggestion)).fit(X, y, epochs=300 if batch_size is None else 20)
    assert history["accuracy"][-1] > 0.92


def test_losses_that_fall_nowhere_or_to_the_end_are_told():
    each = trainer(nc.SGD())
    assert "a larger lr_max shows more" in str(nc.lr_finder(each, X, Y, 1e-3, 0.05, smoothing=0.98, steps=300))
    rising = nc.LRFinderResult(np.array([1.0, 2.0]), np.array([1.0, 9.0]), np.array([1.0, 5.0]), "diverged")
    assert rising.suggestion is None
    assert "suggestion: none (the loss falls nowhere" in str(rising) and "none" in rising._repr_html_()


def test_losses_below_zero_have_a_suggestion():
    class Negative(nc.Loss):
        def forward(self, z, y):
            self.d = z - y
            return np.mean(self.d**2) - 5.0

        def backward(self):
            return 2 * self.d / self.d.size

    net = nc.Sequential(nc.Linear(2, 1), seed=0)
    each = nc.Trainer(net, Negative(), nc.SGD(), batch_size=None)
    found = nc.lr_finder(each, X, Y[:, None].astype(float))
    assert found.ended == "diverged" and found.smoothed.min() < found.smoothed[0] - 0.1 < 0


def test_it_is_interrupted_by_the_trainer(monkeypatch):
    fit, calls = nc.Trainer.fit, []

    def interrupted(self, *args, **kwargs):
        history = fit(self, *args, **kwargs)
        calls.append(kwargs["steps"])
        history.interrupted = len(calls) == 2
        return history

    monkeypatch.setattr(nc.Trainer, "fit", interrupted)
    found = nc.lr_finder(trainer(), X, Y, steps=100)
    assert found.ended == "interrupted" and len(found.losses) == sum(calls) == 20


def test_copies_are_the_same_result():
    found = nc.lr_finder(trainer(), X, Y, steps=20)
    for other in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert repr(other) == repr(found) and other.suggestion == found.suggestion
        np.testing.assert_array_equal(other.losses, found.losses)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trainer": nc.mlp([2, 2])}, "trainer: expected a Trainer"),
        ({"trainer": nc.Trainer}, "trainer: expected a Trainer"),
        ({"lr_min": 0.0}, "lr_min: expected"),
        ({"lr_min": np.nan}, "lr_min: expected"),
        ({"lr_max": np.inf}, "lr_max: expected"),
        ({"lr_min": 1.0, "lr_max": 1.0}, "lr_max: expected a rate > lr_min"),
        ({"steps": 1}, "steps: expected"),
        ({"steps": 5.5}, "steps: expected"),
        ({"smoothing": 1.0}, "smoothing: expected"),
        ({"smoothing": -0.1}, "smoothing: expected"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(nc.ConfigError, match=rf"\[lr_finder\] {message}"):
        nc.lr_finder(**{"trainer": trainer(), "X": X, "y": Y, **arguments})


def test_what_other_libraries_call_its_arguments():
    with pytest.raises(TypeError, match="did you mean lr_max"):
        nc.lr_finder(trainer(), X, Y, end_lr=1.0)


def test_data_that_do_not_fit_leave_the_trainer_as_it_was():
    each = trainer()
    before = each.model.flat_parameters.copy()
    with pytest.raises(nc.ShapeError):
        nc.lr_finder(each, X[:, :1], Y)
    with pytest.raises(nc.ConfigError):
        nc.lr_finder(each, np.where(X > 0, np.nan, X), Y)
    np.testing.assert_array_equal(each.model.flat_parameters, before)
    assert each.optimizer.t == 0 and len(each.history.steps["loss"]) == 0


def test_what_cannot_be_copied_is_told():
    net = nc.Sequential(nc.Linear(2, 2), Noisy(), seed=0)
    net[1].lock = threading.Lock()
    with pytest.raises(TypeError, match="lock") as found:
        nc.lr_finder(nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD()), X, Y)
    assert "works on a copy of the trainer" in found.value.__notes__[-1]


def test_within_a_fit_it_is_refused():
    each = trainer()
    with pytest.raises(nc.StateError, match=r"\[lr_finder\] trainer: its fit is under way"):
        each.fit(X, Y, epochs=1, callbacks=[lambda record: nc.lr_finder(each, X, Y) and None])
