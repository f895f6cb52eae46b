"""Misspelt names and arguments: every public module, class and function says which are near."""

import inspect

import numpy as np
import pytest

import nncore as nc

MODULES = [nc, *(getattr(nc, name) for name in dir(nc) if name[:1] != "_" and inspect.ismodule(getattr(nc, name)))]
MODULES = [module for module in MODULES if hasattr(module, "__all__") and module is not nc.errors]  # it imports nothing
CALLS = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in MODULES
    for name in module.__all__
    if callable(getattr(module, name))
}


def misspelt(name):
    """The name without its last but one letter, which no public name is."""
    return name[:-2] + name[-1] if len(name) > 3 else name + "x"


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_a_misspelt_name_of_a_module(module):
    known = [name for name in module.__all__ if name[:1] != "_"]
    for name in known:
        wrong = misspelt(name)
        if wrong in known:
            continue
        with pytest.raises(AttributeError, match=rf"has no attribute '{wrong}' \(.*\b{name}\b"):
            getattr(module, wrong)
    assert not hasattr(module, "__wrapped__")  # tools ask for it


def wraps_keywords(call):
    """Whether its own signature tells all of its keywords."""
    try:
        parameters = inspect.signature(call).parameters.values()
    except ValueError:
        return False
    return bool(parameters) and all(each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL) for each in parameters)


# Classes whose objects users get, and do not make.
RESULTS = {nc.OptimizeResult, nc.SweepTable}
NOT_MADE = (Exception, nc.plot.Display)
NAMED = {
    name: call
    for name, call in CALLS.items()
    if wraps_keywords(call) and call not in RESULTS and not (inspect.isclass(call) and issubclass(call, NOT_MADE))
}


@pytest.mark.parametrize("name", NAMED)
def test_a_misspelt_argument(name):
    call = NAMED[name]
    keyword = list(inspect.signature(call).parameters)
    wrong = keyword[-1] + "x"
    with pytest.raises(TypeError, match=rf"unexpected keyword argument '{wrong}' \(.*{keyword[-1]}"):
        call(**{wrong: 1})


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda net: nc.Relu, r"\(did you mean ReLU\?\)"),
        (lambda net: nc.Dense, r"\(nc.Linear\("),
        (lambda net: nc.datasets.make_moons(n_samples=10), r"\(did you mean n\?\)"),
        (lambda net: nc.Adam(beta1=0.9), r"\(betas="),
        (lambda net: nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(), batchsize=3), r"\(did you mean batch_size\?\)"),
        (lambda net: nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(), lr=3), r"\(trainer.optimizer.lr\)"),
        (
            lambda net: nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD()).fit(0, 0, batch_size=3),
            "an argument of Trainer",
        ),
        (lambda net: nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD()).fit(0, 0, verbose=0), "progress=False"),
        (lambda net: nc.Trainer(net, "cross_entropy", nc.SGD()), r"\(write nc.CrossEntropyLoss\(…\)\)"),
        (lambda net: nc.Trainer(net, nc.CrossEntropyLoss(), "sgd"), r"\(write nc.SGD\(…\)\)"),
        (lambda net: nc.Trainer(net, nc.CrossEntropyLoss, nc.SGD()), r"\(write nc.CrossEntropyLoss\(…\)\)"),
        (lambda net: nc.Sequential([nc.Linear(2, 3)]), r"\(write a star before the list: \*layers\)"),
        (lambda net: nc.Sequential(nc.ReLU), r"\(write nc.ReLU\(…\)\)"),
    ],
)
def test_what_people_write(call, said):
    with pytest.raises((AttributeError, TypeError, nc.ConfigError), match=said):
        call(nc.mlp([2, 4, 2], seed=0))


def test_a_misspelt_column_of_a_history():
    X, y = np.eye(2, dtype=np.float32), np.arange(2)
    trainer = nc.Trainer(nc.mlp([2, 2], seed=0), nc.CrossEntropyLoss(), nc.SGD())
    history = trainer.fit(X, y, epochs=1, progress=False)
    with pytest.raises(KeyError, match=r"the columns are .*loss.*did you mean accuracy\?"):
        history["acuracy"]


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("xavier_unifrom", "xavier_uniform"),
        ("kaimng", "kaiming_normal"),
        ("he_normal", "kaiming_normal"),
        ("glorot_uniform", "xavier_uniform"),
        ("Orthogonal", "orthogonal"),
    ],
)
@pytest.mark.parametrize("argument", ["weight_init", "bias_init"])
def test_a_misspelt_initialiser(given, near, argument):
    with pytest.raises(nc.ConfigError, match=rf"\[Linear\] {argument}: .* got '{given}' \(did .*\b{near}\b"):
        nc.Linear(2, 3, **{argument: given})
    with pytest.raises(AttributeError, match=rf"\(did you mean .*\b{near}\b"):
        getattr(nc.init, given)
