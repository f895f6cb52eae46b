"""Every registered class: its arguments are attributes, and what is assigned acts as if it had been made so, or is
refused."""

import copy
import pickle

import numpy as np
import pytest

import nncore as nc
from support.cases import SCHEMAS, examples, loss_case, make, sample_input

KINDS = ("layer", "loss", "optimizer", "schedule", "initializer")
EVERY = [pytest.param(kind, *case.values[:2], id=f"{kind}-{case.id}") for kind in KINDS for case in examples(kind)]

#: For each kind of number or word another one that every field of that name takes.
OTHERS = {
    "alpha": 0.7, "amsgrad": True, "beta": 0.6, "betas": (0.6, 0.8), "bias_correction": False, "centered": True,
    "dampening": 0.3, "decoupled_weight_decay": True, "delta": 0.4, "eps": 0.02, "eps_hat": True,
    "eps_inside_sqrt": True, "full": True, "ignore_index": 1, "initial_accumulator_value": 0.25,
    "label_smoothing": 0.3, "log_input": True, "lr_decay": 0.1, "margin": 0.3, "momentum": 0.8,
    "momentum_decay": 0.05, "negative_slope": 0.3, "nesterov": True, "p": 0.25, "pos_weight": 3.0, "q": 0.3,
    "reduction": "sum", "rho": 0.6, "threshold": 0.2,
    "weight": None, "weight_decay": 0.2,
}  # fmt: skip
NEEDS = {"nesterov": {"momentum": 0.9, "dampening": 0.0}}
NEEDS_OF_LOSSES = {"eps": {"log_input": False}, "log_input": {"log_input": False}}


def fields(kind, name):
    return {field["name"]: field for field in SCHEMAS[kind, name]["fields"]}


def assignable(kind):
    """(name, field) of the arguments of a kind that may be assigned."""
    for k, name in SCHEMAS:
        if k != kind:
            continue
        for field in fields(kind, name).values():
            if kind != "layer" or field["annotation"] in ("float", "float | None"):
                if field["name"] != "lr":
                    yield name, field["name"]


def example_of(kind, name):
    args, sample = SCHEMAS[kind, name]["examples"][0]
    return dict(args), sample


@pytest.mark.parametrize(("kind", "name", "args"), EVERY)
def test_every_argument_reads_back(kind, name, args):
    made = make(kind, name, args)
    arrays = getattr(type(made), "_array_names", ())
    for field in fields(kind, name).values():
        if field["name"] in arrays or field["annotation"] == "Layer" or (kind, field["name"]) == ("optimizer", "lr"):
            continue  # layer.bias is the array; optimizer.lr the rate of the next step
        wanted = args.get(field["name"], field.get("default"))
        got = getattr(made, field["name"])
        assert np.all(np.asarray(got, object) == np.asarray(wanted, object)), field["name"]


@pytest.mark.parametrize(("kind", "name", "args"), EVERY)
def test_an_argument_is_assigned_whole_or_refused_and_nothing_else_is_taken(kind, name, args):
    made = make(kind, name, args)
    before = (repr(made), made.config)
    for wrong in ("learningrate", "momentun", "foo", "Weight"):
        with pytest.raises(AttributeError, match=rf"\[{name}\] {wrong}: "):
            setattr(made, wrong, 1.0)
        with pytest.raises(AttributeError, match=rf"\[{name}\] {wrong}: "):
            getattr(made, wrong)
    for field in fields(kind, name):
        with pytest.raises((AttributeError, nc.ConfigError, nc.ShapeError), match=rf"\[({name}|parameter)\] {field}: "):
            setattr(made, field, object())
    assert (repr(made), made.config) == before


@pytest.mark.parametrize(("kind", "name", "args"), [case for case in EVERY if not case.id.startswith("schedule")])
def test_a_subclass_is_told_what_to_write(kind, name, args):
    made = make(kind, name, args)
    prefix = "nc[.]init" if kind == "initializer" else "nc"
    with pytest.raises(nc.ConfigError, match=rf"\[Mine\] expected {name} itself, got a subclass .*{prefix}[.]{name}\("):
        type("Mine", (type(made),), {})(**args)


@pytest.mark.parametrize(("name", "field"), list(assignable("layer")))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_number_of_a_layer_acts_in_every_model_that_has_it(name, field, dtype, rng):
    args, sample = example_of("layer", name)
    layer, other = make("layer", name, args), make("layer", name, {**args, field: OTHERS[field]})
    net, wanted = nc.Sequential(layer, seed=1, dtype=dtype), nc.Sequential(other, seed=1, dtype=dtype)
    inside = nc.Sequential(nc.Residual(layer), dtype=dtype, seed=1)
    wanted_inside = nc.Sequential(nc.Residual(other), dtype=dtype, seed=1)
    x, dy = sample_input(rng, (6, *sample), dtype), rng.normal(size=(6, *sample))
    net(x)
    weights = [parameter.value for parameter in net.parameters()]
    setattr(layer, field, OTHERS[field])
    assert all(a is b.value or np.shares_memory(a, b.value) for a, b in zip(weights, net.parameters(), strict=True))
    for one, same in ((net, wanted), (inside, wanted_inside)):
        assert np.array_equal(one.forward(x, seed=5), same.forward(x, seed=5))
        assert np.array_equal(one.backward(dy), same.backward(dy))
        assert np.array_equal(one(x), same(x))
    for state, same in zip(net.state_dict().values(), wanted.state_dict().values(), strict=True):
        assert np.array_equal(state, same)
    for kept in (net.copy(), copy.deepcopy(net), pickle.loads(pickle.dumps(net)), nc.Sequential(net[0], dtype=dtype)):
        assert repr(kept[0]) == repr(other)
        assert np.array_equal(kept(x), wanted(x))


@pytest.mark.parametrize(("kind", "name", "args"), EVERY)
def test_what_decides_on_shapes_is_fixed(kind, name, args):
    if kind in ("loss", "optimizer"):
        return
    made = make(kind, name, args)
    for field in fields(kind, name).values():
        number = kind == "layer" and field["annotation"] in ("float", "float | None")
        if number or field["name"] in getattr(type(made), "_array_names", ()):
            continue
        with pytest.raises(AttributeError, match=rf"\[{name}\] {field['name']}: .*\(make a new one|to read"):
            setattr(made, field["name"], getattr(made, field["name"]))


@pytest.mark.parametrize(("name", "field"), list(assignable("loss")))
def test_an_argument_of_a_loss_acts(name, field, rng):
    args, sample = example_of("loss", name)
    args |= NEEDS_OF_LOSSES.get(field, {})
    z, y = loss_case(name, args, sample, rng)
    other = {**args, field: list(rng.uniform(0.5, 2, sample[0])) if field == "weight" else OTHERS[field]}
    loss, wanted = make("loss", name, args), make("loss", name, other)
    before = loss.value(z, y)
    net = nc.Sequential(nc.LogSoftmax() if name == "NLLLoss" else nc.Identity(), seed=0)
    trainer = nc.Trainer(net, loss, nc.SGD())
    trainer.evaluate(z, y)
    setattr(loss, field, other[field])
    assert repr(loss) == repr(wanted) == repr(pickle.loads(pickle.dumps(loss)))
    assert loss.value(z, y) == wanted.value(z, y) != before
    assert np.array_equal(loss(z, y)[1], wanted(z, y)[1])
    assert trainer.evaluate(z, y) == nc.Trainer(net, wanted, nc.SGD()).evaluate(z, y)


@pytest.mark.parametrize(("name", "field"), list(assignable("optimizer")))
@pytest.mark.parametrize("steps", [0, 3])
def test_an_argument_of_an_optimizer_acts_with_the_state_there_is(name, field, steps, rng):
    base = {**example_of("optimizer", name)[0], **NEEDS.get(field, {})}
    nets = [nc.Sequential(nc.Linear(7, 5), dtype="float64", seed=5) for _ in range(2)]
    optimizer = make("optimizer", name, base)
    gradients = rng.normal(size=(steps + 2, nets[0].flat_parameters.size))

    def step(net, one, g):
        net.flat_gradients[:] = g
        one.step(net)

    for g in gradients[:steps]:
        step(nets[0], optimizer, g)
    optimizer.state_dict()
    if field.startswith("initial_") and steps:
        with pytest.raises(AttributeError, match=f"{field}: fixed since"):
            setattr(optimizer, field, OTHERS[field])
        return
    before = optimizer.state_dict()
    value = OTHERS[field]
    setattr(optimizer, field, value)
    wanted = make("optimizer", name, {**base, field: value})
    assert getattr(optimizer, field) == value and optimizer.config == wanted.config
    assert repr(pickle.loads(pickle.dumps(optimizer))) == repr(wanted)
    nets[1].load_state_dict(nets[0].state_dict())
    wanted.lr = wanted.lr
    if steps:
        step(nets[1], wanted, gradients[0])  # makes the arrays of its state
        nets[1].load_state_dict(nets[0].state_dict())
        own = {k: set(arrays) for k, arrays in wanted.state_dict()["state"].items()}
        fresh = nc.Sequential(nc.Linear(7, 5), dtype="float64", seed=5)
        empty = make("optimizer", name, {**base, field: value})
        nc.Trainer(fresh, nc.MSELoss(), empty)  # binds it
        kept = {
            layer: {key: before["state"][layer].get(key, empty.state_dict()["state"][layer][key]) for key in keys}
            for layer, keys in own.items()
        }
        wanted.load_state_dict({**before, "state": kept})
    for g in gradients[steps:]:
        for net, one in zip(nets, (optimizer, wanted), strict=True):
            step(net, one, g)
    assert np.array_equal(nets[0].flat_parameters, nets[1].flat_parameters)


@pytest.mark.parametrize("name", [name for kind, name in SCHEMAS if kind == "optimizer"])
@pytest.mark.parametrize("bound", [False, True])
def test_the_rate_is_a_number_or_a_schedule(name, bound):
    optimizer = make("optimizer", name, {})
    net = nc.Sequential(nc.Linear(2, 2), seed=0)
    if bound:
        nc.Trainer(net, nc.MSELoss(), optimizer)
    optimizer.learning_rate = 0.5
    assert optimizer.lr == optimizer.learning_rate == 0.5 and "lr=0.5" in repr(optimizer)
    optimizer.lr = nc.StepLR(0.25, 2, gamma=0.1, per="step")
    assert "StepLR" in repr(optimizer)
    rates = []
    for _ in range(3):
        rates.append(optimizer.lr)
        optimizer.step(net)
    assert rates == pytest.approx([0.25, 0.25, 0.025])
    assert repr(copy.copy(optimizer)) == repr(optimizer)
    optimizer.lr = 0.125
    optimizer.step(net)
    assert optimizer.lr == 0.125 and "lr=0.125" in repr(optimizer)


@pytest.mark.parametrize(("kind", "name", "args"), [case for case in EVERY if case.values[0] == "layer"])
def test_arrays_are_attributes(kind, name, args, rng):
    net = nc.Sequential(make("layer", name, args), seed=0)
    layer, state = net[0], net.state_dict()
    for array in type(layer)._array_names:
        value = getattr(layer, array)
        if f"0.{array}" not in state:
            assert value is None
            with pytest.raises(AttributeError, match=f"{array}: fixed since"):
                setattr(layer, array, 1.0)
            continue
        assert np.array_equal(value, state[f"0.{array}"])
        new = np.round(rng.uniform(1, 9, value.shape)).astype(value.dtype)  # whole, as numbers of batches are
        setattr(layer, array, new.tolist())
        assert np.array_equal(net.state_dict()[f"0.{array}"], new)
        assert np.shares_memory(value, getattr(layer, array)) or value.size == 0
        with pytest.raises(nc.ShapeError, match=rf"\[parameter\] {array}: expected"):
            setattr(layer, array, np.zeros((9, 9, 9, 9, 9)))
        assert np.array_equal(net.state_dict()[f"0.{array}"], new)
