"""Event files and reports on a disk that fills up; arguments: case, file or folder, more."""

import resource
import signal
import sys
import warnings

import numpy as np

import nncore as nc
from nncore.cli import main
from support.programs import run_case

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write then fails, as on a full disk
X = np.random.default_rng(0).normal(size=(40, 3))
y = (X[:, 0] > 0).astype(int)


def make():
    net = nc.Sequential(nc.Linear(3, 4), nc.ReLU(), nc.Linear(4, 2), seed=0)
    return nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=10)


def leave_room(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def fills_up_while_training(folder, room):
    plain, observed = make(), make()
    plain.fit(X, y, 5)
    leave_room(int(room))
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        history = observed.fit(X, y, 5, callbacks=[nc.TensorBoard(folder, every=1, bins=8)])
    (warning,) = given
    assert "nothing more is written (File too large); training goes on" in str(warning.message), warning
    assert len(history["loss"]) == 5
    assert plain.model.flat_parameters.tobytes() == observed.model.flat_parameters.tobytes()


def full_at_the_begin(folder):
    trainer = make()
    leave_room(100)
    try:
        trainer.fit(X, y, 1, callbacks=[nc.TensorBoard(folder)])
    except OSError as error:
        print(error)
    assert trainer.epoch == 0


def a_report(path):
    history = make().fit(X, y, 2)
    leave_room(3000)
    try:
        history.report(path)
    except OSError as error:
        print(error.strerror, error.filename)


def the_command_line(path):
    leave_room(3000)
    sys.exit(main(["moons", "--epochs", "3", "--samples", "50", "--report", path]))


def observed_fit(folder):
    make().fit(X, y, 2, callbacks=[nc.TensorBoard(folder, every=1)])


if __name__ == "__main__":
    run_case(globals())
