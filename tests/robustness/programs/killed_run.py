"""A training that saves as it goes and continues from what it saved; arguments: file, "steps" or "epochs", steps."""

import pathlib
import sys

import numpy as np

import nncore as nc

rng = np.random.default_rng(0)
X, y = rng.normal(size=(410, 20)), rng.integers(0, 3, 410)


def make():
    net = nc.Sequential(nc.Linear(20, 30), nc.Tanh(), nc.Dropout(0.2), nc.Linear(30, 3), seed=0)
    return nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(lr=nc.ExponentialLR(0.01, 0.9)), batch_size=10, seed=3)


def run(path, mode, steps):
    trainer = nc.Trainer.resume(path) if path.exists() else make()
    done = trainer.history.n_steps
    if mode == "steps":
        while done < steps:
            done += trainer.fit(X, y, steps=min(37, steps - done), validation_data=(X[:50], y[:50])).n_steps
            trainer.save(path)
            print("saved", flush=True)
    elif done < steps:
        trainer.fit(
            X, y, steps=steps - done, validation_data=(X[:50], y[:50]), callbacks=[lambda record: trainer.save(path)]
        )
        trainer.save(path)


if __name__ == "__main__":
    print("ready", flush=True)
    run(pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    print("done", flush=True)
