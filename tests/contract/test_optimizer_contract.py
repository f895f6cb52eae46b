"""Every optimizer: one step from random state against the NumPy rule, gradients untouched, one model served."""

import copy
import gc
import pickle

import numpy as np
import pytest

import nncore as nc
from support.cases import SCHEMAS, arguments, class_of, examples, make
from support.reference import reference_of

OPTIMIZERS = examples("optimizer")


def model(dtype="float64", seed=5):
    """Two tensors of different sizes."""
    return nc.Sequential(nc.Linear(7, 5), dtype=dtype, seed=seed)


def randomise_gradients(net, rng):
    for p in net.parameters():
        p.grad = rng.normal(size=p.shape)


def random_state(a, name, net, rng, t):
    """A state at step t with random arrays; squares are positive, and an average's square is below that of squares."""
    names = reference_of("optimizer", name).state_names(a)
    highest = {"grad_avg": 0.3}
    state = {p.name: {s: rng.uniform(0.1, highest.get(s, 1.0), size=p.shape) for s in names} for p in net.parameters()}
    return {"step": t, "state": state}


@pytest.mark.parametrize(("name", "args", "sample"), OPTIMIZERS)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
@pytest.mark.parametrize("t", [0, 1, 10, 100000])
def test_a_step_from_random_state_equals_the_rule(name, args, sample, dtype, tolerance, t, rng):
    net, optimizer, a = model(dtype), make("optimizer", name, args), arguments("optimizer", name, args)
    reference = reference_of("optimizer", name)
    randomise_gradients(net, rng)
    state = random_state(a, name, net, rng, t)
    optimizer.load_state_dict(state)
    before = {p.name: (p.value.astype(np.float64), p.grad.copy()) for p in net.parameters()}
    optimizer.step(net)
    after = optimizer.state_dict()
    assert after["step"] == t + 1
    for p in net.parameters():
        w, g = before[p.name]
        arrays = {k: v.astype(dtype).astype(np.float64) for k, v in state["state"][p.name].items()}
        expected, new = reference.rule(a, t + 1, a.lr, w, g.astype(np.float64), arrays)
        np.testing.assert_allclose(p.value, expected, rtol=tolerance, atol=tolerance, err_msg=p.name)
        assert np.abs(p.value - w).max() > 0, "a step that does nothing"
        assert after["state"][p.name].keys() == new.keys()
        for part, values in new.items():
            assert after["state"][p.name][part].shape == p.shape
            np.testing.assert_allclose(after["state"][p.name][part], values, rtol=tolerance, atol=1e-7 * tolerance)
        assert np.array_equal(p.grad, g), "the gradient was changed"


@pytest.mark.parametrize(("name", "args", "sample"), OPTIMIZERS)
def test_ten_steps_with_new_gradients_equal_the_rule(name, args, sample, rng):
    net, optimizer, a = model(), make("optimizer", name, args), arguments("optimizer", name, args)
    reference = reference_of("optimizer", name)
    w = {p.name: p.value.copy() for p in net.parameters()}
    start = reference.start(a) if hasattr(reference, "start") else 0.0
    arrays = {key: {s: np.full_like(v, start) for s in reference.state_names(a)} for key, v in w.items()}
    for t in range(1, 11):
        randomise_gradients(net, rng)
        optimizer.step(net)
        for p in net.parameters():
            w[p.name], arrays[p.name] = reference.rule(a, t, a.lr, w[p.name], p.grad, arrays[p.name])
            np.testing.assert_allclose(p.value, w[p.name], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("name", "args", "sample"), OPTIMIZERS)
def test_an_optimizer_serves_one_model(name, args, sample):
    first, second = model(), model()
    optimizer = make("optimizer", name, args)
    optimizer.step(first)
    for use in (lambda: optimizer.step(second), lambda: nc.Trainer(second, nc.MSELoss(), optimizer)):
        with pytest.raises(nc.StateError, match=rf"^\[{name}\]"):
            use()
    del first
    gc.collect()
    with pytest.raises(nc.StateError):
        optimizer.step(second)


@pytest.mark.parametrize(("name", "args", "sample"), OPTIMIZERS)
def test_state_goes_over_to_a_new_optimizer(name, args, sample, rng):
    """Five steps, state saved, five more; and the last five with a new optimizer: the same bits."""
    net, optimizer = model(), make("optimizer", name, args)
    gradients = [[rng.normal(size=p.shape) for p in net.parameters()] for _ in range(10)]

    def steps(net, optimizer, chosen):
        for gs in chosen:
            for p, g in zip(net.parameters(), gs, strict=True):
                p.grad = g
            optimizer.step(net)

    steps(net, optimizer, gradients[:5])
    middle, state = net.copy(), optimizer.state_dict()
    steps(net, optimizer, gradients[5:])
    for carried in (state, pickle.loads(pickle.dumps(state)), copy.deepcopy(state)):
        other, again = middle.copy(), make("optimizer", name, args)
        again.load_state_dict(carried)
        steps(other, again, gradients[5:])
        assert np.array_equal(other.flat_parameters, net.flat_parameters)
    assert state["step"] == 5, "the saved state is a copy"


@pytest.mark.parametrize(("name", "args", "sample"), OPTIMIZERS)
def test_a_bad_state_changes_nothing(name, args, sample, rng):
    net, optimizer, a = model(), make("optimizer", name, args), arguments("optimizer", name, args)
    optimizer.step(net)
    before = optimizer.state_dict()
    good = random_state(a, name, net, rng, 10)
    names = reference_of("optimizer", name).state_names(a)
    bad = [
        {**good, "no such key": 1},
        {**good, "step": -1},
        {**good, "step": 1.5},
        {**good, "lr": "x"},
        {**good, "lr": float("nan")},
        {**good, "state": {**good["state"], "9.weight": {}}},
        {**good, "state": {**good["state"], "0.bias": {"no such state": np.zeros(5)}}},
    ]
    for part in names:
        bad.append({**good, "state": {**good["state"], "0.bias": {part: np.zeros(6)}}})
        bad.append({**good, "state": {**good["state"], "0.bias": {part: "x"}}})
    for state in bad:
        with pytest.raises((nc.ConfigError, nc.ShapeError)):
            optimizer.load_state_dict(state)
        after = optimizer.state_dict()
        assert after["step"] == before["step"]
        for key, arrays in before["state"].items():
            for part, values in arrays.items():
                assert np.array_equal(after["state"][key][part], values)


@pytest.mark.parametrize("name", [n for k, n in SCHEMAS if k == "optimizer"])
def test_learning_rate_is_another_name_of_lr(name):
    assert class_of("optimizer", name)(learning_rate=0.25).lr == 0.25
    with pytest.raises(nc.ConfigError, match="both"):
        class_of("optimizer", name)(lr=0.1, learning_rate=0.25)


@pytest.mark.parametrize("name", [n for k, n in SCHEMAS if k == "optimizer"])
def test_lr_can_be_read_and_set_between_steps(name, rng):
    net, optimizer = model(), class_of("optimizer", name)(lr=0.5)
    optimizer.lr = 0.25
    assert optimizer.lr == 0.25
    randomise_gradients(net, rng)
    one, other = net.copy(), class_of("optimizer", name)(lr=0.25)
    for p, q in zip(one.parameters(), net.parameters(), strict=True):
        p.grad = q.grad
    optimizer.step(net)
    other.step(one)
    assert np.array_equal(one.flat_parameters, net.flat_parameters)
    optimizer.lr = 0.125
    assert optimizer.lr == 0.125 and optimizer.state_dict()["lr"] == 0.125
    for bad in (0, -1, float("nan"), float("inf"), None, "x", True):
        with pytest.raises(nc.ConfigError, match=rf"^\[{name}\] lr"):
            optimizer.lr = bad
    assert optimizer.lr == 0.125


@pytest.mark.parametrize("name", [n for k, n in SCHEMAS if k == "optimizer"])
def test_a_rate_set_by_hand_outlives_a_schedule_and_a_change_of_dtype(name):
    net, optimizer = model(), class_of("optimizer", name)(lr=nc.StepLR(0.1, 1, per="step"))
    optimizer.step(net)
    assert optimizer.lr == pytest.approx(0.01)
    optimizer.lr = 0.5
    again = class_of("optimizer", name)(lr=nc.StepLR(0.1, 1, per="step"))
    again.load_state_dict(optimizer.state_dict())
    assert again.lr == 0.5
    net.to("float32")
    optimizer.step(net)
    assert optimizer.lr == 0.5 and optimizer.state_dict()["step"] == 2


@pytest.mark.parametrize("what", [None, "x", 3, nc.ReLU(), nc.Linear(2, 2), object()], ids=lambda w: type(w).__name__)
def test_only_a_model_can_be_stepped(what):
    with pytest.raises((nc.ConfigError, TypeError)):
        nc.SGD().step(what)
