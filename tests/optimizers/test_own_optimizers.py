"""Optimizers written in Python, and rates that are functions of the step."""

import copy
import pickle

import numpy as np
import pytest

import nncore as nc

X, y = nc.datasets.make_moons(64, noise=0.1, seed=0)


class Momentum(nc.Optimizer):
    def __init__(self, lr, mu=0.5):
        super().__init__(lr=lr)
        self.mu = mu

    def update(self, parameter, gradient, state):
        v = self.mu * state.get("v", 0.0) + gradient
        parameter -= self.lr * v
        state["v"] = v


class OwnAdam(nc.Optimizer):
    def update(self, parameter, gradient, state):
        m = state.setdefault("m", np.zeros_like(parameter))
        s = state.setdefault("s", np.zeros_like(parameter))
        m += 0.1 * (gradient - m)
        s += 0.001 * (gradient**2 - s)
        parameter -= self.lr * m / (1 - 0.9**self.t) / (np.sqrt(s / (1 - 0.999**self.t)) + 1e-8)


class Breaks(Momentum):
    breaks = False

    def update(self, parameter, gradient, state):
        super().update(parameter, gradient, state)
        if self.breaks and parameter.ndim == 1:
            raise RuntimeError("here")


def trainer(optimizer, dtype="float64", **options):
    net = nc.mlp([2, 8, 2], seed=0, dtype=dtype)
    return nc.Trainer(net, nc.CrossEntropyLoss(), optimizer, **{"batch_size": 16, "seed": 1, **options})


# Rates and shares that are powers of two: their products are exact, whether or not the compiler fuses them.
@pytest.mark.parametrize(
    "options",
    [{}, {"l2": 0.01}, {"l1": 0.01}, {"clip_grad_norm": 0.1}, {"clip_grad_value": 0.01}, {"batch_size": 1}],
    ids=repr,
)
def test_fit_is_that_of_the_compiled_rule(options):
    ours, compiled = trainer(Momentum(0.25), **options), trainer(nc.SGD(0.25, momentum=0.5), **options)
    before = ours.model.flat_parameters.copy()
    for either in (ours, compiled):
        either.fit(X, y, epochs=3)
    assert np.abs(ours.model.flat_parameters - before).max() > 0.01
    np.testing.assert_allclose(ours.model.flat_parameters, compiled.model.flat_parameters, rtol=0, atol=1e-13)


def test_step_is_that_of_the_compiled_rule_to_the_bit():
    nets = [nc.mlp([2, 8, 2], seed=0, dtype="float64") for _ in range(2)]
    for net, optimizer in zip(nets, (Momentum(0.25), nc.SGD(0.25, momentum=0.5)), strict=True):
        for _ in range(5):
            _, dz = nc.CrossEntropyLoss()(net.forward(X, training=True), y)
            net.backward(dz)
            optimizer.step(net)
            net.zero_grad()
    np.testing.assert_array_equal(nets[0].flat_parameters, nets[1].flat_parameters)


def test_number_of_the_step_and_two_arrays():
    ours, compiled = trainer(OwnAdam(lr=0.01)), trainer(nc.Adam(0.01))
    for either in (ours, compiled):
        either.fit(X, y, epochs=3)
    np.testing.assert_allclose(ours.model.flat_parameters, compiled.model.flat_parameters, rtol=0, atol=1e-10)
    assert ours.optimizer.t == 12


def test_schedules_set_the_rate_of_the_step():
    rates = []

    class Notes(nc.Optimizer):
        def update(self, parameter, gradient, state):
            if parameter.ndim == 1:
                rates.append((self.t, self.lr))

    nc.minimize("quadratic", [1.0, 1.0], Notes(lr=lambda step: 0.1 / (1 + step)), 3)
    assert rates == [(1, 0.1), (2, 0.05), (3, 0.1 / 3)]


@pytest.mark.parametrize("again", [copy.deepcopy, copy.copy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_train_on_to_the_same_bits(again):
    first = trainer(Momentum(0.25, mu=0.75))
    first.fit(X, y, epochs=2)
    second = again(first)
    for either in (first, second):
        either.fit(X, y, epochs=2)
    assert second.optimizer.mu == 0.75
    np.testing.assert_array_equal(first.model.flat_parameters, second.model.flat_parameters)


def test_state_dict_round_trip():
    first, second = trainer(Momentum(0.25)), trainer(Momentum(0.5))
    first.fit(X, y, epochs=2)
    second.load_state_dict(first.state_dict())
    assert second.optimizer.lr == 0.25
    for either in (first, second):
        either.fit(X, y, epochs=2)
    np.testing.assert_array_equal(first.model.flat_parameters, second.model.flat_parameters)


@pytest.mark.parametrize("by_hand", [False, True])
def test_an_exception_leaves_everything_as_it_was(by_hand):
    own = trainer(Breaks(0.25))
    own.fit(X, y, epochs=1)
    before, state = own.model.flat_parameters.copy(), own.optimizer.state_dict()
    own.optimizer.breaks = True
    with pytest.raises(RuntimeError, match="here"):
        own.optimizer.step(own.model) if by_hand else own.step(X[:16], y[:16])
    np.testing.assert_array_equal(own.model.flat_parameters, before)
    after = own.optimizer.state_dict()
    assert after["step"] == state["step"]
    for name, arrays in state["state"].items():
        np.testing.assert_array_equal(after["state"][name]["v"], arrays["v"])


def test_frozen_parameters_stay():
    own = trainer(Momentum(0.25))
    own.model[0].freeze()
    before = own.model[0].weight.copy()
    own.fit(X, y, epochs=1)
    np.testing.assert_array_equal(own.model[0].weight, before)
    assert own.optimizer.state_dict()["state"]["0.weight"] == {}


def test_divergence_names_the_parameters_and_keeps_the_last_finite_ones():
    own = trainer(Momentum(1e200))
    with pytest.raises(nc.NumericError, match="not finite"):
        own.fit(X, y, epochs=3)
    assert np.isfinite(own.model.flat_parameters).all()


def test_a_sweep_trains_as_a_fit_does():
    table = nc.sweep(lambda lr, seed: trainer(Momentum(lr)), {"lr": [0.25, 0.125]}, X, y, epochs=2)
    alone = trainer(Momentum(0.25))
    history = alone.fit(X, y, epochs=2)
    assert table[0]["loss"] == pytest.approx(history["loss"][-1], rel=1e-12)


def test_files_hold_no_code(tmp_path):
    with pytest.raises(nc.ConfigError, match="files hold no code"):
        trainer(Momentum(0.25)).save(tmp_path / "t.nnc")


def rule(update):
    return type("Mine", (nc.Optimizer,), {"update": update})


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: type("Mine", (nc.Optimizer,), {"step": print})(0.1), "[Mine] update: expected a method"),
        (lambda: type("Mine", (nc.SGD,), {"update": print}), "[Mine] update: expected a subclass of nc.Optimizer"),
        (lambda: rule(print)(), "[Mine] lr: expected super().__init__(lr=lr)"),
        (lambda: rule(print)(lr=-1.0), "[Mine] lr: expected a number > 0 or a schedule, got -1.0"),
        (lambda: rule(print)(lr=nc.StepLR), "[Mine] lr: expected a number > 0 or a schedule"),
        (lambda: nc.Optimizer(lr=0.1), "[Optimizer] expected one of its subclasses"),
        (
            lambda: trainer(type("Mine", (nc.Optimizer,), {"__init__": lambda self: None, "update": print})()),
            "[Mine] __init__: expected a call super().__init__(lr=lr)",
        ),
        (
            lambda: trainer(rule(lambda self, w, g, state: w - g)(0.1)).step(X, y),
            "[Mine] update: expected it to change parameter in place",
        ),
    ],
)
def test_errors_say_what_to_define(make, text):
    with pytest.raises(nc.ConfigError) as error:
        make()
    assert text in str(error.value)


def test_state_of_another_shape_is_refused():
    def update(self, parameter, gradient, state):
        state["n"] = state.get("n", 0) + 1

    with pytest.raises(nc.ShapeError, match=r"state\['n'\]: expected an array of the parameter's shape"):
        trainer(rule(update)(0.1)).step(X, y)


def test_a_function_is_the_rate_itself():
    given, schedule = nc.SGD(lr=lambda step: 0.1 / (1 + step)), nc.SGD(lr=nc.Schedule(0.1, lambda i: 1 / (1 + i)))
    paths = [nc.minimize("quadratic", [1.0, 1.0], o, 20).path for o in (given, schedule)]
    np.testing.assert_allclose(paths[0], paths[1], rtol=1e-14)
    assert given.lr == 0.1
    given.lr = lambda step: 0.5
    assert given.lr == 0.5


class Rebinds(nc.Optimizer):
    def update(self, p, g, state):
        p = p - self.lr * g


class RebindsInPieces(nc.Optimizer):
    def update(self, parameter, gradient, state):
        v = state["v"] = 0.5 * state.get("v", 0.0) + gradient
        parameter, _ = parameter - self.lr * v, None


class RebindsBelow(Rebinds):
    def update(self, p, g, state):
        super().update(p, g, state)


@pytest.mark.parametrize("kind", [Rebinds, RebindsInPieces, RebindsBelow])
@pytest.mark.parametrize("by_hand", [False, True])
def test_a_rule_that_binds_its_argument_anew_is_told(kind, by_hand):
    own = trainer(kind(lr=0.1))
    name = "parameter" if kind is RebindsInPieces else "p"
    with pytest.raises(nc.ConfigError, match=rf"\[{kind.__name__}\] update: .* {name} in place, got '{name}(, _)? = "):
        own.step(X[:16], y[:16]) if by_hand else own.fit(X, y, epochs=1)
    assert own.optimizer.t == 0


def test_the_message_holds_the_line_and_what_mends_it():
    with pytest.raises(nc.ConfigError) as found:
        trainer(Rebinds(lr=0.1)).fit(X, y, epochs=1)
    assert "got 'p = p - self.lr * g" in str(found.value)
    assert "(hint: p -= self.lr * gradient, or p[...] = …)" in str(found.value)


def test_a_rule_that_binds_its_state_anew_is_told():
    class Forgets(nc.Optimizer):
        def update(self, p, g, state):
            v = 0.5 * state.get("v", 0.0) + g
            p -= self.lr * v
            state = {"v": v}

    with pytest.raises(nc.ConfigError, match=r"\[Forgets\] update: expected it to keep arrays in state, got 'state = "):
        trainer(Forgets(lr=0.1)).fit(X, y, epochs=1)


class Waits(nc.Optimizer):
    """Changes parameters at every n-th step."""

    def __init__(self, lr, n):
        super().__init__(lr=lr)
        self.n = n

    def update(self, p, g, state):
        total = state.setdefault("total", np.zeros_like(p))
        total += g
        if self.t % self.n == 0:
            p -= self.lr * total
            total[...] = 0


def test_a_rule_may_wait():
    own = trainer(Waits(0.1, 5))
    before = own.model.flat_parameters.copy()
    own.fit(X, y, epochs=4)
    assert np.abs(own.model.flat_parameters - before).max() > 1e-3


def test_a_rule_that_never_changes_anything_warns_once():
    own = trainer(Waits(0.1, 1000))
    with pytest.warns(RuntimeWarning, match=r"\[Waits\] update: no parameter has changed in 10 steps") as told:
        own.fit(X, y, epochs=5)
    assert len(told) == 1


def test_a_rate_or_gradients_of_zero_change_nothing_rightly():
    trainer(Rebinds(lr=lambda step: 0.0)).fit(X, y, epochs=5)
    net = nc.Sequential(nc.Linear(2, 1, weight_init="zeros", bias_init="zeros"))
    nc.Trainer(net, nc.MSELoss(), Waits(0.1, 99)).fit(X, np.zeros(len(X)), epochs=20)


def test_a_gradient_may_be_bound_anew_and_is_a_copy():
    class Decays(nc.Optimizer):
        def update(self, p, g, state):
            g = g + 0.5 * p
            g += 0.0
            p -= self.lr * g

    class InPlace(nc.Optimizer):
        def update(self, p, g, state):
            g += 0.5 * p
            p -= self.lr * g

    nets = [nc.mlp([2, 4, 2], seed=0, dtype="float64") for _ in range(2)]
    for net, kind in zip(nets, (Decays, InPlace), strict=True):
        net.flat_gradients[:] = 1.0
        kind(lr=0.1).step(net)
        np.testing.assert_array_equal(net.flat_gradients, 1.0)
    np.testing.assert_array_equal(nets[0].flat_parameters, nets[1].flat_parameters)
