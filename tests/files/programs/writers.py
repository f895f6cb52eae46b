"""A model and a trainer are saved where the disk refuses, or the process is killed; arguments: case, file, more."""

import os
import resource
import signal
import sys

import numpy as np
import safetensors.numpy  # noqa: F401  (now, while files can still be opened)

import nncore as nc
from support.programs import run_case

net = nc.Sequential(nc.Linear(100, 200), nc.Tanh(), nc.Linear(200, 2), seed=9)
trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam())
trainer.fit(np.ones((8, 100)), np.arange(8) % 2, epochs=1)


def refused(path, *errors):
    for write in (net.save, trainer.save):
        try:
            write(path)
        except errors:
            continue
        sys.exit("it was written")


def with_room(path, size):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write then fails, as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))
    refused(path, OSError)


def without_rights(path):
    if os.getuid() == 0:  # who may write anywhere
        os.setgid(65534)
        os.setuid(65534)
    assert nc.load(path).seed == 3
    refused(path, PermissionError)


def killed_in(path, call):
    setattr(os, call, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    trainer.save(path)


def saved(path):
    trainer.save(path)


if __name__ == "__main__":
    run_case(globals())
