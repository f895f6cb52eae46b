"""Counts the allocations of fits of 60 and of 110 steps, and prints where they differ."""

import ctypes
import itertools
import os

import numpy as np

import nncore as nc

shim = ctypes.CDLL(os.environ["LD_PRELOAD"])
shim.allocations.restype = ctypes.c_long
before = shim.allocations()
keep = bytearray(10**6)
assert shim.allocations() > before, "it counts"

NETS = {
    "rows": ((100, 30, 10), nc.Sigmoid),
    "features": ((2, 20, 2), nc.ReLU),
    "wide": ((64, 200, 10), nc.Tanh),
    "many inputs": ((1030, 70, 10), nc.ReLU),
}
RULES = {"SGD": lambda: nc.SGD(lr=0.01), "momentum": lambda: nc.SGD(lr=0.01, momentum=0.9), "Adam": nc.Adam}


def count(trainer, data, steps):
    start = shim.allocations()
    trainer.fit(*data, steps=steps, metrics=(), progress=False)
    return shim.allocations() - start


rng = np.random.default_rng(0)
for name, rule, dtype, batch, threads in itertools.product(NETS, RULES, ("float32", "float64"), (1, 16), (1, 2)):
    sizes, activation = NETS[name]
    layers = [layer for a, b in itertools.pairwise(sizes) for layer in (nc.Linear(a, b), activation())][:-1]
    net = nc.Sequential(*layers, dtype=dtype, seed=1, input=nc.Normalize(0.0, 2.0) if name == "rows" else None)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), RULES[rule](), batch_size=batch, num_threads=threads)
    X, y = rng.normal(size=(700 * batch, sizes[0])), rng.integers(0, sizes[-1], 700 * batch)
    data = X.astype(dtype), y
    count(trainer, data, 30)
    few, many = (min(count(trainer, data, steps) for _ in range(3)) for steps in (60, 110))  # in one epoch
    if many != few:
        print(name, rule, dtype, "batch", batch, "threads", threads, ":", few, "for 60 steps,", many, "for 110")
