"""Every public class: an attribute that it does not have is an AttributeError, to set and to read, with what to do."""

import inspect
import types

import numpy as np
import pytest

import nncore as nc
from support.cases import SCHEMAS, class_of

MODULES = (nc, nc.callbacks, nc.datasets, nc.functional, nc.init, nc.layers, nc.losses, nc.objectives, nc.optim)
MODULES = (*MODULES, nc.plot, nc.schedules)
X, Y = nc.datasets.make_moons(40, noise=0.1, seed=0)


def classes():
    """The public classes that are not made from the registry, and not errors."""
    found = {getattr(module, name) for module in MODULES for name in module.__all__}
    registered = {class_of(kind, name) for kind, name in SCHEMAS}
    bases = {
        nc.callbacks.Fit,
        nc.Layer,
        nc.Loss,
        nc.optim.Optimizer,
        nc.init.Initializer,
        nc.objectives.Objective,
        nc.plot.Display,
    }
    return sorted(
        (
            cls
            for cls in found
            if inspect.isclass(cls) and not issubclass(cls, Exception) and cls not in registered | bases
        ),
        key=lambda cls: cls.__name__,
    )


def net():
    return nc.Sequential(nc.Linear(2, 8), nc.ReLU(), nc.Linear(8, 2), seed=0)


def trainer():
    return nc.Trainer(net(), nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=10)


def graph():
    x = nc.Input(2)
    return nc.Graph(x, nc.Linear(2, 2)(x), seed=0)


def swept():
    def build(lr, seed):
        return nc.Trainer(net(), nc.CrossEntropyLoss(), nc.SGD(lr=lr))

    return nc.sweep(build, {"lr": [0.1, 0.2]}, X, Y, epochs=1, progress=False)


def observation():
    monitor = nc.Monitor(every=1)
    trainer().fit(X, Y, epochs=1, callbacks=[monitor], progress=False)
    return monitor.records[0]


#: How an object of each class is made. Results that have no public name are here, too.
MADE = {
    "Augment": nc.Augment,
    "CSVLogger": lambda: nc.CSVLogger("x.csv"),
    "Callback": nc.Callback,
    "EarlyStopping": nc.EarlyStopping,
    "Film": lambda: nc.Film(X, Y),
    "GradientFlow": lambda: nc.gradient_flow(net(), nc.CrossEntropyLoss(), X, Y),
    "GradientReport": lambda: nc.gradcheck(net(), nc.CrossEntropyLoss(), X, Y),
    "Graph": graph,
    "History": lambda: trainer().fit(X, Y, epochs=1, progress=False),
    "Input": lambda: nc.Input(3),
    "LRFinderResult": lambda: nc.lr_finder(trainer(), X, Y, steps=5),
    "LambdaCallback": nc.LambdaCallback,
    "LivePlot": nc.LivePlot,
    "ModelCheckpoint": lambda: nc.ModelCheckpoint("x.safetensors"),
    "Monitor": nc.Monitor,
    "Normalize": nc.Normalize,
    "OptimizeResult": lambda: nc.minimize("quadratic", [1.0, 1.0], nc.SGD(lr=0.1), 2),
    "Parameter": lambda: net().parameters()[0],
    "Perceptron": nc.Perceptron,
    "Sequential": net,
    "SweepTable": swept,
    "Symbol": lambda: nc.Linear(3, 2)(nc.Input(3)),
    "TensorBoard": lambda: nc.TensorBoard("runs"),
    "Trainer": trainer,
    "Info": nc.info,
    "Observation": observation,
    "Summary": lambda: net().summary(),
}


def made(name):
    if name in ("Film", "LivePlot"):
        pytest.importorskip("matplotlib")
    return MADE[name]()


def test_the_list_above_has_every_class():
    displays = {cls for cls in classes() if issubclass(cls, nc.plot.Display)}
    unknown = [cls.__name__ for cls in classes() if cls not in displays and cls.__name__ not in MADE]
    assert unknown == []


@pytest.mark.parametrize("name", MADE)
def test_a_name_that_nothing_reads_is_refused(name):
    given = made(name)
    before = repr(given)
    for wrong in ("foo", "batchsize", "requires_gradd"):
        with pytest.raises(AttributeError, match=wrong):
            setattr(given, wrong, 1)
        with pytest.raises(AttributeError, match=wrong):
            getattr(given, wrong)
        assert not hasattr(given, wrong) and repr(given) == before


@pytest.mark.parametrize("name", MADE)
def test_methods_and_what_is_to_read_alone_are_refused(name):
    given = made(name)
    for attribute in dir(type(given)):
        if attribute[:1] == "_" or given.__class__.__module__ == "builtins":
            continue
        kind = inspect.getattr_static(type(given), attribute)
        own = not isinstance(kind, (types.MethodDescriptorType, types.BuiltinFunctionType))
        read_only = isinstance(kind, property) and kind.fset is None
        method = inspect.isfunction(kind) and own and not attribute.startswith("on_")
        if read_only or (method and not isinstance(given, nc.Trainer)):  # a Trainer's may be replaced
            with pytest.raises(AttributeError):
                setattr(given, attribute, 1)


@pytest.mark.parametrize("name", MADE)
def test_what_can_be_set_reads_back(name):
    given = made(name)
    for attribute in dir(type(given)):
        kind = inspect.getattr_static(type(given), attribute)
        if attribute[:1] != "_" and hasattr(kind, "__set__") and not (isinstance(kind, property) and kind.fset is None):
            value = getattr(given, attribute)
            try:
                setattr(given, attribute, value)
            except AttributeError:  # dataclasses that are frozen, arrays without a setter
                continue
            assert np.all(getattr(given, attribute) == value), attribute


@pytest.mark.parametrize(
    ("name", "attribute", "advice"),
    [
        ("Trainer", "batchsize", "did you mean batch_size"),
        ("Trainer", "lr", "trainer.optimizer.lr"),
        ("Trainer", "epochs", "an argument of fit"),
        ("Trainer", "model", "make a new Trainer"),
        ("Sequential", "inputs", "did you mean input"),
        ("Sequential", "layers", r"net\[0\]"),
        ("Sequential", "dtype", r"net.to\(dtype\)"),
        ("Sequential", "seed", r"net.initialize\(seed\)"),
        ("Parameter", "data", r"\.value"),
        ("Parameter", "valeu", "did you mean value"),
        ("Normalize", "mean", "assign net.input"),
        ("Augment", "flip", "assign trainer.augment"),
        ("EarlyStopping", "patiance", "did you mean patience"),
        ("Perceptron", "epochs", "did you mean .*max_epochs"),
    ],
)
def test_the_error_says_what_to_do(name, attribute, advice):
    with pytest.raises(AttributeError, match=rf"\[{name}\] {attribute}: .*{advice}"):
        setattr(made(name), attribute, 1)


@pytest.mark.parametrize("base", [nc.Callback, nc.Sequential, nc.Perceptron, nc.EarlyStopping, nc.Layer, nc.Loss])
def test_subclasses_of_users_set_what_they_like(base):
    class Own(base):
        def forward(self, *given):
            return given[0]

    own = Own()
    own.whatever = 3
    assert own.whatever == 3
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = own.nothing_here


def test_a_method_of_a_callback_may_be_replaced():
    seen = []
    callback = nc.Callback()
    callback.on_epoch_end = lambda record: seen.append(record["epoch"])
    trainer().fit(X, Y, epochs=2, callbacks=[callback], progress=False)
    assert seen == [1, 2]
