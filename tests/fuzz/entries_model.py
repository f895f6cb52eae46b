"""Entry points of models: Sequential, its parameters, layers and losses written in Python."""

import copy
import pickle

import numpy as np
import values
from draw import HostileError
from entries import TABLE, construct, entry, example, kinds
from verdict import Untouched, agree, settle

import nncore as nc
from support.cases import class_of

X = np.arange(15.0).reshape(5, 3) / 8


def small_net(draw, **more):
    """One of a few nets (N, 3) -> (N, 2)."""
    shared = nc.Linear(3, 3)
    layers = draw.choice(
        [
            lambda: [nc.Linear(3, 4), nc.ReLU(), nc.Linear(4, 2)],
            lambda: [nc.Linear(3, 2)],
            lambda: [shared, nc.Tanh(), shared, nc.Dropout(0.5), nc.Linear(3, 2)],
            lambda: [nc.Flatten(), nc.Linear(3, 40), nc.Sigmoid(), nc.LeakyReLU(0.1), nc.Linear(40, 2)],
            lambda: [PythonLayer(), nc.Linear(3, 2)],
        ]
    )()
    dtype = draw.choice(["float32", "float64"])
    norm = nc.Normalize([1.0, 0.5, 0.0], 2.0) if draw.chance(0.3) else None
    return nc.Sequential(*layers, **{"dtype": dtype, "seed": 0, "input": norm, **more})


class PythonLayer(nc.Layer):
    """x · w, element by element."""

    def __init__(self):
        self.w = self.add_parameter("w", np.ones((1, 3)))

    def forward(self, x, training):
        self.x = x
        return x * self.w.value

    def backward(self, dy):
        self.w.grad += (dy * self.x).sum(axis=0, keepdims=True)
        return dy * self.w.value


@entry("Sequential")
def sequential(draw):
    layers = []
    for _ in range(draw.randrange(4)):
        name, schema = draw.choice(kinds("layer"))
        layers.append(class_of("layer", name)(**example(draw, schema)[0]))
    if draw.chance(0.5):
        layers.insert(0, values.anything(draw))
    options = {key: values.scalar(draw) for key in ("dtype", "seed", "input") if draw.chance(0.3)}
    named = {draw.choice(values.TEXTS) if draw.chance(0.3) else str(i): layer for i, layer in enumerate(layers)}
    net = nc.Sequential(named, **options) if draw.chance(0.5) else nc.Sequential(*layers, **options)
    repr(net), net._repr_html_(), len(net), net.state_dict(), net.flat_parameters
    net(values.array(draw, [(2, 3), (2, 5)]))


@entry("Sequential.call")
def call(draw):
    net = small_net(draw)
    method = draw.choice(["__call__", "predict", "predict_proba", "activations", "forward"])
    if method == "predict_proba":
        net._link = draw.choice(["softmax", "sigmoid", None])
    f = getattr(net, method) if method != "forward" else lambda x: net.forward(x, False)
    with Untouched(net, X):
        if draw.chance(0.4):
            plain, strange, verdict = values.numbers(draw, (4, 3))
            return agree(f, strange, plain.astype(net.dtype), verdict)
        return settle(f, values.array(draw, [(2, 3), (1, 3), (0, 3), (3,)]), np.float64)


@entry("Sequential.forward_backward")
def forward_backward(draw):
    net = small_net(draw)
    with Untouched(net, X):
        y = net.forward(X, *[values.scalar(draw) for _ in range(draw.choice([0, 0, 1, 2]))])
        if draw.chance(0.2):
            net.forward(values.array(draw, [(2, 3), (0, 3)]))
        if draw.chance(0.2):
            net(X)
        net.backward(values.array(draw, [y.shape, y.shape, (1, 2)]))


@entry("Sequential.state")
def state(draw):
    net = small_net(draw)
    state = net.state_dict()
    with Untouched(net, X):
        for name in draw.sample(list(state), min(2, len(state))):
            state[name] = values.array(draw, [state[name].shape]) if draw.chance(0.7) else values.anything(draw)
        if draw.chance(0.2):
            state[draw.choice(values.TEXTS)] = values.anything(draw)
        if draw.chance(0.2):
            state.pop(draw.choice(list(state)))
        given = state if draw.chance(0.8) else values.anything(draw)
        net.load_state_dict(given, *[values.scalar(draw)][: draw.randrange(2)])


@entry("Sequential.load_state_dict.clothes")
def load_clothes(draw):
    net, state = small_net(draw), {}
    verdicts = set()
    for name, value in net.state_dict().items():
        positive = name == "input.std"
        _, state[name], verdict = values.numbers(draw, value.shape, 1 if positive else -24)
        verdicts.add(verdict)

    def load(given):
        net.load_state_dict(given)
        return net.state_dict()

    with Untouched(net, X):
        verdict = next(v for v in ("refuse", "either", "accept") if v in verdicts)
        return agree(load, state, {k: np.array(v, np.float64) for k, v in state.items()}, verdict)


@entry("Parameter.assign")
def assign(draw):
    net = small_net(draw)
    parameter = draw.choice(net.parameters())
    where = draw.choice(["value", "grad"])
    with Untouched(net, X):
        if draw.chance(0.5):
            plain, strange, verdict = values.numbers(draw, parameter.shape)

            def put(given):
                setattr(parameter, where, given)
                return getattr(parameter, where).copy()

            return agree(put, strange, plain, verdict)
        setattr(parameter, where, values.anything(draw))


@entry("Sequential.methods")
def methods(draw):
    net = small_net(draw)
    calls = [
        lambda: net[values.scalar(draw)],
        lambda: net[draw.choice([slice(None), slice(1, None), slice(None, None, -1), slice(2**70, None), slice(0, 0)])],
        lambda: net.append(values.anything(draw)),
        lambda: net.append(nc.Linear(draw.choice([2, 3]), 2)),
        lambda: net.to(values.anything(draw)),
        lambda: net.to(draw.choice(["float32", "float64"])),
        lambda: net.initialize(values.scalar(draw)),
        lambda: str(net.summary(values.anything(draw))),
        lambda: str(net.summary([draw.choice(values.INTEGERS) for _ in range(draw.randrange(10))])),
        lambda: net.zero_grad(),
        lambda: pickle.loads(pickle.dumps(net)),
        lambda: copy.deepcopy(net).append(nc.ReLU()),
        lambda: setattr(net, "flat_parameters", values.anything(draw)),
        lambda: draw.choice(net.parameters()).value.resize(2**10, refcheck=False),
    ]
    for _ in range(draw.choice([1, 2, 4])):
        call = draw.choice(calls)
        try:
            with Untouched(net, X):
                call()
        except (KeyError, IndexError) as error:  # of net[…] alone
            if call is not calls[0]:
                raise
            assert str(error)
        except AttributeError:  # a property without a setter
            if call is not calls[12]:
                raise
    net.parameters(), net.state_dict(), repr(net)


class Rogue(nc.Layer):
    """A layer whose methods answer with whatever was drawn."""

    def __init__(self, answers):
        self.answers = answers
        self.add_parameter("w", np.ones((3, 3)))

    def _answer(self, key, given):
        return self.answers.get(key, lambda x: x)(given)

    def build(self, shape):
        return self._answer("build", shape)

    def forward(self, x, training):
        return self._answer("forward", x)

    def backward(self, dy):
        return self._answer("backward", dy)


class RogueLoss(nc.Loss):
    """A loss of the same kind."""

    def __init__(self, answers):
        self.answers = answers

    def forward(self, z, y):
        return self.answers.get("value", lambda _: 1.0)(z)

    def backward(self):
        return self.answers.get("gradient", lambda _: np.ones((5, 2)))(None)


def _raises(_):
    raise HostileError("raised on purpose")


@entry("Layer and Loss in Python")
def rogues(draw):
    def whatever(given):
        return values.anything(draw)

    def reenter(given):
        net(X), net.append(nc.ReLU()), trainer.step(X, y)

    def resize(given):
        if isinstance(given, np.ndarray):
            given.resize(10**6, refcheck=False)
        return given

    pool = [whatever, _raises, lambda _: [3, -1], lambda _: (2**40, 2**40), lambda _: None, reenter, resize]
    answers = {
        key: draw.choice(pool) for key in ("build", "forward", "backward", "value", "gradient") if draw.chance(0.3)
    }
    draw.note(sorted(answers))
    y = np.zeros((5, 2))
    net = nc.Sequential(Rogue(answers), nc.Linear(3, 2), seed=0, dtype=draw.choice(["float32", "float64"]))
    trainer = nc.Trainer(net, RogueLoss(answers) if draw.chance(0.5) else nc.MSELoss(), nc.SGD(lr=0.01))
    todo = draw.choice(
        [
            lambda: trainer.step(X, y),
            lambda: trainer.fit(X, y, epochs=2, progress=False),
            lambda: net.backward(net.forward(X)),
            lambda: nc.gradcheck(net, trainer.loss, X, y),
            lambda: trainer.loss(np.ones((5, 2)), y),
        ]
    )
    try:
        todo()
    finally:
        answers.clear()
        assert np.isfinite(net(X)).all()
        trainer.step(X, y)


@entry("Layer.add_parameter")
def add_parameter(draw):
    layer = PythonLayer()
    layer.add_parameter(values.anything(draw) if draw.chance(0.5) else "v", values.anything(draw))
    net = nc.Sequential(layer, seed=0)
    net(X), net.parameters(), pickle.loads(pickle.dumps(net))


def _deep_chain(draw):
    """A container in a container …, deeper than a stack, or twice in each: more than memory."""
    inner, copies = nc.ReLU(), draw.choice([1, 1, 2])
    for _ in range(draw.choice([10, 50, 70, 300])):
        inner = nc.Residual(*[inner] * copies)
    net = nc.Sequential(inner, seed=0)
    repr(net), net(X), copy.deepcopy(net)


if hasattr(nc, "Residual"):
    entry("Residual.deep")(_deep_chain)

assert construct and TABLE
