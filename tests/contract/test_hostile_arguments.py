"""No argument of a registered thing crashes: each either constructs or raises an error of the documented kinds."""

import resource
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

import nncore as nc
from support.cases import SCHEMAS, class_of

HOSTILE = [
    0,
    -1,
    1,
    2**31,
    2**63,
    -(2**63),
    2**64,
    10**5000,
    0.5,
    -0.0,
    1e400,
    -1e308,
    5e-324,
    float("nan"),
    float("inf"),
    None,
    True,
    False,
    "x",
    "",
    "\ud800",
    "a\0b",
    b"x",
    [],
    [1],
    [0.9, 0.999],
    [float("nan"), 1.0],
    ["a"],
    [[1.0], [2.0]],
    (),
    {},
    {1: 2},
    set(),
    object(),
    1 + 2j,
    Fraction(1, 3),
    lambda: 0,
    int,
    np.float32(0.5),
    np.int64(3),
    np.bool_(True),
    np.zeros((2, 2)),
    np.zeros(0),
    np.array(0.5),
    np.array([1 + 2j]),
    nc.ReLU(),
    nc.init.zeros(),
    nc.StepLR(0.1, 1),
]

FIELDS = [
    pytest.param(kind, name, field["name"], id=f"{name}-{field['name']}")
    for (kind, name), schema in SCHEMAS.items()
    for field in schema["fields"]
]


def valid_arguments(kind, name):
    examples = SCHEMAS[kind, name]["examples"]
    return dict(examples[0][0]) if examples else {}


@pytest.mark.parametrize(("kind", "name", "field"), FIELDS)
def test_hostile_arguments_construct_or_raise(kind, name, field):
    cls = class_of(kind, name)
    for value in HOSTILE:
        try:
            made = cls(**{**valid_arguments(kind, name), field: value})
        except (nc.ConfigError, TypeError, ValueError) as error:
            assert str(error), f"{value!r}: an error without a text"
        else:
            assert type(made) is cls
            try:
                repr(made)
            except ValueError:
                pytest.fail(f"{name}({field}=…) was accepted and cannot be shown: {type(value)}")


@pytest.mark.parametrize(("kind", "name", "field"), FIELDS)
def test_what_no_field_admits_is_refused_by_name(kind, name, field):
    for value in (float("nan"), -float("inf"), object(), 1 + 2j, {}, "no such name", "\ud800"):
        with pytest.raises(nc.ConfigError, match=rf"^\[{name}\] {field}: expected "):
            class_of(kind, name)(**{**valid_arguments(kind, name), field: value})


@pytest.mark.parametrize(("kind", "name"), [key for key in SCHEMAS if key[0] != "objective"])
def test_unknown_and_superfluous_arguments_are_refused(kind, name):
    cls = class_of(kind, name)
    with pytest.raises(TypeError, match="no_such_argument"):
        cls(**valid_arguments(kind, name), no_such_argument=1)
    with pytest.raises((TypeError, nc.ConfigError)):  # ConfigError where any number of arguments is taken
        cls(*[1] * 20)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: nc.Linear(0, 2), "[Linear] in_features: expected an integer in [1, 2147483648], got 0"),
        (lambda: nc.Linear(2, 2.0), "[Linear] out_features: expected an integer in [1, 2147483648], got 2.0"),
        (lambda: nc.Linear(2, 2, bias=1), "[Linear] bias: expected True or False, got 1"),
        (lambda: nc.Dropout(1.5), "[Dropout] p: expected a number in [0, 1], got 1.5"),
        (lambda: nc.LeakyReLU(1.5), "[LeakyReLU] negative_slope: expected a number in [0, 1), got 1.5"),
        (lambda: nc.SGD(lr=0), "[SGD] lr: expected a number > 0 or a schedule, got 0"),
        (lambda: nc.SGD(lr=-0.1), "[SGD] lr: expected a number > 0 or a schedule, got -0.1"),
        (lambda: nc.Adam(betas=(0.9, 1.0)), "[Adam] betas: expected two numbers in [0, 1), got (0.9, 1.0)"),
        (lambda: nc.StepLR(0.1, 0), "[StepLR] step_size: expected an integer >= 1, got 0"),
        (lambda: nc.MSELoss("none"), "[MSELoss] reduction: expected 'mean' or 'sum', got 'none'"),
        (lambda: nc.init.normal(std=-1), "[normal] std: expected a number >= 0, got -1"),
    ],
)
def test_messages_say_what_was_expected_and_what_came(make, text):
    with pytest.raises(nc.ConfigError) as error:
        make()
    assert str(error.value) == text


def test_nesterov_needs_momentum_and_no_dampening():
    for args in ({}, {"momentum": 0.0}, {"momentum": 0.9, "dampening": 0.1}):
        with pytest.raises(nc.ConfigError, match=r"^\[SGD\] nesterov: expected momentum > 0"):
            nc.SGD(nesterov=True, **args)


def test_uniform_needs_a_below_b():
    with pytest.raises(nc.ConfigError, match=r"^\[uniform\] b: expected a number > a"):
        nc.init.uniform(1.0, 1.0)


def limited(code, gigabytes=4):
    """Runs code with bounded memory and time; the finished process."""

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (gigabytes << 30, gigabytes << 30))
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))

    return subprocess.run(
        [sys.executable, "-c", code], preexec_fn=limit, capture_output=True, text=True, timeout=120, check=False
    )


HUGE = {
    "one matrix": "nc.Sequential(nc.Linear(2**31, 2**31), seed=0)",
    "one side": "nc.Sequential(nc.Linear(2**31, 8), seed=0)",
    "sum overflows 63 bits": "nc.Sequential(*[nc.Linear(2**31, 2**31, bias=False) for _ in range(2)], seed=0)",
    "sum overflows 64 bits": "nc.Sequential(*[nc.Linear(2**31, 2**31, bias=False) for _ in range(4)], seed=0)",
    "alone": "nc.Linear(2**31, 2**31)(np.zeros((1, 3)))",
    "double": "nc.Sequential(nc.Linear(2**31, 2**31), dtype='float64', seed=0)",
    "output": "nc.Sequential(nc.Linear(1, 2**20), nc.ReLU(), seed=0)(np.zeros((2**12, 1)))",
    "initialiser": "nc.init.zeros()((2**31, 2**20))",
    "initialiser of rank 3": "nc.init.normal()((2**31, 2**31, 2**31))",
}


@pytest.mark.parametrize("code", HUGE.values(), ids=HUGE.keys())
def test_what_does_not_fit_in_memory_is_an_error(code):
    done = limited(
        f"import numpy as np, nncore as nc\ntry:\n    {code}\n"
        "except (MemoryError, nc.ConfigError, nc.ShapeError) as error:\n    print('refused')"
    )
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr[-500:]


def test_every_initialiser_fills_empty_and_odd_shapes():
    """In a child: a division by the empty product of two extents would end the process."""
    made = [f"nc.init.{name}(**{valid_arguments(kind, name)})" for kind, name in SCHEMAS if kind == "initializer"]
    shapes = [(), (0,), (0, 5), (5, 0), (0, 0, 5), (5, 0, 3), (0, 5, 3), (1,) * 8]
    done = limited(
        f"import nncore as nc\nfor init in [{', '.join(made)}]:\n    for shape in {shapes}:\n"
        "        assert init(shape, seed=1).shape == shape, (init, shape)\nprint('filled')"
    )
    assert (done.returncode, done.stdout) == (0, "filled\n"), done.stderr[-500:]
