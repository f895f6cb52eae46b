"""Ctrl-C during a fit, and a model that two threads want."""

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import nncore as nc

SETUP = """
import os, signal, sys, threading, time
import numpy as np, nncore as nc
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
rng = np.random.default_rng(0)
X, y = rng.normal(size=(2000, 20)), rng.integers(0, 3, 2000)
net = nc.Sequential(nc.Linear(20, 30), nc.Tanh(), nc.Linear(30, 3), seed=0)
trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.01), batch_size=10)
begun, sent = threading.Event(), []
def begin(record):
    begun.set()
def after(seconds):
    # Ctrl-C so long after the first epoch of a fit that has the callback begin
    def send():
        begun.wait()
        time.sleep(seconds)
        sent.append(time.process_time())
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=send, daemon=True).start()
"""


def run(code):
    done = subprocess.run([sys.executable, "-c", SETUP + code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-1500:]
    return done.stdout.split()


def test_the_first_interrupt_ends_at_a_step_with_a_usable_model():
    out = run("""
after(0.3)
history = trainer.fit(X, y, epochs=10**6, callbacks=[begin])
late = time.process_time() - sent[0]  # what other processes take does not count
assert history.interrupted and "interrupted" in repr(history)
assert history.n_steps == trainer.optimizer.state_dict()["step"] > 0
assert len(history["loss"]) == history.n_steps // 200, "epochs that are not whole are not reported"
assert np.isfinite(net.flat_parameters).all() and net(X).shape == (2000, 3)
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
again = trainer.fit(X, y, epochs=1)
assert not again.interrupted and again["epoch"].tolist() == [len(history["loss"]) + 1]
print(late)
""")
    assert float(out[0]) < 0.2


def test_the_weights_are_those_of_a_step_boundary():
    run("""
def make():
    net = nc.Sequential(nc.Linear(20, 30), nc.Tanh(), nc.Linear(30, 3), seed=0)
    return nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.01), batch_size=10, shuffle=False)
trainer, reference = make(), make()
after(0.2)
history = trainer.fit(X, y, epochs=10**6, callbacks=[begin])
assert history.interrupted
reference.fit(X, y, epochs=history.n_steps // 200)
for i in range(history.n_steps % 200):
    reference.step(X[10 * i : 10 * i + 10], y[10 * i : 10 * i + 10])
assert np.array_equal(trainer.model.flat_parameters, reference.model.flat_parameters)
""")


def test_a_second_interrupt_within_a_second_raises():
    run("""
class Clock:
    now = 100.0
    def monotonic(self): return self.now
nc._interrupt.time = clock = Clock()
def fit():
    begun.clear()
    after(0)
    return trainer.fit(X, y, epochs=10**6, callbacks=[begin])
assert fit().interrupted
clock.now += 0.9
try:
    fit()
except KeyboardInterrupt:
    pass
else:
    raise AssertionError("nothing was raised")
clock.now += 1.1
assert fit().interrupted, "a second later it is the first again"
assert np.isfinite(net.flat_parameters).all() and np.isfinite(net(X)).all()
""")


def test_an_interrupt_while_a_callback_runs_ends_the_fit():
    run("""
def press(record):
    os.kill(os.getpid(), signal.SIGINT)
history = trainer.fit(X, y, epochs=100, callbacks=[press])
assert history.interrupted and history["epoch"].tolist() == [1]
""")


def test_a_handler_of_the_users_own_is_left_alone():
    run("""
seen = []
signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
history = trainer.fit(X, y, epochs=3, callbacks=[lambda record: os.kill(os.getpid(), signal.SIGINT)])
assert seen == [signal.SIGINT] * 3 and not history.interrupted and len(history["loss"]) == 3
""")


def test_what_a_handler_raises_arrives_and_the_model_is_usable():
    run("""
class Alarm(Exception): pass
def ring(number, frame): raise Alarm
signal.signal(signal.SIGALRM, ring)
def wind(record):
    if record["epoch"] == 1: signal.setitimer(signal.ITIMER_REAL, 0.2)
try:
    trainer.fit(X, y, epochs=10**6, callbacks=[wind])
except Alarm:
    pass
else:
    raise AssertionError("nothing was raised")
assert np.isfinite(net.flat_parameters).all() and net(X).shape == (2000, 3)
steps = trainer.optimizer.state_dict()["step"]
assert trainer.fit(X, y, epochs=1).n_steps == 200 - steps % 200, "the epoch is finished"
""")


def test_what_a_handler_raises_at_the_end_of_an_epoch_leaves_the_epoch_done():
    """Each epoch is one step, so every poll comes at the end of one."""
    run("""
class Alarm(Exception): pass
def ring(number, frame): raise Alarm
signal.signal(signal.SIGALRM, ring)
trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.01), batch_size=None)
def wind(record):
    if record["epoch"] == 1: signal.setitimer(signal.ITIMER_REAL, 0.2)
try:
    trainer.fit(X, y, epochs=10**6, callbacks=[wind])
except Alarm:
    pass
done = trainer.optimizer.state_dict()["step"]
assert trainer.epoch == done == len(trainer.history["loss"]) > 0
assert trainer.fit(X, y, epochs=1)["epoch"].tolist() == [done + 1]
""")


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


@pytest.mark.parametrize("what", ["call", "forward", "backward", "activations", "step", "fit", "evaluate", "optimizer", "gradcheck"])
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
    code = """
import threading
stop = threading.Event()
def fit():
    try:
        trainer.fit(X, y, epochs=10**6, callbacks=[lambda r: stop.is_set()])
    except nc.StateError:
        pass
thread = threading.Thread(target=fit)
thread.start()
for i in range(200):
    for change in (lambda: net.to("float64"), lambda: net.to("float32"), lambda: net.initialize(i), net.zero_grad,
                   lambda: net.load_state_dict(net.state_dict()), net.copy, lambda: net.flat_parameters.sum()):
        try:
            change()
        except nc.StateError:
            pass
stop.set()
thread.join()
assert np.isfinite(net.flat_parameters).all()
print("alive")
"""
    assert run(code) == ["alive"]


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
