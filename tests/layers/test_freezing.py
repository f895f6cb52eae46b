"""Frozen parameters: each kind of layer in each executor against training by hand that leaves them out, PyTorch's
BatchNorm in inference, and what keeps them frozen: copies, pickles, files, checkpoints."""

import copy
import pickle

import numpy as np
import pytest

import nncore as nc
from support.cases import examples, make, sample_input
from support.example_layers import Dense
from support.nets import NETS, for_executor

TOLERANCE = {"rtol": 1e-9, "atol": 1e-11}
SETTINGS = [{}, {"l2": 0.03, "l1": 0.01}, {"clip_grad_norm": 0.2}, {"clip_grad_value": 0.01}]


def weights_of(layers):
    """Names of what penalties act on: weights, but not those of normalisations."""
    found = set()
    for name, layer in layers.items():
        if isinstance(layer, nc.Residual):
            found |= {f"{name}.{inner}" for inner in weights_of({str(i): each for i, each in enumerate(layer)})}
        elif "Norm" not in type(layer).__name__:
            found.add(f"{name}.weight")
    return found


def by_hand(
    net, frozen, loss, optimizer, X, Y, batch, steps, l2=0.0, l1=0.0, clip_grad_norm=None, clip_grad_value=None
):
    """Training of a net in which nothing is frozen, with the values and gradients of `frozen` put back at each step."""
    kept = {p.name: p.value.copy() for p in net.parameters() if p.name in frozen}
    learn = [p for p in net.parameters() if p.name not in frozen]
    weights = weights_of(dict(zip(map(str, range(len(net))), net, strict=True)))
    for step in range(steps):
        rows = slice(step * batch % len(X), step * batch % len(X) + batch)
        net.zero_grad()
        net.backward(loss(net.forward(X[rows], seed=0), Y[rows])[1])
        for p in net.parameters():
            if p.name in frozen:
                p.grad[...] = 0
            elif p.name in weights:
                p.grad[...] += l2 * p.value + l1 * np.sign(p.value)
            if clip_grad_value:
                p.grad[...] = np.clip(p.grad, -clip_grad_value, clip_grad_value)
        if clip_grad_norm:
            norm = np.sqrt(sum((p.grad**2).sum() for p in learn))
            for p in learn:
                p.grad[...] *= min(1.0, clip_grad_norm / (norm + 1e-6))
        optimizer.step(net)
        for p in net.parameters():
            if p.name in frozen:
                p.value = kept[p.name]
    return net


def compare(make_net, names, X, Y, batch=None, steps=4, loss=None, optimizer=lambda: nc.SGD(lr=0.1), **options):
    """fit with these parameters frozen, in a net that make_net makes, against by_hand; returns the trainer."""
    loss, batch = loss or nc.CrossEntropyLoss(), batch or len(X)
    net, other = make_net(), make_net()
    before = net.state_dict()
    for p in net.parameters():
        p.requires_grad = p.name not in names
    trainer = nc.Trainer(net, loss, optimizer(), batch_size=batch, shuffle=False, **options)
    trainer.fit(X, Y, epochs=0, steps=steps, progress=False)
    by_hand(other, names, loss, optimizer(), X, Y, batch, steps, **options)
    state, wanted = net.state_dict(), other.state_dict()
    for name, array in state.items():
        np.testing.assert_allclose(array, wanted[name], **TOLERANCE, err_msg=name)
        if name in names:
            assert np.array_equal(array, before[name]), name
    assert any(not np.array_equal(state[name], before[name]) for name in state)
    assert not any(p.grad.any() for p in net.parameters())
    return trainer


def with_parameters():
    found = []
    for case in examples("layer"):
        name, args, _ = case.values
        if name != "Residual" and nc.Sequential(make("layer", name, args), seed=0).parameters():
            found.append(case)
    return found


@pytest.mark.parametrize(("name", "args", "sample"), with_parameters())
@pytest.mark.parametrize("which", ["all", "first"])
@pytest.mark.parametrize("options", SETTINGS)
def test_every_layer_before_one_that_learns(name, args, sample, which, options, rng):
    x = sample_input(rng, (6, *sample))

    def make_net():
        size = nc.Sequential(make("layer", name, args), nc.Flatten(), seed=1)(x).shape[1]
        return nc.Sequential(make("layer", name, args), nc.Flatten(), nc.Linear(size, 3), seed=1, dtype="float64")

    own = [p.name for p in make_net().parameters() if p.name.startswith("0.")]
    names = own if which == "all" else own[:1]
    compare(make_net, set(names), x, rng.integers(0, 3, 6), 3, **options)


@pytest.mark.parametrize(("name", "args", "sample"), with_parameters())
def test_every_layer_behind_one_that_learns(name, args, sample, rng):
    x = sample_input(rng, (6, *sample))

    def make_net():
        layers = [nc.BatchNorm2d(sample[0])] if len(sample) == 3 else [nc.LayerNorm(sample)]
        return nc.Sequential(*layers, make("layer", name, args), seed=1, dtype="float64")

    names = {p.name for p in make_net().parameters() if p.name.startswith("1.")}
    z = make_net()(x)
    compare(make_net, names, x, rng.normal(size=z.shape), 3, loss=nc.MSELoss())


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("rule", ["SGD", "Adam"])
def test_each_layer_of_dense_nets(name, batch, rule, rng):
    made = NETS[name]
    X, Y = made.samples(8, rng), made.labels(8, rng)
    rules = {"SGD": lambda: nc.SGD(lr=0.1, momentum=0.5, weight_decay=0.01), "Adam": lambda: nc.AdamW(lr=0.01)}

    def make_net():
        return made.build(seed=2, dtype="float64")

    every = {p.name for p in make_net().parameters()}
    if any(isinstance(layer, nc.Dropout) for layer in make_net()) or len(every) < 3:
        return
    for layer in sorted({each.split(".")[0] for each in every}, key=int):
        names = {each for each in every if each.startswith(f"{layer}.")}
        if names != every:
            compare(make_net, names, X, Y, batch, optimizer=rules[rule])


def images(kind):
    if kind == "blocked":
        return [nc.Conv2d(3, 16, 3, padding=1), nc.BatchNorm2d(16), nc.ReLU(), nc.MaxPool2d(2), nc.Conv2d(16, 8, 3),
                nc.ReLU(), nc.Flatten(), nc.Linear(32, 3)]  # fmt: skip
    if kind == "residual":
        inside = [nc.Conv2d(8, 8, 3, padding=1, bias=False), nc.BatchNorm2d(8), nc.ReLU()]
        return [nc.Conv2d(3, 8, 3, padding=1), nc.Residual(*inside), nc.GlobalAvgPool2d(), nc.Linear(8, 3)]
    return [nc.Flatten(), nc.Linear(192, 1100), nc.ReLU(), nc.Linear(1100, 12), nc.ReLU(), nc.Linear(12, 3)]


@pytest.mark.parametrize("kind", ["blocked", "residual", "wide"])
def test_each_parameter_of_nets_of_images(kind, rng):
    X, Y = rng.normal(size=(6, 3, 8, 8)), rng.integers(0, 3, 6)

    def make_net():
        return nc.Sequential(*images(kind), seed=2, dtype="float64")

    every = [p.name for p in make_net().parameters()]
    for name in every:
        compare(make_net, {name}, X, Y, 3, steps=2)
    compare(make_net, set(every[:-1]), X, Y, 3, steps=2)
    compare(make_net, set(every[1:]), X, Y, 3, steps=2)


def test_branches_shared_layers_and_layers_of_users(rng):
    X, Y = rng.normal(size=(6, 4)), rng.integers(0, 3, 6)

    def graph():
        x = nc.Input(4)
        a, b = nc.Linear(4, 5)(x), nc.Tanh()(nc.Linear(4, 5)(x))
        return nc.Graph(x, nc.Linear(5, 3)(nc.Add()(a, b)), seed=0, dtype="float64")

    def shared():
        one = nc.Linear(4, 4)
        return nc.Sequential(one, nc.Tanh(), one, nc.Linear(4, 3), seed=0, dtype="float64")

    def own():
        start = np.random.default_rng(0)
        return nc.Sequential(
            nc.Linear(4, 4), Dense(start.normal(size=(3, 4)), start.normal(size=3)), seed=0, dtype="float64"
        )

    for make_net in (graph, shared, own):
        for p in make_net().parameters():
            for options in SETTINGS[:3]:
                compare(make_net, {p.name}, X, Y, 2, steps=3, **options)
    layer = Dense(np.ones((3, 4)), np.ones(3))
    layer.weight.requires_grad = False
    assert [p.requires_grad for p in layer.parameters()] == [False, True]
    net = nc.Sequential(layer, seed=0)
    assert [p.requires_grad for p in net.parameters()] == [False, True]
    assert [p.requires_grad for p in copy.deepcopy(layer).parameters()] == [False, True]


@pytest.mark.parametrize("name", for_executor("model batch"))
def test_a_sweep_trains_as_one_fit(name, rng):
    made = NETS[name]
    X, Y = made.samples(16, rng), made.labels(16, rng)

    def build(lr, seed):
        net = made.build(seed=seed)
        for p in net.parameters()[:1]:
            p.requires_grad = len(net.parameters()) < 3
        return nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=lr), batch_size=4)

    table = nc.sweep(build, {"lr": [0.1, 0.3]}, X, Y, epochs=3, progress=False)
    for row in table:
        history = build(row["lr"], row["seed"]).fit(X, Y, epochs=3, progress=False)
        assert row["loss"] == pytest.approx(history["loss"][-1], rel=1e-5)


@pytest.mark.pytorch
def test_a_frozen_batch_norm_is_pytorchs_in_inference(rng):
    torch = pytest.importorskip("torch")
    X, Y = rng.normal(2, 3, size=(8, 3, 6, 6)), rng.integers(0, 4, 8)
    net = nc.Sequential(
        nc.Conv2d(3, 8, 3), nc.BatchNorm2d(8), nc.ReLU(), nc.Flatten(), nc.Linear(128, 4), seed=0, dtype="float64"
    )
    net[1].running_mean = rng.normal(size=8)
    net[1].running_var = rng.uniform(0.5, 2, 8)
    net[1].weight = rng.uniform(0.5, 2, 8)
    t = torch.nn
    other = t.Sequential(t.Conv2d(3, 8, 3), t.BatchNorm2d(8), t.ReLU(), t.Flatten(), t.Linear(128, 4)).double()
    other.load_state_dict({key: torch.as_tensor(np.asarray(value)) for key, value in net.state_dict().items()})
    other.train()
    other[1].eval()
    for p in other[1].parameters():
        p.requires_grad = False
    net[1].freeze()
    rule = torch.optim.SGD([p for p in other.parameters() if p.requires_grad], lr=0.1, momentum=0.9, weight_decay=0.01)
    for _ in range(5):
        rule.zero_grad()
        torch.nn.functional.cross_entropy(other(torch.as_tensor(X)), torch.as_tensor(Y)).backward()
        rule.step()
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1, momentum=0.9, weight_decay=0.01), batch_size=None)
    trainer.fit(X, Y, epochs=5, progress=False)
    for key, value in other.state_dict().items():
        np.testing.assert_allclose(net.state_dict()[key], value.numpy(), rtol=1e-9, atol=1e-11, err_msg=key)
    assert net.forward(X[:1]).shape == (1, 4)  # one image is enough for it


@pytest.mark.parametrize("kind", ["BatchNorm1d", "BatchNorm2d"])
def test_the_gradient_through_a_frozen_batch_norm_is_right(kind, rng):
    shape = (4, 3, 5, 5) if kind == "BatchNorm2d" else (4, 3)
    net = nc.Sequential(getattr(nc, kind)(3), nc.Flatten(), seed=0)
    net(rng.normal(size=shape))
    net.freeze()
    target = rng.normal(size=net(rng.normal(size=shape)).shape)
    report = nc.gradcheck(net, nc.MSELoss(), rng.normal(size=shape), target)
    assert report.ok, str(report)
    before = net.state_dict()
    net.forward(rng.normal(size=shape))
    for name, array in net.state_dict().items():
        assert np.array_equal(array, before[name])


def moons():
    return nc.Sequential(nc.Linear(2, 8), nc.BatchNorm1d(8), nc.ReLU(), nc.Residual(nc.Linear(8, 8)), nc.Linear(8, 2),
                         seed=0)  # fmt: skip


def flags(net):
    return [p.requires_grad for p in net.parameters()], [layer.frozen for layer in net]


X, Y = nc.datasets.make_moons(40, noise=0.1, seed=0)


def saved(net, folder):
    net.save(folder / "net.safetensors")
    return nc.load(folder / "net.safetensors")


def test_frozen_layers_stay_frozen(tmp_path):
    pytest.importorskip("safetensors")
    net = moons()
    net[0].freeze()
    net[1].freeze()
    net[3].freeze()
    net.parameters()[-1].requires_grad = False
    wanted = flags(net)
    assert wanted == ([False] * 6 + [True, False], [True, True, False, True, False])
    for other in (net.copy(), copy.deepcopy(net), pickle.loads(pickle.dumps(net)), saved(net, tmp_path), net[:],
                  net.copy().to("float64")):  # fmt: skip
        assert flags(other) == wanted
    assert flags(nc.Sequential(copy.copy(net[0]), pickle.loads(pickle.dumps(net[1])))) == ([False] * 4, [True, True])
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(), batch_size=8)
    trainer.fit(X, Y, epochs=2, progress=False)
    trainer.save(tmp_path / "run.safetensors")
    resumed = nc.Trainer.resume(tmp_path / "run.safetensors")
    assert flags(resumed.model) == wanted
    for each in (trainer, resumed):
        each.fit(X, Y, epochs=2, progress=False)
    assert np.array_equal(trainer.model.flat_parameters, resumed.model.flat_parameters)


def test_what_is_let_go_learns_again():
    net = moons()
    net.freeze()
    net[-1].unfreeze()
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=8)
    first, statistics = net[0].weight.copy(), net[1].running_mean.copy()
    trainer.fit(X, Y, epochs=1, progress=False)
    assert np.array_equal(net[0].weight, first) and np.array_equal(net[1].running_mean, statistics)
    net.unfreeze()
    assert flags(net) == ([True] * 8, [False] * 5)
    trainer.fit(X, Y, epochs=1, progress=False)
    assert not np.array_equal(net[0].weight, first) and not np.array_equal(net[1].running_mean, statistics)
    other = nc.Sequential(net[0], nc.Linear(8, 2), seed=3)  # shares the first layer
    net[0].freeze()
    assert flags(other)[0] == [False, False, True, True]


def test_loops_by_hand():
    net, rule = moons(), nc.SGD(lr=0.1, weight_decay=0.1)
    net[0].freeze()
    before = net[0].weight.copy()
    net.zero_grad()
    net.backward(nc.CrossEntropyLoss()(net.forward(X), Y)[1])
    assert not net.parameters()[0].grad.any() and net.parameters()[-1].grad.any()
    net.flat_gradients[:] = 1
    rule.step(net)
    assert np.array_equal(net[0].weight, before)
    net.unfreeze()
    net.flat_gradients[:] = 1
    net[0].freeze()
    assert not net.parameters()[0].grad.any()


def test_the_summary_tells_them_apart():
    net = moons()
    assert "frozen" not in str(net.summary()) and net.summary().trainable == net.summary().parameters
    net[0].freeze()
    net.parameters()[-1].requires_grad = False
    summary = net.summary()
    assert (summary.frozen, summary.trainable) == (26, summary.parameters - 26)
    assert "24 (frozen)" in str(summary) and "18 (2 frozen)" in str(summary)
    for text in (str(summary), summary._repr_html_(), net._repr_html_()):
        assert f"({summary.trainable} trainable, 26 frozen)" in text


def test_wrong_use_is_told():
    net = moons()
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=8)
    with pytest.raises(nc.ConfigError, match="requires_grad: expected True or False, got 3"):
        net.parameters()[0].requires_grad = 3
    with pytest.raises(AttributeError, match="frozen: .*freeze"):
        net[0].frozen = True
    found = []

    def during(record):
        attempts = (
            net[0].freeze,
            net[3].freeze,
            net.unfreeze,
            lambda: setattr(net.parameters()[0], "requires_grad", False),
        )
        for attempt in attempts:
            with pytest.raises(nc.StateError, match="between fits"):
                attempt()
            found.append(attempt)

    trainer.fit(X, Y, epochs=1, callbacks=[during], progress=False)
    assert len(found) == 4 and flags(net) == ([True] * 8, [False] * 5)
    net.freeze()
    before = net.flat_parameters.copy()
    for attempt in (lambda: trainer.fit(X, Y, epochs=1, progress=False), lambda: trainer.step(X, Y),
                    lambda: nc.SGD().step(net)):  # fmt: skip
        with pytest.raises(nc.ConfigError, match="expected a parameter that learns"):
            attempt()
    assert np.array_equal(net.flat_parameters, before) and trainer.epoch == 1
