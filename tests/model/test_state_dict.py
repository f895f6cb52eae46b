"""state_dict and load_state_dict: PyTorch's keys and shapes, any array, all or nothing."""

import numpy as np
import pytest

import nncore as nc


def mlp(dtype="float64", seed=0, **more):
    return nc.Sequential(nc.Linear(3, 4), nc.Tanh(), nc.Linear(4, 2, bias=False), dtype=dtype, seed=seed, **more)


def assert_unchanged(net, before):
    after = net.state_dict()
    assert after.keys() == before.keys()
    for key, value in before.items():
        assert np.array_equal(after[key], value), key


def test_keys_and_shapes_are_pytorchs():
    state = mlp().state_dict()
    assert {key: value.shape for key, value in state.items()} == {
        "0.weight": (4, 3),
        "0.bias": (4,),
        "2.weight": (2, 4),
    }
    assert list(state) == ["0.weight", "0.bias", "2.weight"]


def test_state_dict_is_a_copy():
    net = mlp()
    state = net.state_dict()
    state["0.weight"][...] = 7.0
    assert not np.any(net.parameters()[0].value == 7.0)


@pytest.mark.parametrize("given", ["float64", "float32"])
@pytest.mark.parametrize("taken", ["float64", "float32"])
def test_a_state_makes_another_model_the_same(given, taken, rng):
    first, second = mlp(given, seed=1), mlp(taken, seed=2)
    second.load_state_dict(first.state_dict())
    for p, q in zip(first.parameters(), second.parameters(), strict=True):
        assert np.array_equal(p.value.astype(taken), q.value)


def test_anything_with_an_array_will_do():
    class Array:
        def __array__(self, dtype=None, copy=None):
            return np.full((4, 3), 2.0)

    net = mlp()
    net.load_state_dict({"0.weight": Array(), "0.bias": [1, 2, 3, 4], "2.weight": np.ones((2, 4), np.int8)})
    assert np.all(net.parameters()[0].value == 2.0) and net.parameters()[1].value.tolist() == [1, 2, 3, 4]


GOOD = {"0.weight": np.ones((4, 3)), "0.bias": np.ones(4), "2.weight": np.ones((2, 4))}


@pytest.mark.parametrize(
    "change",
    [
        {"2.weight": np.ones((4, 2))},
        {"2.weight": np.ones(8)},
        {"2.weight": "x"},
        {"2.weight": None},
        {"2.weight": np.ones((2, 4), complex)},
        {"2.weight": [[1.0], [1.0, 2.0]]},
        {"3.weight": np.ones(3)},
        {"2.bias": np.ones(2)},
    ],
    ids=str,
)
def test_a_bad_entry_changes_nothing(change):
    net = mlp()
    before = net.state_dict()
    with pytest.raises((nc.ConfigError, nc.ShapeError)) as error:
        net.load_state_dict({**GOOD, **change})
    assert next(iter(change)) in str(error.value)
    assert_unchanged(net, before)


def test_a_missing_key_changes_nothing_and_is_named():
    net = mlp()
    before = net.state_dict()
    with pytest.raises(nc.ConfigError, match=r"missing \['0.bias'\]"):
        net.load_state_dict({key: value for key, value in GOOD.items() if key != "0.bias"})
    assert_unchanged(net, before)


def test_without_strict_what_fits_by_name_is_taken():
    net = mlp()
    bias = net.parameters()[1].value.copy()
    net.load_state_dict({"0.weight": np.ones((4, 3)), "9.weight": np.ones(1)}, strict=False)
    assert np.all(net.parameters()[0].value == 1) and np.array_equal(net.parameters()[1].value, bias)
    with pytest.raises(nc.ShapeError):
        net.load_state_dict({"0.weight": np.ones((3, 4))}, strict=False)


@pytest.mark.parametrize("state", [None, 3, "x", [1], object()], ids=repr)
def test_what_is_no_mapping_is_refused(state):
    with pytest.raises((nc.ConfigError, TypeError)):
        mlp().load_state_dict(state)


def test_normalisation_is_part_of_the_state(rng):
    first = mlp(input=nc.Normalize([1.0, 2.0, 3.0], 2.0))
    state = first.state_dict()
    assert state["input.mean"].tolist() == [1.0, 2.0, 3.0] and state["input.std"].tolist() == 2.0
    second = mlp(seed=5, input=nc.Normalize())
    second.load_state_dict(state)
    x = rng.normal(size=(4, 3))
    assert np.array_equal(first(x), second(x))
    again = second.copy()
    assert np.array_equal(first(x), again(x))


def test_a_loaded_normalisation_leaves_parameter_views_and_optimizer_alive(rng):
    net, opt = mlp(input=nc.Normalize()), nc.SGD(lr=0.1, momentum=0.9)
    trainer = nc.Trainer(net, nc.MSELoss(), opt)
    X, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    trainer.step(X, y)
    flat, momentum = net.flat_parameters, opt.state_dict()["state"]["0.weight"]["momentum_buffer"]
    net.load_state_dict(net.state_dict())
    assert np.array_equal(opt.state_dict()["state"]["0.weight"]["momentum_buffer"], momentum)
    before = flat.copy()
    trainer.step(X, y)
    assert opt.state_dict()["step"] == 2
    assert not np.array_equal(flat, before) and np.array_equal(flat, net.flat_parameters)


@pytest.mark.parametrize(
    "change",
    [{"input.std": 0.0}, {"input.std": -1.0}, {"input.mean": np.zeros(7)}, {"input.mean": "x"}, {"input.mean": np.nan}],
    ids=str,
)
def test_a_bad_normalisation_changes_nothing(change):
    net = mlp(input=nc.Normalize(np.zeros(3), np.ones(3)))
    before, normalize = net.state_dict(), net.input
    with pytest.raises((nc.ConfigError, nc.ShapeError)):
        net.load_state_dict({**GOOD, "input.mean": np.zeros(3), "input.std": np.ones(3), **change})
    assert_unchanged(net, before)
    assert net.input is normalize and net(np.ones((1, 3))).shape == (1, 2)


def torch_reference(torch, dtype):
    layers = torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2, bias=False)
    return torch.nn.Sequential(*layers).to(getattr(torch, dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_go_to_torch_and_come_from_it(dtype, rng, torch):
    x = rng.normal(size=(5, 3)).astype(dtype)
    net, reference = mlp(dtype), torch_reference(torch, dtype)
    tolerance = 1e-12 if dtype == "float64" else 1e-6
    net.load_state_dict(reference.state_dict())
    np.testing.assert_allclose(net(x), reference(torch.tensor(x)).detach().numpy(), rtol=tolerance, atol=tolerance)
    net.initialize(9)
    reference.load_state_dict({key: torch.tensor(value) for key, value in net.state_dict().items()})
    np.testing.assert_allclose(net(x), reference(torch.tensor(x)).detach().numpy(), rtol=tolerance, atol=tolerance)


def test_the_state_of_tied_layers_has_pytorchs_keys(torch):
    shared, reference = nc.Linear(3, 3), torch.nn.Linear(3, 3)
    net = nc.Sequential(shared, nc.Tanh(), shared, seed=0)
    theirs = torch.nn.Sequential(reference, torch.nn.Tanh(), reference).state_dict()
    net.load_state_dict(theirs)
    assert list(net.state_dict()) == list(theirs)


def test_the_counter_that_pytorch_writes_is_accepted():
    net = mlp()
    net.load_state_dict({**GOOD, "1.num_batches_tracked": np.array(3)})
    assert np.all(net.parameters()[0].value == 1)
