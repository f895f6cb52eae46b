"""Threads used wrongly, oddly or in great numbers: a clear error or the right numbers, never a hang or a crash.

What may hang or crash runs in a child with a time limit.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

import nncore as nc

SETUP = """
import copy, faulthandler, hashlib, os, pickle, sys, threading
faulthandler.dump_traceback_later(100, exit=True)
import numpy as np, nncore as nc
rng = np.random.default_rng(0)
X, y = rng.normal(size=(300, 784)), rng.integers(0, 10, 300)

def make(threads=None, seed=0, optimizer=None, dtype="float32"):
    net = nc.Sequential(nc.Linear(784, 64), nc.ReLU(), nc.Linear(64, 10), seed=seed, dtype=dtype)
    return nc.Trainer(net, nc.CrossEntropyLoss(), optimizer or nc.Adam(), batch_size=50, num_threads=threads)

def bits(trainer):
    return hashlib.sha256(trainer.model.flat_parameters.tobytes()).hexdigest()
"""


def run(code, *arguments, **environment):
    done = subprocess.run([sys.executable, "-c", SETUP + code, *arguments], env={**os.environ, **environment},
                          capture_output=True, text=True, timeout=150, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()


@pytest.mark.parametrize("n", [0, -1, 257, 10**9, 2**70, -(2**70), True, False, 1.5, 2.0, np.float64(2), "2", [2], float("nan")])
def test_numbers_of_threads_that_are_none(n, restore_threads):
    before = nc.get_num_threads()
    with pytest.raises(nc.ConfigError, match=r"^\[set_num_threads\] n: expected an integer in \[1, 256\], got "):
        nc.set_num_threads(n)
    assert nc.get_num_threads() == before
    net = nc.Sequential(nc.Linear(3, 2), seed=0)
    with pytest.raises(nc.ConfigError, match=r"^\[Trainer\] num_threads: expected an integer in \[1, 256\] or None, got "):
        nc.Trainer(net, nc.MSELoss(), nc.SGD(), num_threads=n)


@pytest.mark.parametrize("text", ["", "0", "-1", "x", "257", "99999999999999999999", "1.5.2"])
def test_an_environment_that_names_no_number_changes_nothing(text):
    usual, one = "print(nc.get_num_threads())", "1" if text == "1.5.2" else None
    plain = {key: value for key, value in os.environ.items() if key != "NNCORE_NUM_THREADS"}
    done = subprocess.run([sys.executable, "-c", "import nncore as nc;" + usual], env=plain, capture_output=True,
                          text=True, timeout=100, check=True)  # fmt: skip
    assert run(usual, NNCORE_NUM_THREADS=text) == [one or done.stdout.strip()]


def test_more_threads_than_cpus_and_another_number_for_each_fit():
    assert run("""
alone = make(1)
alone.fit(X, y, epochs=5)
for counts in ([256] * 5, [2, 1, 3, 256, 1], [5, 64, 2, 8, 1]):
    trainer = make()  # the library's number, which changes
    for n in counts:
        nc.set_num_threads(n)
        trainer.fit(X, y, epochs=1)
    assert bits(trainer) == bits(alone), counts
print("done")
""") == ["done"]


COPIES = {
    "pickle": "lambda trainer: pickle.loads(pickle.dumps(trainer.model))",
    "deepcopy": "lambda trainer: copy.deepcopy(trainer.model)",
    "copy": "lambda trainer: trainer.model.copy()",
    "state_dict": "lambda trainer: nc.Sequential(nc.Linear(784, 64), nc.ReLU(), nc.Linear(64, 10)).load_state_dict("
    "trainer.model.state_dict()) or trainer.model.copy()",
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_made_while_another_thread_trains_is_that_of_a_step_or_refused(how):
    assert run(f"""
take = {COPIES[how]}
""" + """
N = 400
reference, states = make(2), set()
for _ in range(N):
    states.add(bits(reference))
    reference.fit(X, y, steps=1)
states.add(bits(reference))
for _ in range(3):
    trainer = make(2)
    thread = threading.Thread(target=lambda: trainer.fit(X, y, steps=N))
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
""") == ["done"]


def test_two_trainers_want_one_model():
    """Both train it in turn, or one is told so; the numbers stay finite and the model usable."""
    assert run("""
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
threads = [threading.Thread(target=use, args=(trainer,)) for trainer in (first, second)]
for t in threads: t.start()
for t in threads: t.join()
assert not other and done and len(done) + len(refused) == 60, other
assert np.isfinite(first.model(X)).all()
first.fit(X, y, epochs=1)
print("done")
""") == ["done"]


def test_the_number_changes_while_others_train_and_fork():
    assert run("""
expected = make(1)
expected.fit(X, y, epochs=3)
expected = bits(expected)
wrong, stop = [], threading.Event()
def train():
    while not stop.is_set():
        trainer = make()
        trainer.fit(X, y, epochs=3)
        if bits(trainer) != expected: wrong.append(1)
threads = [threading.Thread(target=train) for _ in range(3)]
for t in threads: t.start()
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
for t in threads: t.join()
assert not wrong
print("done")
""") == ["done"]


BITS = """
import subprocess
NETS = {"rows": ((784, 30, 10), 10), "wide": ((784, 96, 10), 64), "features": ((196, 5, 3), 600)}
RULES = ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "Lion"]
beside = [subprocess.Popen([sys.executable, "-c", "import time\\nend = time.time() + 60\\nwhile time.time() < end: pass"]) for _ in range(2)]
layouts, rules = set(), [(rule, {}) for rule in RULES] + [("SGD", {"momentum": 0.9}), ("Adam", {"amsgrad": True})]
try:
    for sizes, batch in NETS.values():
        X = rng.normal(size=(3 * batch, sizes[0])) * (rng.random((3 * batch, sizes[0])) < 0.2)
        y = rng.integers(0, sizes[-1], 3 * batch)
        for dtype in ("float32", "float64"):
            for rule, options in rules:
                found = set()
                for threads in (1, 2, 3, 5, 8):
                    layers = [nc.Linear(*sizes[:2]), nc.Sigmoid(), nc.Linear(*sizes[1:])]
                    net = nc.Sequential(*layers, dtype=dtype, seed=1)
                    optimizer = getattr(nc, rule)(lr=1e-3, **options)
                    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), optimizer, batch_size=batch, num_threads=threads)
                    history = trainer.fit(X, y, epochs=2)
                    state = optimizer.state_dict()["state"].values()
                    slots = b"".join(a.tobytes() for s in state for a in s.values())
                    found.add(net.flat_parameters.tobytes() + slots + history["loss"].tobytes())
                    layouts.add(trainer._core.layout)
                assert len(found) == 1, (sizes, dtype, rule, options)
finally:
    for process in beside:
        process.kill()
        process.wait()
assert layouts == {"samples", "features"}, layouts
print("done")
"""


@pytest.mark.parametrize("kernels", nc._core.kernel_sets())
def test_same_bits_for_any_number_of_threads_on_a_busy_machine(kernels):
    assert run(BITS, NNCORE_ISA=kernels) == ["done"]
