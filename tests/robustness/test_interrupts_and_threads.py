"""Ctrl-C during a fit, and a model that two threads want."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

import nncore as nc
from support.programs import run_program


def run(case):
    return run_program(Path(__file__).parent / "programs" / "interrupts.py", case, timeout=60)


def test_the_first_interrupt_ends_at_a_step_with_a_usable_model():
    (late,) = run("the_first_interrupt_ends_at_a_step")
    assert float(late) < 0.2


def test_the_weights_are_those_of_a_step_boundary():
    run("the_weights_are_those_of_a_step_boundary")


def test_a_second_interrupt_within_a_second_raises():
    run("a_second_interrupt_within_a_second")


def test_an_interrupt_while_a_callback_runs_ends_the_fit():
    run("an_interrupt_while_a_callback_runs")


def test_a_handler_of_the_users_own_is_left_alone():
    run("a_handler_of_the_users_own")


def test_what_a_handler_raises_arrives_and_the_model_is_usable():
    run("what_a_handler_raises")


def test_what_a_handler_raises_at_the_end_of_an_epoch_leaves_the_epoch_done():
    run("what_a_handler_raises_at_the_end_of_an_epoch")


def test_fits_off_the_main_thread_work(rng):
    X, y = rng.normal(size=(100, 4)), rng.integers(0, 2, 100)
    net = nc.Sequential(nc.Linear(4, 2), seed=0)
    found = []

    def fit():
        found.append(nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD()).fit(X, y, epochs=3))

    thread = threading.Thread(target=fit)
    thread.start()
    thread.join(30)
    assert len(found[0]["loss"]) == 3


def busy():
    """A model that a thread trains until it is told to stop; (net, trainer, data, started, stop, thread, errors)."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(500, 30)), rng.integers(0, 3, 500)
    net = nc.Sequential(nc.Linear(30, 50), nc.Tanh(), nc.Linear(50, 3), seed=0)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=1e-3), batch_size=50)
    started, stop, errors = threading.Event(), threading.Event(), []

    def watch(record):
        started.set()
        return stop.is_set()

    def fit():
        try:
            trainer.fit(X, y, epochs=10**6, callbacks=[watch])
        except Exception as error:
            errors.append(error)
            started.set()

    thread = threading.Thread(target=fit)
    thread.start()
    assert started.wait(30)
    return net, trainer, (X, y), stop, thread, errors


@pytest.mark.parametrize(
    "what", ["call", "forward", "backward", "activations", "step", "fit", "evaluate", "optimizer", "gradcheck"]
)
def test_a_model_in_use_refuses_another_thread(what):
    net, trainer, (X, y), stop, thread, errors = busy()
    uses = {
        "call": lambda: net(X),
        "forward": lambda: net.forward(X),
        "backward": lambda: net.backward(np.ones((500, 3))),
        "activations": lambda: net.activations(X),
        "step": lambda: trainer.step(X, y),
        "fit": lambda: trainer.fit(X, y, epochs=1),
        "evaluate": lambda: trainer.evaluate(X, y),
        "optimizer": lambda: trainer.optimizer.step(net),
        "gradcheck": lambda: nc.gradcheck(net, nc.CrossEntropyLoss(), X[:2], y[:2]),
    }
    try:
        refused = False
        deadline = time.monotonic() + 20
        while not refused and time.monotonic() < deadline:
            try:
                uses[what]()
            except nc.StateError as error:
                refused = "in use" in str(error) or "forward" in str(error)
    finally:
        stop.set()
        thread.join(30)
    assert not errors, errors
    assert refused
    assert np.isfinite(net(X)).all()


def test_changing_the_model_while_another_thread_trains_it_crashes_nothing():
    assert run("changing_the_model_while_another_thread_trains_it") == ["alive"]


def test_many_models_train_at_the_same_time(rng):
    """Each thread its own model: the same bits as one after the other."""
    X, y = rng.normal(size=(300, 100)), rng.integers(0, 3, 300)

    def train(seed, found):
        net = nc.Sequential(nc.Linear(100, 200), nc.ReLU(), nc.Linear(200, 3), seed=seed)
        nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(), batch_size=64, num_threads=3).fit(X, y, epochs=5)
        found[seed] = net.flat_parameters.tobytes()

    alone, together = {}, {}
    for seed in range(4):
        train(seed, alone)
    threads = [threading.Thread(target=train, args=(seed, together)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert alone == together
