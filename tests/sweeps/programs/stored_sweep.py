"""A sweep with a folder; prints how many runs it trained. Argument: folder."""

import sys

import nncore as nc

made = []


class Own(nc.Layer):
    kinds = frozenset({"a", "b", "c"})

    def forward(self, x, training):
        return x if training in {True, False, "some", "other", "words"} else -x

    def backward(self, dy):
        return dy


def build(lr, seed):
    net = nc.Sequential(Own(), nc.Linear(2, 2), seed=seed)
    made.append(nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=lr), seed=seed))
    return made[-1]


X, y = nc.datasets.make_moons(40, noise=0.1, seed=0)
nc.sweep(build, {"lr": [0.1, 0.2]}, X, y, epochs=1, folder=sys.argv[1], metrics=[lambda y, z: 1.0])
print("trained", sum(trainer.history.n_steps > 0 for trainer in made))
