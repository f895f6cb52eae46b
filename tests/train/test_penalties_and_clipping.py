"""l2, l1, clip_grad_norm and clip_grad_value: formulas, PyTorch's functions, their order."""

import numpy as np
import pytest

import nncore as nc

RATE = 0.1


def build(dtype="float64"):
    return nc.Sequential(nc.Linear(4, 6), nc.Tanh(), nc.Linear(6, 3), dtype=dtype, seed=2)


@pytest.fixture
def batch(rng):
    return rng.normal(size=(8, 4)), rng.integers(0, 3, 8)


def gradients(net, X, y):
    """The gradients of the data loss, by hand."""
    other = net.copy()
    value, dz = nc.CrossEntropyLoss()(other.forward(X), y)
    other.backward(dz)
    return value, {p.name: p.grad.copy() for p in other.parameters()}


def one_step(net, X, y, **options):
    """The loss that a step tells, and the gradient it used, read from what SGD did."""
    before = net.state_dict()
    value = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=RATE), **options).step(X, y)
    return value, {key: (before[key] - after) / RATE for key, after in net.state_dict().items()}


@pytest.mark.parametrize(("l2", "l1"), [(0.3, 0.0), (0.0, 0.2), (0.3, 0.2)])
def test_penalties_act_on_weights_and_on_the_loss(l2, l1, batch):
    net = build()
    weights = {key: value for key, value in net.state_dict().items() if key.endswith("weight")}
    expected, grads = gradients(net, *batch)
    for key, w in weights.items():
        expected += l2 / 2 * (w**2).sum() + l1 * np.abs(w).sum()
        grads[key] = grads[key] + l2 * w + l1 * np.sign(w)
    value, used = one_step(net, *batch, l2=l2, l1=l1)
    assert value == pytest.approx(expected, rel=1e-13)
    for key, g in grads.items():
        np.testing.assert_allclose(used[key], g, atol=1e-13, err_msg=key)


WEIGHTS = np.array([1.0, 0.0, 3.0, 0.5, 0.25, 2.0, 1.0, 1.25])


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["all 1", "weights"])
@pytest.mark.parametrize("clip", [{}, {"clip_grad_norm": 1e9}], ids=["by tiles", "all at once"])
def test_penalties_per_sample_are_divided_by_the_batch(weights, clip, batch):
    total = 8.0 if weights is None else weights.sum()
    used, values = [], []
    for options in ({"l2": 0.3, "l1": 0.2, "penalty_per_sample": True}, {"l2": 0.3 / total, "l1": 0.2 / total}):
        net = build()
        trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=RATE), **options, **clip)
        values.append(trainer.step(*batch, sample_weight=weights))
        used.append(net.flat_parameters.copy())
    assert values[0] == pytest.approx(values[1], rel=1e-14)
    np.testing.assert_allclose(used[0], used[1], rtol=1e-13)


def test_a_short_last_batch_has_its_own_share_of_the_penalty(rng):
    X, y = rng.normal(size=(5, 4)), rng.integers(0, 3, 5)
    net = build()
    by_hand = nc.Trainer(net.copy(), nc.CrossEntropyLoss(), nc.SGD(lr=RATE), l2=0.3, penalty_per_sample=True)
    losses = [by_hand.step(X[:4], y[:4]), by_hand.step(X[4:], y[4:])]
    trainer = nc.Trainer(
        net, nc.CrossEntropyLoss(), nc.SGD(lr=RATE), l2=0.3, penalty_per_sample=True, batch_size=4, shuffle=False
    )
    history = trainer.fit(X, y, epochs=1, progress=False)
    np.testing.assert_allclose(net.flat_parameters, by_hand.model.flat_parameters, rtol=1e-13)
    assert history["loss"][0] == pytest.approx((4 * losses[0] + losses[1]) / 5, rel=1e-13)


def test_what_a_monitor_sees_has_the_same_penalty(batch):
    seen = []
    for options in ({"l2": 0.8, "penalty_per_sample": True}, {"l2": 0.1}):
        monitor = nc.Monitor(every=1)
        trainer = nc.Trainer(build(), nc.CrossEntropyLoss(), nc.SGD(lr=RATE), batch_size=None, **options)
        trainer.fit(*batch, epochs=2, callbacks=[monitor], progress=False)
        seen.append(monitor)
    assert len(seen[0]) > 0 and list(seen[0]) == list(seen[1])
    for name in seen[0]:
        np.testing.assert_allclose(seen[0][name]["norm"], seen[1][name]["norm"], rtol=1e-12, err_msg=name)


def test_the_slope_of_the_absolute_value_at_zero_is_zero(batch):
    net = build()
    net.load_state_dict({key: np.zeros_like(value) for key, value in net.state_dict().items()})
    _, grads = gradients(net, *batch)
    _, used = one_step(net, *batch, l1=5.0)
    for key, g in grads.items():
        np.testing.assert_allclose(used[key], g, atol=1e-14)


def torch_gradients(torch, net, X, y, l2, clip):
    """The gradients that PyTorch leaves after its clipping, and the norm it says."""
    reference = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 3)).double()
    reference.load_state_dict({key: torch.tensor(value) for key, value in net.state_dict().items()})
    loss = torch.nn.functional.cross_entropy(reference(torch.tensor(X)), torch.tensor(y))
    penalty = sum((p**2).sum() for name, p in reference.named_parameters() if name.endswith("weight"))
    (loss + l2 / 2 * penalty).backward()
    norm = clip(list(reference.parameters()))
    return {name: p.grad.numpy() for name, p in reference.named_parameters()}, norm


@pytest.mark.parametrize("bound", [1e-3, 0.1, 0.3, 100.0])
@pytest.mark.parametrize("l2", [0.0, 0.5])
def test_clipping_by_norm_is_pytorchs(bound, l2, batch, torch):
    net = build()
    grads, norm = torch_gradients(
        torch, net, *batch, l2, lambda parameters: torch.nn.utils.clip_grad_norm_(parameters, bound)
    )
    trainer = nc.Trainer(net.copy(), nc.CrossEntropyLoss(), nc.SGD(), clip_grad_norm=bound, l2=l2, batch_size=None)
    assert trainer.fit(*batch, epochs=1).steps["grad_norm"] == pytest.approx([float(norm)], rel=1e-12)
    _, used = one_step(net, *batch, clip_grad_norm=bound, l2=l2)
    for key, g in grads.items():
        np.testing.assert_allclose(used[key], g, rtol=1e-9, atol=1e-13, err_msg=key)


@pytest.mark.parametrize("bound", [1e-4, 0.01, 0.1, 100.0])
@pytest.mark.parametrize("l2", [0.0, 0.5])
def test_clipping_by_value_is_pytorchs(bound, l2, batch, torch):
    net = build()
    grads, _ = torch_gradients(
        torch, net, *batch, l2, lambda parameters: torch.nn.utils.clip_grad_value_(parameters, bound)
    )
    _, used = one_step(net, *batch, clip_grad_value=bound, l2=l2)
    assert max(np.abs(g).max() for g in used.values()) <= bound * (1 + 1e-9)
    for key, g in grads.items():
        np.testing.assert_allclose(used[key], g, rtol=1e-9, atol=1e-13, err_msg=key)


def test_elements_are_clipped_before_the_norm(batch):
    net = build()
    _, grads = gradients(net, *batch)
    clipped = {key: np.clip(g, -0.05, 0.05) for key, g in grads.items()}
    norm = np.sqrt(sum((g**2).sum() for g in clipped.values()))
    assert norm > 0.1
    _, used = one_step(net, *batch, clip_grad_value=0.05, clip_grad_norm=0.1)
    for key, g in clipped.items():
        np.testing.assert_allclose(used[key], g * 0.1 / (norm + 1e-6), rtol=1e-9, atol=1e-13)


def test_a_bound_that_is_never_met_changes_no_bit(batch):
    plain, bounded = build("float32"), build("float32")
    for net, options in ((plain, {}), (bounded, {"clip_grad_norm": 1e9, "clip_grad_value": 1e9})):
        nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(lr=0.01), **options).fit(*batch, epochs=5)
    assert np.array_equal(plain.flat_parameters, bounded.flat_parameters)


def test_the_norm_is_told_only_when_it_is_bounded(batch):
    assert "grad_norm" not in nc.Trainer(build(), nc.CrossEntropyLoss(), nc.SGD()).fit(*batch, epochs=1).steps


def test_evaluation_has_no_penalties(batch):
    net = build()
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=1e-300), l2=10.0, l1=10.0)
    history = trainer.fit(*batch, epochs=1, validation_data=batch)
    assert trainer.evaluate(*batch)["loss"] == pytest.approx(gradients(net, *batch)[0], rel=1e-13)
    assert history["val_loss"][0] < history["loss"][0] - 10
