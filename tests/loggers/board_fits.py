"""Short fits that a TensorBoard records."""

import os

import numpy as np

import nncore as nc


def make(seed=0, *, net=None, n=40, loss=None, optimizer=None, **options):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, 3)), rng.integers(0, 2, n)
    net = nc.Sequential(nc.Linear(3, 4), nc.ReLU(), nc.Linear(4, 2), seed=0) if net is None else net
    trainer = nc.Trainer(net, loss or nc.CrossEntropyLoss(), optimizer or nc.SGD(lr=0.1), batch_size=10, **options)
    return trainer, X, y


def fit(board, epochs=2, **options):
    trainer, X, y = make(**options)
    return trainer, trainer.fit(X, y, epochs, callbacks=[board])


def file_of(board):
    (name,) = os.listdir(board.folder)
    assert "tfevents" in name
    return os.path.join(board.folder, name)
