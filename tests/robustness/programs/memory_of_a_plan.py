"""Prints for each net the bytes of the arrays that the core asks for: for its first training step, and in inference."""

import ctypes
import os

import numpy as np

import nncore as nc

shim = ctypes.CDLL(os.environ["LD_PRELOAD"])
shim.aligned_bytes.restype = ctypes.c_long
rng = np.random.default_rng(0)
BATCH = 64


def conv(channels, more, **args):
    return nc.Conv2d(channels, more, 3, padding=1, **args)


def block(n):
    return nc.Residual(conv(n, n), nc.BatchNorm2d(n), nc.ReLU(), conv(n, n), nc.BatchNorm2d(n))


NETS = {
    "dense": ((100,), [nc.Linear(100, 300), nc.ReLU(), nc.Linear(300, 50), nc.Tanh(), nc.Linear(50, 10)]),
    "grows": ((10,), [nc.Linear(10, 40), nc.Softmax(), nc.Linear(40, 160), nc.LayerNorm(160), nc.Linear(160, 10)]),
    "narrow": ((2,), [nc.Linear(2, 20), nc.ReLU(), nc.Linear(20, 2)]),
    "images": (
        (3, 16, 16),
        [conv(3, 16), nc.ReLU(), nc.MaxPool2d(2), conv(16, 32), nc.BatchNorm2d(32), nc.ReLU(), nc.GlobalAvgPool2d(),
         nc.Linear(32, 10)],
    ),
    "residual": (
        (3, 16, 16),
        [conv(3, 16), block(16), nc.ReLU(), block(16), nc.ReLU(), nc.GlobalAvgPool2d(), nc.Linear(16, 10)],
    ),
}  # fmt: skip
for name, (sample, layers) in NETS.items():
    X, y = rng.normal(size=(BATCH, *sample)).astype(np.float32), rng.integers(0, 2, BATCH)
    net = nc.Sequential(*layers, seed=0)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.01), batch_size=BATCH, num_threads=1)
    start = shim.aligned_bytes()
    trainer.step(X, y)
    trained = shim.aligned_bytes()
    net(X)
    print(f"{name}:{trained - start}:{shim.aligned_bytes() - trained}")
