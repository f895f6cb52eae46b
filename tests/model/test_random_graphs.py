"""Random graphs: what PyTorch computes in float64, and the same bits in whatever way they are run."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose

import nncore as nc
from support.layerwise import layerwise_step
from support.random_graphs import RandomGraph

SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_gradients_and_steps_are_torchs(torch, seed):
    drawn = RandomGraph(seed, torch=torch)
    X, y = drawn.data()
    x = torch.tensor(X, requires_grad=True)
    z = drawn.by_torch(x)
    ours = drawn.net.forward(X, training=True)
    assert_allclose(ours, z.detach().numpy(), rtol=1e-9, atol=1e-9)
    _, dz = nc.CrossEntropyLoss()(ours, y)
    loss = torch.nn.functional.cross_entropy(z, torch.tensor(y))
    loss.backward()
    drawn.net.zero_grad()
    assert_allclose(drawn.net.backward(dz), 0 if x.grad is None else x.grad.numpy(), rtol=1e-9, atol=1e-9)
    for p, w in zip(drawn.net.parameters(), drawn.theirs, strict=True):
        assert_allclose(p.grad, w.grad.numpy(), rtol=1e-9, atol=1e-9, err_msg=p.name)


@pytest.mark.parametrize("name", ["SGD", "Adam"])
@pytest.mark.parametrize("seed", SEEDS)
def test_training_is_torchs(torch, seed, name):
    drawn = RandomGraph(seed, torch=torch)
    X, y = drawn.data()
    given = {"lr": 0.01, "momentum": 0.9} if name == "SGD" else {"lr": 0.001, "eps": 1e-3}
    trainer = nc.Trainer(drawn.net, nc.CrossEntropyLoss(), getattr(nc, name)(**given), batch_size=4)
    optimizer = getattr(torch.optim, name)(drawn.theirs, **given)
    for step in range(5):
        rows = slice(4 * (step % 3), 4 * (step % 3) + 4)  # the third batch has three rows
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(drawn.by_torch(torch.tensor(X[rows])), torch.tensor(y[rows]))
        loss.backward()
        optimizer.step()
        assert_allclose(trainer.step(X[rows], y[rows]), loss.item(), rtol=1e-9, atol=1e-9)
    for p, w in zip(drawn.net.parameters(), drawn.theirs, strict=True):
        assert_allclose(p.value, w.detach().numpy(), rtol=1e-9, atol=1e-9, err_msg=p.name)
    with torch.no_grad():
        assert_allclose(drawn.net(X), drawn.by_torch(torch.tensor(X), False).numpy(), rtol=1e-8, atol=1e-8)


# ---- Whatever way it is run ---------------------------------------------------------------------------------------


def trained(net, X, y, epochs, threads=1, callbacks=()):
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(), batch_size=4, seed=3, num_threads=threads)
    trainer.fit(X, y, epochs, callbacks=list(callbacks), progress=False)
    return trainer


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_bits_in_every_way(seed, dtype, tmp_path):
    X, y = RandomGraph(seed, dtype).data(30)
    whole = trained(RandomGraph(seed, dtype, p=0.3).net, X, y, 2).model.flat_parameters
    for given in ({"threads": 2}, {"threads": 3}, {"callbacks": [nc.Monitor(every=3)]}):
        assert np.array_equal(
            trained(RandomGraph(seed, dtype, p=0.3).net, X, y, 2, **given).model.flat_parameters, whole
        )
    half = trained(RandomGraph(seed, dtype, p=0.3).net, X, y, 1)
    net = half.model
    z = net(X)
    assert np.array_equal(z, np.concatenate([net(x[None]) for x in X]))
    for other in (net.copy(), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert repr(other) == repr(net) and np.array_equal(other(X), z)
    pytest.importorskip("safetensors")
    half.save(tmp_path / "half")
    again = nc.Trainer.resume(tmp_path / "half")
    again.fit(X, y, 1, progress=False)
    assert np.array_equal(again.model.flat_parameters, whole)


@pytest.mark.parametrize("seed", SEEDS)
def test_planned_is_layerwise(seed):
    X, y = RandomGraph(seed).data()
    planned, layerwise = RandomGraph(seed, p=0.3).net, RandomGraph(seed, p=0.3).net
    trainer = nc.Trainer(planned, nc.CrossEntropyLoss(), nc.SGD(lr=0.01), batch_size=len(X), seed=0)
    for step in range(3):
        ours = trainer.step(X, y)
        theirs = layerwise_step(layerwise, nc.CrossEntropyLoss(), nc.SGD(lr=0.01), X, y, step=step)
        assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)
    assert_allclose(planned.flat_parameters, layerwise.flat_parameters, rtol=1e-9, atol=1e-9)
