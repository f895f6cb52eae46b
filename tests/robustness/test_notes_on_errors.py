"""Exceptions of users' code keep their type and text, and say in a note where they were raised."""

import re

import numpy as np
import pytest

import nncore as nc

X, Y = nc.datasets.make_moons(40, noise=0.1, seed=0)
FAULTS = {"ValueError": ValueError("boo"), "KeyError": KeyError(3), "ConfigError": nc.ConfigError("boo")}


def raising(fault):
    def method(self, *given):
        raise FAULTS[fault]

    return method


def passing(self, x, *given):
    return x


def train(*layers, loss=None, optimizer=None, **given):
    net = nc.Sequential(*(layers or [nc.Linear(2, 2)]), seed=0)
    trainer = nc.Trainer(net, loss or nc.CrossEntropyLoss(), optimizer or nc.SGD(lr=0.1))
    trainer.fit(X, Y, epochs=1, progress=False, **given)


def with_layer(method, function):
    methods = {"forward": passing, "backward": passing, method: function}
    train(nc.Linear(2, 3), type("Own", (nc.Layer,), methods)(), nc.Linear(3, 2))


def with_loss(method, function):
    methods = {"forward": lambda self, z, y: 1.0, "backward": lambda self: 0.0, method: function}
    train(loss=type("Own", (nc.Loss,), methods)())


def with_callback(method, function):
    train(callbacks=[type("Own", (nc.Callback,), {method: function, "observing": nc.Monitor(every=1).observing})()])


def with_optimizer(method, function):
    train(optimizer=type("Own", (nc.Optimizer,), {method: function})(lr=0.1))


#: Each method that users write, how it comes to be called, and the note on its exceptions.
METHODS = {
    "forward of a layer": (with_layer, "forward", r'^in Own "1", forward, for x \(\d+, 3\)'),
    "backward of a layer": (with_layer, "backward", r'^in Own "1", backward, for dy \(\d+, 3\)'),
    "build of a layer": (with_layer, "build", r'^in Own "1", build, for samples \(3,\)'),
    "forward of a loss": (with_loss, "forward", r"^in Own, forward, for z \(\d+, 2\) and y"),
    "backward of a loss": (with_loss, "backward", r"^in Own, backward, for z \(\d+, 2\) and y"),
    "call of a loss": (with_loss, "__call__", r"^in Own, __call__, for z \(\d+, 2\) and y"),
    "on_fit_begin": (with_callback, "on_fit_begin", "^in the callback Own, on_fit_begin"),
    "on_epoch_end": (with_callback, "on_epoch_end", "^in the callback Own, on_epoch_end after epoch 1"),
    "on_observation": (with_callback, "on_observation", "^in the callback Own, on_observation"),
    "on_fit_end": (with_callback, "on_fit_end", "^in the callback Own, on_fit_end"),
    "optimizer": (with_optimizer, "update", r"^in Own, update, for a parameter \(2, 2\)"),
    "metric": (
        lambda method, function: train(metrics={"own": lambda *given: function(None, *given)}),
        "metric",
        r"^in the metric 'own', which is called with the targets \(\d+,\) and the raw outputs \(\d+, 2\)",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("what", METHODS)
def test_an_exception_has_a_note_of_its_place(what, fault):
    call, method, wanted = METHODS[what]
    with pytest.raises(type(FAULTS[fault])) as caught:
        call(method, raising(fault))
    assert caught.value is FAULTS[fault] and caught.value.args == type(FAULTS[fault])(*caught.value.args).args
    assert any(re.search(wanted, note) for note in caught.value.__notes__)
    del caught.value.__notes__[:]


@pytest.mark.parametrize("what", [what for what in METHODS if what != "metric"])
def test_a_wrong_signature_is_told_with_the_right_one(what):
    call, method, _ = METHODS[what]
    with pytest.raises(TypeError, match="positional argument") as caught:
        call(method, lambda: None)
    (note,) = caught.value.__notes__
    assert f"it is called as {method}(self" in note


def test_the_method_itself_may_raise_a_type_error():
    def forward(self, x, training):
        return "a" + 1

    with pytest.raises(TypeError) as caught:
        with_layer("forward", forward)
    assert "hint" not in caught.value.__notes__[0]


def test_a_layer_without_build_that_changes_the_shape():
    def twice(self, x, training):
        return np.hstack([x, x])

    with pytest.raises(nc.ShapeError, match=r"got \(\d+, 6\) \(define build\(self, shape\), which returns"):
        with_layer("forward", twice)
    methods = {"forward": twice, "backward": passing, "build": lambda self, shape: (5,)}
    with pytest.raises(nc.ShapeError, match=r"got \(\d+, 6\) \(build\(self, shape\) returns the shape of one"):
        train(nc.Linear(2, 3), type("Own", (nc.Layer,), methods)(), nc.Linear(5, 2))


def test_a_layer_in_two_places_has_both_names():
    layer = type("Own", (nc.Layer,), {"forward": raising("ValueError"), "backward": passing})()
    with pytest.raises(ValueError, match="boo") as caught:
        nc.Sequential({"first": layer, "second": layer}, seed=0)(X)
    assert caught.value.__notes__ == ['in Own "first" "second", forward, for x (40, 2)']
    del caught.value.__notes__[:]
