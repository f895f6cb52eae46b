"""Entry points of training: Trainer, optimizers, gradient checks, minimize, Perceptron, callbacks."""

import numpy as np
import values
from draw import HostileError
from entries import entry, example, kinds
from entries_model import X, small_net
from verdict import REFUSALS, Untouched, agree, settle

import nncore as nc
from support.cases import activations, class_of

Y = np.array([0, 1, 1, 0, 1])


def optimizer(draw):
    """Any of the optimizers."""
    name, schema = draw.choice(kinds("optimizer"))
    return class_of("optimizer", name)(**example(draw, schema)[0])


def trainer(draw, **options):
    """A trainer of a small net."""
    return nc.Trainer(small_net(draw), nc.CrossEntropyLoss(), optimizer(draw), **{"batch_size": 2, **options})


OPTIONS = (
    "batch_size",
    "shuffle",
    "seed",
    "l2",
    "l1",
    "clip_grad_norm",
    "clip_grad_value",
    "drop_last",
    "on_nonfinite",
    "penalty_per_sample",
)


@entry("Trainer")
def make(draw):
    given = [small_net(draw), draw.choice([nc.CrossEntropyLoss(), nc.MSELoss()]), optimizer(draw)]
    if draw.chance(0.2):
        given[draw.randrange(3)] = values.anything(draw)
    options = {key: values.anything(draw) for key in (*OPTIONS, "num_threads", "extra") if draw.chance(0.2)}
    made = nc.Trainer(*given, **options)
    repr(made)
    with Untouched(made.model, X):
        made.step(X, Y)
        made.fit(X, Y, epochs=1, progress=False)


@entry("Trainer.step")
def step(draw):
    made = trainer(draw)
    x, y = _data(draw)
    with Untouched(made.model, X):
        made.step(x, y)
    made.step(X, Y)


@entry("Trainer.evaluate")
def evaluate(draw):
    made = trainer(draw)
    plain, strange, verdict = values.numbers(draw, (4, 3))
    labels, strange_labels, labels_verdict = values.labels(draw, 4, 2)
    with Untouched(made.model, X):
        if draw.chance(0.3):
            return agree(lambda x: made.evaluate(x, labels), strange, plain, verdict)
        if draw.chance(0.5):
            return agree(lambda y: made.evaluate(plain, y), strange_labels, labels, labels_verdict)
        made.evaluate(*_data(draw))


def _data(draw):
    """X and y, at least one of them hostile."""
    which = draw.randrange(3)
    x = values.array(draw, [(5, 3), (0, 3), (5, 3, 1)]) if which != 1 else X
    y = values.array(draw, [(5,), (5, 1), (0,), (5, 2)]) if which != 0 else Y
    return (values.scalar(draw) if draw.chance(0.1) else x), y


@entry("Trainer.fit")
def fit(draw):
    made = trainer(draw, on_nonfinite=draw.choice(["raise", "stop", "ignore"]))
    options = {"epochs": draw.choice([0, 1, 2, -1, 2**63, "x", None, 1.5]), "progress": False}
    for key in ("validation_data", "test_data", "validation_split", "metrics", "callbacks", "progress", "steps"):
        if draw.chance(0.15):
            options[key] = values.anything(draw)
    for key in ("validation_data", "test_data"):
        if draw.chance(0.15):
            options[key] = _data(draw)
    with np.errstate(all="ignore"), Untouched(made.model, X):
        x, y = _data(draw) if draw.chance(0.7) else (X, Y)
        try:
            history = made.fit(x, y, **options)
        except RuntimeWarning:  # of on_nonfinite="stop", which is an error here
            return "stopped"
    repr(history), history.to_dict()


@entry("Trainer.fit.clothes")
def fit_clothes(draw):
    """The same weights, whatever the data wear."""
    state = draw.getstate()
    plain, strange, verdict = values.numbers(draw, (5, 3))
    labels, strange_labels, labels_verdict = values.labels(draw, 5, 2)
    verdict = next(v for v in ("refuse", "either", "accept") if v in (verdict, labels_verdict))

    def run(given):
        now = draw.getstate()
        draw.setstate(state)
        made = trainer(draw)
        draw.setstate(now)
        made.fit(*given, epochs=2, progress=False)
        return made.model.state_dict()

    return agree(run, (strange, strange_labels), (plain, labels), verdict)


@entry("Trainer.fit.callback")
def hostile_callback(draw):
    """A callback that changes everything it can reach while the fit goes on."""
    made = trainer(draw)
    if draw.chance(0.3):
        made = nc.Trainer(
            made.model, draw.choice([nc.NLLLoss([1.0, 2.0]), nc.CrossEntropyLoss([1.0, 2.0])]), optimizer(draw)
        )
    net, x, y = made.model, X.copy(), Y.copy()

    actions = {
        "labels": lambda record: y.fill(draw.choice([2**62, -1, 10**6])),
        "samples": lambda record: x.fill(draw.choice([np.nan, 1e300])),
        "append": lambda record: net.append(nc.Linear(2, 2)),
        "to": lambda record: net.to(draw.choice(["float32", "float64"])),
        "initialize": lambda record: net.initialize(1),
        "load": lambda record: net.load_state_dict(net.state_dict()),
        "step": lambda record: made.step(X, Y),
        "nested": lambda record: made.fit(X, Y, epochs=1, progress=False),
        "other": lambda record: nc.Trainer(net, nc.MSELoss(), nc.SGD()).step(X, np.zeros((5, 2))),
        "threads": lambda record: nc.set_num_threads(draw.choice([1, 2, 5])),
        "lr": lambda record: setattr(made.optimizer, "lr", values.scalar(draw)),
        "optimizer": lambda record: made.optimizer.load_state_dict(made.optimizer.state_dict()),
        "raise": lambda record: (_ for _ in ()).throw(HostileError("raised on purpose")),
        "answer": lambda record: values.anything(draw),
        "delete": lambda record: (net.__dict__.pop("_core", None), net.__init__(nc.ReLU())),
        "record": lambda record: record.clear(),
    }
    chosen = draw.choice(list(actions))
    draw.note(chosen)
    try:
        made.fit(x, y, epochs=3, progress=False, callbacks=[actions[chosen]], validation_data=(x, y))
    finally:
        nc.set_num_threads(2)
        if chosen != "delete":
            assert len(net.flat_parameters)
            net(X)
            if chosen not in ("append", "samples"):
                made.step(X, Y)
    return chosen


@entry("Optimizer.step")
def optimizer_step(draw):
    net, own = small_net(draw), optimizer(draw)
    net.backward(net.forward(X))
    own.step(net)
    with Untouched(net, X):
        own.step(values.anything(draw))


@entry("Optimizer.state")
def optimizer_state(draw):
    net, own = small_net(draw), optimizer(draw)
    bound = draw.chance(0.7)
    if bound:
        net.backward(net.forward(X))
        own.step(net)
    state = own.state_dict()
    with Untouched(net, X):
        for _ in range(draw.choice([1, 2])):
            where = state
            while isinstance(where, dict) and where and draw.chance(0.6):
                key = draw.choice(list(where))
                if not isinstance(where[key], dict) or not where[key]:
                    break
                where = where[key]
            key = draw.choice([*where, "step", "lr", "state", 3]) if draw.chance(0.9) else values.TEXTS[7]
            shapes = [where[key].shape] if isinstance(where.get(key), np.ndarray) else []
            where[key] = values.array(draw, shapes) if shapes else values.anything(draw)
        before = _flat(own.state_dict())
        try:
            own.load_state_dict(state if draw.chance(0.85) else values.anything(draw))
        except REFUSALS as error:
            if _flat(own.state_dict()) != before:
                raise AssertionError(f"a refused state changed the optimizer: {error}") from error
            raise
    own.state_dict(), own.lr, repr(own)
    try:
        own.step(net)
    except nc.NumericError:
        pass


def _flat(state):
    if isinstance(state, dict):
        return [(key, _flat(value)) for key, value in state.items()]
    return state.tobytes() if isinstance(state, np.ndarray) else repr(state)


@entry("Optimizer.lr")
def optimizer_lr(draw):
    own = optimizer(draw)
    if draw.chance(0.5):
        own.step(small_net(draw))
    before = own.lr
    try:
        own.lr = values.anything(draw)
    except REFUSALS:
        assert own.lr == before
        raise
    assert np.isfinite(own.lr)


@entry("gradcheck")
def gradcheck(draw):
    net = small_net(draw)
    options = {key: values.scalar(draw) for key in ("eps", "seed") if draw.chance(0.2)}
    with Untouched(net, X):
        x, y = _data(draw) if draw.chance(0.8) else (X, Y)
        str(nc.gradcheck(net if draw.chance(0.9) else values.anything(draw), nc.CrossEntropyLoss(), x, y, **options))


@entry("gradient_flow")
def gradient_flow(draw):
    net = small_net(draw)
    with Untouched(net, X):
        str(nc.gradient_flow(net if draw.chance(0.9) else values.anything(draw), nc.CrossEntropyLoss(), *_data(draw)))


@entry("numeric_gradient")
def numeric_gradient(draw):
    f = draw.choice([lambda x: (x**2).sum(), lambda x: values.anything(draw), lambda x: None, values.anything(draw)])
    x = values.array(draw, [(3,), (2, 2)])
    nc.numeric_gradient(f, x, *[values.scalar(draw)][: draw.randrange(2)])


@entry("minimize")
def minimize(draw):
    name = draw.choice([name for name, _ in kinds("objective")])
    start = len(nc.objectives.get(name).start)
    options = {key: values.scalar(draw) for key in ("fun", "jac", "record", "tol") if draw.chance(0.15)}
    steps = draw.choice([0, 1, 5, -1, 2**63, None, 1.5, "x"])
    objective = draw.choice(
        [name, name, lambda x: (1.0, x), lambda x: values.anything(draw), lambda x: (values.anything(draw), x)]
    )
    if draw.chance(0.2):
        objective = draw.choice(
            [values.anything(draw), lambda x: (1.0, values.anything(draw)), lambda x: x.resize(9**6, refcheck=False)]
        )
    if draw.chance(0.3):
        plain, strange, verdict = values.numbers(draw, (start,))
        own = optimizer(draw)
        return agree(lambda x: nc.minimize(name, x, own, 3).path, strange, plain, verdict)
    x0 = values.array(draw, [(start,), (2,)])
    repr(nc.minimize(objective, x0, optimizer(draw) if draw.chance(0.9) else values.anything(draw), steps, **options))


@entry("Perceptron")
def perceptron(draw):
    options = {key: values.scalar(draw) for key in ("lr", "rule", "seed") if draw.chance(0.15)}
    model = nc.Perceptron(max_epochs=draw.choice([1, 5, 0, None, "x"]) if draw.chance(0.3) else 3, **options)
    signs = 2 * Y - 1
    if draw.chance(0.3):
        plain, strange, verdict = values.numbers(draw, (5, 3))
        fitted = nc.Perceptron(seed=0, max_epochs=3).fit(X, signs)
        f = draw.choice(
            [
                lambda x: nc.Perceptron(seed=0, max_epochs=3).fit(x, signs).weights,
                fitted.predict,
                fitted.decision_function,
                lambda x: fitted.score(x, signs),
            ]
        )
        return agree(f, strange, plain, verdict)
    if draw.chance(0.2):
        plain, strange, verdict = values.numbers(draw, (5,), 1, 1, 1)
        return agree(lambda y: nc.Perceptron(seed=0, max_epochs=3).fit(X, y).weights, strange, plain, verdict)
    x = values.array(draw, [(5, 3)]) if draw.chance(0.6) else X
    model.fit(x, values.array(draw, [(5,)]) if draw.chance(0.6) else signs)
    model.predict(values.array(draw, [(5, 3)]))


@entry("Normalize")
def normalize(draw):
    if draw.chance(0.5):
        with np.errstate(all="ignore"):
            x = values.array(draw, [(5, 3)])
            if np.size(x) > 2**25:  # the sum of many numbers takes its time, without end in sight
                return "too long"
            made = nc.Normalize.from_data(x, draw.choice(["scale", "mean", "standard", values.scalar(draw)]))
    else:
        made = nc.Normalize(values.anything(draw), *[values.anything(draw)][: draw.randrange(2)])
    repr(made)
    nc.Sequential(nc.Linear(3, 2), input=made, seed=0)(X)


@entry("functional")
def functional(draw):
    f = getattr(nc.functional, draw.choice(nc.functional.__all__))
    draw.note(f.__name__)
    more = {
        "activation": ["tanh"],
        "activation_derivative": ["relu"],
        "linear": [np.ones((2, 3))],
        "one_hot": [30],
    }.get(f.__name__, [])
    if draw.chance(0.1):
        return f(values.array(draw), *[values.anything(draw) for _ in range(draw.randrange(4))]) is None
    if f.__name__ in (*activations(), "softmax", "log_softmax", "activation", "activation_derivative"):
        if draw.chance(0.5):
            plain, strange, verdict = values.numbers(draw, draw.choice([(), (3,), (2, 3), (2, 1, 2, 3)]))
            single = type(strange).__mro__[-2] is np.ndarray and np.ndarray.dtype.__get__(strange) == np.float32
            return agree(lambda z: f(z, *more), strange, plain.astype(np.float32 if single else np.float64), verdict)
        x = values.array(draw)
        return settle(lambda z: f(z, *more), x, np.float32 if getattr(x, "dtype", None) == np.float32 else np.float64)
    f(values.array(draw, [(4, 3), (4,)]), *more)
