"""Convolutional nets: twenty steps are those of the NumPy reference; the same bits by either way and for any threads;
files; memory."""

from pathlib import Path

import numpy as np
import pytest

import nncore as nc
from support.cases import arguments
from support.layerwise import layerwise_step
from support.philox import dropout_mask, shuffled
from support.programs import run_program
from support.reference import Chain, namespace, reference_of

THREADS = [1, 2, 3, 5]
NETS = {
    "lenet": lambda: [
        nc.Conv2d(1, 3, 3, padding=1),
        nc.Tanh(),
        nc.AvgPool2d(2),
        nc.Conv2d(3, 4, 2, stride=2, groups=1),
        nc.LeakyReLU(0.1),
        nc.Flatten(),
        nc.Dropout(0.4),
        nc.Linear(16, 3),
    ],
    "max and groups": lambda: [
        nc.Conv2d(1, 4, (3, 2), padding="same"),
        nc.MaxPool2d(3, stride=2, padding=1, ceil_mode=True),
        nc.Conv2d(4, 6, 3, padding=2, dilation=2, groups=2, bias=False),
        nc.SiLU(),
        nc.GlobalAvgPool2d(),
        nc.Linear(6, 3),
    ],
}
OPTIMIZERS = {"SGD": lambda: nc.SGD(lr=0.2, momentum=0.9), "Adam": lambda: nc.Adam(lr=0.02)}


class ReferenceTraining:
    """The same net, loss and optimizer in NumPy."""

    def __init__(self, net, optimizer, seed):
        own = {place: {} for place in net._layers}
        for p in net.parameters():
            place, key = p.name.split(".")
            own[place][key] = p.value.astype(np.float64)
        kinds = [(type(layer).__name__, layer.config) for layer in net]
        self.layers = [(kind, arguments("layer", kind, args), own[str(i)]) for i, (kind, args) in enumerate(kinds)]
        self.model, self.seed, self.t = Chain(self.layers), seed, 0
        kind = type(optimizer).__name__
        self.optimizer, self.args = reference_of("optimizer", kind), arguments("optimizer", kind, optimizer.config)
        names = self.optimizer.state_names(self.args)
        self.state = [{k: {s: np.zeros_like(v) for s in names} for k, v in p.items()} for _, _, p in self.layers]

    def step(self, X, y, epoch, step):
        for i, (kind, args, _) in enumerate(self.layers):
            if kind == "Dropout":
                args.mask = dropout_mask(args.p, self.seed, str(i), (len(X), 16), epoch, step)
        loss = namespace({"weight": None, "ignore_index": -100, "reduction": "mean", "label_smoothing": 0.0})
        value, dz = reference_of("loss", "CrossEntropyLoss")(loss, self.model.forward(X), y)
        _, grads = self.model.backward(dz)
        self.t += 1
        for (_, _, params), g, own in zip(self.layers, grads, self.state, strict=True):
            for key in params:
                new = self.optimizer.rule(self.args, self.t, self.args.lr, params[key], g[key], own[key])
                params[key], own[key] = new
        return value


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_twenty_steps_are_those_of_the_reference(name, optimizer, rng):
    """46 images, batches of 10: five steps an epoch, the last of six images; four epochs."""
    X, y = rng.normal(size=(46, 1, 9, 8)), rng.integers(0, 3, 46)
    net, rule = nc.Sequential(*NETS[name](), dtype="float64", seed=3), OPTIMIZERS[optimizer]()
    reference = ReferenceTraining(net, rule, seed=17)
    history = nc.Trainer(net, nc.CrossEntropyLoss(), rule, batch_size=10, seed=17, num_threads=2).fit(X, y, epochs=4)
    expected = []
    for epoch in range(4):
        order = shuffled(17, epoch, 46)
        batches = [order[i : i + 10] for i in range(0, 46, 10)]
        expected += [reference.step(X[rows], y[rows], epoch, s) for s, rows in enumerate(batches)]
    np.testing.assert_allclose(history.steps["loss"], expected, rtol=1e-10)
    values = [v for _, _, params in reference.layers for v in params.values()]
    for p, w in zip(net.parameters(), values, strict=True):
        np.testing.assert_allclose(p.value, w, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_trainer_gives_the_bits_of_the_plain_way(name, dtype, rng):
    planned = nc.Sequential(*NETS[name](), dtype=dtype, seed=1)
    plain, loss, hand = planned.copy(), nc.CrossEntropyLoss(), nc.Adam(lr=0.01)
    trainer = nc.Trainer(planned, loss, nc.Adam(lr=0.01), seed=23)
    for step, n in enumerate((7, 64, 1, 33)):
        X, y = rng.normal(size=(n, 1, 9, 8)), rng.integers(0, 3, n)
        assert trainer.step(X, y) == layerwise_step(plain, loss, hand, X, y, 23, step)
        assert np.array_equal(planned.flat_parameters, plain.flat_parameters)


BLOCKED = {
    "course": lambda: [
        nc.Conv2d(1, 8, 5, padding=2), nc.ReLU(), nc.MaxPool2d(2), nc.Conv2d(8, 19, 3), nc.Tanh(), nc.Flatten(),
        nc.Linear(76, 3),
    ],
    "means": lambda: [
        nc.Conv2d(1, 33, (3, 2), padding=1), nc.SiLU(),
        nc.AvgPool2d(3, 2, padding=1, ceil_mode=True, count_include_pad=False),
        nc.Sigmoid(), nc.Conv2d(33, 5, 1, bias=False), nc.MaxPool2d((2, 3), (1, 2), padding=(1, 0)), nc.Dropout(0.3),
        nc.Conv2d(5, 20, 2), nc.GlobalAvgPool2d(), nc.Linear(20, 3),
    ],
    "norms": lambda: [
        nc.Conv2d(1, 20, 3, padding=1, bias=False), nc.BatchNorm2d(20), nc.ReLU(), nc.MaxPool2d(2),
        nc.Conv2d(20, 17, 3, padding=1),
        nc.BatchNorm2d(17, affine=False), nc.LeakyReLU(), nc.Conv2d(17, 6, 3, stride=2), nc.Flatten(), nc.Linear(6, 3),
    ],
    "tiles": lambda: [
        nc.Conv2d(1, 16, 3, padding=1), nc.ReLU(), nc.Conv2d(16, 20, 3, padding=1), nc.Tanh(), nc.MaxPool2d(2),
        nc.Conv2d(20, 17, 5, padding=2), nc.Dropout(0.3), nc.Flatten(), nc.Linear(272, 3),
    ],
    "tiles and windows that overlap": lambda: [
        nc.Conv2d(1, 16, 3, padding=1), nc.ReLU(), nc.Conv2d(16, 20, 3, padding=1), nc.Tanh(),
        nc.MaxPool2d(3, 2, padding=1),
        nc.Conv2d(20, 17, 5, padding=2), nc.SiLU(), nc.AvgPool2d(2, 1), nc.Flatten(), nc.Linear(204, 3),
    ],
    "ways around": lambda: [
        nc.Residual(nc.Conv2d(1, 5, 3, padding=1), nc.SiLU(), nc.Conv2d(5, 1, 1)), nc.Tanh(), nc.Conv2d(1, 20, 3),
        nc.ReLU(),
        nc.Residual(nc.Residual(nc.Conv2d(20, 3, 1), nc.Dropout(0.2), nc.Conv2d(3, 20, 3, padding=1), nc.Tanh()),
                    nc.Sigmoid()),
        nc.LeakyReLU(), nc.Dropout(0.3), nc.MaxPool2d(2),
        nc.Residual(nc.LayerNorm((20, 3, 3)), nc.Linear(3, 3), nc.Conv2d(20, 20, 1)),
        nc.ELU(), nc.Residual(nc.Tanh()), nc.Flatten(), nc.Residual(nc.Linear(180, 180), nc.Dropout(0.1)),
        nc.Linear(180, 3),
    ],
    "norms with ways around": lambda: [
        nc.Residual(nc.Conv2d(1, 1, 3, padding=1), nc.BatchNorm2d(1)), nc.Conv2d(1, 18, 3, stride=2, padding=1),
        nc.Residual(nc.BatchNorm2d(18), nc.ReLU(), nc.Conv2d(18, 5, 3, padding=1, bias=False), nc.BatchNorm2d(5),
                    nc.Conv2d(5, 18, 1)),
        nc.Residual(nc.Conv2d(18, 18, 3, padding=1, groups=3)), nc.GlobalAvgPool2d(), nc.Linear(18, 3),
    ],
}  # fmt: skip
EXACT = {"course", "tiles", "tiles and windows that overlap", "ways around"}
TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


@pytest.mark.parametrize("name", BLOCKED)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_images_in_blocks(name, dtype, rng):
    """The layers' bits; within rounding where means and variances of pixels sum in another order."""
    planned = nc.Sequential(*BLOCKED[name](), dtype=dtype, seed=1)
    plain, loss, hand = planned.copy(), nc.CrossEntropyLoss(), nc.SGD(lr=0.05)
    trainer = nc.Trainer(planned, loss, nc.SGD(lr=0.05), seed=23)
    for step, n in enumerate((7, 20, 1, 33)):
        X, y = rng.normal(size=(n, 1, 9, 8)), rng.integers(0, 3, n)
        value = layerwise_step(plain, loss, hand, X, y, 23, step)
        tolerance = 0.0 if name in EXACT else TOLERANCE[dtype]
        assert trainer.step(X, y) == pytest.approx(value, rel=tolerance, abs=tolerance)
        for key, array in planned.state_dict().items():
            np.testing.assert_allclose(array, plain.state_dict()[key], rtol=tolerance, atol=tolerance)


def test_gradients_inside_a_way_around_meet_what_others_meet(rng):
    """Penalties, then a common norm, then the update, each worked out from the gradients of the layers one by one."""
    net = nc.Sequential(*BLOCKED["ways around"](), dtype="float64", seed=4)
    plain, loss, bound = net.copy(), nc.CrossEntropyLoss(), 0.05
    X, y = rng.normal(size=(12, 1, 9, 8)), rng.integers(0, 3, 12)
    plain.backward(loss(plain._core.forward(X, True, 23, 0), y)[1])
    gradients = [
        p.grad + (0.1 * p.value if p.name.endswith("weight") and p.name != "8.0.weight" else 0)
        for p in plain.parameters()
    ]
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    assert norm > bound
    for options, factor in (({}, 1.0), ({"clip_grad_norm": bound}, bound / (norm + 1e-6))):
        trained = net.copy()
        nc.Trainer(trained, loss, nc.SGD(lr=0.5), seed=23, l2=0.1, **options).step(X, y)
        for p, before, g in zip(trained.parameters(), plain.parameters(), gradients, strict=True):
            np.testing.assert_allclose(p.value, before.value - 0.5 * factor * g, rtol=1e-12, atol=1e-13, err_msg=p.name)


def larger():
    return [
        nc.Conv2d(3, 24, 5, padding=2),
        nc.BatchNorm2d(24),
        nc.ReLU(),
        nc.MaxPool2d(2),
        nc.Residual(nc.Conv2d(24, 24, 3, padding=1, groups=24), nc.GELU(), nc.Conv2d(24, 24, 1)),
        nc.Residual(nc.Conv2d(24, 24, 3, padding=1), nc.BatchNorm2d(24), nc.ReLU()),
        nc.ReLU(),
        nc.Conv2d(24, 40, 3, stride=2, padding=1),
        nc.LayerNorm((40, 4, 4)),
        nc.AvgPool2d(3, 2, 1),
        nc.Dropout(0.3),
        nc.Flatten(),
        nc.Linear(160, 10),
    ]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_number_of_threads_gives_the_same_bits(dtype, rng, restore_threads):
    X, y = rng.normal(size=(60, 3, 16, 16)).astype(dtype), rng.integers(0, 10, 60)
    found = set()
    for threads in THREADS:
        nc.set_num_threads(threads)
        net = nc.Sequential(*larger(), dtype=dtype, seed=1)
        out = net.forward(X, seed=5)
        dx = net.backward(np.ones_like(out))
        gradients = net.flat_gradients.tobytes()
        history = nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(), batch_size=25, num_threads=threads).fit(
            X, y, epochs=2
        )
        found.add(
            (out.tobytes(), dx.tobytes(), gradients, net.flat_parameters.tobytes(), history.steps["loss"].tobytes())
        )
    assert len(found) == 1


@pytest.mark.parametrize("args", [(20, 30, 6), (20, 30, 6, 1, 0, 1, 5), (24, 48, 3, 2, 1, 1, 24)], ids=str)
def test_large_kernels_and_many_groups_do_not_depend_on_threads(args, rng, restore_threads):
    x, found = rng.normal(size=(50, args[0], 7, 8)), set()
    for threads in THREADS:
        nc.set_num_threads(threads)
        net = nc.Sequential(nc.Conv2d(*args), seed=1)
        y = net.forward(x)
        dx = net.backward(np.cos(y))
        found.add(y.tobytes() + dx.tobytes() + net.flat_gradients.tobytes())
    assert len(found) == 1


def test_a_batch_gives_the_bits_of_its_images_alone(rng):
    """Pixels of several images share panels: none must feel its neighbours."""
    net = nc.Sequential(nc.Conv2d(2, 5, 3, padding=1), nc.ReLU(), nc.MaxPool2d(2), nc.Conv2d(5, 3, 2), seed=1)
    X = rng.normal(size=(37, 2, 6, 7)).astype(np.float32)
    together = net(X)
    X[5] = np.nan
    for i, image in enumerate(X):
        alone = net(image[None])[0]
        assert np.array_equal(alone, together[i]) or (i == 5 and np.isnan(alone).all())


def test_gradients_of_a_whole_net(rng):
    net = nc.Sequential(
        nc.Conv2d(2, 4, 3, stride=2, padding=1), nc.BatchNorm2d(4), nc.Tanh(), nc.AvgPool2d(2, 1), nc.Flatten(),
        nc.Linear(24, 3),
        dtype="float64", seed=0,
    )  # fmt: skip
    report = nc.gradcheck(net, nc.CrossEntropyLoss(), rng.normal(size=(5, 2, 5, 7)), rng.integers(0, 3, 5))
    assert report.max_relative_error < 1e-6, report


def test_files_activations_and_torchs_state(tmp_path, rng, torch):
    pytest.importorskip("safetensors")
    net = nc.Sequential(*larger()[:4], nc.Conv2d(24, 6, (1, 2), bias=False), dtype="float64", seed=2)
    x = rng.normal(size=(4, 3, 8, 8))
    net.forward(x)
    found = net.activations(x)
    shapes = [(4, 24, 8, 8)] * 3 + [(4, 24, 4, 4), (4, 6, 4, 3)]
    assert [a.shape for a in found.values()] == shapes and np.array_equal(found["4"], net(x))
    net.save(tmp_path / "net.safetensors")
    again = nc.load(tmp_path / "net.safetensors")
    assert np.array_equal(again(x), net(x)) and repr(again) == repr(net)
    t = torch.nn
    theirs = t.Sequential(
        t.Conv2d(3, 24, 5, padding=2), t.BatchNorm2d(24), t.ReLU(), t.MaxPool2d(2), t.Conv2d(24, 6, (1, 2), bias=False)
    )
    theirs = theirs.double().eval()
    theirs.load_state_dict({key: torch.as_tensor(value) for key, value in net.state_dict().items()})
    np.testing.assert_allclose(net(x), theirs(torch.tensor(x)).detach().numpy(), rtol=1e-10, atol=1e-10)


def test_a_layer_in_two_places_adds_both_gradients(rng):
    layer = nc.Conv2d(2, 2, 3, padding=1)
    net = nc.Sequential(layer, nc.Tanh(), layer, nc.GlobalAvgPool2d(), dtype="float64", seed=0)
    X, y = rng.normal(size=(6, 2, 5, 5)), rng.integers(0, 2, 6)
    assert len(net.parameters()) == 2
    assert nc.gradcheck(net, nc.CrossEntropyLoss(), X, y).max_relative_error < 1e-6
    nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=3).fit(X, y, epochs=2)


def test_no_array_holds_the_columns_of_a_batch():
    """They would take 64·9·(64·64)·64 numbers, 604 MB; the net's own arrays and gradients need about 200."""
    (grown,) = run_program(Path(__file__).parent / "programs" / "growth_of_a_convolution.py")
    assert int(grown) < 400, f"{grown} MB more"


def test_linear_on_images_reads_them_as_they_are(rng):
    """Behind a convolution images are channel-blocked, and Linear, which acts on their rows, is not made for that."""
    X, y = rng.normal(size=(8, 3, 6, 6)), rng.integers(0, 3, 8)
    nets = [
        nc.Sequential(
            nc.Conv2d(3, 5, 3, padding=1), nc.Linear(6, 4), nc.Flatten(), nc.Linear(120, 3), dtype="float64", seed=0
        )
        for _ in range(2)
    ]
    value = nc.Trainer(nets[0], nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=8).step(X, y)
    expected, _ = nc.CrossEntropyLoss()(nets[1](X), y)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
