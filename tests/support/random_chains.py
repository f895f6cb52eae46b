"""Random Sequentials of every kind of layer, whose parameters and statistics are random, too."""

import math

import numpy as np

import nncore as nc

ACTIVATIONS = [
    nc.ReLU,
    nc.LeakyReLU,
    lambda: nc.LeakyReLU(0.3),
    nc.ELU,
    lambda: nc.ELU(0.5),
    nc.GELU,
    lambda: nc.GELU("tanh"),
    nc.SiLU,
    nc.Tanh,
    nc.Sigmoid,
    nc.Softplus,
    lambda: nc.Softplus(2.0, 3.0),
    nc.Identity,
]


class RandomChain:
    """Convolutions, pools and norms on images, in two of three; then dense layers. `net` and the shape of a sample."""

    def __init__(self, seed, dtype="float32", input=None, residual=False):
        self.rng, self.layers, self.residual = np.random.default_rng(seed), [], residual
        self.start = self.shape = (int(self.rng.integers(2, 7)),)
        if seed % 3:
            self.start = self.shape = (int(self.rng.choice([1, 2, 4])), *map(int, self.rng.integers(5, 10, 2)))
            for _ in range(self.rng.integers(1, 4)):
                self.block_of_images()
            self.add(nc.GlobalAvgPool2d() if self.rng.random() < 0.3 else nc.Flatten())
        for _ in range(self.rng.integers(1, 4)):
            self.dense_block()
        self.add(nc.Linear(self.shape[0], int(self.rng.integers(1, 6))))
        if self.rng.random() < 0.3:
            self.add(self.rng.choice([nc.Softmax, nc.LogSoftmax])())
        self.net = nc.Sequential(*self.layers, dtype=dtype, seed=seed, input=input)
        self.randomise()

    def samples(self, n=5):
        return self.rng.normal(size=(n, *self.start)).astype(self.net.dtype)

    def labels(self, n=5):
        return self.rng.normal(size=(n, *self.shape))

    def add(self, layer):
        self.shape = layer(np.zeros((2, *self.shape))).shape[1:]
        self.layers.append(layer)

    def pick(self, *values):
        return values[self.rng.integers(len(values))]

    def block_of_images(self):
        C, H, W = self.shape
        groups = self.pick(1, math.gcd(C, 2), C)
        kernel = (min(self.pick(1, 2, 3), H), min(self.pick(1, 3), W))
        padding = self.pick("same", "valid", 0, 1, (1, 0))
        given = {"stride": self.pick(1, 1, 2, (2, 1)), "bias": bool(self.pick(0, 1)), "groups": groups}
        if padding == "same":
            given["stride"] = 1
        if min(H, W) > 4:
            given["dilation"] = self.pick(1, (1, 2), (2, 1))
        self.add(nc.Conv2d(C, groups * self.pick(1, 3, 4), kernel, padding=padding, **given))
        if self.rng.random() < 0.6:
            self.add(nc.BatchNorm2d(self.shape[0], eps=self.pick(1e-5, 1e-3), momentum=self.pick(0.1, 0.3, None)))
        self.add(self.pick(*ACTIVATIONS)())
        if self.residual and self.rng.random() < 0.5:
            self.add(nc.Residual(nc.Conv2d(self.shape[0], self.shape[0], 3, padding=1), nc.ReLU()))
        if min(self.shape[1:]) >= 3:
            self.pool()
        if self.rng.random() < 0.3:
            self.add(nc.Dropout(0.25))

    def pool(self):
        kind, kernel = self.pick(nc.MaxPool2d, nc.AvgPool2d, None), self.pick(2, 3, (3, 2))
        if kind is not None:
            self.add(kind(kernel, self.pick(None, 1, 2, (1, 2)), self.pick(0, 1), ceil_mode=bool(self.pick(0, 1))))

    def dense_block(self):
        self.add(nc.Linear(self.shape[0], int(self.rng.integers(1, 12)), bias=bool(self.pick(0, 1, 1))))
        norm = self.pick(None, nc.BatchNorm1d, nc.LayerNorm)
        if norm is not None:
            self.add(norm(self.shape[0]))
        self.add(self.pick(*ACTIVATIONS)())
        if self.residual and self.rng.random() < 0.4:
            self.add(nc.Residual(nc.Linear(self.shape[0], self.shape[0]), self.pick(*ACTIVATIONS)()))
        if self.rng.random() < 0.3:
            self.add(nc.Dropout(0.5))

    def randomise(self):
        """Norms as after training: gains and shifts, means and variances that differ from those of a new one."""
        state = self.net.state_dict()
        for key, array in state.items():
            if key.startswith("input."):
                continue
            if key.endswith("running_var") or (array.ndim == 1 and key.endswith(".weight")):
                state[key] = self.rng.uniform(0.5, 2, array.shape)
            elif key.endswith("num_batches_tracked"):
                state[key] = np.array(3)
            elif array.ndim == 1:
                state[key] = self.rng.normal(size=array.shape)
        self.net.load_state_dict(state)
