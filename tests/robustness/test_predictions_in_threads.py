"""One model predicts in many threads at once: the bits of a single thread, no waiting, no refusal.

`Meet` stands in the middle of a net and lets nobody through before all threads have come that far: what a thread keeps
between two layers then meets what the others keep.
"""

import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import nncore as nc
from support.cases import examples, make, sample_input
from support.example_layers import Rectifier, SoftMax

TIMEOUT = 60


class Meet(nc.Layer):
    """Passes x on when as many threads are inside as it waits for."""

    def __init__(self, threads):
        self.barrier = threading.Barrier(threads)

    def forward(self, x):
        self.barrier.wait(TIMEOUT)
        return x


def together(calls):
    """The results of calls that begin at once, each in a thread of its own."""
    begin = threading.Barrier(len(calls))

    def run(call):
        begin.wait(TIMEOUT)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(2 * TIMEOUT) for future in [pool.submit(run, call) for call in calls]]


def bits(found):
    """Of an array, a dict of arrays or numbers."""
    if isinstance(found, dict):
        return {key: bits(value) for key, value in found.items()}
    return found.tobytes() if isinstance(found, np.ndarray) else found


@pytest.fixture
def short_turns():
    """Threads of Python take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


# ---- Two threads in the middle of one net ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "args", "sample"), examples("layer"))
def test_what_a_layer_computes_is_its_calls_own(name, args, sample, dtype):
    layer = make("layer", name, args)
    outputs = nc.Sequential(layer, dtype=dtype)(np.ones((2, *sample)))[0].size
    rest = [nc.Flatten(), nc.Linear(outputs, 3)]
    alone, net = (
        nc.Sequential(layer, nc.Residual(middle), *rest, dtype=dtype, seed=1) for middle in (nc.Identity(), Meet(2))
    )
    rng = np.random.default_rng(0)
    inputs = [sample_input(rng, (n, *sample)) for n in (4, 9)]
    for call in ("__call__", "activations", "predict", "predict_proba"):
        expected = [bits(getattr(alone, call)(x)) for x in inputs]
        for _ in range(2):  # with work memory made for the call, and used again
            found = together([lambda x=x, call=call: bits(getattr(net, call)(x)) for x in inputs])
            assert found == expected, call


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "BCEWithLogitsLoss", "MSELoss", "own"])
def test_an_evaluation_is_its_calls_own(name):
    class Own(nc.Loss):
        link = "softmax"

        def forward(self, z, y):
            self.z = z
            return float((self.z**2).sum())

    values = {"BCEWithLogitsLoss": (0, 1), "MSELoss": (2.5, 0.5)}.get(name)
    loss = Own() if name == "own" else getattr(nc, name)()
    first, last = nc.Linear(3, 6), nc.Linear(6, 2)
    alone, net = (nc.Sequential(first, nc.Residual(middle), last, seed=0) for middle in (nc.Identity(), Meet(2)))
    rng = np.random.default_rng(0)
    data = [(rng.normal(size=(n, 3)), rng.integers(0, 2, n)) for n in (5, 90)]
    if values is not None:
        data = [(X, np.take(values, np.stack([y, 1 - y], axis=1))) for X, y in data]

    def largest(y, z):
        return float(z.max())

    metrics = [largest] if name == "MSELoss" else ["accuracy", largest]
    trainers = [nc.Trainer(of, loss, nc.SGD()) for of in (alone, net)]
    expected = [trainers[0].evaluate(X, y, metrics=metrics) for X, y in data]
    assert together([lambda X=X, y=y: trainers[1].evaluate(X, y, metrics=metrics) for X, y in data]) == expected


def test_parts_and_relatives_are_no_hindrance():
    """A slice, a layer, a net that shares layers, a summary, a state dict, while two threads are inside."""
    first, meet, last = nc.Linear(3, 4), Meet(3), nc.Linear(4, 2)
    net, relative = nc.Sequential(first, meet, last, seed=0), nc.Sequential(first, nc.ReLU(), last)
    X, H = np.random.default_rng(0).normal(size=(7, 3)), np.ones((5, 4))

    def inside(call):
        found = call()
        meet.barrier.wait(TIMEOUT)
        return bits(found)

    calls = [lambda: net[:1](X), lambda: first(X), lambda: relative(X), lambda: last(H), net.state_dict,
             lambda: str(net.summary(3))]  # fmt: skip
    for call in calls:
        expected = bits(call())
        found = together([lambda: net(X).shape, lambda: net(X[:2]).shape, lambda call=call: inside(call)])
        assert found == [(7, 2), (2, 2), expected]


# ---- Many calls in many threads ----------------------------------------------------------------------------------


def moons():
    return nc.mlp([2, 20, 2], seed=0), (2,)


def wide():
    return nc.Sequential(nc.Linear(784, 256), nc.ReLU(), nc.Linear(256, 10), seed=0, dtype="float64"), (784,)


def very_wide():
    """Its first layer packs weights with inputs in lanes; not enough for the product without packing."""
    return nc.Sequential(nc.Linear(1100, 14), nc.Tanh(), nc.LayerNorm(14), nc.Linear(14, 3), nc.LogSoftmax()), (1100,)


def images():
    norm = nc.Normalize(0.5, 2.0)
    return nc.Sequential(nc.Conv2d(3, 16, 3, padding=1), nc.BatchNorm2d(16), nc.ReLU(), nc.MaxPool2d(2),
                         nc.Conv2d(16, 16, 3), nc.SiLU(), nc.AvgPool2d(2), nc.Flatten(), nc.Linear(64, 4),
                         seed=0, input=norm), (3, 12, 12)  # fmt: skip


def strided():
    return nc.Sequential(nc.Conv2d(4, 6, 3, stride=2, groups=2), nc.GELU(), nc.GlobalAvgPool2d(), nc.Linear(6, 2),
                         nc.Softmax(), seed=0), (4, 9, 9)  # fmt: skip


def branches():
    x = nc.Input((6,))
    h = nc.Linear(6, 5)(x)
    return nc.Graph(x, nc.Linear(11, 3)(nc.Concat()(nc.Softplus()(h), x)), seed=0), (6,)


def shared():
    layer = nc.Linear(6, 6)
    return nc.Sequential(layer, nc.BatchNorm1d(6, track_running_stats=False), nc.Residual(layer, nc.ELU()), layer), (6,)


def in_python():
    return nc.Sequential(nc.Linear(6, 50), Rectifier(), nc.Linear(50, 4), SoftMax(), seed=0), (6,)


NETS = [moons, wide, very_wide, images, strided, branches, shared, in_python]


@pytest.mark.parametrize("make_net", NETS)
def test_many_calls_of_one_net(make_net, short_turns):
    """From the first call on: contexts, shapes and the layers' memory are made by several threads at once."""
    net, sample = make_net()
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(n, *sample)) for n in (1, 700, 2, 33, 1, 16)]
    other = net.copy()
    expected = [(bits(other(x)), bits(other.predict(x)), bits(other.activations(x))) for x in inputs]

    def use(i):
        wrong = 0
        for k in range(12):
            x, right = inputs[(i + k) % len(inputs)], expected[(i + k) % len(inputs)]
            wrong += bits(net(x)) != right[0]
            wrong += bits(net.predict(x)) != right[1]
            wrong += k % 4 == 0 and bits(net.activations(x)) != right[2]
        return wrong

    assert together([lambda i=i: use(i) for i in range(8)]) == [0] * 8


def trained(tmp_path):
    X, y = np.random.default_rng(1).normal(size=(40, 5)), np.arange(40) % 3
    net = nc.mlp([5, 8, 3], batch_norm=True)
    nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1)).fit(X, y, epochs=1, progress=False)
    net.save(tmp_path / "net")
    return net


AGAIN = {
    "trained": lambda net, path: net,
    "copied": lambda net, path: net.copy(),
    "loaded": lambda net, path: nc.load(path / "net"),
    "unpickled": lambda net, path: pickle.loads(pickle.dumps(net)),
    "sliced": lambda net, path: net[:],
    "a layer of it": lambda net, path: net[0],
    "a layer alone": lambda net, path: nc.Linear(5, 3),
}


@pytest.mark.parametrize("kind", AGAIN)
def test_the_first_call_may_come_from_any_thread(kind, tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 5))
    for _ in range(10):
        net = AGAIN[kind](trained(tmp_path), tmp_path)
        found = {y.tobytes() for y in together([lambda net=net: net(X)] * 6)}
        assert found == {net(X).tobytes()}
        assert kind != "a layer alone" or nc.Sequential(net).flat_parameters.size == 18  # it is still free


def test_layers_in_python_see_the_attributes_of_their_own_call(short_turns):
    class Standard(nc.Layer):
        def forward(self, x, training):
            self.mean = x.mean(axis=0)
            self.centred = x - self.mean
            self.std = self.centred.std(axis=0)
            self.calls = getattr(self, "calls", 0) + 1
            return self.centred / self.std

    rng = np.random.default_rng(0)
    net, inputs = nc.Sequential(Standard(), dtype="float64"), [rng.normal(i, i + 1, size=(5000, 4)) for i in range(4)]
    expected = [((x - x.mean(axis=0)) / (x - x.mean(axis=0)).std(axis=0)).tobytes() for x in inputs]

    def use(i):
        return sum(net(inputs[i]).tobytes() != expected[i] for _ in range(60))

    assert together([lambda i=i: use(i) for i in range(4)]) == [0] * 4
    calls = net[0].calls
    net(inputs[2])
    assert net[0].calls == calls + 1 and np.array_equal(net[0].mean, inputs[2].mean(axis=0))


def test_losses_and_functions(short_turns):
    rng = np.random.default_rng(0)
    sizes = (1, 50, 30000)
    cases = [(rng.normal(size=(n, 3)), rng.integers(0, 3, n)) for n in sizes]
    loss = nc.CrossEntropyLoss(label_smoothing=0.1)

    def ask(z, y):
        value, dz = loss(z, y)
        return value, loss.value(z, y), dz.tobytes(), nc.functional.softmax(z).tobytes()

    expected = [ask(*case) for case in cases]
    assert together([lambda case=case: [ask(*case) for _ in range(9)] for case in cases * 2]) == [
        [right] * 9 for right in expected * 2
    ]


# ---- The interpreter, and those who change the net -----------------------------------------------------------------


def test_other_threads_of_python_go_on_while_a_net_computes():
    net = nc.Sequential(nc.Linear(512, 512), nc.ReLU(), nc.Linear(512, 512), seed=0)
    X = np.ones((8000, 512), "float32")
    trainer = nc.Trainer(net, nc.MSELoss(), nc.SGD())
    Y = np.zeros((8000, 512), "float32")
    for call in (lambda: net(X), lambda: net.activations(X), lambda: trainer.evaluate(X, Y)):
        begun, done, turns = threading.Event(), threading.Event(), 0

        def run(call=call, begun=begun, done=done):
            begun.set()
            call()
            done.set()

        thread = threading.Thread(target=run)
        thread.start()
        begun.wait(TIMEOUT)
        while not done.is_set():
            turns += 1
        thread.join(TIMEOUT)
        assert turns > 1000


def test_who_would_change_the_net_is_refused_until_all_have_predicted():
    meet = Meet(3)
    net = nc.Sequential(nc.Linear(3, 2), meet, seed=0)
    trainer, X = nc.Trainer(net, nc.MSELoss(), nc.SGD()), np.ones((4, 3))
    before = net.flat_parameters.copy()
    with ThreadPoolExecutor(2) as pool:
        inside = [pool.submit(net, X) for _ in range(2)]
        while meet.barrier.n_waiting < 2:
            pass
        try:
            for change in (
                lambda: trainer.step(X, np.ones((4, 2))),
                lambda: trainer.fit(X, np.ones((4, 2)), epochs=1, progress=False),
                lambda: net.forward(X),
                lambda: net.initialize(1),
                lambda: net.load_state_dict(net.state_dict()),
            ):
                with pytest.raises(nc.StateError, match=r"in use by another thread \(Sequential\.forward\)"):
                    change()
        finally:
            meet.barrier.wait(TIMEOUT)
        assert [future.result(TIMEOUT).shape for future in inside] == [(4, 2)] * 2
    assert np.array_equal(net.flat_parameters, before)
