"""One layer in several places or models: parameters shared, caches apart; memory that outlives the model."""

import copy
import gc
import pickle
from pathlib import Path

import numpy as np
import pytest

import nncore as nc
from support.programs import run_program


def tied(dtype="float64"):
    shared = nc.Linear(3, 3)
    return nc.Sequential(shared, nc.Tanh(), shared, nc.Tanh(), nc.Linear(3, 2), dtype=dtype, seed=4)


def test_a_layer_in_two_places_has_one_set_of_parameters():
    net = tied()
    assert [p.name for p in net.parameters()] == ["0.weight", "0.bias", "4.weight", "4.bias"]
    assert net[0] is net[2] and net.flat_parameters.size == 12 + 8
    assert net.summary().parameters == 20


def test_its_gradient_is_the_sum_over_the_places(rng):
    net, x, y = tied(), rng.normal(size=(5, 3)), rng.integers(0, 2, 5)
    assert nc.gradcheck(net, nc.CrossEntropyLoss(), x, y).max_relative_error < 1e-7


@pytest.mark.parametrize("optimizer", [lambda: nc.SGD(0.1), lambda: nc.Adam(0.01)])
@pytest.mark.parametrize("by", ["trainer", "hand"])
def test_training_tied_weights_is_training_them_in_torch(optimizer, by, rng, torch):
    net, loss, opt = tied(), nc.CrossEntropyLoss(), optimizer()
    layer, out = torch.nn.Linear(3, 3).double(), torch.nn.Linear(3, 2).double()
    reference = torch.nn.Sequential(layer, torch.nn.Tanh(), layer, torch.nn.Tanh(), out)
    with torch.no_grad():
        for p, t in zip(net.parameters(), reference.parameters(), strict=True):
            t.copy_(torch.tensor(p.value.copy()))
    theirs = {"SGD": torch.optim.SGD, "Adam": torch.optim.Adam}[type(opt).__name__](reference.parameters(), lr=opt.lr)
    trainer = nc.Trainer(net, loss, opt)
    for _ in range(20):
        x, y = rng.normal(size=(6, 3)), rng.integers(0, 2, 6)
        if by == "trainer":
            value = trainer.step(x, y)
        else:
            value, dz = loss(net.forward(x), y)
            net.zero_grad()
            net.backward(dz)
            opt.step(net)
        theirs.zero_grad()
        expected = torch.nn.functional.cross_entropy(reference(torch.tensor(x)), torch.tensor(y))
        expected.backward()
        theirs.step()
        assert value == pytest.approx(expected.item(), rel=1e-11)
    for p, t in zip(net.parameters(), reference.parameters(), strict=True):
        np.testing.assert_allclose(p.value, t.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("make", [lambda net: net.copy(), copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_keep_what_is_shared(make, rng):
    net, x = tied(), rng.normal(size=(5, 3))
    other = make(net)
    assert other[0] is other[2] and other[0] is not net[0]
    assert np.array_equal(other(x), net(x))
    other.parameters()[0].value = np.zeros((3, 3))
    assert not np.array_equal(other(x), net(x))


def test_a_slice_shares_parameters(rng):
    net, x = tied(), rng.normal(size=(5, 3))
    front, back = net[:2], net[2:]
    assert isinstance(front, nc.Sequential) and [len(front), len(back)] == [2, 3]
    assert np.array_equal(back(front(x)), net(x))
    front.parameters()[0].value = np.eye(3)
    assert np.array_equal(net.parameters()[0].value, np.eye(3))
    assert np.array_equal(back(front(x)), net(x))


def test_training_a_slice_trains_the_model(rng):
    net = nc.Sequential(nc.Linear(3, 4), nc.Tanh(), nc.Linear(4, 2), dtype="float64", seed=0)
    head = net[2:]
    before = net.state_dict()
    nc.Trainer(head, nc.MSELoss(), nc.SGD(lr=0.1)).step(rng.normal(size=(6, 4)), rng.normal(size=(6, 2)))
    after = net.state_dict()
    assert np.array_equal(before["0.weight"], after["0.weight"])
    assert not np.array_equal(before["2.weight"], after["2.weight"])
    assert np.array_equal(after["2.weight"], head.state_dict()["2.weight"])


def test_only_the_slice_that_begins_at_the_beginning_normalises():
    net = nc.Sequential(nc.Identity(), nc.Identity(), seed=0, input=nc.Normalize(1.0, 2.0))
    assert net[:1](np.array([[3.0]])).item() == 1.0 and net[1:](np.array([[3.0]])).item() == 3.0


def test_a_layer_of_a_model_computes_with_the_models_parameters(rng):
    net, x = tied("float32"), rng.normal(size=(5, 3))
    assert np.array_equal(net[0](x), net.activations(x)["0"]) and net[0](x).dtype == np.float32
    net[0].parameters()[0].value = np.zeros((3, 3))
    assert np.all(net.parameters()[0].value == 0)


def test_a_layer_used_alone_brings_its_numbers_into_a_model(rng):
    layer, x = nc.Linear(3, 2), rng.normal(size=(5, 3))
    y = layer(x)
    net = nc.Sequential(layer, dtype="float32", seed=0)
    np.testing.assert_allclose(net(x), y, rtol=0, atol=2e-6)  # float32 of a sum of terms around 1, which may cancel
    assert np.array_equal(layer(x), net(x))


def test_a_layer_serves_models_of_one_dtype():
    layer = nc.Linear(3, 2)
    nc.Sequential(layer, dtype="float32", seed=0)
    with pytest.raises(nc.ConfigError, match=r'^\[Linear "0"\] belongs to a model of the other dtype'):
        nc.Sequential(layer, dtype="float64", seed=0)


def test_flat_parameters_of_models_that_share_are_refused_where_they_do_not_lie_in_one_piece():
    first = nc.Sequential(nc.Linear(3, 3), nc.Linear(3, 3), seed=0)
    mixed = nc.Sequential(first[1], nc.Linear(3, 3), seed=0)
    with pytest.raises(nc.StateError, match="copy"):
        _ = mixed.flat_parameters
    assert mixed.copy().flat_parameters.size == 24


def test_places_keep_their_own_caches(rng):
    """Dropout in two places draws two masks, and backward uses each at its place."""
    drop = nc.Dropout(0.5)
    net, x = nc.Sequential(drop, nc.Identity(), drop, dtype="float64", seed=1), np.ones((4, 50))
    y = net.forward(x, seed=3)
    assert set(np.unique(y)) == {0.0, 4.0} and 0.15 < np.mean(y > 0) < 0.35, "two masks, not one twice"
    assert np.array_equal(net.backward(np.ones_like(x)), y)


def alive(*case):
    """In a child: memory that was given back would end the process."""
    return run_program(Path(__file__).parent / "programs" / "views.py", *case, timeout=60) == ["alive"]


@pytest.mark.parametrize("change", ["goes away", "changes its dtype", "grows", "joins another model for a while"])
def test_arrays_outlive_what_gave_them(change):
    assert alive("of_a_model_that", change)


def test_arrays_of_a_layer_alone_outlive_its_joining_a_model():
    assert alive("of_a_layer_that_joins_a_model")


def test_a_model_that_changes_dtype_inside_a_callback_is_refused_or_survives():
    assert alive("changed_inside_a_callback")


def test_models_go_away_with_their_last_reference():
    import weakref

    net = tied()
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD())
    trainer.step(np.zeros((2, 3)), np.array([0, 1]))
    gone = weakref.ref(net)
    del net, trainer
    gc.collect()
    assert gone() is None
