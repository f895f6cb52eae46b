"""Processes and threads beside each other; each case prints "done" at its end.

A watchdog ends what hangs. The functions that workers run stand at the top, where spawned processes find them.
"""

import faulthandler
import hashlib
import multiprocessing
import os
import sys
import threading

import numpy as np

import nncore as nc
from support.programs import run_case

faulthandler.dump_traceback_later(80, exit=True)


def data(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(300, 64)), rng.integers(0, 5, 300)


def train(seed, threads=3):
    X, y = data(seed)
    net = nc.Sequential(nc.Linear(64, 300), nc.ReLU(), nc.Linear(300, 5), seed=seed)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(), batch_size=100, num_threads=threads)
    trainer.fit(X, y, epochs=3)
    return hashlib.sha256(net.flat_parameters.tobytes()).hexdigest()


def in_a_child(works):
    """Forks; the child leaves with whether it worked."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if works() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


nc.set_num_threads(3)


def worker_processes(method):
    alone = [train(seed) for seed in range(4)]  # starts the threads of this process
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(train, range(4)) == alone
    assert train(0) == alone[0]
    print("done")


class Forks(nc.Layer):
    """Its first forward in a training forks; the child trains a net of its own."""

    left = 1
    expected = None

    def forward(self, x, training):
        if training and self.left:
            self.left -= 1
            in_a_child(lambda: train(1) == self.expected)
        return x

    def backward(self, dy):
        return dy


def a_fork_in_the_middle_of_a_fit():
    expected = train(1)
    X, y = np.random.default_rng(0).normal(size=(300, 64)), np.arange(300) % 5
    forks = Forks()
    forks.expected = expected
    net = nc.Sequential(nc.Linear(64, 300), forks, nc.ReLU(), nc.Linear(300, 5), seed=0)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=100, num_threads=3)

    def after_an_epoch(record):
        in_a_child(lambda: train(1) == expected and np.isfinite(net(X)).all())

    history = trainer.fit(X, y, epochs=2, callbacks=[after_an_epoch])
    assert len(history["loss"]) == 2 and not forks.left
    assert train(1) == expected
    print("done")


def a_fork_while_another_thread_trains():
    expected = train(1)
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            train(2)

    thread = threading.Thread(target=busy)
    thread.start()
    for _ in range(5):
        in_a_child(lambda: train(1) == expected)
    stop.set()
    thread.join()
    assert train(1) == expected
    print("done")


def joblib_workers(backend):
    import joblib

    alone = [train(seed) for seed in range(4)]
    found = joblib.Parallel(n_jobs=2, backend=backend)(joblib.delayed(train)(seed) for seed in range(4))
    assert found == alone
    print("done")
    sys.stdout.flush()


class Half(nc.Layer):
    def __init__(self):
        self.bias = self.add_parameter("bias", np.ones(3))

    def forward(self, x, training):
        return x / 2 + self.bias.value

    def backward(self, dy):
        self.bias.grad += dy.sum(0)
        return dy / 2


def outputs(net):
    return net(np.ones((2, 3)))


def models_travel_to_workers():
    net = nc.Sequential(nc.Linear(3, 3), Half(), seed=0)
    net.flat_parameters[:] = np.arange(15)
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert np.array_equal(pool.apply(outputs, (net,)), outputs(net))
    print("done")


def run_together(targets):
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def threads_that_share_a_model():
    net = nc.Sequential(nc.Linear(64, 300), nc.ReLU(), nc.Linear(300, 5), seed=0)
    X = np.random.default_rng(0).normal(size=(200, 64))
    expected = net(X).tobytes()
    served, wrong = [], []

    def use():
        for _ in range(100):
            (served if net(X).tobytes() == expected else wrong).append(1)

    run_together([use] * 4)
    assert not wrong and len(served) == 400
    assert net(X).tobytes() == expected
    print("done")


def a_fork_while_others_predict():
    """Children predict and train, whatever the parent's threads were doing."""

    def works():
        right = [net(X).tobytes() for _ in range(5)] == [expected] * 5
        nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1)).step(X, np.arange(200) % 5)
        return right and net(X).tobytes() != expected

    net = nc.Sequential(nc.Linear(64, 300), Twice(), nc.Linear(300, 5), seed=0)
    X = np.random.default_rng(0).normal(size=(200, 64))
    expected, stop = net(X).tobytes(), threading.Event()

    def use():
        while not stop.is_set():
            assert net(X).tobytes() == expected

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        in_a_child(works)
    stop.set()
    for thread in threads:
        thread.join()
    print("done")


class Twice(nc.Layer):
    def forward(self, x, training):
        return 2 * x

    def backward(self, dy):
        return 2 * dy


def layers_in_python_in_several_threads():
    def fit(seed, found):
        net = nc.Sequential(nc.Linear(64, 300), Twice(), nc.Linear(300, 5), seed=seed)
        nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(), batch_size=50, num_threads=2).fit(*data(seed), epochs=4)
        found[seed] = net.flat_parameters.tobytes()

    alone, together = {}, {}
    for seed in range(4):
        fit(seed, alone)
    run_together([lambda seed=seed: fit(seed, together) for seed in range(4)])
    assert alone == together
    print("done")


def leaving_the_interpreter_while_a_thread_trains():
    started = threading.Event()

    def forever():
        net = nc.Sequential(nc.Linear(64, 300), nc.ReLU(), nc.Linear(300, 5), seed=0)
        trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(), num_threads=3)
        trainer.fit(*data(0), epochs=10**6, callbacks=[lambda record: started.set()])

    threading.Thread(target=forever, daemon=True).start()
    assert started.wait(30)
    print("done")


if __name__ == "__main__":
    run_case(globals())
