"""What goes wrong in a layer written in Python: it is told, and everything stays usable."""

import gc
import traceback
import weakref

import numpy as np
import pytest

import nncore as nc
from support.example_layers import Dense, data, dense_like

RETURNS = {
    "shape": (lambda x: x[:, :1], r"\[Odd \"1\"\] forward: expected an array of shape \(8, 3\), got \(8, 1\)"),
    "none": (lambda x: None, r"expected an array of shape \(8, 3\), got None"),
    "complex": (lambda x: x + 1j, r"expected an array of shape \(8, 3\), got dtype complex64"),
    "object": (lambda x: x.astype(object), r"expected an array of shape \(8, 3\), got dtype object"),
    "text": (lambda x: "text", r"expected an array of shape \(8, 3\), got 'text'"),
}


@pytest.mark.parametrize("wrong", RETURNS)
@pytest.mark.parametrize("method", ["forward", "backward"])
def test_wrong_results_are_named(wrong, method, rng):
    result, message = RETURNS[wrong]

    class Odd(nc.Layer):
        def forward(self, x, training):
            return result(x) if training and method == "forward" else x

        def backward(self, dy):
            return result(dy) if method == "backward" else dy

    net = nc.Sequential(nc.Linear(3, 3), Odd(), nc.Linear(3, 2), seed=0)
    before = net.flat_parameters.copy()
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=8)
    with pytest.raises(nc.ShapeError, match=message.replace("forward", method)):
        trainer.fit(rng.normal(size=(16, 3)), rng.integers(0, 2, 16))
    np.testing.assert_array_equal(net.flat_parameters, before)


@pytest.mark.parametrize("built", ["text", None, 3, (1.5,), (-1,), ("a",)])
def test_build_has_to_return_a_shape(built):
    class Odd(nc.Layer):
        def build(self, shape):
            return built

        def forward(self, x, training):
            return x

    with pytest.raises(nc.ShapeError, match=r'\[Odd "0"\] build: expected the shape of one output sample'):
        nc.Sequential(Odd())(np.ones((1, 2)))


class Trouble(Exception):
    pass


class Breaks(Dense):
    """Raises at the n-th call of a method."""

    def __init__(self, weight, bias, method, after):
        super().__init__(weight, bias)
        self.method, self.left = method, after

    def count(self, method):
        if method == self.method:
            self.left -= 1
            if self.left == 0:
                raise Trouble(method)

    def forward(self, x, training):
        if training:
            self.count("forward")
        return super().forward(x, training)

    def backward(self, dy):
        self.count("backward")
        return super().backward(dy)


@pytest.mark.parametrize("method", ["forward", "backward"])
@pytest.mark.parametrize("optimizer", [nc.SGD, nc.Adam])
def test_an_exception_arrives_and_the_model_stands_at_the_step_before(method, optimizer, rng):
    X, y = data(rng)
    weight = rng.normal(size=(3, 3))

    def make(after):
        layer = Breaks(weight, np.zeros(3), method, after)
        net = nc.Sequential(nc.Linear(3, 3), layer, nc.Linear(3, 4), seed=0)
        return nc.Trainer(net, nc.CrossEntropyLoss(), optimizer(lr=0.05), batch_size=4, shuffle=False)

    trainer, reference = make(after=15), make(after=10**9)
    with pytest.raises(Trouble) as caught:
        trainer.fit(X, y, epochs=10)
    assert "self.count" in "".join(traceback.format_exception(caught.value)), "the layer's own lines are shown"
    reference.fit(X, y, epochs=1)
    for i in range(4):  # 14 steps in all
        reference.step(X[4 * i : 4 * i + 4], y[4 * i : 4 * i + 4])
    assert trainer.optimizer.state_dict()["step"] == 14
    np.testing.assert_array_equal(trainer.model.flat_parameters, reference.model.flat_parameters)
    assert not trainer.model.flat_gradients.any()
    assert trainer.fit(X, y, epochs=1).n_steps == 6, "everything goes on: the epoch is finished"
    trainer.model[1].left = 1
    before = trainer.model.flat_parameters.copy()
    with pytest.raises(Trouble):
        trainer.step(X, y)
    np.testing.assert_array_equal(trainer.model.flat_parameters, before)


def test_a_layer_that_is_not_finite_is_named(rng):
    class Blow(nc.Layer):
        def forward(self, x, training):
            return x * np.nan if training else x

        def backward(self, dy):
            return dy

    net = nc.Sequential(nc.Linear(3, 3), Blow(), nc.Linear(3, 4), seed=0)
    X, y = data(rng)
    with pytest.raises(nc.NumericError, match=r'epoch 1, step 1: \[Blow "1"\] output is not finite'):
        nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD()).fit(X, y)


def test_a_layer_may_not_use_the_model_that_runs_it(rng):
    class Nosy(nc.Layer):
        def forward(self, x, training):
            return self.net(x) if training else x

        def backward(self, dy):
            return dy

    layer = Nosy()
    net = nc.Sequential(layer, nc.Linear(3, 4), seed=0)
    layer.net = net
    X, y = data(rng)
    with pytest.raises(nc.StateError, match="in use"):
        nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD()).fit(X, y)
    assert net(X).shape == (40, 4)


def test_kept_arrays_outlive_the_model(rng):
    class Keeps(nc.Layer):
        def forward(self, x, training):
            kept.append(x)
            x += 0  # its own to change
            return x

        def backward(self, dy):
            kept.append(dy)
            return dy

    kept = []
    X, y = data(rng)
    layer = dense_like(nc.Linear(3, 4))
    net = nc.Sequential(Keeps(), layer, Keeps(), dtype="float64")
    nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(), shuffle=False, batch_size=40).fit(X, y, epochs=2)
    value = layer.weight.value
    expected = value.copy()
    gone = weakref.ref(net), weakref.ref(layer)
    del net, layer
    gc.collect()
    assert [r() for r in gone] == [None, None], "nothing holds the model"
    np.testing.assert_array_equal(value, expected)
    np.testing.assert_array_equal(kept[0], X)


def test_misuse_is_told():
    class NoForward(nc.Layer):
        pass

    with pytest.raises(nc.ConfigError, match=r"\[NoForward\] forward: expected a method"):
        NoForward()
    with pytest.raises(nc.ConfigError, match=r"\[Layer\] expected a subclass"):
        nc.Layer()

    class NoBackward(nc.Layer):
        def forward(self, x, training):
            return x

    net = nc.Sequential(NoBackward())
    assert net(np.ones((1, 2))).tolist() == [[1.0, 1.0]]
    net.forward(np.ones((1, 2)))
    with pytest.raises(nc.ConfigError, match=r"\[NoBackward\] backward: expected a method"):
        net.backward(np.ones((1, 2)))
    with pytest.raises(nc.ConfigError, match="subclass of nc.Layer"):

        class Mine(nc.ReLU):
            def forward(self, x, training):
                return x

    layer = NoBackward()
    layer.add_parameter("weight", [1.0])
    for name, array, error, message in [
        ("weight", [1.0], nc.ConfigError, "a new name"),
        ("a.b", [1.0], nc.ConfigError, "without dots"),
        (3, [1.0], nc.ConfigError, "without dots"),
        ("empty", [], nc.ShapeError, "at least one number"),
        ("text", ["a"], nc.ConfigError, "real numbers"),
        ("ragged", [[1.0], [1.0, 2.0]], nc.ShapeError, "rectangular"),
    ]:
        with pytest.raises(error, match=message):
            layer.add_parameter(name, array)
    nc.Sequential(layer)
    with pytest.raises(nc.StateError, match="in __init__"):
        layer.add_parameter("late", [1.0])
    assert [p.name for p in layer.parameters()] == ["weight"]
