"""Fits that Ctrl-C ends at random times stand at a step and go on; arguments: how many, seed."""

import os
import random
import signal
import sys
import threading

import numpy as np
from killed_run import X, make, y

from nncore._support import interrupt

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
count, source = int(sys.argv[1]), random.Random(int(sys.argv[2]))
interrupted = []


def fits():
    """(trainer, history of the fit) of each."""
    for i in range(count):
        trainer = make()
        timer = threading.Timer(source.uniform(0, 0.03), os.kill, (os.getpid(), signal.SIGINT))
        if i % 2:
            interrupt._last_interrupt = -10.0  # else it is the second within a second
        try:
            timer.start()
            history = trainer.fit(X, y, epochs=10**6)
            interrupted.append(history.interrupted)
        except KeyboardInterrupt:
            history = trainer.history
        timer.join()
        yield trainer, history


for trainer, history in fits():
    flat = trainer.model.flat_parameters
    assert np.isfinite(flat).all() and np.isfinite(trainer.model(X)).all()
    taken = trainer.optimizer.state_dict()["step"]
    assert taken == trainer.history.n_steps == history.n_steps
    reference = make()
    reference.fit(X, y, steps=taken)
    assert np.array_equal(reference.model.flat_parameters, flat)
    for both in (reference, trainer):
        both.fit(X, y, steps=50)
    assert np.array_equal(reference.model.flat_parameters, flat)
    assert reference.history["loss"].tolist() == trainer.history["loss"].tolist()
assert len(interrupted) >= count // 4 and all(interrupted)
print("done")
