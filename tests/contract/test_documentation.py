"""What a user reads about every registered thing: signature, docstring, example; and that it has a reference
implementation."""

import doctest
import inspect

import numpy as np
import pytest

import nncore as nc
from support.cases import SCHEMAS, class_of
from support.reference import reference_of

#: What the examples of some names need beside nncore.
NEEDED = {
    "from_torch": ["torch"],
    "to_torch": ["torch"],
    "from_keras": ["keras"],
    "load_keras": ["keras", "h5py"],
    "onnx.export": ["onnx"],
    "onnx.load": ["onnx"],
}
ALL = [pytest.param(kind, name, id=f"{kind}-{name}") for kind, name in SCHEMAS if kind != "objective"]


@pytest.mark.parametrize(
    ("kind", "name"), [key for key in SCHEMAS if key[0] in ("layer", "loss", "optimizer", "schedule")]
)
def test_it_has_reference_implementation(kind, name):
    assert reference_of(kind, name)


def test_a_missing_reference_says_what_to_add():
    with pytest.raises(
        pytest.fail.Exception,
        match="'NoSuchLayer' has no reference implementation: add one to tests/support/reference_layers.py",
    ):
        reference_of("layer", "NoSuchLayer")


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_it_is_exported_under_its_name(kind, name):
    cls = class_of(kind, name)
    assert inspect.isclass(cls) and cls.__name__ == name
    if kind != "initializer":
        assert name in nc.__all__
    assert issubclass(cls, getattr(nc.init if kind == "initializer" else nc, kind.capitalize()))


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_signature_has_the_fields_with_their_defaults(kind, name):
    fields = SCHEMAS[kind, name]["fields"]
    parameters = inspect.signature(class_of(kind, name)).parameters
    assert list(parameters) == [field["name"] for field in fields]
    for field in fields:
        p = parameters[field["name"]]
        assert p.default == field.get("default", inspect.Parameter.empty)
        assert (p.kind is inspect.Parameter.KEYWORD_ONLY) == field["keyword_only"]


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_docstring_tells_purpose_formula_parameters_and_errors(kind, name):
    schema = SCHEMAS[kind, name]
    doc = inspect.getdoc(class_of(kind, name))
    assert doc.splitlines()[0] == schema["summary"] and schema["summary"].endswith(".")
    for line in schema["formula"].splitlines():
        assert line and line in doc
    if schema["fields"]:
        assert "Parameters\n----------\n" in doc and "Raises\n------\nConfigError" in doc
    for field in schema["fields"]:
        assert field["doc"] and field["expected"] and f"\n{field['name']} : {field['annotation']}" in doc
    if kind in ("layer", "loss"):
        assert schema["shapes"] and "Shapes\n------\n" in doc


@pytest.mark.parametrize(("kind", "name"), [key for key in SCHEMAS if key[0] in ("layer", "loss", "optimizer")])
def test_it_has_examples_for_the_contract_tests(kind, name):
    assert SCHEMAS[kind, name]["examples"]


def documented():
    """Everything public with a docstring: name -> object."""
    found = {name: getattr(nc, name) for name in nc.__all__ if not inspect.ismodule(getattr(nc, name))}
    for module in (nc.functional, nc.init, nc.objectives, nc.datasets, nc.onnx):
        found |= {f"{module.__name__.split('.')[-1]}.{name}": getattr(module, name) for name in module.__all__}
    return {name: value for name, value in found.items() if callable(value)}


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")  # of Keras itself
@pytest.mark.parametrize("name", documented())
def test_its_example_runs(name):
    globs = {"nc": nc, "np": np, "__name__": "doctest"}
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    tests = doctest.DocTestFinder(recurse=False).find(documented()[name], name, globs=globs)
    for test in tests:
        for library in NEEDED.get(name, ()):
            pytest.importorskip(library)
        runner.run(test)
    assert runner.failures == 0


@pytest.mark.parametrize("name", documented())
def test_it_has_a_docstring_and_a_signature(name):
    value = documented()[name]
    assert inspect.getdoc(value)
    if not (inspect.isclass(value) and issubclass(value, Exception)):
        inspect.signature(value)


def test_all_names_are_there_and_none_twice():
    assert len(set(nc.__all__)) == len(nc.__all__)
    for name in nc.__all__:
        assert hasattr(nc, name)


def test_doctests_of_layers_losses_and_optimizers_exist():
    without = [
        name for (kind, name), s in SCHEMAS.items() if kind in ("layer", "loss", "optimizer") and not s["doctest"]
    ]
    assert without == []


@pytest.mark.parametrize(("kind", "name"), [p for p in ALL if p.values != ("schedule", "Schedule")])  # holds a function
def test_repr_can_be_read_back(kind, name):
    args = SCHEMAS[kind, name]["examples"][-1][0]
    made = class_of(kind, name)(**args)
    again = eval(repr(made), vars(nc.init if kind == "initializer" else nc))
    assert type(again) is type(made) and again.config == made.config


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_all_arguments_but_keyword_only_ones_are_positional(kind, name):
    schema = SCHEMAS[kind, name]
    args = schema["examples"][-1][0]
    every = {f["name"]: args.get(f["name"], f.get("default")) for f in schema["fields"]}
    positional = [every[f["name"]] for f in schema["fields"] if not f["keyword_only"]]
    keywords = {f["name"]: every[f["name"]] for f in schema["fields"] if f["keyword_only"]}
    cls = class_of(kind, name)
    assert cls(*positional, **keywords).config == cls(**every).config
