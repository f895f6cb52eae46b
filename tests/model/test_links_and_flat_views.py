"""How outputs are read after each kind of loss, and flat views that stay the model's own memory."""

import numpy as np
import pytest

import nncore as nc

X = np.array([[1.0, -2.0], [0.5, 3.0], [-1.0, 0.25]])


def net_of(outputs, *last):
    return nc.Sequential(nc.Linear(2, outputs), *last, dtype="float64", seed=0)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def trained(net, loss):
    nc.Trainer(net, loss, nc.SGD())
    return net


def test_before_any_training_the_number_of_outputs_tells():
    net = net_of(3)
    np.testing.assert_allclose(net.predict_proba(X), softmax(net(X)), rtol=1e-12)
    np.testing.assert_array_equal(net.predict(X), net(X).argmax(1))
    one = net_of(1)
    np.testing.assert_allclose(one.predict_proba(X), sigmoid(one(X)), rtol=1e-12)


def test_the_loss_of_the_last_trainer_tells():
    net = trained(net_of(3), nc.CrossEntropyLoss())
    np.testing.assert_allclose(net.predict_proba(X), softmax(net(X)), rtol=1e-12)
    regression = trained(net_of(3), nc.MSELoss())
    np.testing.assert_array_equal(regression.predict(X), regression(X))
    with pytest.raises(nc.StateError, match="gives no probabilities"):
        regression.predict_proba(X)
    signs = trained(net_of(1), nc.PerceptronLoss())
    np.testing.assert_array_equal(signs.predict(X), np.where(signs(X)[:, 0] >= 0, 1, -1))
    with pytest.raises(nc.StateError, match="gives no probabilities"):
        signs.predict_proba(X)


@pytest.mark.parametrize("loss", [None, nc.NLLLoss, nc.MSELoss])
def test_a_link_is_never_applied_twice(loss):
    for last, proba in [(nc.Softmax(), lambda z: z), (nc.LogSoftmax(), np.exp), (nc.Sigmoid(), lambda z: z)]:
        net = net_of(3, last)
        if loss is not None and (loss is not nc.NLLLoss or type(last) is nc.LogSoftmax):
            trained(net, loss())
        np.testing.assert_allclose(net.predict_proba(X), proba(net(X)), rtol=1e-12)
    one = net_of(1, nc.Sigmoid())
    np.testing.assert_array_equal(one.predict_proba(X), one(X))
    np.testing.assert_array_equal(one.predict(X), (one(X)[:, 0] >= 0.5).astype(int))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_flat_views_are_the_truth_through_everything(dtype, rng):
    data, y = rng.normal(size=(30, 2)), rng.integers(0, 3, 30)
    net = nc.Sequential(nc.Linear(2, 4), nc.Tanh(), nc.Linear(4, 3), dtype=dtype, seed=0)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(), batch_size=7)
    flat, grads = net.flat_parameters, net.flat_gradients
    assert flat.flags.writeable and flat.flags.c_contiguous and flat.ndim == 1 and flat.dtype == dtype

    def agree():
        np.testing.assert_array_equal(net.flat_parameters, np.concatenate([p.value.ravel() for p in net.parameters()]))
        np.testing.assert_array_equal(net.flat_gradients, np.concatenate([p.grad.ravel() for p in net.parameters()]))

    seen = []

    def after_epoch(record):
        agree()
        seen.append(flat.copy())
        flat[:3] = 0.5  # a callback may write to it

    trainer.fit(data, y, epochs=3, callbacks=[after_epoch])
    assert not np.array_equal(seen[0], seen[1]) and np.array_equal(flat[:3], [0.5] * 3)
    before = flat.copy()
    trainer.step(data, y)
    assert not np.array_equal(flat, before) and not grads.any()
    agree()
    flat[:] = 0.25
    assert all((p.value == 0.25).all() for p in net.parameters())
    net.forward(data)
    net.backward(np.ones((30, 3)))
    assert grads.any()
    agree()
    state = {name: rng.normal(size=value.shape) for name, value in net.state_dict().items()}
    net.load_state_dict(state)
    np.testing.assert_array_equal(flat, np.concatenate([v.ravel() for v in state.values()]).astype(dtype))
    for change in (lambda: net.append(nc.Linear(3, 2)), lambda: net.to("float64" if dtype == "float32" else "float32")):
        numbers = net.flat_parameters.copy()
        change()
        np.testing.assert_array_equal(net.flat_parameters[: numbers.size], numbers.astype(net.dtype))
        agree()
        net.flat_parameters[:] = 2.0
        assert (net[0].parameters()[0].value == 2.0).all() and (net[-1].parameters()[1].value == 2.0).all()
