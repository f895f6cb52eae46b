"""A sweep whose small nets train as one batch, without end; arguments: jobs, folder."""

import signal
import sys

import nncore as nc

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
X, y = nc.datasets.make_moons(60, noise=0.1, seed=0)


def build(hidden, seed):
    model = nc.Sequential(nc.Linear(2, hidden), nc.ReLU(), nc.Linear(hidden, 2), seed=seed)
    print("built", flush=True)
    return nc.Trainer(model, nc.CrossEntropyLoss(), nc.SGD(lr=0.01), batch_size=2, seed=seed)


nc.sweep(build, {"hidden": [2, 3]}, X, y, epochs=10**8, seeds=2, n_jobs=int(sys.argv[1]), folder=sys.argv[2])
