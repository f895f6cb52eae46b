"""Every public object × (copy, deepcopy, pickle): the state is kept. No object shows its address for a name."""

import inspect
import pickle
import re

import numpy as np
import pytest

import nncore as nc
from support.cases import SCHEMAS, examples, make
from support.copies import COPIES, Counting, Quadratic, Scale, X, Y, copied, halving, own_metric, train, trainer


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
        "LRFinderResult": nc.lr_finder(original, X, Y, steps=5),
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
    "LRFinderResult", "LambdaCallback", "Layer", "Loss", "ModelCheckpoint", "Monitor", "Normalize", "OptimizeResult",
    "Parameter", "Perceptron", "Schedule", "Sequential", "Summary", "SweepTable", "TensorBoard", "Trainer",
    "observation", "info",
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
@pytest.mark.parametrize("make_layer", [lambda: nc.Dropout(0.5), lambda: nc.Residual(nc.Dropout(0.5))])
def test_random_numbers_of_a_layer_go_on(make_layer, how):
    layer, x = make_layer(), np.ones((4, 30))
    first = layer.forward(x)
    other = COPIES[how](layer)
    second = layer.forward(x)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(other.forward(x), second)


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
