"""The key of a stored run holds what was built: the same again is read, anything else is trained."""

import functools
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import nncore as nc
from support.programs import command

PROGRAMS = Path(__file__).parent / "programs"
MADE = []


@pytest.fixture(autouse=True)
def nothing_made():
    MADE.clear()


@pytest.fixture
def moons():
    return nc.datasets.make_moons(60, noise=0.1, seed=0)


def note(made):
    """What build made, with the steps it has done so far."""
    MADE.append((made, made.history.n_steps))
    return made


def trained():
    """How many of the trainers that were noted since the last call have been trained."""
    done = sum(made.history.n_steps > before for made, before in MADE)
    MADE.clear()
    return done


class Scale(nc.Layer):
    """A layer of one's own; `factor` is a setting."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def forward(self, x, training):
        return self.factor * x

    def backward(self, dy):
        return self.factor * dy


class Twice(Scale):
    def forward(self, x, training):
        return 2 * self.factor * x


class Mean(nc.Loss):
    link = "softmax"

    def __call__(self, z, y):
        return nc.CrossEntropyLoss()(z, y)


class Half(Mean):
    def __call__(self, z, y):
        value, dz = super().__call__(z, y)
        return value / 2, dz / 2


def trainer(*layers, loss=None, optimizer=None, dtype="float32", input=None, start=None, seed=0, net_seed=0, **options):
    layers = layers or (nc.Linear(2, 4), nc.ReLU(), nc.Linear(4, 2))
    net = nc.Sequential(*layers, seed=net_seed, dtype=dtype, input=input)
    if start is not None:
        net.parameters()[0].value[:] = start
    return nc.Trainer(net, loss or nc.CrossEntropyLoss(), optimizer or nc.SGD(lr=0.1), seed=seed, **options)


def graph(joined):
    x = nc.Input((2,))
    h = nc.Linear(2, 2)(x)
    return nc.Graph(x, nc.Linear(2, 2)((nc.Add if joined == "add" else nc.Multiply)()(x, h)), seed=0)


def with_own_fit(epochs):
    made = trainer()
    made.fit = lambda *data, **given: nc.Trainer.fit(made, data[0], data[1], epochs, progress=False)
    return made


def pretrained(steps):
    made = trainer()
    X, y = nc.datasets.make_moons(20, noise=0.1, seed=3)
    made.fit(X, y, steps=steps, progress=False)
    return made


OWN = """
import nncore as nc
GAIN = {gain}
def bend(x):
    return {power} * x
class Own(nc.Layer):
    def forward(self, x, training):
        return GAIN * bend(x)
    def backward(self, dy):
        return dy
"""


def edited(gain, power):
    """A layer whose code came from text, as from an edited file or cell."""
    scope = {"__name__": "edited_layers"}
    exec(OWN.format(gain=gain, power=power), scope)
    return scope["Own"]()


class OwnTrainer(nc.Trainer):
    def fit(self, *data, **given):
        return super().fit(*data, **given)


#: A function of a value, and two values of it: what two builds of the same point differ in.
DIFFERENT = {
    "width": (lambda n: trainer(nc.Linear(2, n), nc.ReLU(), nc.Linear(n, 2)), 4, 5),
    "activation": (lambda a: trainer(nc.Linear(2, 4), a(), nc.Linear(4, 2)), nc.Tanh, nc.Sigmoid),
    "argument": (lambda s: trainer(nc.Linear(2, 4), nc.LeakyReLU(s), nc.Linear(4, 2)), 0.1, 0.2),
    "dropout": (lambda p: trainer(nc.Linear(2, 4), nc.Dropout(p), nc.Linear(4, 2)), 0.1, 0.2),
    "depth": (lambda n: trainer(nc.Linear(2, 2), *(nc.Tanh() for _ in range(n)), nc.Linear(2, 2)), 1, 2),
    "inside": (lambda a: trainer(nc.Residual(nc.Linear(2, 2), a()), nc.Linear(2, 2)), nc.Tanh, nc.ReLU),
    "initializer": (lambda w: trainer(nc.Linear(2, 2, weight_init=w)), "xavier", "kaiming"),
    "names": (lambda name: trainer({name: nc.Linear(2, 2)}), "a", "b"),
    "sharing": (lambda shared: trainer(*two_layers(shared)), True, False),
    "connections": (lambda j: nc.Trainer(graph(j), nc.CrossEntropyLoss(), nc.SGD()), "add", "multiply"),
    "loss": (lambda loss: trainer(loss=loss()), nc.CrossEntropyLoss, nc.HingeLoss),
    "loss argument": (lambda e: trainer(loss=nc.CrossEntropyLoss(label_smoothing=e)), 0.0, 0.1),
    "class weights": (lambda w: trainer(loss=nc.CrossEntropyLoss(weight=[1.0, w])), 1.0, 2.0),
    "optimizer": (lambda kind: trainer(optimizer=kind(lr=0.1)), nc.SGD, nc.Adam),
    "rate": (lambda lr: trainer(optimizer=nc.SGD(lr=lr)), 0.1, 0.2),
    "rate set later": (lambda lr: trainer(optimizer=with_rate(lr)), 0.1, 0.2),
    "momentum": (lambda m: trainer(optimizer=nc.SGD(lr=0.1, momentum=m)), 0.0, 0.9),
    "schedule": (lambda n: trainer(optimizer=nc.SGD(lr=nc.StepLR(0.1, n))), 1, 2),
    "schedule in Python": (lambda r: trainer(optimizer=nc.SGD(lr=nc.Schedule(0.1, lambda i: r))), 0.1, 0.2),
    "batch": (lambda b: trainer(batch_size=b), 8, 16),
    "order": (lambda s: trainer(shuffle=s), True, False),
    "trainer's seed": (lambda s: trainer(seed=s), 0, 1),
    "penalty": (lambda b: trainer(l2=b), 0.0, 0.1),
    "clipping": (lambda c: trainer(clip_grad_norm=c), None, 0.1),
    "not finite": (lambda p: trainer(on_nonfinite=p), "raise", "ignore"),
    "augmentation": (lambda flip: images(nc.Augment(1, flip)), True, False),
    "net's seed": (lambda s: trainer(net_seed=s), 0, 1),
    "first weights": (lambda v: trainer(start=v), 0.0, 0.5),
    "first weights of a net without seed": (lambda v: trainer(start=v, net_seed=None), 0.0, 0.5),
    "training before": (lambda n: pretrained(n), 1, 2),
    "dtype": (lambda d: trainer(dtype=d), "float32", "float64"),
    "normalisation": (lambda m: trainer(input=nc.Normalize(m)), 0.0, 1.0),
    "own layer": (lambda kind: trainer(kind(), nc.Linear(2, 2)), Scale, Twice),
    "own layer's setting": (lambda f: trainer(Scale(f), nc.Linear(2, 2)), 1.0, 2.0),
    "function that a layer calls": (lambda p: trainer(edited(1, p), nc.Linear(2, 2)), 1, 3),
    "constant that a layer reads": (lambda g: trainer(edited(g, 1), nc.Linear(2, 2)), 1, 3),
    "own loss": (lambda loss: trainer(loss=loss()), Mean, Half),
    "net that a loss reads": (lambda seed: trainer(loss=like_a_teacher(seed)), 0, 1),
    "own fit": (lambda n: with_own_fit(n), 1, 2),
    "frozen layer": (lambda of: frozen(of, lambda net: net[0].freeze()), False, True),
    "frozen layer without parameters": (lambda of: frozen(of, lambda net: net[1].freeze()), False, True),
    "frozen layer inside": (lambda of: frozen(of, lambda net: net[2][1].freeze()), False, True),
    "frozen parameter": (lambda of: frozen(of, fix_one), False, True),
    "own trainer": (lambda kind: kind(trainer().model, nc.CrossEntropyLoss(), nc.SGD()), nc.Trainer, OwnTrainer),
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_what_was_built_decides(what, moons, tmp_path):
    make, *values = DIFFERENT[what]
    if what == "augmentation":
        moons = np.random.default_rng(0).normal(size=(20, 1, 4, 4)), np.arange(20) % 2
    current = [None]

    def build(lr, seed):
        return note(make(current[0]))

    rows = []
    for value, expected in ((values[0], 1), (values[0], 0), (values[1], 1), (values[1], 0), (values[0], 0)):
        current[0] = value
        rows.append(nc.sweep(build, {"lr": [0.1]}, *moons, epochs=2, folder=tmp_path)[0])
        assert trained() == expected
    np.testing.assert_equal(rows, [rows[0], rows[0], rows[2], rows[2], rows[0]])
    assert len(list(tmp_path.iterdir())) == 2


def frozen(freezes, freeze):
    inside = nc.Residual(nc.Linear(4, 4), nc.BatchNorm1d(4, affine=False))
    made = trainer(nc.Linear(2, 4), nc.BatchNorm1d(4, affine=False), inside, nc.Linear(4, 2))
    if freezes:
        freeze(made.model)
    return made


def fix_one(net):
    net.parameters()[1].requires_grad = False


def two_layers(shared):
    layer = nc.Linear(2, 2)
    return layer, layer if shared else nc.Linear(2, 2)


def with_rate(lr):
    optimizer = nc.SGD(lr=0.5)
    optimizer.lr = lr
    return optimizer


def images(augment):
    net = nc.Sequential(nc.Flatten(), nc.Linear(16, 2), seed=0)
    return nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(), augment=augment)


def like_a_teacher(seed):
    teacher = nc.Sequential(nc.Linear(2, 2), seed=seed)

    class Distilled(nc.Loss):
        link = "softmax"

        def __call__(self, z, y):
            return nc.MSELoss()(z, teacher(z))

    return Distilled()


def test_a_changed_metric_is_another_run(moons, tmp_path):
    def build(seed):
        return note(trainer())

    def share(of, y, z):
        return float(np.mean(y == of))

    counted = []

    def counting(y, z):
        counted.append(1)
        return 0.5

    for metric, expected in [
        (lambda y, z: 1.0, 1), (lambda y, z: 1.0, 0), (lambda y, z: 2.0, 1),
        (functools.partial(share, 0), 1), (functools.partial(share, 0), 0), (functools.partial(share, 1), 1),
        (counting, 1), (counting, 0),
    ]:  # fmt: skip
        table = nc.sweep(build, {}, *moons, epochs=1, folder=tmp_path, metrics={"m": metric})
        assert trained() == expected and table.metrics == ["loss", "m"]


@pytest.mark.parametrize("change", ["code", "default", "not a comment", "nothing"])
def test_the_code_of_build_counts(change, moons, tmp_path):
    text = "def build(lr, seed, width=4):\n    made = make()\n    note(made)\n    return made\n"
    other = {
        "code": text.replace("note(made)\n", "note(made) and note(made)\n"),
        "default": text.replace("width=4", "width=5"),
        "not a comment": text.replace("made = make()", "made  = make()  # as it was"),
        "nothing": text,
    }[change]
    for source, expected in ((text, 1), (other, change in ("code", "default"))):
        scope = {"make": trainer, "note": note}
        exec(source, scope)
        nc.sweep(scope["build"], {"lr": [0.1]}, *moons, epochs=1, folder=tmp_path)
        assert (trained() > 0) == expected


def test_what_build_reads_shows_in_what_it_makes(moons, tmp_path):
    """A switch or a counter beside build is no other run, if the net is the same."""
    beside = {"calls": 0, "width": 4}

    def build(lr, seed):
        beside["calls"] += 1
        return note(trainer(nc.Linear(2, beside["width"]), nc.Linear(beside["width"], 2)))

    for width, expected in ((4, 1), (4, 0), (5, 1), (4, 0)):
        beside["width"] = width
        nc.sweep(build, {"lr": [0.1]}, *moons, epochs=1, folder=tmp_path)
        assert trained() == expected


def test_threads_are_no_other_run(moons, tmp_path):
    def build(lr, seed):
        return note(trainer(clip_grad_norm=1.0))

    for jobs, expected in ((1, 2), (2, 0)):
        nc.sweep(build, {"lr": [0.1, 0.2]}, *moons, epochs=1, folder=tmp_path, n_jobs=jobs)
        assert trained() == expected


def test_a_net_without_seed_is_read_back(moons, tmp_path):
    def build(lr, seed):
        return note(trainer(net_seed=None))

    first = nc.sweep(build, {"lr": [0.1]}, *moons, epochs=1, folder=tmp_path)
    assert trained() == 1
    assert nc.sweep(build, {"lr": [0.1]}, *moons, epochs=1, folder=tmp_path) == first and trained() == 0


def test_another_kernel_set_is_another_run(moons, tmp_path, monkeypatch):
    def build(seed):
        return note(trainer())

    for name, expected in (("one", 1), ("one", 0), ("other", 1)):
        monkeypatch.setattr(nc._core, "kernel_set", lambda name=name: name)
        nc.sweep(build, {}, *moons, epochs=1, folder=tmp_path)
        assert trained() == expected


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_another_process_finds_the_same_key(hash_seed, tmp_path):
    """Of code with sets among its constants, whose order differs from process to process."""
    for expected in ("trained 2\n", "trained 0\n"):
        program = command(PROGRAMS / "stored_sweep.py", tmp_path)
        done = subprocess.run(program, check=True, capture_output=True, text=True, env=environment(hash_seed))
        assert done.stdout == expected
        hash_seed += "1"


def environment(hash_seed):
    return {**os.environ, "PYTHONHASHSEED": hash_seed}


def test_files_of_an_older_version_are_named_and_not_used(moons, tmp_path):
    (tmp_path / f"{'0a' * 16}.json").write_text('{"status": "ok", "numbers": {"loss": 1.0}}')

    def build(seed):
        return note(trainer())

    for expected in (1, 0):
        with pytest.warns(RuntimeWarning, match="1 files of an older nncore do not say what was built; they are not"):
            nc.sweep(build, {}, *moons, epochs=1, folder=tmp_path)
        assert trained() == expected
    with pytest.warns(RuntimeWarning, match="older nncore"):
        assert len(nc.SweepTable.load(tmp_path)) == 1
