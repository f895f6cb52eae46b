"""Every public object × (copy, deepcopy, pickle, joblib): the state is kept, and what goes on ends with the same bits.
No object shows its address for a name."""

import copy
import inspect
import pickle
import re

import numpy as np
import pytest

import nncore as nc
from support.cases import SCHEMAS, examples, make

COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda given: pickle.loads(pickle.dumps(given)),
    "pickle, protocol 2": lambda given: pickle.loads(pickle.dumps(given, 2)),
}
copied = pytest.mark.parametrize("how", COPIES)


class Scale(nc.Layer):
    """A layer of one's own."""

    def __init__(self, n):
        self.weight, self.calls = self.add_parameter("weight", np.ones((1, n))), 0

    def forward(self, x, training):
        self.x, self.calls = x, self.calls + 1
        return x * self.weight.value

    def backward(self, dy):
        self.weight.grad += (dy * self.x).sum(axis=0, keepdims=True)
        return dy * self.weight.value


class Quadratic(nc.Loss):
    """A loss of one's own."""

    def forward(self, z, y):
        self.error = z - np.eye(2, dtype=z.dtype)[y]
        return (self.error**2).mean()

    def backward(self):
        return 2 * self.error / self.error.size


class Counting(nc.Callback):
    """A callback of one's own, which keeps its trainer."""

    def __init__(self, every=2):
        self.every, self.epochs = every, []

    def on_fit_begin(self, trainer):
        self.trainer = trainer

    def on_epoch_end(self, record):
        self.epochs.append(record["epoch"])


def halving(step):
    return 0.5 ** (step // 5)


def own_metric(y, z):
    return float((z.argmax(1) == y).mean())


RATES = {
    "number": lambda: 0.05,
    "by step": lambda: nc.ExponentialLR(0.05, 0.9, per="step"),
    "by epoch": lambda: nc.StepLR(0.05, 1, gamma=0.5),
    "plateau": lambda: nc.ReduceLROnPlateau(0.05, factor=0.5, patience=1),
    "function": lambda: nc.Schedule(0.05, halving),
    "set": lambda: 0.3,
}
X, Y = nc.datasets.make_moons(46, noise=0.3, seed=0)
OPTIMIZERS = [name for kind, name in SCHEMAS if kind == "optimizer"]


def trainer(optimizer="Adam", rate="number", *, own=False, **options):
    layers = [Scale(2)] if own else [nc.Identity()]
    net = nc.Sequential(
        *layers, nc.Linear(2, 6), nc.BatchNorm1d(6), nc.ReLU(), nc.Dropout(0.2), nc.Linear(6, 2), seed=1,
        input=nc.Normalize(0.1, 2.0),
    )  # fmt: skip
    loss = Quadratic() if own else nc.CrossEntropyLoss(label_smoothing=0.1)
    return nc.Trainer(net, loss, getattr(nc, optimizer)(lr=RATES[rate]()), **{"batch_size": 10, "seed": 3, **options})


def train(given, steps, **options):
    options = {"validation_data": (X, Y), "metrics": ["accuracy", own_metric], **options}
    return given.fit(X, Y, steps=steps, progress=False, **options)


def state_of(given):
    """Everything that a training depends on, but for seconds, as text and numbers that can be compared."""
    state = given.state_dict()
    state["progress"] = {**state["progress"], "seconds": 0}
    state["history"]["seconds"] = 0
    state["history"]["epochs"].pop("seconds")
    return repr(_plain(state))


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return (value.tolist(), str(value.dtype)) if isinstance(value, np.ndarray) else repr(value)


# ---- Trainers and optimizers ----------------------------------------------------------------------------------------


@copied
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_copied_trainer_goes_on_to_the_same_bits(optimizer, rate, how):
    original = trainer(optimizer, rate)
    train(original, 13)  # into the third epoch
    if rate == "set":
        original.optimizer.lr = 0.01
    other = COPIES[how](original)
    assert other is not original and other.model is not original.model and other.optimizer is not original.optimizer
    assert state_of(other) == state_of(original) and other.optimizer.lr == original.optimizer.lr
    assert other.options == original.options and repr(other) == repr(original)
    train(original, 12)
    assert other.history.n_steps == 13, "the copy does not see what the original does"
    train(other, 12)
    assert state_of(other) == state_of(original)
    assert other.evaluate(X, Y) == original.evaluate(X, Y)


@copied
@pytest.mark.parametrize("options", [{}, {"l2": 0.1, "clip_grad_norm": 0.5, "batch_size": None, "num_threads": 2}])
def test_a_trainer_with_parts_of_ones_own(how, options):
    original = trainer(own=True, **options)
    for steps in (0, 7):
        train(original, steps)
        other = COPIES[how](original)
        assert state_of(other) == state_of(original) and other.model[0].calls == original.model[0].calls
        np.testing.assert_array_equal(other.model.predict(X), original.model.predict(X))
    train(original, 6), train(other, 6)
    assert state_of(other) == state_of(original)


@copied
def test_a_trainer_copied_in_a_callback_has_the_epochs_so_far(how):
    original, found = trainer(), []
    train(original, 25, callbacks=[lambda record: found.append(COPIES[how](original))])
    assert [each.epoch for each in found] == [1, 2, 3, 4, 5]
    assert [len(each.history["loss"]) for each in found] == [1, 2, 3, 4, 5] and not found[0].fitting
    train(found[1], 15)
    assert state_of(found[1]) == state_of(original)


@copied
def test_a_trainer_with_callbacks_goes_on(how):
    original, stop = trainer(), nc.EarlyStopping("val_loss", patience=3)
    train(original, 15, callbacks=[stop])
    other, again = COPIES[how](original), nc.EarlyStopping("val_loss", patience=3)
    for each, own in ((original, stop), (other, again)):
        train(each, 500, callbacks=[own])
    assert (again.best, again.best_epoch, again.stopped_epoch) == (stop.best, stop.best_epoch, stop.stopped_epoch)
    np.testing.assert_array_equal(other.model.flat_parameters, original.model.flat_parameters)


def test_what_was_one_object_stays_one():
    original = trainer()
    train(original, 3)
    for how in ("deepcopy", "pickle"):
        other, net, optimizer = COPIES[how]([original, original.model, original.optimizer])
        assert other.model is net and other.optimizer is optimizer


class Noted(nc.Trainer):
    """A Trainer with attributes of its own."""


def test_a_subclass_and_attributes_of_ones_own():
    one = trainer()
    original = Noted(one.model, one.loss, one.optimizer)
    original.note = "mine"
    for make_copy in COPIES.values():
        copied = make_copy(original)
        assert type(copied) is Noted and copied.note == "mine"


@copied
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_copied_optimizer_goes_on_to_the_same_bits(optimizer, rate, how):
    original = trainer(optimizer, rate)
    assert COPIES[how](original.optimizer).lr == original.optimizer.lr
    train(original, 13)
    if rate == "set":
        original.optimizer.lr = 0.01
    other = COPIES[how](COPIES[how](original.optimizer))
    assert other.lr == original.optimizer.lr and repr(other) == repr(original.optimizer)
    assert repr(_plain(other.state_dict())) == repr(_plain(original.optimizer.state_dict()))
    net = original.model.copy()
    for model, own in ((original.model, original.optimizer), (net, other)):
        for step in range(3):
            model.zero_grad()
            _, dz = original.loss(model.forward(X, seed=step), Y)
            model.backward(dz)
            own.step(model)
    np.testing.assert_array_equal(net.flat_parameters, original.model.flat_parameters)
    assert other.lr == original.optimizer.lr


def test_a_rate_set_on_a_copy_counts():
    original = trainer(rate="by step")
    train(original, 7)
    other = copy.deepcopy(original.optimizer)
    other.lr = 0.7
    assert other.lr == 0.7
    nc.Trainer(original.model.copy(), nc.CrossEntropyLoss(), other)
    assert other.lr == 0.7 and original.optimizer.lr != 0.7


def test_joblib_and_processes(tmp_path):
    joblib = pytest.importorskip("joblib")
    original = trainer()
    train(original, 7)
    joblib.dump({"trainer": original, "opt": original.optimizer}, tmp_path / "both")
    other = joblib.load(tmp_path / "both")
    assert other["trainer"].optimizer is other["opt"] and state_of(other["trainer"]) == state_of(original)


# ---- Everything else ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """An object of each public class that holds results, after a fit that all callbacks watched."""
    pyplot = pytest.importorskip("matplotlib.pyplot")
    folder = tmp_path_factory.mktemp("fitted")
    original, monitor = trainer("Adam", "plateau"), nc.Monitor(every=4)
    stop, best = nc.EarlyStopping("val_loss"), nc.ModelCheckpoint(f"{folder}/best", "loss")
    log, board, count = nc.CSVLogger(f"{folder}/log.csv"), nc.TensorBoard(f"{folder}/runs", every=5), Counting()
    film = nc.Film(X, Y, every=2, resolution=20)
    history = train(original, 20, callbacks=[monitor, stop, best, log, board, count, film])
    net, x = original.model, nc.Input((2,))
    small = nc.Sequential(nc.Linear(2, 2), seed=0, dtype="float64")
    table = nc.sweep(
        lambda lr, seed: nc.Trainer(nc.mlp([2, 2], seed=seed), nc.CrossEntropyLoss(), nc.SGD(lr=lr)),
        {"lr": [0.1, 0.2]}, X, Y, epochs=1, progress=False,
    )  # fmt: skip
    yield {
        "Augment": nc.Augment(2, flip=False),
        "CSVLogger": log,
        "Callback": count,
        "EarlyStopping": stop,
        "Film": film,
        "Graph": nc.Graph(x, nc.ReLU()(nc.Linear(2, 2)(x)), seed=0),
        "GradientFlow": nc.gradient_flow(net, nc.CrossEntropyLoss(), X, Y),
        "GradientReport": nc.gradcheck(small, nc.CrossEntropyLoss(), X[:5], Y[:5]),
        "History": history,
        "LambdaCallback": nc.LambdaCallback(on_epoch_end=own_metric),
        "Loss": Quadratic(),
        "Layer": Scale(3),
        "ModelCheckpoint": best,
        "Monitor": monitor,
        "Normalize": net.input,
        "OptimizeResult": nc.minimize("quadratic", [1.0, 1.0], nc.Adam(lr=0.1), 5),
        "Parameter": net.parameters()[0],
        "Perceptron": nc.Perceptron().fit(X, 2 * Y - 1),
        "Schedule": nc.Schedule(0.1, halving),
        "Sequential": net,
        "Summary": net.summary(2),
        "SweepTable": table,
        "TensorBoard": board,
        "Trainer": original,
        "observation": monitor.records[0],
        "info": nc.info(),
        "boundary": nc.plot.decision_boundary(net, X, Y),
        "curves": nc.plot.history(history),
    }
    pyplot.close("all")


NAMES = [
    "Augment", "CSVLogger", "Callback", "EarlyStopping", "Film", "Graph", "GradientFlow", "GradientReport", "History",
    "LambdaCallback", "Layer", "Loss", "ModelCheckpoint", "Monitor", "Normalize", "OptimizeResult", "Parameter",
    "Perceptron", "Schedule", "Sequential", "Summary", "SweepTable", "TensorBoard", "Trainer", "observation", "info",
]  # fmt: skip
PICTURES = ["boundary", "curves"]
#: Tried in other tests: optimizers, pieces of a Graph, and what needs a notebook.
ELSEWHERE = {"Optimizer", "Input", "Symbol", "LivePlot"}


def public_classes():
    found = {name for name in nc.__all__ if inspect.isclass(getattr(nc, name))}
    found -= {name for name in found if issubclass(getattr(nc, name), BaseException)}
    return found - {name for _, name in SCHEMAS if name != "Schedule"}


def test_every_public_class_is_tried():
    bases = {name for name in public_classes() if getattr(nc, name).__subclasses__() and name not in NAMES}
    assert public_classes() - set(NAMES) - bases == ELSEWHERE - bases


def numbers_in(given):
    """All numbers and texts that an object holds, found through its attributes."""
    if isinstance(given, (np.ndarray, np.generic)):
        return given.tolist()
    if isinstance(given, (str, int, float, bool, type(None))):
        return repr(given)
    if isinstance(given, dict):
        return {repr(key): numbers_in(value) for key, value in given.items()}
    if isinstance(given, (list, tuple)):
        return [numbers_in(item) for item in given]
    return repr(given)


def visible(given):
    """The public attributes of an object, and its own numbers."""
    names = [name for name in dir(given) if not name.startswith("_") and name not in ("model", "trainer", "history")]
    found = {}
    for name in names:
        try:
            value = getattr(given, name)
        except (nc.StateError, AttributeError):
            continue
        if not callable(value):
            found[name] = numbers_in(value)
    return repr(found)


@copied
@pytest.mark.parametrize("name", NAMES)
def test_every_object_keeps_what_it_shows(name, how, fitted):
    given = fitted[name]
    other = COPIES[how](given)
    assert type(other) is type(given) and repr(other) == repr(given) and visible(other) == visible(given)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_can_be_pickled(name, fitted):
    other = pickle.loads(pickle.dumps(fitted[name]))
    assert repr(other) == repr(fitted[name]) and len(other.figure_.axes) == len(fitted[name].figure_.axes)


@copied
@pytest.mark.parametrize("kind", ["layer", "loss", "optimizer", "schedule", "initializer", "objective"])
def test_everything_registered(kind, how):
    for case in examples(kind):
        name, args = case.values[0], case.values[1]
        if name == "Schedule":  # the example's function is a compiled one; `fitted` has one of Python's
            continue
        given = make(kind, name, args) if kind != "objective" else nc.objectives.get(name)
        other = COPIES[how](given)
        assert type(other) is type(given) and repr(other) == repr(given)
        assert numbers_in(other.config) == numbers_in(given.config)


@copied
@pytest.mark.parametrize("name", ["Input", "Symbol"])
def test_pieces_of_a_graph_say_what_to_copy(name, how):
    x = nc.Input((2,))
    with pytest.raises(nc.ConfigError, match="copies and pickles: expected a Graph"):
        COPIES[how](x if name == "Input" else nc.Linear(2, 2)(x))


@pytest.mark.parametrize("name", NAMES + PICTURES)
def test_no_object_shows_an_address(name, fitted):
    given = fitted[name]
    shown = [repr(given), str(given), getattr(given, "_repr_html_", str)()]
    assert not any(re.search(r"0x[0-9a-f]{6,}|object at", text) for text in shown), shown


def test_callbacks_show_their_settings():
    assert repr(nc.EarlyStopping()) == "EarlyStopping(monitor='val_loss', patience=10)"
    assert repr(nc.EarlyStopping("val_f1", 3, 0.1, False, "max")) == (
        "EarlyStopping(monitor='val_f1', patience=3, min_delta=0.1, restore_best=False, mode='max')"
    )
    assert repr(nc.ModelCheckpoint("net")) == "ModelCheckpoint('net')"
    assert repr(nc.ModelCheckpoint("net", "val_loss", initial_best=0.5)) == (
        "ModelCheckpoint('net', monitor='val_loss', initial_best=0.5)"
    )
    assert repr(nc.CSVLogger("log.csv")) == "CSVLogger(path='log.csv')"
    assert repr(nc.LambdaCallback(on_fit_end=halving)) == "LambdaCallback(on_fit_end=halving)"
    assert repr(nc.Callback()) == "Callback()" and repr(Counting(3)) == "Counting(every=3)"
    assert repr(Quadratic()) == "Quadratic()" and repr(nc.CrossEntropyLoss()) == "CrossEntropyLoss()"
