"""Objectives: values by hand, gradients by differences, every known minimum; and what minimize records of its way."""

import numpy as np
import pytest
from scipy import optimize

import nncore as nc
from support.cases import SCHEMAS

NAMES = ["ackley", "beale", "booth", "himmelblau", "quadratic", "rastrigin", "rosenbrock", "saddle"]
ANY_DIMENSION = ["ackley", "quadratic", "rastrigin"]
BY_HAND = [
    ("ackley", [1.0, 0.0], 20 + np.e - 20 * np.exp(-0.2 * np.sqrt(0.5)) - np.exp(1.0)),
    ("beale", [0.0, 0.0], 1.5**2 + 2.25**2 + 2.625**2),
    ("beale", [1.0, 2.0], (1.5 - 1 + 2) ** 2 + (2.25 - 1 + 4) ** 2 + (2.625 - 1 + 8) ** 2),
    ("booth", [1.0, 1.0], (1 + 2 - 7) ** 2 + (2 + 1 - 5) ** 2),
    ("himmelblau", [1.0, 2.0], (1 + 2 - 11) ** 2 + (1 + 4 - 7) ** 2),
    ("quadratic", [1.0, 2.0, 3.0], 7.0),
    ("rastrigin", [0.5, 1.0], 10 * 2 + (0.25 + 10) + (1 - 10)),
    ("rosenbrock", [-1.0, 2.0], 4 + 100.0),
    ("saddle", [3.0, 2.0], 5.0),
]


def test_these_are_all():
    assert sorted(nc.objectives.names) == NAMES
    assert [name for name in NAMES if not SCHEMAS["objective", name]["source"]] == []


@pytest.mark.parametrize(("name", "x", "value"), BY_HAND)
def test_values_by_hand(name, x, value):
    assert nc.objectives.get(name)(x) == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_gradient_is_that_of_central_differences(name, rng):
    f = nc.objectives.get(name)
    for dimension in (1, 2, 5) if name in ANY_DIMENSION else (2,):
        for x in rng.uniform(-3, 3, size=(20, dimension)):
            numeric = nc.numeric_gradient(f, x)
            np.testing.assert_allclose(f.gradient(x), numeric, rtol=1e-6, atol=1e-6 * max(1, np.abs(numeric).max()))


@pytest.mark.parametrize("name", NAMES)
def test_minima_are_minima(name, rng):
    f = nc.objectives.get(name)
    assert len(f.minima) == {"himmelblau": 4, "saddle": 0}.get(name, 1)
    for minimum in [f.minimum, *f.minima]:
        assert f(minimum) == pytest.approx(f.minimum_value, abs=1e-14)
        np.testing.assert_allclose(f.gradient(minimum), 0, atol=1e-12)
    for minimum in f.minima:
        for d in rng.normal(size=(50, len(minimum))):
            assert f(np.asarray(minimum) + 1e-3 * d) > f.minimum_value
    for other in f.minima[1:]:
        assert np.linalg.norm(np.subtract(f.minima[0], other)) > 1
    assert f(np.asarray(f.start)) > f.minimum_value or name == "saddle"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "saddle"])
def test_a_search_from_everywhere_finds_no_other_minimum(name):
    """Every local minimum scipy finds as low as the known value is one of the known points."""
    f = nc.objectives.get(name)
    found = set()
    rng = np.random.default_rng(0)
    for start in [*rng.uniform(-4, 4, size=(60, 2)), *rng.uniform(-0.3, 0.3, size=(5, 2))]:
        result = optimize.minimize(f, start, jac=f.gradient, method="BFGS", options={"gtol": 1e-10})
        assert not result.fun < f.minimum_value - 1e-12
        if result.fun < f.minimum_value + 1e-9:
            distances = [np.linalg.norm(result.x - m) for m in f.minima]
            assert min(distances) < 1e-3
            found.add(int(np.argmin(distances)))
    assert found == set(range(len(f.minima)))


def test_the_saddle_falls_without_end():
    result = nc.minimize("saddle", None, nc.SGD(lr=0.1), 100)
    assert abs(result.x[0]) < 1e-6 and result.fun < -100


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_dimension_is_refused(name):
    wrong = [[]] if name in ANY_DIMENSION else [[], [1.0], [1.0, 2.0, 3.0]]
    for x in wrong:
        with pytest.raises(nc.ShapeError):
            nc.objectives.get(name)(x)
    if name not in ANY_DIMENSION:
        with pytest.raises(nc.ShapeError, match=rf"^\[{name}\] x0: expected 2 numbers, got 3"):
            nc.minimize(name, [1.0, 2.0, 3.0], nc.SGD(), 10)


@pytest.mark.parametrize(
    ("record", "steps", "expected"),
    [
        ("all", 3, [0, 1, 2, 3]),
        (1, 3, [0, 1, 2, 3]),
        (4, 10, [0, 4, 8, 10]),
        (5, 10, [0, 5, 10]),
        (100, 10, [0, 10]),
        (3, 0, [0]),
        (None, 10, []),
    ],
)
def test_rows_of_the_path_know_their_steps(record, steps, expected):
    result = nc.minimize("quadratic", [1.0], nc.SGD(lr=0.5), steps, record=record)
    assert result.steps.tolist() == expected and result.steps.dtype == np.int64
    assert result.path.ravel().tolist() == [0.5**s for s in expected]
    assert result.values.tolist() == [0.5**s * 0.5**s / 2 for s in expected]


def test_steps_of_a_path_that_diverges_or_ends_early():
    away = nc.minimize("quadratic", [1.0], nc.SGD(lr=1e100), 100, record=2)
    assert not away.success and away.steps[-1] == away.nit - 1 and len(away.steps) == len(away.path)
    near = nc.minimize("quadratic", [1.0], nc.SGD(lr=0.5), 100, record=4, tol=2**-10)
    assert near.message == "gradient within tol" and near.steps.tolist() == [0, 4, 8, 10]


RULES = {
    "descent": nc.SGD(lr=2e-4),
    "momentum": nc.SGD(lr=1e-4, momentum=0.9),
    "dampened": nc.SGD(lr=1e-4, momentum=0.9, dampening=0.5),
    "nesterov": nc.SGD(lr=1e-4, momentum=0.9, nesterov=True),
    "decay": nc.SGD(lr=1e-4, weight_decay=0.1),
    "Adam": nc.Adam(lr=0.01, betas=(0.8, 0.95)),
    "Adam, eps inside": nc.Adam(lr=0.01, eps=1e-4, eps_inside_sqrt=True),
    "Adam, raw": nc.Adam(lr=0.01, bias_correction=False),
    "AMSGrad": nc.Adam(lr=0.01, amsgrad=True),
    "AdamW": nc.AdamW(lr=0.01),
    "scheduled": nc.Adam(lr=nc.StepLR(0.01, 100, per="step")),
    "away": nc.SGD(lr=0.3, momentum=0.5),
}


def assert_same_way(ours, plain):
    for name in ("x", "path", "values", "steps"):
        assert ours[name].tobytes() == plain[name].tobytes() and ours[name].shape == plain[name].shape, name
    assert (ours.fun, ours.nit, ours.message) == (plain.fun, plain.nit, plain.message)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", NAMES)
def test_the_compiled_loop_goes_the_same_way_bit_by_bit(name, rule):
    """A Python function has no loop of its own: one step at a time, through the rule that trains nets."""
    f, optimizer = nc.objectives.get(name), RULES[rule]

    def function(x):
        return f(x), f.gradient(x)

    for steps, options in [
        (0, {}),
        (1, {}),
        (2, {}),
        (1300, {"record": 7}),
        (513, {"record": None}),
        (600, {"tol": 0.1}),
    ]:
        ours, plain = (nc.minimize(g, f.start, optimizer, steps, **options) for g in (name, function))
        assert_same_way(ours, plain)


def test_the_way_lies_in_arrays_of_its_own():
    first = nc.minimize("rosenbrock", None, nc.SGD(lr=1e-4), 2000)
    path = first.path.copy()
    nc.minimize("rosenbrock", None, nc.Adam(lr=0.1), 2000)
    first.path[0] += 0.0
    assert first.path.flags.writeable and first.path.flags.c_contiguous
    np.testing.assert_array_equal(first.path, path)


def test_a_way_longer_than_memory_is_refused():
    with pytest.raises(MemoryError):
        nc.minimize("rosenbrock", None, nc.SGD(lr=1e-4), 2**40)


@pytest.mark.parametrize("given", ["objective", "fun"])
def test_minimize_of_a_plain_function_takes_numeric_gradients(given):
    def f(x):
        x += 0.0  # a copy of its own: what it does to x changes nothing
        return (x[0] - 1) ** 2 + 3 * (x[1] + 2) ** 4

    def both(x):
        return f(x), np.array([2 * (x[0] - 1), 12 * (x[1] + 2) ** 3])

    found = nc.minimize(**{given: f}, x0=[0.0, -1.0], optimizer=nc.SGD(0.05), steps=50)
    exact = nc.minimize(both, [0.0, -1.0], nc.SGD(0.05), 50)
    np.testing.assert_allclose(found.path, exact.path, rtol=0, atol=1e-8)
    assert found.fun < 0.01 < found.values[0]


@pytest.mark.parametrize("answer", ["no number", None, [1.0, 2.0], (1.0, [1.0], 2)])
def test_minimize_of_a_plain_function_checks_what_it_returns(answer):
    with pytest.raises((nc.ConfigError, nc.ShapeError), match=r"\[minimize\] objective: expected"):
        nc.minimize(lambda x: answer, [1.0], nc.SGD(0.1), 3)
