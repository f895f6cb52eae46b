"""The growth of the process over a fit of 60 000 images in bytes; arguments: hidden units, steps."""

import sys

import numpy as np

import nncore as nc

hidden, steps, batch = int(sys.argv[1]), int(sys.argv[2]), 100
rng = np.random.default_rng(0)
X, y = rng.integers(0, 256, (60000, 784), dtype=np.uint8), rng.integers(0, 10, 60000)  # 47 MB; as float32 188 MB


def status(name):
    """A line of /proc/self/status, in bytes."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024


def make():
    net = nc.Sequential(
        nc.Linear(784, hidden), nc.ReLU(), nc.Linear(hidden, 10), seed=0, input=nc.Normalize(127.5, 127.5)
    )
    return nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(), batch_size=batch, num_threads=2)


make().fit(X[:200], y[:200], epochs=1, progress=False)  # threads, code, tables
trainer = make()
parameters = trainer.model.flat_parameters.nbytes
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak begins now
start = status("VmRSS")
trainer.fit(X, y, steps=steps, validation_data=(X[:10000], y[:10000]), progress=False)
growth = status("VmHWM") - start
activations = 4 * (784 + 4 * hidden + 40) * max(batch, 1024)
# gradient, m, v and the packed weights; the snapshot has weights, m and v
allowed = 4 * parameters + 3 * parameters + activations + 32 * 2**20
print(f"growth {growth / 2**20:.1f} MB, allowed {allowed / 2**20:.1f} MB, parameters {parameters / 2**20:.1f} MB")
assert growth <= allowed
