"""Threads used wrongly, oddly or in great numbers; each case prints "done" at its end."""

import copy
import faulthandler
import functools
import hashlib
import os
import pickle
import subprocess
import sys
import threading

import numpy as np

import nncore as nc
from support.programs import run_case

faulthandler.dump_traceback_later(100, exit=True)
rng = np.random.default_rng(0)
X, y = rng.normal(size=(300, 784)), rng.integers(0, 10, 300)


def make(threads=None, seed=0, optimizer=None, dtype="float32"):
    net = nc.Sequential(nc.Linear(784, 64), nc.ReLU(), nc.Linear(64, 10), seed=seed, dtype=dtype)
    return nc.Trainer(net, nc.CrossEntropyLoss(), optimizer or nc.Adam(), batch_size=50, num_threads=threads)


def bits(trainer):
    return hashlib.sha256(trainer.model.flat_parameters.tobytes()).hexdigest()


def run_together(targets):
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def number_of_threads():
    print(nc.get_num_threads())


def more_threads_than_cpus_and_another_number_for_each_fit():
    alone = make(1)
    alone.fit(X, y, epochs=5)
    for counts in ([256] * 5, [2, 1, 3, 256, 1], [5, 64, 2, 8, 1]):
        trainer = make()  # the library's number, which changes
        for n in counts:
            nc.set_num_threads(n)
            trainer.fit(X, y, epochs=1)
        assert bits(trainer) == bits(alone), counts
    print("done")


def by_state_dict(trainer):
    other = nc.Sequential(nc.Linear(784, 64), nc.ReLU(), nc.Linear(64, 10))
    other.load_state_dict(trainer.model.state_dict())
    return other


COPIES = {
    "pickle": lambda trainer: pickle.loads(pickle.dumps(trainer.model)),
    "deepcopy": lambda trainer: copy.deepcopy(trainer.model),
    "copy": lambda trainer: trainer.model.copy(),
    "state_dict": by_state_dict,
}


def a_copy_made_while_another_thread_trains(how):
    steps, take = 400, COPIES[how]
    reference, states = make(2), set()
    for _ in range(steps):
        states.add(bits(reference))
        reference.fit(X, y, steps=1)
    states.add(bits(reference))
    for _ in range(3):
        trainer = make(2)
        thread = threading.Thread(target=trainer.fit, args=(X, y), kwargs={"steps": steps})
        thread.start()
        copies, refused = [], 0
        while thread.is_alive() and len(copies) + refused < 200:
            try:
                copies.append(take(trainer))
            except nc.StateError as error:
                assert "in use" in str(error), error
                refused += 1
        thread.join()
        assert bits(trainer) == bits(reference), "training is not disturbed"
        for model in copies:
            assert hashlib.sha256(model.flat_parameters.tobytes()).hexdigest() in states, "weights of no step"
    print("done")


def two_trainers_want_one_model():
    first = make(2)
    second = nc.Trainer(first.model, nc.CrossEntropyLoss(), nc.SGD(lr=1e-3), batch_size=50, num_threads=3)
    done, refused, other = [], [], []
    start = threading.Barrier(2)

    def use(trainer):
        start.wait()
        for _ in range(30):
            try:
                trainer.fit(X, y, epochs=1)
                done.append(1)
            except nc.StateError as error:
                (refused if "in use" in str(error) else other).append(str(error))

    run_together([lambda: use(first), lambda: use(second)])
    assert not other and done and len(done) + len(refused) == 60, other
    assert np.isfinite(first.model(X)).all()
    first.fit(X, y, epochs=1)
    print("done")


def the_number_changes_while_others_train_and_fork():
    expected = make(1)
    expected.fit(X, y, epochs=3)
    expected = bits(expected)
    wrong, stop = [], threading.Event()

    def train():
        while not stop.is_set():
            trainer = make()
            trainer.fit(X, y, epochs=3)
            if bits(trainer) != expected:
                wrong.append(1)

    threads = [threading.Thread(target=train) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(60):
        nc.set_num_threads([1, 2, 3, 8, 100][i % 5])
        if i % 12 == 5:
            pid = os.fork()
            if pid == 0:
                trainer = make()
                trainer.fit(X, y, epochs=3)
                os._exit(0 if bits(trainer) == expected else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        trainer = make(1 + i % 4)
        trainer.fit(X, y, epochs=1)
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    print("done")


# ---- Bits on a busy machine --------------------------------------------------------------------------------------

NETS = {"rows": ((784, 30, 10), 10), "wide": ((784, 96, 10), 64), "features": ((196, 5, 3), 600)}
OPTIMIZERS = [schema["name"] for schema in nc._core.schemas() if schema["kind"] == "optimizer"]
RULES = [*((name, {}) for name in OPTIMIZERS), ("SGD", {"momentum": 0.9}), ("Adam", {"amsgrad": True})]
BUSY = "import time\nend = time.time() + 60\nwhile time.time() < end: pass"


@functools.cache
def sparse_samples(sizes, batch):
    data = np.random.default_rng(1)
    samples = data.normal(size=(3 * batch, sizes[0])) * (data.random((3 * batch, sizes[0])) < 0.2)
    return samples, data.integers(0, sizes[-1], 3 * batch)


def trained(sizes, batch, dtype, rule, options, threads):
    """(weights, state and losses as bytes, the layout of the plan) after two epochs."""
    net = nc.Sequential(nc.Linear(*sizes[:2]), nc.Sigmoid(), nc.Linear(*sizes[1:]), dtype=dtype, seed=1)
    optimizer = getattr(nc, rule)(lr=1e-3, **options)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), optimizer, batch_size=batch, num_threads=threads)
    history = trainer.fit(*sparse_samples(sizes, batch), epochs=2)
    arrays = b"".join(a.tobytes() for s in optimizer.state_dict()["state"].values() for a in s.values())
    return net.flat_parameters.tobytes() + arrays + history["loss"].tobytes(), trainer._core.layout


def same_bits_for_any_number_of_threads_on_a_busy_machine():
    beside = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(2)]
    layouts = set()
    try:
        for sizes, batch in NETS.values():
            for dtype in ("float32", "float64"):
                for rule, options in RULES:
                    runs = [trained(sizes, batch, dtype, rule, options, threads) for threads in (1, 2, 3, 5, 8)]
                    assert len({found for found, _ in runs}) == 1, (sizes, dtype, rule, options)
                    layouts |= {layout for _, layout in runs}
    finally:
        for process in beside:
            process.kill()
            process.wait()
    assert layouts == {"batch_major", "feature_major"}, layouts
    print("done")


if __name__ == "__main__":
    run_case(globals())
