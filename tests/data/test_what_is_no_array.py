"""Data that are no arrays of numbers: refused with the line that makes some."""

import numpy as np
import pytest

import nncore as nc

X, Y = nc.datasets.make_moons(40, noise=0.1, seed=0)


class Loader:
    """Batches, as PyTorch's DataLoader gives them."""

    dataset = ()
    batch_size = 4

    def __iter__(self):
        return iter([(X[:4], Y[:4])])

    def __len__(self):
        return 1


class Stream:
    """tf.data's."""

    def as_numpy_iterator(self):
        return iter([])

    def __iter__(self):
        return iter([])


class Dataset:
    def __getitem__(self, i):
        if i >= 3:
            raise IndexError
        return X[i], Y[i]

    def __len__(self):
        return 3


class Sparse:
    def toarray(self):
        return X


GIVEN = {
    "generator": (lambda: (row for row in X), r"np.array\(list\({}\)\)"),
    "zip": (lambda: zip(X, Y, strict=True), r"for xb, yb in {}: trainer.step\(xb, yb\)"),
    "map": (lambda: map(list, X), r"np.array\(list\({}\)\)"),
    "loader": (Loader, r"for xb, yb in {}: trainer.step\(xb, yb\)"),
    "stream": (Stream, r"as_numpy_iterator\(\): trainer.step"),
    "dataset": (Dataset, r"X, y = map\(np.array, zip\(\*data\)\)"),
    "dict": (lambda: {"a": X[:, 0], "b": X[:, 1]}, r"np.column_stack\(list\({}.values\(\)\)\)"),
    "set": (lambda: {1.0, 2.0}, "a set has no order"),
    "two inputs": (lambda: [X, X[:, :1]], r"np.concatenate\({}, axis=1\)"),
    "ragged": (lambda: [np.ones(2), np.ones(1)], "rows of 1 to 2 numbers: fill up to 2"),
    "shapes": (lambda: [np.zeros((2, 2)), np.zeros((3, 2))], "samples of different shapes"),
    "sparse": (Sparse, r"{}.toarray\(\)"),
    "complex": (lambda: X + 1j, r"{}.real"),
    "numbers as text": (lambda: X.astype(str), r"np.asarray\({}, float\)"),
    "numbers as bytes": (lambda: X.astype("S"), "numbers"),
    "words": (lambda: np.array([["a", "b"]] * 40), "make numbers of the text"),
    "objects": (lambda: X.astype(object), r"np.asarray\({}, float\)"),
    "times": (lambda: np.zeros((40, 2), "M8[s]"), r'{}.astype\("int64"\)'),
    "durations": (lambda: np.zeros((40, 2), "m8[s]"), r'{}.astype\("int64"\)'),
    "fields": (lambda: np.zeros(40, [("a", float), ("b", float)]), r"structured_to_unstructured\({}\)"),
    "void": (lambda: np.zeros((40, 2), "V2"), r"{}.astype\(np.float32\)"),
}


def trainer():
    net = nc.Sequential(nc.Linear(2, 4), nc.ReLU(), nc.Linear(4, 2), seed=0)
    return nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD())


TAKERS = {
    "fit": (lambda given: trainer().fit(given, Y, epochs=1), "X"),
    "validation": (lambda given: trainer().fit(X, Y, epochs=1, validation_data=(given, Y)), "X"),
    "split": (lambda given: trainer().fit(given, Y, epochs=1, validation_split=0.5), "X"),
    "step": (lambda given: trainer().step(given, Y), "X"),
    "evaluate": (lambda given: trainer().evaluate(given, Y), "X"),
    "predict": (lambda given: trainer().model.predict(given), "x"),
    "call": (lambda given: trainer().model.forward(given, training=False), "x"),
    "Normalize": (nc.Normalize.from_data, "X"),
    "Perceptron": (lambda given: nc.Perceptron().fit(given, 2 * Y - 1), "X"),
    "gradcheck": (lambda given: nc.gradcheck(trainer().model, nc.CrossEntropyLoss(), given, Y), "X"),
    "sweep": (lambda given: nc.sweep(lambda lr, seed: trainer(), {"lr": [0.1]}, given, Y, progress=False), "X"),
}


@pytest.mark.parametrize("what", GIVEN)
@pytest.mark.parametrize("taker", TAKERS)
def test_every_place_says_what_to_write(taker, what):
    call, name = TAKERS[taker]
    make, mend = GIVEN[what]
    with pytest.raises((nc.ShapeError, nc.ConfigError), match=rf"{name}: expected .*\(.*{mend.format(name)}"):
        call(make())


@pytest.mark.parametrize(
    ("y", "mend"),
    [
        (np.array(["a", "b"] * 20), r"np.unique\(y, return_inverse=True\)"),
        ((label for label in Y), r"np.array\(list\(y\)\)"),
        (Y + 1j, "y.real"),
    ],
)
def test_targets_too(y, mend):
    with pytest.raises((nc.ShapeError, nc.ConfigError), match=rf"y: expected .*{mend}"):
        trainer().fit(X, y, epochs=1)


def test_a_loader_in_place_of_both():
    with pytest.raises(TypeError, match=r"missing .*'y' .*for xb, yb in loader: trainer.step\(xb, yb\)"):
        trainer().fit(Loader())


def test_an_object_that_answers_with_errors_is_refused_all_the_same():
    class Broken:
        def __getattr__(self, name):
            raise RuntimeError

        def __array__(self, dtype=None, copy=None):
            raise RuntimeError

    for call, _ in TAKERS.values():
        with pytest.raises((nc.ShapeError, nc.ConfigError, RuntimeError)):
            call(Broken())


@pytest.mark.parametrize("name", ["fit", "fit_transform", "adapt"])
def test_names_of_other_libraries_lead_to_from_data(name):
    for given in (nc.Normalize, nc.Normalize()):
        with pytest.raises(AttributeError, match=rf"\[Normalize\] {name}: .*nc.Normalize.from_data\(X\)"):
            getattr(given, name)
        assert not hasattr(given, name)
