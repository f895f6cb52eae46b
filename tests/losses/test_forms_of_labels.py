"""Labels as people have them: what is taken, and the line that converts what is not, wherever labels are taken."""

import re

import numpy as np
import pytest

import nncore as nc

X = np.random.default_rng(0).normal(size=(6, 3))
Y = np.array([0, 1, 2, 2, 1, 0])
LOSSES = {"CrossEntropyLoss": nc.CrossEntropyLoss, "NLLLoss": nc.NLLLoss}


def trainer_of(name):
    last = [nc.LogSoftmax()] if name == "NLLLoss" else []
    net = nc.Sequential(nc.Linear(3, 3), *last, dtype="float64", seed=0)
    return nc.Trainer(net, LOSSES[name](), nc.SGD(lr=0.1), batch_size=2, seed=0)


def fitted(name, y, **data):
    trainer = trainer_of(name)
    return trainer.fit(X, y, 2, progress=False, **data)["loss"]


USES = {
    "fit": fitted,
    "validation_data": lambda name, y: fitted(name, Y, validation_data=(X, y)),
    "test_data": lambda name, y: fitted(name, Y, test_data=(X, y)),
    "step": lambda name, y: trainer_of(name).step(X, y),
    "evaluate": lambda name, y: sorted(trainer_of(name).evaluate(X, y).items()),
    "loss": lambda name, y: LOSSES[name]()(trainer_of(name).model(X), y)[1],
    "gradcheck": lambda name, y: str(nc.gradcheck(trainer_of(name).model, LOSSES[name](), X, y)),
}
TAKEN = {
    "float64": Y.astype(float),
    "float16": Y.astype(np.float16),
    "a list": Y.astype(float).tolist(),
    "every second one": np.repeat(Y, 2).astype(float)[::2],
    "uint8": Y.astype(np.uint8),
}
REFUSED = {
    "from 1": (Y + 1, nc.ConfigError, "use y - 1"),
    "from 1, floats": (Y + 1.0, nc.ConfigError, "use y - 1"),
    "names": (np.array(["a", "b", "c"])[Y], nc.ShapeError, "classes, y = np.unique(y, return_inverse=True)"),
    "objects": (np.array(["a", "b", "c"], object)[Y], nc.ShapeError, "classes, y = np.unique(y, return_inverse=True)"),
    "one-hot integers": (np.eye(3, dtype=int)[Y], nc.ShapeError, "use y.argmax(1)"),
    "one-hot booleans": (np.eye(3, dtype=bool)[Y], nc.ShapeError, "use y.argmax(1)"),
    "fractions": (Y / 2, nc.ShapeError, "integer labels"),
    "NaN": (np.where(Y == 0, np.nan, Y), (nc.ShapeError, nc.ConfigError), "y: expected"),
    "beyond integers": (Y * 1e300, (nc.ShapeError, nc.ConfigError), "y: expected"),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("use", USES)
def test_whole_numbers_of_any_type_are_labels(use, loss):
    expected = USES[use](loss, Y)
    for form, y in TAKEN.items():
        assert repr(USES[use](loss, y)) == repr(expected), form


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("form", REFUSED)
def test_refusals_hold_the_line_that_converts(use, loss, form):
    y, error, line = REFUSED[form]
    with pytest.raises(error, match=re.escape(line)):
        USES[use](loss, y)


def test_booleans_are_labels():
    z = np.array([[1.0, -1.0], [0.5, 2.0]])
    assert nc.CrossEntropyLoss()(z, np.array([False, True]))[0] == nc.CrossEntropyLoss()(z, np.array([0, 1]))[0]


def test_a_sparse_matrix_is_told_its_conversion():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(nc.ShapeError, match=re.escape("use X.toarray()")):
        trainer_of("CrossEntropyLoss").fit(sparse.csr_matrix(X), Y, 1, progress=False)
