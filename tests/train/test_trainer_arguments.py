"""What a Trainer refuses, and that nothing has changed when it does."""

import inspect
import re

import numpy as np
import pytest

import nncore as nc
from support.cases import TRAINER_OPTIONS


def build(**more):
    return nc.Sequential(nc.Linear(3, 8), nc.Tanh(), nc.Linear(8, 2), seed=1, **more)


def make(**options):
    return nc.Trainer(build(), nc.CrossEntropyLoss(), nc.SGD(lr=0.1, momentum=0.9), **options)


GOOD = {"model": build(), "loss": nc.MSELoss(), "optimizer": nc.SGD()}


@pytest.mark.parametrize("argument", GOOD)
@pytest.mark.parametrize("value", [None, 3, "x", nc.MSELoss, nc.SGD, nc.Linear(2, 2), [nc.SGD()], object()], ids=repr)
def test_model_loss_and_optimizer_have_their_types(argument, value):
    with pytest.raises(nc.ConfigError, match=rf"^\[Trainer\] {argument}: expected an? "):
        nc.Trainer(**{**GOOD, argument: value})


def test_options_make_a_trainer_like_this_one():
    given = {"batch_size": None, "seed": 3, "l2": 0.5, "clip_grad_norm": 2.0, "augment": nc.Augment(2)}
    made = make(**given)
    assert given.items() <= made.options.items()
    assert make(**made.options).options == made.options
    made.options["l2"] = 0.0
    assert made.options["l2"] == 0.5, "a copy"


def test_fitting_tells_that_a_fit_is_under_way():
    X, y = np.zeros((4, 3)), np.array([0, 1, 0, 1])
    made, seen = make(), []
    assert not made.fitting
    made.fit(X, y, epochs=2, callbacks=[lambda record: seen.append(made.fitting)])
    assert seen == [True, True] and not made.fitting


HOSTILE = [-1, 0, 1.5, 2**63, 2**64, 10**400, float("nan"), float("inf"), -1e308, None, True, "x", [], {}, object(), 1j]
OPTIONS = {
    "batch_size": [None],
    "shuffle": [True],
    "seed": [0, 2**63],
    "l2": [0, 1.5, 2**63, 2**64],
    "l1": [0, 1.5, 2**63, 2**64],
    "clip_grad_norm": [None, 1.5, 2**63, 2**64],
    "clip_grad_value": [None, 1.5, 2**63, 2**64],
    "drop_last": [True],
    "on_nonfinite": [],
    "num_threads": [None],
    "penalty_per_sample": [True],
}


@pytest.mark.parametrize("option", OPTIONS)
def test_hostile_options_are_refused_by_name(option):
    for value in HOSTILE:
        if any(value is good or (value == good and type(value) is type(good)) for good in OPTIONS[option]):
            nc.Trainer(build(), nc.MSELoss(), nc.SGD(), **{option: value})
        else:
            with pytest.raises(nc.ConfigError, match=rf"^\[Trainer\] {option}: expected "):
                nc.Trainer(build(), nc.MSELoss(), nc.SGD(), **{option: value})


def test_the_signature_is_that_of_the_schema():
    fields = TRAINER_OPTIONS["fields"]
    given = list(inspect.signature(nc.Trainer).parameters.values())[3:]
    assert {p.name: p.default for p in given} == {field["name"]: field["default"] for field in fields}
    assert {p.name: p.annotation for p in given} == {field["name"]: field["annotation"] for field in fields}
    assert {p.kind for p in given} == {inspect.Parameter.KEYWORD_ONLY}
    assert all(field["keyword_only"] for field in fields)
    assert all(re.search(rf"^ +(\w+, )?{field['name']}(, \w+)? :", nc.Trainer.__doc__, re.M) for field in fields)


@pytest.mark.parametrize(
    ("layer", "hint"),
    [(nc.Softmax(), "drop the layer"), (nc.LogSoftmax(), "drop the layer, or use NLLLoss after LogSoftmax")],
)
def test_cross_entropy_after_softmax_is_refused(layer, hint):
    net = build()
    net.append(layer)
    with pytest.raises(nc.ConfigError, match=rf"^\[Trainer\] model: .*{hint}"):
        nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD())
    if isinstance(layer, nc.LogSoftmax):
        assert nc.Trainer(net, nc.NLLLoss(), nc.SGD()).loss.link == "log_softmax"


X, Y = np.ones((6, 3)), np.array([0, 1, 0, 1, 0, 1])


def nan_at(row, column, value):
    x = X.copy()
    x[row, column] = value
    return x


BAD_DATA = {
    "NaN": (nan_at(4, 1, np.nan), Y, nc.ConfigError, r"X: expected finite float32 numbers, got nan at \[4, 1\]"),
    "infinity": (nan_at(0, 2, -np.inf), Y, nc.ConfigError, r"X: expected finite float32 numbers, got -inf at \[0, 2\]"),
    "beyond float32": (nan_at(5, 0, 1e300), Y, nc.ConfigError, "X: expected finite float32 numbers"),
    "features": (np.ones((6, 4)), Y, nc.ShapeError, r'\[Linear "0"\] x: expected \(N, 3\), got \('),
    "rank 1": (np.ones(6), Y, nc.ShapeError, "X"),
    "no samples": (np.ones((0, 3)), Y[:0], nc.ShapeError, "at least one sample"),
    "more labels": (X, np.append(Y, 0), nc.ShapeError, "y: expected as many as the samples of X, 6"),
    "column of labels": (X, Y[:, None], nc.ShapeError, r"y.ravel\(\)"),
    "label too large": (X, Y + 1, nc.ConfigError, "labels 0 to 1, got 2 at index 1"),
    "label negative": (X, Y - 1, nc.ConfigError, "labels 0 to 1, got -1 at index 0"),
    "fractions": (X, Y / 2.0, nc.ShapeError, "integer labels"),
    "NaN in y": (X, np.full((6, 2), np.nan), nc.ConfigError, "y: expected "),
    "bytes": (X.astype(np.uint8), Y, nc.ConfigError, "X: expected numbers, or a model that turns bytes.*Normalize"),
    "complex": (X + 0j, Y, (nc.ShapeError, nc.ConfigError), "X"),
    "text": (X.astype(str), Y, (nc.ShapeError, nc.ConfigError), "X"),
    "objects": (X.astype(object), Y, (nc.ShapeError, nc.ConfigError), "X"),
    "ragged": ([[1.0, 2.0, 3.0], [1.0]], Y[:2], (nc.ShapeError, nc.ConfigError), "X"),
    "None": (None, Y, (nc.ShapeError, nc.ConfigError), "X"),
    "no y": (X, None, (nc.ShapeError, nc.ConfigError), "y"),
    "masked": (np.ma.masked_array(X), Y, (nc.ShapeError, nc.ConfigError), "X"),
    "number y": (X, 3, (nc.ShapeError, nc.ConfigError), "y"),
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data_are_refused_before_anything_changes(case):
    bad_x, bad_y, error, message = BAD_DATA[case]
    trainer = make(batch_size=2)
    trainer.fit(X, Y, epochs=1)
    before, state = trainer.model.flat_parameters.copy(), trainer.optimizer.state_dict()
    with np.errstate(over="ignore"):
        uses = {
            "[fit]": lambda: trainer.fit(bad_x, bad_y, epochs=1),
            "[step]": lambda: trainer.step(bad_x, bad_y),
            "[evaluate]": lambda: trainer.evaluate(bad_x, bad_y),
            "[fit] validation_data:": lambda: trainer.fit(X, Y, epochs=1, validation_data=(bad_x, bad_y)),
            "[fit] test_data:": lambda: trainer.fit(X, Y, epochs=1, test_data=(bad_x, bad_y)),
        }
        for use in uses.values():
            with pytest.raises(error, match=message):
                use()
    assert np.array_equal(trainer.model.flat_parameters, before)
    assert trainer.optimizer.state_dict()["step"] == state["step"]
    assert trainer.fit(X, Y, epochs=1)["epoch"].tolist() == [2]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"epochs": -1}, "epochs"),
        ({"epochs": 1.5}, "epochs"),
        ({"epochs": 2**63}, "epochs"),
        ({"epochs": None}, "epochs"),
        ({"epochs": True}, "epochs"),
        ({"validation_data": X}, "validation_data"),
        ({"validation_data": (X,)}, "validation_data"),
        ({"test_data": (X, Y, Y, Y)}, "test_data"),
        ({"test_data": "xy"}, "test_data"),
        ({"metrics": ("no such metric",)}, "metrics"),
        ({"metrics": "accuracy"}, "metrics"),
        ({"metrics": 3}, "metrics"),
        ({"callbacks": [3]}, "callbacks"),
        ({"callbacks": 3}, "callbacks"),
        ({"progress": "yes"}, "progress"),
        ({"progress": None}, "progress"),
    ],
    ids=str,
)
def test_hostile_arguments_of_fit_are_refused(arguments, name):
    trainer = make()
    before = trainer.model.flat_parameters.copy()
    with pytest.raises(nc.ConfigError, match=rf"^\[fit\] {name}: expected "):
        trainer.fit(X, Y, **arguments)
    assert np.array_equal(trainer.model.flat_parameters, before)


def test_data_are_neither_written_nor_kept(rng):
    x, y = rng.normal(size=(10, 3)).astype(np.float32), rng.integers(0, 2, 10)
    x.flags.writeable = y.flags.writeable = False
    before = x.copy(), y.copy()
    make(batch_size=4).fit(x, y, epochs=2)
    assert np.array_equal(x, before[0]) and np.array_equal(y, before[1])


@pytest.mark.parametrize("layout", ["list", "fortran", "strided", "reversed", "float64", "float16", "big-endian"])
def test_any_layout_of_the_data_trains_to_the_same_bits(layout, rng):
    x, y = rng.integers(-9, 9, (20, 3)) / 8, rng.integers(0, 2, 20)
    given = {
        "list": (x.tolist(), y.tolist()),
        "fortran": (np.asfortranarray(x), y),
        "strided": (np.repeat(x, 2, axis=0)[::2], np.repeat(y, 2)[::2]),
        "reversed": (x[::-1].copy()[::-1], y[::-1].copy()[::-1]),
        "float64": (x, y.astype(np.int8)),
        "float16": (x.astype(np.float16), y.astype(np.uint16)),
        "big-endian": (x.astype(">f4"), y.astype(">i8")),
    }[layout]
    trainers = make(batch_size=7), make(batch_size=7)
    trainers[0].fit(x.astype(np.float32), y, epochs=2)
    trainers[1].fit(*given, epochs=2)
    assert np.array_equal(trainers[0].model.flat_parameters, trainers[1].model.flat_parameters)


def test_a_model_that_grows_between_fits_trains_whole(rng):
    x = rng.normal(size=(10, 3))
    net = build()
    trainer = nc.Trainer(net, nc.MSELoss(), nc.Adam())
    trainer.fit(x, np.zeros((10, 2)), epochs=1)
    net.append(nc.Linear(2, 4))
    before = net.state_dict()
    trainer.fit(x, np.zeros((10, 4)), epochs=1)
    assert all(not np.array_equal(value, before[key]) for key, value in net.state_dict().items())


def test_shapes_may_change_from_step_to_step(rng):
    net = nc.Sequential(nc.Tanh(), nc.Flatten(), nc.Identity(), seed=0)
    trainer = nc.Trainer(net, nc.MSELoss(), nc.SGD())
    for shape in ((3, 4), (5, 2, 2), (1, 9), (3, 4)):
        x = rng.normal(size=shape).astype(np.float32)
        y = np.zeros((shape[0], int(np.prod(shape[1:]))))
        assert trainer.step(x, y) == pytest.approx(np.mean(np.tanh(x) ** 2), rel=1e-5)
