"""fork, spawn, joblib and threads, during and after training: no hang, and the numbers of a single process.

Each case runs in a child with a watchdog.
"""

import subprocess
import sys

import pytest

SETUP = """
import faulthandler, hashlib, multiprocessing, os, sys, threading
faulthandler.dump_traceback_later(80, exit=True)
import numpy as np, nncore as nc

def train(seed, threads=3):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(300, 64)), rng.integers(0, 5, 300)
    net = nc.Sequential(nc.Linear(64, 300), nc.ReLU(), nc.Linear(300, 5), seed=seed)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(), batch_size=100, num_threads=threads)
    trainer.fit(X, y, epochs=3)
    return hashlib.sha256(net.flat_parameters.tobytes()).hexdigest()

nc.set_num_threads(3)
"""


def run(code, *, file=None):
    """Runs a program, from a file where the children of spawn have to import it."""
    if file is None:
        command = [sys.executable, "-c", SETUP + code]
    else:
        file.write_text(SETUP + code)
        command = [sys.executable, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_worker_processes(method, tmp_path):
    out = run(
        f"""
if __name__ == "__main__":
    alone = [train(seed) for seed in range(4)]  # starts the threads of this process
    with multiprocessing.get_context("{method}").Pool(2) as pool:
        assert pool.map(train, range(4)) == alone
    assert train(0) == alone[0]
    print("done")
""",
        file=tmp_path / "workers.py",
    )
    assert out == ["done"]


def test_a_fork_in_the_middle_of_a_fit():
    """A callback and a layer in Python fork; the children train on their own and go on with the parent's model."""
    assert run("""
expected = train(1)
def child(model, X):
    pid = os.fork()
    if pid == 0:
        ok = train(1) == expected
        if model is not None:
            ok = ok and np.isfinite(model(X)).all()
        os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

class Forks(nc.Layer):
    left = 1
    def forward(self, x, training):
        if training and self.left:
            self.left -= 1
            child(None, None)
        return x
    def backward(self, dy):
        return dy

X, y = np.random.default_rng(0).normal(size=(300, 64)), np.arange(300) % 5
net = nc.Sequential(nc.Linear(64, 300), Forks(), nc.ReLU(), nc.Linear(300, 5), seed=0)
trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=100, num_threads=3)
history = trainer.fit(X, y, epochs=2, callbacks=[lambda record: child(net, X)])
assert len(history["loss"]) == 2
assert train(1) == expected
print("done")
""") == ["done"]


def test_a_fork_while_another_thread_trains():
    assert run("""
expected = train(1)
stop = threading.Event()
def busy():
    while not stop.is_set():
        train(2)
thread = threading.Thread(target=busy)
thread.start()
for _ in range(5):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if train(1) == expected else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
stop.set()
thread.join()
assert train(1) == expected
print("done")
""") == ["done"]


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_joblib(backend, tmp_path):
    pytest.importorskip("joblib")
    out = run(
        f"""
if __name__ == "__main__":
    import joblib
    alone = [train(seed) for seed in range(4)]
    found = joblib.Parallel(n_jobs=2, backend="{backend}")(joblib.delayed(train)(seed) for seed in range(4))
    assert found == alone
    print("done")
    sys.stdout.flush()
""",
        file=tmp_path / "jobs.py",
    )
    assert out == ["done"]


def test_models_travel_to_workers(tmp_path):
    """Pickled with their parameters, compiled layers and layers in Python alike."""
    assert run(
        """
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

if __name__ == "__main__":
    net = nc.Sequential(nc.Linear(3, 3), Half(), seed=0)
    net.flat_parameters[:] = np.arange(15)
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert np.array_equal(pool.apply(outputs, (net,)), outputs(net))
    print("done")
""",
        file=tmp_path / "travel.py",
    ) == ["done"]


def test_threads_that_share_a_model_are_refused_or_served():
    """Every call gives the right answer or a StateError, and the model can be used afterwards."""
    assert run("""
net = nc.Sequential(nc.Linear(64, 300), nc.ReLU(), nc.Linear(300, 5), seed=0)
X = np.random.default_rng(0).normal(size=(200, 64))
expected = net(X).tobytes()
served, refused, wrong = [], [], []
def use():
    for _ in range(100):
        try:
            (served if net(X).tobytes() == expected else wrong).append(1)
        except nc.StateError as error:
            assert "in use" in str(error)
            refused.append(1)
threads = [threading.Thread(target=use) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
assert not wrong and served and len(served) + len(refused) == 400
assert net(X).tobytes() == expected
print("done")
""") == ["done"]


def test_layers_in_python_in_several_threads():
    """Each thread its own model, whose layers take the interpreter's lock in the middle of a step."""
    assert run("""
class Twice(nc.Layer):
    def forward(self, x, training):
        return 2 * x
    def backward(self, dy):
        return 2 * dy

def fit(seed, found):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(300, 64)), rng.integers(0, 5, 300)
    net = nc.Sequential(nc.Linear(64, 300), Twice(), nc.Linear(300, 5), seed=seed)
    nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(), batch_size=50, num_threads=2).fit(X, y, epochs=4)
    found[seed] = net.flat_parameters.tobytes()

alone, together = {}, {}
for seed in range(4): fit(seed, alone)
threads = [threading.Thread(target=fit, args=(seed, together)) for seed in range(4)]
for t in threads: t.start()
for t in threads: t.join()
assert alone == together
print("done")
""") == ["done"]


def test_leaving_the_interpreter_while_a_thread_trains():
    """A daemon thread in the middle of a fit does not keep the process from ending."""
    assert run("""
started = threading.Event()
def forever():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 64)), rng.integers(0, 5, 300)
    net = nc.Sequential(nc.Linear(64, 300), nc.ReLU(), nc.Linear(300, 5), seed=0)
    nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(), num_threads=3).fit(X, y, epochs=10**6, callbacks=[lambda r: started.set()])
threading.Thread(target=forever, daemon=True).start()
assert started.wait(30)
print("done")
""") == ["done"]
