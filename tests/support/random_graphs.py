"""Random graphs for nncore and, of the same layers and numbers, for PyTorch."""

import numpy as np

import nncore as nc

ACTIVATIONS = ["ReLU", "LeakyReLU", "ELU", "GELU", "SiLU", "Tanh", "Sigmoid", "Softplus"]


class RandomGraph:
    """A graph of 3 to 12 drawn layers and a last Linear; with `torch` PyTorch's modules beside its layers."""

    def __init__(self, seed, dtype="float64", torch=None, p=0.0):
        self.rng, self.torch, self.p = np.random.default_rng(seed), torch, p
        self.shape = (4,) if self.rng.random() < 0.4 else (int(self.rng.choice([2, 3, 16])), 6, 6)
        self.symbols, self.shapes, self.steps, self.reused = [nc.Input(self.shape)], [self.shape], [], []
        for _ in range(self.rng.integers(3, 13)):
            self.draw()
        self.close()
        self.net = nc.Graph(self.symbols[0], self.symbols[-1], dtype=dtype)
        self.net.initialize(seed)  # add() has called the layers alone, which gives them numbers
        self.graph_of_torch()

    def data(self, n=11):
        rng = np.random.default_rng(len(self.steps))
        return rng.normal(size=(n, *self.shape)).astype(self.net.dtype), rng.integers(0, 3, n)

    def draw(self):
        """One more layer, which reads a late value more often than an early one."""
        at = len(self.shapes) - 1 - min(int(self.rng.geometric(0.5)) - 1, len(self.shapes) - 1)
        kinds = [self.activation, self.residual, self.merge, self.merge, self.norm, self.again, self.dropout]
        kinds += [self.linear] * 3 if len(self.shapes[at]) == 1 else [self.conv, self.conv, self.conv, self.pool]
        kinds[self.rng.integers(len(kinds))](at)

    def close(self):
        """A last Linear that reads everything that nothing has read."""
        read = {value for _, reads, _ in self.steps for value in reads}
        loose = [i for i in range(1, len(self.shapes)) if i not in read]
        for i, value in enumerate(loose):
            if len(self.shapes[value]) > 1:
                name = "GlobalAvgPool2d" if self.rng.random() < 0.5 else "Flatten"
                loose[i] = self.add(getattr(nc, name)(), [value], lambda t, x, name=name: flat(x, name))
        if len(loose) > 1:
            loose = [self.add(nc.Concat(), loose, lambda t, *xs: t.cat(xs, 1))]
        self.linear(loose[0], 3)

    def add(self, layer, reads, reference):
        """`reference`: PyTorch's module, the two inside a residual, or a function of torch and the values read."""
        self.symbols.append(layer(*[self.symbols[value] for value in reads]))
        self.steps.append((layer, reads, reference))
        self.shapes.append(layer(*[np.zeros((1, *self.shapes[value])) for value in reads]).shape[1:])
        return len(self.shapes) - 1

    def module(self, name, *given, **named):
        return getattr(self.torch.nn, name)(*given, **named).double() if self.torch else None

    def both(self, at, name, *given, **named):
        layer = getattr(nc, name)(*given, **named)
        reference = (self.module(name, *given, **named),)
        if self.rng.random() < 0.5:
            self.reused.append((layer, self.shapes[at], reference))
        return self.add(layer, [at], reference)

    def linear(self, at, wide=None):
        self.both(at, "Linear", self.shapes[at][0], wide or int(self.rng.choice([1, 4, 5, 16])))

    def activation(self, at):
        self.both(at, str(self.rng.choice(ACTIVATIONS)))

    def dropout(self, at):
        self.both(at, "Dropout", self.p)

    def norm(self, at):
        shape = self.shapes[at]
        name = self.rng.choice(["LayerNorm", "BatchNorm1d" if len(shape) == 1 else "BatchNorm2d"])
        self.both(at, str(name), list(shape) if name == "LayerNorm" else shape[0])

    def conv(self, at):
        c, kernel, stride = self.shapes[at][0], int(self.rng.choice([1, 3])), int(self.rng.choice([1, 1, 2]))
        out = int(self.rng.choice([c, 2, 16]))
        self.both(at, "Conv2d", c, out, kernel, padding=kernel // 2, stride=stride, bias=bool(self.rng.integers(2)))

    def pool(self, at):
        if min(self.shapes[at][1:]) < 2:
            return self.activation(at)
        return self.both(at, str(self.rng.choice(["MaxPool2d", "AvgPool2d"])), 2)

    def again(self, at):
        """A layer object in a second place, where one fits."""
        for layer, shape, reference in self.reused:
            if shape == self.shapes[at]:
                return self.add(layer, [at], reference)
        return self.activation(at)

    def residual(self, at):
        shape, name = self.shapes[at], str(self.rng.choice(ACTIVATIONS))
        given = ("Linear", shape[0], shape[0]) if len(shape) == 1 else ("Conv2d", shape[0], shape[0], 3, 1, 1)
        layer = nc.Residual(getattr(nc, given[0])(*given[1:]), getattr(nc, name)())
        return self.add(layer, [at], (self.module(*given), self.module(name)))

    def merge(self, at):
        """Add, Multiply or Concat of two or three values, perhaps of one value with itself."""
        kind = str(self.rng.choice(["Add", "Multiply", "Concat"]))
        shape = self.shapes[at]
        same = [i for i, other in enumerate(self.shapes) if other == shape]
        if kind == "Concat":
            same = [i for i, other in enumerate(self.shapes) if other[1:] == shape[1:] and other[0] < 40]
        if not same:
            return self.activation(at)
        reads = [at, *(int(i) for i in self.rng.choice(same, self.rng.integers(1, 3)))]
        scales = [i for i, other in enumerate(self.shapes) if other == shape[:1]]
        if kind == "Multiply" and len(shape) == 3 and scales:
            reads.append(scales[-1])
        return self.add(getattr(nc, kind)(), reads, lambda t, *xs: merged(t, kind, xs))

    # ---- PyTorch's -------------------------------------------------------------------------------------------------

    def graph_of_torch(self):
        """Gives PyTorch's modules the numbers of the layers."""
        if self.torch is None:
            return
        objects = {id(layer): modules for layer, _, modules in self.steps if isinstance(modules, tuple)}
        self.theirs = [weight for modules in objects.values() for module in modules for weight in module.parameters()]
        for ours, weight in zip(self.net.parameters(), self.theirs, strict=True):
            weight.data = self.torch.tensor(ours.value.copy())

    def by_torch(self, x, training=True):
        values = [x]
        for _, reads, reference in self.steps:
            given = [values[i] for i in reads]
            if isinstance(reference, tuple):
                y = given[0]
                for module in reference:
                    y = module.train(training)(y)
                values.append(y if len(reference) == 1 else given[0] + y)
            else:
                values.append(reference(self.torch, *given))
        return values[-1]


def flat(x, name):
    return x.flatten(1) if name == "Flatten" else x.mean((2, 3))


def merged(torch, kind, xs):
    if kind == "Concat":
        return torch.cat(xs, 1)
    y = xs[0]
    for x in xs[1:]:
        x = x if x.dim() == y.dim() else x[:, :, None, None]
        y = y + x if kind == "Add" else y * x
    return y
