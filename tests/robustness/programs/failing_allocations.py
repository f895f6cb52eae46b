"""Each case makes the n-th allocation of the core fail, for n = 1, 2, … until a use needs fewer than n."""

import ctypes
import glob
import os

import numpy as np

import nncore as nc
from support.programs import run_case

shim = ctypes.CDLL(os.environ["LD_PRELOAD"])
rng = np.random.default_rng(0)
X, y = rng.normal(size=(46, 6)).astype(np.float32), rng.integers(0, 3, 46)
many = [nc.ReLU() for _ in range(3000)]  # pybind11's table of objects, whose growth it does not survive, is large now
del many


def net(seed=1):
    shared = nc.Linear(6, 6)
    layers = {"in": shared, "t": nc.Tanh(), "a dropout with a long name": nc.Dropout(0.4), "again": shared,
              "out": nc.Linear(6, 3)}  # fmt: skip
    return nc.Sequential(layers, seed=seed, input=nc.Normalize(0.0, 2.0))


def make(options=None):
    return nc.Trainer(net(), nc.CrossEntropyLoss(), nc.Adam(), **{"batch_size": 10, "seed": 3, **(options or {})})


def failing(start, use, most=3000):
    """(n, object, did it work) for n = 1, 2, … until the use needs fewer allocations than n."""
    for n in range(1, most):
        made = start()
        shim.fail_at(n)
        try:
            use(made)
            worked = True
        except MemoryError:
            worked = False
        over = shim.allocations_left() > 0
        shim.fail_at(0)
        assert worked or not over
        yield n, made, worked
        if over:
            print("allocations", n - 1)
            return
    raise AssertionError("there is no end of allocations")


def state(trainer):
    optimizer = trainer.optimizer.state_dict()
    arrays = [a.tobytes() for s in optimizer["state"].values() for a in s.values()]
    return trainer.model.flat_parameters.tobytes(), optimizer["step"], arrays


def a_step():
    for fresh in (True, False):

        def start(fresh=fresh):
            trainer = make()
            if not fresh:
                trainer.step(X[:7], y[:7])
            return trainer

        before, after = state(start()), start()
        after.step(X[:9], y[:9])
        for n, trainer, worked in failing(start, lambda trainer: trainer.step(X[:9], y[:9])):
            if not worked:
                assert state(trainer) == before, n
                trainer.step(X[:9], y[:9])
            assert state(trainer) == state(after), n


def a_fit():
    for options in ({}, {"clip_grad_norm": 0.5, "on_nonfinite": "ignore"}):

        def fit(trainer):
            trainer.fit(X, y, epochs=3, validation_data=(X[:9], y[:9]))

        whole = make(options)
        fit(whole)
        for n, trainer, worked in failing(lambda options=options: make(options), fit):
            taken = trainer.optimizer.state_dict()["step"]
            assert worked or taken <= 15
            reference = make(options)
            reference.fit(X, y, steps=taken)
            assert state(trainer) == state(reference), (n, taken)
            trainer.fit(X, y, steps=15 - taken)
            assert state(trainer) == state(whole), n
            assert trainer.epoch == 3


def evaluate_and_prediction():
    trainer = make()
    before = state(trainer)
    for use in (lambda t: t.evaluate(X, y), lambda t: t.model(X), lambda t: t.model.activations(X),
                lambda t: t.model.predict(X), lambda t: t.model.predict_proba(X)):  # fmt: skip
        for n, _, _ in failing(lambda: trainer, use):
            assert state(trainer) == before, n
        for n, other, _ in failing(make, use):
            assert state(other) == before, n


def load_state_dict():
    other = {**net(seed=2).state_dict(), "input.mean": np.array(1.0)}
    before = net().state_dict()
    for n, made, worked in failing(net, lambda made: made.load_state_dict(other)):
        wanted = other if worked else before
        assert all(np.array_equal(value, wanted[key]) for key, value in made.state_dict().items()), n
        made(X)


def a_model_that_is_made_grows_changes_its_dtype_is_copied():
    def grow(made):
        made.append(nc.Linear(3, 2))

    expected = net()(X).tobytes()
    for use in (grow, lambda made: made.to("float64"), lambda made: made.copy(), lambda made: made[1:3],
                lambda made: made.summary(6), lambda made: made.parameters()):  # fmt: skip
        for n, made, worked in failing(net, use):
            if not worked:
                assert made(X).tobytes() == expected and made.dtype == "float32" and len(made) == 5, n
    for _ in failing(lambda: None, lambda _: net()):
        pass
    for _, trainer, _ in failing(net, lambda made: nc.Trainer(made, nc.MSELoss(), nc.Adam())):
        assert np.isfinite(trainer(X)).all()


def forward_backward_and_an_optimizer_by_hand():
    def use(made):
        z = made.forward(X)
        made.zero_grad()
        made.backward(np.ones_like(z))

    before = net().flat_parameters.tobytes()
    for n, made, _ in failing(net, use):
        assert made.flat_parameters.tobytes() == before, n
        use(made)
    for n, made, worked in failing(net, lambda made: nc.Adam().step(made)):
        if not worked:
            assert made.flat_parameters.tobytes() == before, n


def gradcheck_and_minimize():
    for _ in failing(net, lambda made: nc.gradcheck(made, nc.CrossEntropyLoss(), X[:2], y[:2])):
        pass
    for _ in failing(lambda: None, lambda _: nc.minimize("rosenbrock", [1.0, 2.0], nc.Adam(), 20)):
        pass


def files():
    net().save("net")
    trainer = make()
    trainer.fit(X, y, steps=7)
    trainer.save("run")
    for use in (lambda _: nc.load("net"), lambda _: nc.Trainer.resume("run"), lambda _: trainer.save("run")):
        for n, _, _ in failing(lambda: None, use):
            assert nc.Trainer.resume("run").history.n_steps == 7 and not glob.glob(".nncore*"), n


if __name__ == "__main__":
    run_case(globals())
