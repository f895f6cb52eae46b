"""Ctrl-C and other signals during a fit."""

import os
import signal
import threading
import time

import numpy as np

import nncore as nc
from nncore._support import interrupt
from support.programs import run_case

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
rng = np.random.default_rng(0)
X, y = rng.normal(size=(2000, 20)), rng.integers(0, 3, 2000)
begun, sent = threading.Event(), []


def make(**options):
    net = nc.Sequential(nc.Linear(20, 30), nc.Tanh(), nc.Linear(30, 3), seed=0)
    return nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.01), **{"batch_size": 10, **options})


def begin(record):
    begun.set()


def press():
    os.kill(os.getpid(), signal.SIGINT)


def press_after(seconds):
    """Ctrl-C so long after the first epoch of a fit that has the callback `begin`."""

    def send():
        begun.wait()
        time.sleep(seconds)
        sent.append(time.process_time())
        press()

    threading.Thread(target=send, daemon=True).start()


def usable(trainer):
    return np.isfinite(trainer.model.flat_parameters).all() and np.isfinite(trainer.model(X)).all()


def the_first_interrupt_ends_at_a_step():
    """Prints how long it took, in CPU time: what other processes take does not count."""
    trainer = make()
    press_after(0.3)
    history = trainer.fit(X, y, epochs=10**6, callbacks=[begin])
    late = time.process_time() - sent[0]
    assert history.interrupted and "interrupted" in repr(history)
    assert history.n_steps == trainer.optimizer.state_dict()["step"] > 0
    assert len(history["loss"]) == history.n_steps // 200, "epochs that are not whole are not reported"
    assert usable(trainer) and trainer.model(X).shape == (2000, 3)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    again = trainer.fit(X, y, epochs=1)
    assert not again.interrupted and again["epoch"].tolist() == [len(history["loss"]) + 1]
    print(late)


def the_weights_are_those_of_a_step_boundary():
    trainer, reference = make(shuffle=False), make(shuffle=False)
    press_after(0.2)
    history = trainer.fit(X, y, epochs=10**6, callbacks=[begin])
    assert history.interrupted
    reference.fit(X, y, epochs=history.n_steps // 200)
    for i in range(history.n_steps % 200):
        reference.step(X[10 * i : 10 * i + 10], y[10 * i : 10 * i + 10])
    assert np.array_equal(trainer.model.flat_parameters, reference.model.flat_parameters)


class Clock:
    now = 100.0

    def monotonic(self):
        return self.now


def a_second_interrupt_within_a_second():
    trainer = make()
    interrupt.time = clock = Clock()

    def fit():
        begun.clear()
        press_after(0)
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
    assert usable(trainer)


def an_interrupt_while_a_callback_runs():
    history = make().fit(X, y, epochs=100, callbacks=[lambda record: press()])
    assert history.interrupted and history["epoch"].tolist() == [1]


def a_handler_of_the_users_own():
    seen = []
    signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    history = make().fit(X, y, epochs=3, callbacks=[lambda record: press()])
    assert seen == [signal.SIGINT] * 3 and not history.interrupted and len(history["loss"]) == 3


class Alarm(Exception):
    pass


def ring(number, frame):
    raise Alarm


def set_alarm(record):
    """A callback: the alarm rings 0.2 s after the first epoch."""
    if record["epoch"] == 1:
        signal.setitimer(signal.ITIMER_REAL, 0.2)


def rung_in_a_fit(trainer):
    signal.signal(signal.SIGALRM, ring)
    try:
        trainer.fit(X, y, epochs=10**6, callbacks=[set_alarm])
    except Alarm:
        return trainer.optimizer.state_dict()["step"]
    raise AssertionError("nothing was raised")


def what_a_handler_raises():
    trainer = make()
    steps = rung_in_a_fit(trainer)
    assert usable(trainer) and trainer.model(X).shape == (2000, 3)
    assert trainer.fit(X, y, epochs=1).n_steps == 200 - steps % 200, "the epoch is finished"


def what_a_handler_raises_at_the_end_of_an_epoch():
    """Each epoch is one step, so every poll comes at the end of one."""
    trainer = make(batch_size=None)
    done = rung_in_a_fit(trainer)
    assert trainer.epoch == done == len(trainer.history["loss"]) > 0
    assert trainer.fit(X, y, epochs=1)["epoch"].tolist() == [done + 1]


def changing_the_model_while_another_thread_trains_it():
    trainer, stop = make(), threading.Event()
    net = trainer.model

    def fit():
        try:
            trainer.fit(X, y, epochs=10**6, callbacks=[lambda record: stop.is_set()])
        except nc.StateError:
            pass

    thread = threading.Thread(target=fit)
    thread.start()
    for i in range(200):
        for change in (lambda: net.to("float64"), lambda: net.to("float32"), lambda i=i: net.initialize(i),
                       net.zero_grad,
                       lambda: net.load_state_dict(net.state_dict()), net.copy,
                       lambda: net.flat_parameters.sum()):  # fmt: skip
            try:
                change()
            except nc.StateError:
                pass
    stop.set()
    thread.join()
    assert np.isfinite(net.flat_parameters).all()
    print("alive")


if __name__ == "__main__":
    run_case(globals())
