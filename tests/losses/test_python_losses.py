"""Losses written in Python."""

import pickle

import numpy as np
import pytest

import nncore as nc


class CrossEntropy(nc.Loss):
    def forward(self, z, y):
        e = np.exp(z - z.max(axis=1, keepdims=True))
        self.p, self.y = e / e.sum(axis=1, keepdims=True), y
        return -np.log(self.p[np.arange(len(y)), y]).mean()

    def backward(self):
        dz = self.p.copy()
        dz[np.arange(len(dz)), self.y] -= 1
        return dz / len(dz)


class InOne(nc.Loss):
    """Mean squared error in one method."""

    def __call__(self, z, y):
        error = z - y
        return (error**2).mean(), 2 * error / error.size


def classes(rng):
    return rng.normal(size=(30, 3)), rng.integers(0, 4, 30)


@pytest.mark.parametrize("dtype, limit", [("float64", 1e-10), ("float32", 1e-5)])
def test_training_follows_the_compiled_loss(dtype, limit, rng):
    X, y = classes(rng)
    nets, histories = [], []
    for loss in (nc.CrossEntropyLoss(), CrossEntropy()):
        net = nc.Sequential(nc.Linear(3, 6), nc.Tanh(), nc.Linear(6, 4), dtype=dtype, seed=0)
        trainer = nc.Trainer(net, loss, nc.Adam(lr=0.02), batch_size=7)
        histories.append(trainer.fit(X, y, epochs=12, validation_data=(X[:5], y[:5])))
        nets.append(net)
        assert trainer.evaluate(X, y)["accuracy"] > 0.3
    assert (
        np.abs(nets[0].flat_parameters - nc.Sequential(nc.Linear(3, 6), nc.Linear(6, 4), seed=0).flat_parameters).max()
        > 0.05
    )
    np.testing.assert_allclose(nets[1].flat_parameters, nets[0].flat_parameters, rtol=0, atol=limit)
    for key in histories[0].epochs:
        if key != "seconds":
            np.testing.assert_allclose(histories[1][key], histories[0][key], rtol=0, atol=limit)
    np.testing.assert_array_equal(nets[0].predict(X), nets[1].predict(X))
    np.testing.assert_allclose(nets[0].predict_proba(X), nets[1].predict_proba(X), atol=limit)


def test_values_by_hand():
    z, y = np.array([[3.0, 1.0]]), np.array([[1.0, 1.0]])
    value, dz = InOne()(z, y)
    assert (value, dz.tolist()) == (2.0, [[2.0, 0.0]])
    assert InOne().value(z, y) == 2.0
    value, dz = CrossEntropy()(np.zeros((1, 2)), [0])
    assert value == pytest.approx(np.log(2)) and dz.tolist() == [[-0.5, 0.5]]
    assert CrossEntropy().value(np.zeros((1, 2), np.float32), [0]) == pytest.approx(np.log(2))


def test_gradcheck_passes_and_finds_a_wrong_gradient(rng):
    X, y = classes(rng)
    net = nc.Sequential(nc.Linear(3, 4), seed=0)
    assert nc.gradcheck(net, CrossEntropy(), X[:5], y[:5]).ok
    assert nc.gradcheck(net, InOne(), X[:5], rng.normal(size=(5, 4))).ok

    class Wrong(CrossEntropy):
        def backward(self):
            return 1.01 * super().backward()

    assert not nc.gradcheck(net, Wrong(), X[:5], y[:5]).ok


def test_targets_tell_how_outputs_are_read(rng):
    X, labels = classes(rng)
    net = nc.Sequential(nc.Linear(3, 4), seed=0)
    history = nc.Trainer(net, InOne(), nc.SGD()).fit(X, rng.normal(size=(30, 4)), epochs=1)
    assert "accuracy" not in history
    np.testing.assert_array_equal(net.predict(X), net(X))
    history = nc.Trainer(net, CrossEntropy(), nc.SGD()).fit(X, labels, epochs=1)
    assert "accuracy" in history and net.predict(X).shape == (30,)

    class Signs(InOne):
        link = "sign"

        def __call__(self, z, y):
            return super().__call__(z[:, 0], y)[0], np.zeros_like(z)

    one = nc.Sequential(nc.Linear(3, 1), seed=0)
    signs = np.where(one(X)[:, 0] >= 0, 1, -1)
    signs[:3] *= -1
    assert nc.Trainer(one, Signs(), nc.SGD()).evaluate(X, signs)["accuracy"] == pytest.approx(0.9)
    assert nc.Trainer(one, Signs(), nc.SGD()).fit(X, signs, epochs=1)["accuracy"] == pytest.approx(0.9)
    assert set(one.predict(X)) <= {-1, 1}

    class Odd(InOne):
        link = "nothing"

    with pytest.raises(nc.ConfigError, match=r"\[Odd\] link: expected 'identity'"):
        nc.Trainer(net, Odd(), nc.SGD()).fit(X, X)


@pytest.mark.parametrize("target", ["wide labels", "wide values", "column"])
@pytest.mark.parametrize("link", ["softmax", "log_softmax", "sigmoid", "sign"])
def test_no_link_reads_beyond_its_targets(target, link, rng):
    class Any(nc.Loss):
        def __call__(self, z, y):
            return 0.0, np.zeros_like(z)

    Any.link = link
    y = {"wide labels": np.full((6, 3), 7), "wide values": np.ones((6, 9)), "column": np.ones((6, 1))}[target]
    trainer = nc.Trainer(nc.Sequential(nc.Linear(3, 4), seed=0), Any(), nc.SGD())
    trainer.fit(rng.normal(size=(6, 3)), y, epochs=1)
    trainer.evaluate(rng.normal(size=(6, 3)), y)


@pytest.mark.parametrize(
    "result, message",
    [
        (lambda z: (0.0, z[:, :1]), r"\[Odd\] dz: expected an array of shape \(30, 4\), got \(30, 1\)"),
        (lambda z: (0.0, None), r"\[Odd\] dz: expected an array of shape \(30, 4\), got None"),
        (lambda z: (z, z), r"\[Odd\] value: expected a number, got an array of shape \(30, 4\)"),
        (lambda z: ("1", z), r"\[Odd\] value: expected a number, got '1'"),
        (lambda z: 1.0, r"\[Odd\] __call__: expected a pair \(value, dz\), got 1.0"),
    ],
)
def test_wrong_results_are_named(result, message, rng):
    class Odd(nc.Loss):
        def __call__(self, z, y):
            return result(z)

    X, y = classes(rng)
    net = nc.Sequential(nc.Linear(3, 4), seed=0)
    before = net.flat_parameters.copy()
    with pytest.raises(nc.ShapeError, match=message):
        nc.Trainer(net, Odd(), nc.SGD(), batch_size=None).fit(X, y)
    np.testing.assert_array_equal(net.flat_parameters, before)


def test_an_exception_arrives_and_a_loss_that_is_not_finite_is_named(rng):
    class Breaks(CrossEntropy):
        def forward(self, z, y):
            raise KeyError("mine")

    class Blows(CrossEntropy):
        def forward(self, z, y):
            return super().forward(z, y) * float("nan")

    X, y = classes(rng)
    net = nc.Sequential(nc.Linear(3, 4), seed=0)
    before = net.flat_parameters.copy()
    with pytest.raises(KeyError, match="mine"):
        nc.Trainer(net, Breaks(), nc.SGD()).fit(X, y)
    with pytest.raises(nc.NumericError, match="epoch 1, step 1: the loss is not finite"):
        nc.Trainer(net, Blows(), nc.SGD()).fit(X, y)
    np.testing.assert_array_equal(net.flat_parameters, before)
    assert net(X).shape == (30, 4)


def test_misuse_is_told():
    class NoForward(nc.Loss):
        pass

    with pytest.raises(nc.ConfigError, match=r"\[NoForward\] forward: expected a method"):
        NoForward()
    with pytest.raises(nc.ConfigError, match=r"\[Loss\] expected a subclass"):
        nc.Loss()
    with pytest.raises(nc.ConfigError, match="subclass of nc.Loss"):

        class Mine(nc.MSELoss):
            def forward(self, z, y):
                return 0.0

    with pytest.raises(
        nc.ShapeError, match=r"\[CrossEntropy\] y: expected as many as the rows of z, \(3, 1\), got \(2, 1\)"
    ):
        CrossEntropy()(np.ones((3, 1)), np.ones((2, 1)))


def test_pickle():
    loss = CrossEntropy()
    loss.temperature = 2.0
    again = pickle.loads(pickle.dumps(loss))
    assert again.temperature == 2.0 and again(np.zeros((1, 2)), [0])[0] == pytest.approx(np.log(2))
