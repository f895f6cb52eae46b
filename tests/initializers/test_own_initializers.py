"""Initialisers written in Python: functions of (shape, rng), wherever a layer takes an initialiser."""

import copy
import pickle

import numpy as np
import pytest

import nncore as nc
from support.cases import SCHEMAS, arguments, class_of

#: (layer, argument, parameter, arguments of an example, shape of a sample): all arguments that are initialisers.
PLACES = [
    (name, field["name"], field["name"].removesuffix("_init"), args, sample)
    for (kind, name), schema in SCHEMAS.items()
    if kind == "layer"
    for field in schema["fields"]
    if "Initializer" in field["annotation"]
    for args, sample in schema["examples"]
    if arguments("layer", name, args).bias
]
EVERY = pytest.mark.parametrize(("name", "argument", "parameter", "args", "sample"), PLACES)
SHIFT = 3.0


def shifted(shape, rng):
    return SHIFT + rng.normal(0.0, 0.25, shape)


class Shifted:
    """The same as an object that is called."""

    def __init__(self, shift):
        self.shift = shift

    def __call__(self, shape, rng):
        return self.shift + rng.normal(0.0, 0.25, shape)


class ShiftedInitializer(nc.init.Initializer):
    def __init__(self, shift):
        super().__init__()
        self.shift = shift

    def __call__(self, shape, rng):
        return self.shift + rng.normal(0.0, 0.25, shape)


WAYS = [shifted, Shifted(SHIFT), ShiftedInitializer(SHIFT)]


def net_of(name, args, seed=0, dtype="float32", **inits):
    args = {key: value for key, value in args.items() if key not in inits}
    return nc.Sequential(class_of("layer", name)(**args, **inits), dtype=dtype, seed=seed)


def two_layers(init=shifted, seed=0):
    return nc.Sequential(nc.Linear(3, 4, weight_init=init), nc.Tanh(), nc.Linear(4, 2, bias_init=init), seed=seed)


def test_there_are_places():
    assert {(name, argument) for name, argument, *_ in PLACES} >= {
        (name, argument) for name in ("Linear", "Conv2d") for argument in ("weight_init", "bias_init")
    }


@EVERY
def test_it_makes_the_first_numbers(name, argument, parameter, args, sample):
    asked = []

    def noted(shape, rng):
        asked.append((shape, type(rng)))
        return shifted(shape, rng)

    layer = net_of(name, args, **{argument: noted})[0]
    array = getattr(layer, parameter)
    assert asked == [(array.shape, np.random.Generator)]
    assert getattr(layer, argument) is noted and "noted" in repr(layer)
    assert array.min() > SHIFT - 1.5 and array.max() < SHIFT + 1.5 and (array.size == 1 or array.std() > 0)
    other = {"weight": "bias", "bias": "weight"}[parameter]
    assert np.array_equal(getattr(layer, other), getattr(net_of(name, args)[0], other)), "the other one has changed"


@EVERY
def test_it_follows_the_seed(name, argument, parameter, args, sample):
    def array(**options):
        return getattr(net_of(name, args, **{argument: shifted}, **options)[0], parameter)

    first = array()
    assert np.array_equal(first, array())
    assert not np.array_equal(first, array(seed=1))
    assert np.array_equal(first, array(dtype="float64").astype(np.float32))
    net = net_of(name, args, seed=1, **{argument: shifted})
    assert np.array_equal(getattr(net.initialize(0)[0], parameter), first)


def test_layers_of_one_model_get_numbers_of_their_own():
    net = nc.Sequential(*[nc.Linear(3, 3, weight_init=shifted) for _ in range(2)], seed=0)
    assert not np.array_equal(net[0].weight, net[1].weight)


@pytest.mark.parametrize("init", WAYS, ids=["function", "object", "subclass"])
@pytest.mark.parametrize("again", [nc.Sequential.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_keep_it_and_its_numbers(init, again):
    net = two_layers(init)
    first = net.flat_parameters.copy()
    net.flat_parameters[:] += 1
    other = again(net)
    np.testing.assert_array_equal(other.flat_parameters, first + 1)
    np.testing.assert_array_equal(other.initialize(0).flat_parameters, first)


def test_a_function_without_a_name_can_be_copied_not_pickled():
    net = two_layers(lambda shape, rng: shifted(shape, rng))
    for other in (copy.deepcopy(net), nc.Sequential(*[copy.deepcopy(layer) for layer in net], seed=0)):
        np.testing.assert_array_equal(other.flat_parameters, net.flat_parameters)
    with pytest.raises(pickle.PicklingError, match=r"\[Linear\] weight_init: expected what a pickle can name"):
        pickle.dumps(net)


@pytest.mark.parametrize(
    "restored",
    [
        nc.Sequential.copy,
        lambda net: net[:2].copy(),
        lambda net: copy.deepcopy(net[0]).weight,
        lambda net: pickle.loads(pickle.dumps(net)),
        lambda net: net.to("float64"),
        lambda net: nc.gradcheck(net, nc.MSELoss(), np.ones((2, 3)), np.ones((2, 2))),
        lambda net: copy.copy(nc.Trainer(net, nc.MSELoss(), nc.SGD(0.1))),
    ],
)
def test_what_has_numbers_does_not_call_it(restored):
    calls = []
    Counted.calls = calls
    net = two_layers(Counted())
    assert len(calls) == 2
    restored(net)
    assert len(calls) == 2


class Counted(Shifted):
    calls = ()

    def __init__(self):
        super().__init__(SHIFT)

    def __call__(self, shape, rng):
        self.calls.append(shape)
        return super().__call__(shape, rng)


def test_in_a_graph_and_inside_containers():
    x = nc.Input(3)
    y = nc.Linear(3, 3, weight_init=shifted)(x)
    graph = nc.Graph(x, nc.Residual(nc.Linear(3, 3, weight_init=shifted))(y), seed=0)
    assert all(p.value.mean() > 2 for p in graph.parameters() if p.value.ndim == 2)
    for other in (graph.copy(), pickle.loads(pickle.dumps(graph))):
        np.testing.assert_array_equal(other.flat_parameters, graph.flat_parameters)


@pytest.mark.parametrize("init", WAYS, ids=["function", "object", "subclass"])
@pytest.mark.parametrize("make", [lambda **given: nc.mlp([3, 4, 2], **given), nc.mnist_cnn], ids=["mlp", "mnist_cnn"])
def test_in_models_made_in_one_call(init, make):
    for parameter in make(init=init, seed=0).parameters():
        assert parameter.value.mean() == pytest.approx(SHIFT if parameter.name.endswith("weight") else 0, abs=0.5)


def test_files_hold_the_numbers_and_the_name(tmp_path):
    net, path = two_layers(), tmp_path / "net.safetensors"
    net.save(path)
    again = nc.load(path)
    again.save(path)
    for other in (again, nc.load(path), again.copy()):
        np.testing.assert_array_equal(other.flat_parameters, net.flat_parameters)
        assert "shifted" in repr(other[0])
        with pytest.raises(nc.ConfigError, match=r"shifted: expected an initialiser, got the name of a function"):
            other.initialize(1)
        assert other.seed == 0
        np.testing.assert_array_equal(other.flat_parameters, net.flat_parameters)
    with pytest.raises(nc.ConfigError, match="the name of a function from a file"):
        nc.Sequential(nc.Linear(3, 4, weight_init=again[0].weight_init))


def test_a_checkpoint_trains_on_to_the_same_bits(tmp_path):
    X, y = nc.datasets.make_moons(32, noise=0.1, seed=0)
    first = nc.Trainer(nc.mlp([2, 4, 2], init=shifted, seed=0), nc.CrossEntropyLoss(), nc.Adam(), batch_size=8)
    first.fit(X, y, epochs=1)
    first.save(tmp_path / "trainer.safetensors")
    second = nc.Trainer.resume(tmp_path / "trainer.safetensors")
    for trainer in (first, second):
        trainer.fit(X, y, epochs=1)
    np.testing.assert_array_equal(first.model.flat_parameters, second.model.flat_parameters)


def broken(value):
    return lambda shape, rng: value(shape)


@EVERY
def test_wrong_numbers_are_refused(name, argument, parameter, args, sample):
    shape = getattr(net_of(name, args)[0], parameter).shape
    where = rf'^\[{name} "0"\] {argument}: expected '
    text = rf"an array of shape {str(shape).replace('(', '[(]').replace(')', '[)]')}, got "
    for value, got in [
        (lambda shape: np.zeros((*shape, 1)), r"\("),
        (lambda shape: 0.0, r"\(\)"),
        (lambda shape: np.zeros(shape, complex), "dtype complex128"),
        (lambda shape: "text", "'text'"),
        (lambda shape: None, r"None \(does it return anything\?\)"),
    ]:
        with pytest.raises(nc.ShapeError, match=where + text + got):
            net_of(name, args, **{argument: broken(value)})
    for number in (np.nan, np.inf, -np.inf):
        with pytest.raises(nc.ConfigError, match=where + rf"finite numbers, got {number} at \[0"):
            net_of(name, args, **{argument: broken(lambda shape, number=number: np.full(shape, number))})


@EVERY
def test_wrong_functions_are_refused_when_the_layer_is_made(name, argument, parameter, args, sample):
    cls = class_of("layer", name)
    with pytest.raises(nc.ConfigError, match=rf"\[{name}\] {argument}: expected a function \(shape, rng\) -> array"):
        cls(**{**args, argument: lambda shape: np.zeros(shape)})
    for given in (nc.init.normal, Shifted, 3, nc.ReLU(), nc.MSELoss(), np.zeros((2, 2))):
        with pytest.raises(nc.ConfigError, match=rf"\[{name}\] {argument}: expected an initialiser"):
            cls(**{**args, argument: given})


def test_an_error_in_it_says_where_and_leaves_the_model_as_it_was():
    calls = []

    def fails(shape, rng):
        calls.append(shape)
        if len(calls) > 2:
            raise RuntimeError("here")
        return shifted(shape, rng)

    layers = [nc.Linear(3, 3), nc.Linear(3, 3, weight_init=fails), nc.Linear(3, 2, weight_init=fails)]
    net = nc.Sequential(*layers, seed=0)
    before = net.flat_parameters.copy()
    with pytest.raises(RuntimeError, match="here") as found:
        net.initialize(1)
    assert found.value.__notes__ == ["in the initialiser fails, for the shape (3, 3)"]
    assert net.seed == 0
    np.testing.assert_array_equal(net.flat_parameters, before)
    last = nc.Linear(2, 2, weight_init=fails)
    with pytest.raises(RuntimeError, match="here"):
        net.append(last)
    assert len(net) == 3
    np.testing.assert_array_equal(net.flat_parameters, before)
    calls.clear()
    assert nc.Sequential(last, seed=0)(np.ones((1, 2))).shape == (1, 2), "the layer is still free"


def test_a_subclass_without_a_rule_says_what_to_define():
    with pytest.raises(nc.ConfigError, match=r"\[Mine\] expected a method __call__\(self, shape, rng\)"):
        type("Mine", (nc.init.Initializer,), {})()


def test_a_sweep_knows_another_function(tmp_path):
    X, y = nc.datasets.make_moons(32, noise=0.1, seed=0)

    def losses(init):
        def build(seed):
            return nc.Trainer(nc.mlp([2, 4, 2], init=init, seed=seed), nc.CrossEntropyLoss(), nc.SGD(0.1))

        return [row["loss"] for row in nc.sweep(build, {}, X, y, epochs=1, seeds=2, folder=tmp_path)]

    first = losses(shifted)
    assert losses(shifted) == first
    assert losses(lambda shape, rng: rng.normal(0.0, 0.25, shape)) != first
