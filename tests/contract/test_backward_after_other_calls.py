"""forward, another call, backward: the gradient of that forward, or a StateError that names forward.

Calls that predict or look leave what backward needs alone, as in PyTorch; after those that change parameters, backward
is refused. Every registered layer meets every call, with more samples than the forward had and with fewer.
"""

import copy
import pickle
import threading

import numpy as np
import pytest

import nncore as nc
from support.cases import examples, make, sample_input

N = 8
SEED = 11  # of the masks


def with_a_head(*layers, sample):
    """A net of two outputs that begins with these layers."""
    outputs = nc.Sequential(*layers, dtype="float64")(np.ones((1, *sample))).size
    return nc.Sequential(*layers, nc.Flatten(), nc.Linear(outputs, 2), dtype="float64", seed=3)


def shared():
    layer = nc.Linear(3, 3)
    return [layer, nc.LayerNorm(3), layer, nc.Softmax()]


NETS = {
    "blocked convolutions": (lambda: [nc.Conv2d(3, 16, 3, padding=1), nc.BatchNorm2d(16), nc.ReLU(), nc.MaxPool2d(2),
                                      nc.Conv2d(16, 16, 3, padding=1), nc.BatchNorm2d(16), nc.GELU(),
                                      nc.GlobalAvgPool2d()], (3, 12, 12)),
    "residual": (lambda: [nc.BatchNorm1d(3), nc.Residual(nc.Linear(3, 5), nc.LayerNorm(5), nc.Linear(5, 3))], (3,)),
    "a layer in two places": (shared, (3,)),
}  # fmt: skip


class Case:
    """A net after a forward, and the gradient that belongs to it."""

    def __init__(self, layers, sample, n):
        rng = np.random.default_rng(0)
        self.net = with_a_head(*layers, sample=sample)
        self.loss, self.optimizer = nc.CrossEntropyLoss(), nc.SGD(lr=0.1)
        self.trainer = nc.Trainer(self.net, self.loss, self.optimizer, batch_size=n)
        self.x, self.X = sample_input(rng, (N, *sample)), sample_input(rng, (n, *sample))
        self.y = np.arange(n) % 2
        self.dy = rng.normal(size=(N, 2))
        self.forward()
        self.right = self.gradient()
        self.forward()

    def forward(self):
        self.net.forward(self.x, seed=SEED)

    def gradient(self):
        self.net.zero_grad()
        dx = self.net.backward(self.dy)
        return np.concatenate([dx.ravel(), *(p.grad.ravel() for p in self.net.parameters())])


def in_another_thread(case):
    thread = threading.Thread(target=case.net, args=(case.X,))
    thread.start()
    thread.join()


def change_in_place(case):
    for p in case.net.parameters():
        p.value[...] = 2 * p.value + 1


def assign_gradients(case):
    for p in case.net.parameters():
        p.grad = np.ones(p.shape)


def refused_shape(case):
    with pytest.raises(ValueError):
        case.net(np.ones((2, 11, 1, 13, 1)))


def refused_value(case):
    with pytest.raises(nc.ShapeError):
        case.net.parameters()[0].value = np.ones((99, 98))


def step_of_another_model(case):
    """That trains the last layer."""
    other = nc.Sequential(case.net[len(case.net) - 1], dtype="float64")
    inputs = case.net[len(case.net) - 1].parameters()[0].shape[1]
    nc.Trainer(other, nc.CrossEntropyLoss(), nc.SGD(lr=0.1)).step(np.ones((4, inputs)), np.arange(4) % 2)


def fit_that_fails(case):
    def fail(record):
        raise KeyError

    with pytest.raises(KeyError):
        case.trainer.fit(case.X, case.y, epochs=3, callbacks=[fail], progress=False)


LEAVE_IT = {
    "nothing": lambda c: None,
    "call": lambda c: c.net(c.X),
    "forward in inference": lambda c: c.net.forward(c.X, training=False),
    "predict": lambda c: c.net.predict(c.X),
    "predict_proba": lambda c: c.net.predict_proba(c.X),
    "activations": lambda c: c.net.activations(c.X),
    "evaluate": lambda c: c.trainer.evaluate(c.X, c.y),
    "summary": lambda c: c.net.summary(c.X.shape[1:]),
    "state_dict": lambda c: c.net.state_dict(),
    "copy": lambda c: c.net.copy().forward(c.X),
    "deepcopy": lambda c: copy.deepcopy(c.net)(c.X),
    "pickle": lambda c: pickle.loads(pickle.dumps(c.net)).forward(c.X),
    "gradcheck": lambda c: c.X.size > 50 or nc.gradcheck(c.net, c.loss, c.X, c.y),
    "gradient_flow": lambda c: nc.gradient_flow(c.net, c.loss, c.X, c.y),
    "loss": lambda c: c.loss(c.net(c.X), c.y),
    "slice": lambda c: c.net[:1](c.X),
    "slice's forward": lambda c: c.net[:1].forward(c.X),
    "layer": lambda c: c.net[0](c.X),
    "layer's forward": lambda c: c.net[0].forward(c.X),
    "another thread": in_another_thread,
    "zero_grad": lambda c: c.net.zero_grad(),
    "gradients assigned": assign_gradients,
    "a shape that is refused": refused_shape,
    "a value that is refused": refused_value,
    "lr": lambda c: setattr(c.optimizer, "lr", 0.2),
    "values in place": change_in_place,  # the last: no later forward has these values
}

CHANGE = {
    "Trainer.step": lambda c: c.trainer.step(c.X, c.y),
    "fit": lambda c: c.trainer.fit(c.X, c.y, epochs=2, progress=False),
    "fit that predicts": lambda c: c.trainer.fit(
        c.X, c.y, epochs=1, validation_data=(c.X, c.y), callbacks=[lambda r: c.net(c.X) is None or None], progress=False
    ),
    "fit with a Monitor": lambda c: c.trainer.fit(
        c.X, c.y, epochs=1, callbacks=[nc.Monitor(every=1)], progress=False
    ),
    "fit that fails": fit_that_fails,
    "another model's step": step_of_another_model,
    "optimizer.step": lambda c: c.optimizer.step(c.net),
    "load_state_dict": lambda c: c.net.load_state_dict(c.net.state_dict()),
    "Trainer.load_state_dict": lambda c: c.trainer.load_state_dict(c.trainer.state_dict()),
    "initialize": lambda c: c.net.initialize(4),
    "value": lambda c: setattr(c.net.parameters()[0], "value", c.net.parameters()[0].value + 1),
    "to": lambda c: c.net.to("float32").to("float64"),
}  # fmt: skip


def of_example(name, args, sample):
    return lambda: [make("layer", name, args)], sample


CASES = [pytest.param(*of_example(*example.values), id=example.id) for example in examples("layer")]
CASES += [pytest.param(layers, sample, id=name) for name, (layers, sample) in NETS.items()]


@pytest.mark.parametrize(("layers", "sample"), CASES)
@pytest.mark.parametrize("n", [3, 20])
def test_calls_that_change_nothing_leave_the_gradient(layers, sample, n):
    case = Case(layers(), sample, n)
    for name, call in LEAVE_IT.items():
        call(case)
        np.testing.assert_array_equal(case.gradient(), case.right, err_msg=name)
        case.forward()


@pytest.mark.parametrize(("layers", "sample"), CASES)
@pytest.mark.parametrize("n", [3, 20])
def test_calls_that_change_parameters_ask_for_a_new_forward(layers, sample, n):
    case = Case(layers(), sample, n)
    for name, call in CHANGE.items():
        call(case)
        with pytest.raises(nc.StateError, match=r"^\[Sequential\] backward needs a forward\(x, training=True\)"):
            pytest.fail(f"{name}: {case.net.backward(case.dy)}")
        case.forward()
        found, other = case.gradient(), copy.copy(case)
        other.net = case.net.copy()
        other.forward()
        np.testing.assert_array_equal(found, other.gradient(), err_msg=name)
        case.forward()


def test_between_two_epochs_backward_needs_a_forward_of_its_own():
    case, seen = Case([nc.BatchNorm1d(3)], (3,), 8), []

    def look(record):
        if record["epoch"] == 2:
            with pytest.raises(nc.StateError, match="needs a forward"):
                case.net.backward(case.dy)
        case.forward()
        other = copy.copy(case)
        other.net = case.net.copy()
        other.forward()
        np.testing.assert_array_equal(case.gradient(), other.gradient())
        case.forward()
        seen.append(record["epoch"])

    case.trainer.fit(case.X, case.y, epochs=2, callbacks=[look], progress=False)
    assert seen == [1, 2]


def test_without_a_forward_backward_says_what_it_needs():
    for net in (nc.Sequential(nc.Linear(2, 2)), nc.Linear(2, 2)):
        net(np.ones((3, 2)))
        with pytest.raises(nc.StateError, match=r"needs a forward\(x, training=True\) before it; net\(x\) keeps"):
            net.backward(np.ones((3, 2)))
