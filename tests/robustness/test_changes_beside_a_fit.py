"""Every public method beside a fit in another thread: refused with the name of the fit, or the right answer.

The fit stands still in the middle of a step or in a callback while the main thread tries; what it then comes to has the
bits of a fit that nobody disturbed.
"""

import copy
import functools
import pickle
import threading

import numpy as np
import pytest

import nncore as nc
from nncore.optim._optimizer import fresh

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 5)), RNG.normal(size=(24, 2))
STEPS = 12  # three an epoch


class Scale(nc.Layer):
    def __init__(self):
        self.w = self.add_parameter("w", np.full((1, 6), 1.5))

    def forward(self, x, training):
        self.x = x
        return x * self.w.value

    def backward(self, dy):
        self.w.grad += (dy * self.x).sum(axis=0, keepdims=True)
        return dy * self.w.value


class Stops(nc.Loss):
    """Half the mean squared distance; stands still in its `at`-th value until it may go on."""

    link = "identity"

    def __init__(self, at):
        self.at, self.arrived, self.go = at, threading.Event(), threading.Event()

    def forward(self, z, y):
        self.at -= 1
        if self.at == 0:
            self.arrived.set()
            assert self.go.wait(60)
        self.error = z - y
        return 0.5 * (self.error**2).mean()

    def backward(self):
        return self.error / self.error.size


class Fit:
    """A training; `where` is "step", "callback", or None: it does not stop."""

    def __init__(self, where):
        layers = {
            "first": nc.Linear(5, 6),
            "norm": nc.BatchNorm1d(6),
            "own": Scale(),
            "drop": nc.Dropout(0.2),
            "last": nc.Linear(6, 2),
        }
        self.net = nc.Sequential(layers, seed=0)
        self.loss, self.where = Stops(5 if where == "step" else 0), where
        self.optimizer = nc.Adam(lr=0.01)
        self.trainer = nc.Trainer(self.net, self.loss, self.optimizer, batch_size=8, seed=1)
        self.errors = []
        self.states = [copy.deepcopy(part.state_dict()) for part in (self.net, self.trainer)]
        self.optimizer_state = self.optimizer.state_dict()

    def run(self):
        try:
            self.trainer.fit(X, Y, steps=STEPS, metrics=(), callbacks=[self.epoch_done], progress=False)
        except BaseException as error:
            self.errors.append(error)
            self.loss.arrived.set()

    def epoch_done(self, record):
        if self.where == "callback" and record["epoch"] == 2:
            self.loss.arrived.set()
            assert self.loss.go.wait(60)

    def bits(self):
        state = self.trainer.state_dict()
        arrays = [a.tobytes() for own in state["optimizer"].pop("state").values() for a in own.values()]
        model = [a.tobytes() for a in state["model"].values()]
        progress = {**state["progress"], "seconds": 0, "calls": 0}
        return (
            model,
            arrays,
            state["optimizer"],
            progress,
            state["history"]["steps"]["loss"].tolist(),
            self.net.dtype,
            len(self.net),
        )


@functools.cache
def undisturbed():
    fit = Fit(None)
    fit.run()
    assert not fit.errors
    return fit.bits()


def set_value(parameter):
    parameter.value = np.zeros(parameter.shape)


def set_grad(parameter):
    parameter.grad = np.zeros(parameter.shape)


def set_rate(fit):
    fit.optimizer.lr = 0.5


def other(fit):
    """A model of its own with one layer of the fit's."""
    return nc.Sequential(nc.Linear(3, 5), fit.net["first"], seed=0)


REFUSED = {
    "call": lambda f: f.net(X),
    "forward": lambda f: f.net.forward(X),
    "inference": lambda f: f.net.forward(X, training=False),
    "backward": lambda f: f.net.backward(np.ones((24, 2))),
    "predict": lambda f: f.net.predict(X),
    "predict_proba": lambda f: f.net.predict_proba(X),
    "activations": lambda f: f.net.activations(X),
    "summary": lambda f: f.net.summary(),
    "summary of a shape": lambda f: f.net.summary(5),
    "zero_grad": lambda f: f.net.zero_grad(),
    "initialize": lambda f: f.net.initialize(3),
    "append": lambda f: f.net.append(nc.Linear(2, 2)),
    "to": lambda f: f.net.to("float64"),
    "state_dict": lambda f: f.net.state_dict(),
    "load_state_dict": lambda f: f.net.load_state_dict(f.states[0]),
    "copy": lambda f: f.net.copy(),
    "deepcopy": lambda f: copy.deepcopy(f.net),
    "pickle": lambda f: pickle.dumps(f.net),
    "save": lambda f: f.net.save("never-written"),
    "value": lambda f: set_value(f.net.parameters()[0]),
    "grad": lambda f: set_grad(f.net.parameters()[0]),
    "a part": lambda f: f.net[:2](X),
    "a layer": lambda f: f.net["first"](X),
    "a layer's forward": lambda f: f.net["norm"].forward(np.ones((4, 6))),
    "a layer's backward": lambda f: f.net["first"].backward(np.ones((4, 6))),
    "a layer's zero_grad": lambda f: f.net["first"].zero_grad(),
    "a layer's value": lambda f: set_value(f.net["last"].parameters()[1]),
    "a layer's pickle": lambda f: pickle.dumps(f.net["norm"]),
    "a layer's deepcopy": lambda f: copy.deepcopy(f.net["first"]),
    "a layer in Python": lambda f: f.net["own"](np.ones((4, 6))),
    "a value in Python": lambda f: set_value(f.net["own"].w),
    "a grad in Python": lambda f: set_grad(f.net["own"].w),
    "a copy in Python": lambda f: copy.copy(f.net["own"]),
    "another model": lambda f: other(f)(np.ones((4, 3))),
    "another model's fit": lambda f: nc.Trainer(other(f), nc.MSELoss(), nc.SGD()).fit(
        np.ones((4, 3)), np.ones((4, 6)), 1
    ),
    "another model's initialize": lambda f: other(f).initialize(0),
    "lr": set_rate,
    "optimizer's step": lambda f: f.optimizer.step(f.net),
    "optimizer's state_dict": lambda f: f.optimizer.state_dict(),
    "optimizer's load_state_dict": lambda f: f.optimizer.load_state_dict(f.optimizer_state),
    "fit": lambda f: f.trainer.fit(
        X, Y, 1, callbacks=[nc.callbacks.LambdaCallback(on_fit_begin=lambda t: t.model.zero_grad())]
    ),
    "step": lambda f: f.trainer.step(X, Y),
    "evaluate": lambda f: f.trainer.evaluate(X, Y),
    "trainer's state_dict": lambda f: f.trainer.state_dict(),
    "trainer's load_state_dict": lambda f: f.trainer.load_state_dict(f.states[1]),
    "trainer's save": lambda f: f.trainer.save("never-written"),
    "epoch": lambda f: f.trainer.epoch,
    "history": lambda f: f.trainer.history,
    "another trainer": lambda f: nc.Trainer(f.net, nc.MSELoss(), nc.SGD()).fit(X, Y, 1),
    "gradcheck": lambda f: nc.gradcheck(f.net, nc.MSELoss(), X, Y),
    "gradcheck of a layer": lambda f: nc.gradcheck(f.net["first"], nc.MSELoss(), X, np.ones((24, 6))),
    "gradient_flow": lambda f: nc.gradient_flow(f.net, nc.MSELoss(), X, Y),
}

ANSWERED = {
    "repr": (lambda f: [repr(part) for part in (f.net, f.optimizer, f.trainer, f.net["own"])], None),
    "html": (lambda f: [part._repr_html_() for part in (f.net, f.optimizer)], None),
    "len": (lambda f: len(f.net), 5),
    "config": (lambda f: f.net["first"].config, {"in_features": 5, "out_features": 6}),
    "lr": (lambda f: f.optimizer.lr, 0.01),
    "names": (lambda f: [p.name for p in f.net.parameters()][:2], ["first.weight", "first.bias"]),
    "dtype": (lambda f: f.net.dtype, "float32"),
    "views": (lambda f: f.net.flat_parameters.shape, (68,)),
    "a new trainer": (lambda f: repr(nc.Trainer(f.net, nc.MSELoss(), nc.SGD()).loss), "MSELoss()"),
    "a new optimizer": (lambda f: fresh(f.optimizer).lr, 0.01),
}


def beside(fit, act):
    """act(fit) while the fit stands still in another thread."""
    thread = threading.Thread(target=fit.run)
    thread.start()
    try:
        assert fit.loss.arrived.wait(60) and not fit.errors
        return act(fit)
    finally:
        fit.loss.go.set()
        thread.join(60)
        assert not fit.errors, fit.errors
        assert fit.bits() == undisturbed()


@pytest.mark.parametrize("where", ["step", "callback"])
@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_the_name_of_the_fit_which_goes_on_to_the_same_bits(what, where, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit = Fit(where)
    with pytest.raises(nc.StateError, match=r"^\[\w+\] \w+: the model is in use by another thread \(Trainer\.fit\)"):
        beside(fit, REFUSED[what])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("where", ["step", "callback"])
@pytest.mark.parametrize("what", ANSWERED)
def test_answered_beside_a_fit(what, where):
    ask, expected = ANSWERED[what]
    fit = Fit(where)
    fresh = ask(fit) if expected is None else expected
    found = beside(fit, ask)
    assert found == fresh or (expected is None and len(found) == len(fresh))


def test_the_callbacks_own_thread_may_do_what_others_may_not():
    fit, seen = Fit(None), []

    def change(record):
        for what in (
            "call",
            "state_dict",
            "copy",
            "pickle",
            "zero_grad",
            "evaluate",
            "history",
            "gradcheck",
            "summary of a shape",
        ):
            seen.append(REFUSED[what](fit))
        fit.optimizer.lr = fit.optimizer.lr / 2
        fit.net.load_state_dict(fit.net.state_dict())

    fit.trainer.fit(X, Y, epochs=2, metrics=(), callbacks=[change])
    assert len(seen) == 18 and fit.optimizer.lr == 0.0025


def test_two_threads_may_read_the_same_parameters():
    """Inference of a part and copies, while another thread is in the middle of inference."""

    class Waits(nc.Layer):
        def __init__(self):
            self.arrived, self.go = threading.Event(), threading.Event()

        def forward(self, x, training):
            self.arrived.set()
            assert self.go.wait(60)
            return x

    first, waits = nc.Linear(3, 2, bias=False), Waits()
    net, part, found = nc.Sequential(first, waits, seed=0), nc.Sequential(first), []
    expected = part(np.eye(3)).tobytes()
    thread = threading.Thread(target=lambda: found.append(net(np.eye(3)).tobytes()))
    thread.start()
    try:
        assert waits.arrived.wait(60)
        assert part(np.eye(3)).tobytes() == expected
        np.testing.assert_array_equal(net.state_dict()["0.weight"].T, part(np.eye(3)))
        for change in (part.zero_grad, lambda: part.initialize(1), lambda: set_value(first.parameters()[0])):
            with pytest.raises(nc.StateError, match=r"in use by another thread \(Sequential.forward\)"):
                change()
    finally:
        waits.go.set()
        thread.join(60)
    assert found == [expected]


def test_one_loss_in_python_serves_two_threads_in_turn():
    asked, entered = threading.Event(), threading.Event()
    results = {}

    class Squares(nc.Loss):
        def forward(self, z, y):
            self.error = z - y
            if threading.current_thread() is other_thread:
                entered.set()
            else:
                other_thread.start()
                assert asked.wait(60)
                entered.wait(0.3)  # it does not come
            return (self.error**2).sum()

        def backward(self):
            return 2 * self.error

    def ask():
        asked.set()
        results["other"] = loss(np.full((3, 1), 5.0), np.zeros((3, 1)))

    loss = Squares()
    other_thread = threading.Thread(target=ask)
    value, dz = loss(np.ones((2, 1)), np.zeros((2, 1)))
    other_thread.join(60)
    assert (value, dz.tolist()) == (2.0, [[2.0], [2.0]])
    assert results["other"][0] == 75.0 and results["other"][1].tolist() == [[10.0]] * 3
