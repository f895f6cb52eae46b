"""validation_split takes labels as fit does without it: the same forms and refusals, the same samples held out."""

import re

import numpy as np
import pytest

import nncore as nc

X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.repeat([0, 1], [32, 8])
NAMES = np.array(["no", "yes"])[Y]
REFUSED = {
    "text": NAMES,
    "objects": NAMES.astype(object),
    "objects of integers": Y.astype(object),
    "bytes": NAMES.astype("S"),
    "from 1": Y + 1,
    "signs": 2 * Y - 1,
    "one-hot integers": np.eye(2, dtype=int)[Y],
    "a column": Y[:, None],
    "complex": Y.astype(complex),
    "too few": Y[:-1],
}


def trainer():
    net = nc.Sequential(nc.Linear(3, 2), seed=0)
    return nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.1), batch_size=8, seed=4)


@pytest.mark.parametrize("form", REFUSED)
def test_refusals_are_those_without_a_split(form):
    told = []
    for split in (0.0, 0.25):
        with pytest.raises((nc.ConfigError, nc.ShapeError)) as error:
            trainer().fit(X, REFUSED[form], 1, validation_split=split)
        told.append((type(error.value), re.sub(r"\d+", "n", str(error.value))))
    assert told[0] == told[1]


@pytest.mark.parametrize("form", [float, np.uint8, np.float16, bool, list])
def test_every_form_of_labels_is_held_out_class_by_class(form):
    y = Y.tolist() if form is list else Y.astype(form)
    expected, got = (trainer().fit(X, labels, 3, validation_split=0.25) for labels in (Y, y))
    for column in ("loss", "val_loss", "val_accuracy"):
        assert got[column].tolist() == expected[column].tolist()
    counts = []
    n = {"n": lambda y, z: counts.append(np.bincount(y).tolist()) or 0.0}
    trainer().fit(X, y, 1, validation_split=0.25, metrics=n)
    assert sorted(counts) == [[8, 2], [24, 6]]


def test_sweeps_hold_out_what_fits_do():
    def build(lr, seed):
        return trainer()

    alone = trainer().fit(X, Y.astype(float), 2, validation_split=0.25)
    for y in (Y, Y.astype(float), Y.astype(bool)):
        row = nc.sweep(build, {"lr": [0.1]}, X, y, epochs=2, validation_split=0.25, progress=False)[0]
        assert row["val_loss"] == pytest.approx(alone["val_loss"][-1], rel=1e-5)


def test_whole_numbers_of_a_regression_are_no_classes():
    """Held out at random: a target for each sample would make each its own class."""
    y = np.arange(40.0)
    net = nc.Sequential(nc.Linear(3, 1), seed=0)
    seen = []
    nc.Trainer(net, nc.MSELoss(), nc.SGD(lr=1e-4)).fit(
        X, y, 1, validation_split=0.25, metrics={"n": lambda y, z: seen.append(sorted(y.ravel())) or 0.0}
    )
    held = min(seen, key=len)
    assert len(held) == 10 and sorted(np.concatenate(seen)) == y.tolist()


@pytest.mark.parametrize("y", [NAMES, NAMES.astype(object)])
def test_the_line_that_converts_is_told_wherever_labels_are_checked(y):
    line = re.escape("(for names use classes, y = np.unique(y, return_inverse=True))")
    with pytest.raises(nc.ConfigError, match=line):
        nc.sweep(lambda seed: trainer(), {}, X, y, epochs=1)
    with pytest.raises(nc.ConfigError, match=line):
        nc.datasets.train_test_split(X, y)
