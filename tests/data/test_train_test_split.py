"""train_test_split: sizes, what goes where, stratification by hand."""

import numpy as np
import pytest
from sklearn.model_selection import train_test_split as theirs

import nncore as nc

train_test_split = nc.datasets.train_test_split


@pytest.mark.parametrize(
    "n, test_size, n_test",
    [
        (100, 0.25, 25),
        (1000, 0.2, 200),
        (10, 0.25, 3),  # 2.5 rounded up
        (10, 0.01, 1),
        (3, 0.5, 2),
        (100, np.float32(0.25), 25),
        (100, 1, 1),
        (100, 99, 99),
        (100, np.int64(30), 30),
        (2, 1, 1),
    ],
)
def test_sizes_disjoint_and_complete(n, test_size, n_test):
    X = np.arange(2 * n).reshape(n, 2)  # row i = (2i, 2i + 1), label i
    train, test, y_train, y_test = train_test_split(X, np.arange(n), test_size, seed=0)
    assert train.shape == (n - n_test, 2) and test.shape == (n_test, 2)
    assert y_train.shape == (n - n_test,) and y_test.shape == (n_test,)
    np.testing.assert_array_equal(np.sort(np.concatenate([y_train, y_test])), np.arange(n))
    np.testing.assert_array_equal(train, X[y_train])
    np.testing.assert_array_equal(test, X[y_test])


def test_default_is_a_quarter_and_dtypes_and_shapes_are_kept():
    X = np.arange(8 * 3 * 2, dtype=np.uint8).reshape(8, 3, 2)
    y = np.linspace(0, 1, 8, dtype=np.float32)[:, None]
    train, test, y_train, y_test = train_test_split(X, y, seed=0)
    assert train.shape == (6, 3, 2) and test.shape == (2, 3, 2) and train.dtype == np.uint8
    assert y_train.shape == (6, 1) and y_test.shape == (2, 1) and y_train.dtype == np.float32


def test_lists_are_accepted_and_results_are_copies():
    X = np.zeros((8, 1))
    train, test, y_train, y_test = train_test_split(X, [0, 1] * 4, seed=0)
    train[:], test[:] = 1, 1
    assert (X == 0).all() and sorted([*y_train, *y_test]) == [0] * 4 + [1] * 4


def test_seed_decides_the_split():
    X = np.arange(50)
    first = train_test_split(X, X, seed=1)
    for again in (train_test_split(X, X, seed=1), train_test_split(X, X, random_state=1)):
        for a, b in zip(first, again, strict=True):
            np.testing.assert_array_equal(a, b)
    assert not np.array_equal(train_test_split(X, X, seed=2)[0], first[0])
    assert not np.array_equal(train_test_split(X, X)[0], train_test_split(X, X)[0])
    with pytest.raises(nc.ConfigError, match="random_state: expected seed or random_state, got both"):
        train_test_split(X, X, seed=1, random_state=1)


@pytest.mark.parametrize("stratified", [False, True])
def test_every_sample_is_as_likely_in_the_test_part(stratified):
    """2000 splits of 20 samples in half: each is tested 1000 ± 5 sqrt(500) times, in each place equally often."""
    X, labels = np.arange(20), np.repeat([0, 1], 10)
    places = np.zeros((20, 10))
    for seed in range(2000):
        test = train_test_split(X, labels, 0.5, seed=seed, stratify=labels if stratified else None)[1]
        places[test, np.arange(10)] += 1
    assert np.abs(places.sum(axis=1) - 1000).max() < 5 * np.sqrt(500)
    assert np.abs(places - 100).max() < 5.5 * np.sqrt(95)


@pytest.mark.parametrize(
    "counts, test_size, expected",
    [
        ([50, 30, 20], 0.2, [10, 6, 4]),  # exact
        ([50, 50], 25, [13, 12]),  # 12.5 each: the spare one to the smaller label
        ([60, 30, 10], 7, [4, 2, 1]),  # 4.2, 2.1, 0.7: the spare one to the largest remainder
        ([7, 5, 3], 5, [2, 2, 1]),  # 2 1/3, 1 2/3, 1
        ([97, 3], 0.25, [24, 1]),  # 24.25, 0.75
        ([2, 2, 2], 0.5, [1, 1, 1]),
    ],
)
def test_stratified_counts_by_hand(counts, test_size, expected):
    labels = np.repeat(np.arange(len(counts)), counts)[np.random.default_rng(0).permutation(sum(counts))]
    X = np.arange(len(labels))
    for stratify in (labels, True, labels.astype(float), (labels - 5).tolist()):
        train, test, y_train, y_test = train_test_split(X, labels, test_size, seed=3, stratify=stratify)
        assert np.bincount(y_test, minlength=len(counts)).tolist() == expected
        assert (np.bincount(y_train) + np.bincount(y_test, minlength=len(counts))).tolist() == counts
        np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), X)
        np.testing.assert_array_equal(labels[test], y_test)


def test_stratify_by_other_labels_than_y():
    y = np.arange(40)
    _, _, _, y_test = train_test_split(y, y, 0.5, seed=0, stratify=y % 4 == 0)
    assert (y_test % 4 == 0).sum() == 5


def test_stratified_parts_are_shuffled():
    labels = np.repeat([0, 1], 200)
    _, _, y_train, y_test = train_test_split(labels, labels, 0.5, seed=0, stratify=True)
    for part in (y_train, y_test):
        assert 70 < np.count_nonzero(np.diff(part)) < 130


def test_stratify_false_is_none():
    X = np.arange(30)
    for a, b in zip(train_test_split(X, X, seed=0, stratify=False), train_test_split(X, X, seed=0), strict=True):
        np.testing.assert_array_equal(a, b)


def test_sizes_as_scikit_learn():
    for n in (2, 3, 7, 10, 99, 100, 1001):
        X = np.zeros(n)
        for test_size in (0.01, 0.07, 0.1, 0.25, 0.3, 1 / 3, 0.5):
            assert len(train_test_split(X, X, test_size)[1]) == len(theirs(X, X, test_size=test_size)[1])


NOT_A_SIZE = [0, 10, 11, -1, 2**63, 0.0, 1.0, 1.5, -0.5, 0.95, np.nan, np.inf, "0.5", None, True, [0.5], 0.5j]


@pytest.mark.parametrize("test_size", NOT_A_SIZE, ids=repr)
def test_bad_test_size(test_size):
    message = r"^\[train_test_split\] test_size: expected a fraction in \(0, 1\) or a count in \[1, 9\]"
    with pytest.raises(nc.ConfigError, match=message):
        train_test_split(np.zeros(10), np.zeros(10), test_size, seed=0)


@pytest.mark.parametrize(
    "X, y, error, message",
    [
        (np.zeros((4, 2)), np.zeros(3), "ShapeError", r"y: expected length 4, as X has, got shape \(3,\)"),
        (np.zeros((4, 2)), 1.0, "ShapeError", "y: expected length 4"),
        (1.0, 1.0, "ShapeError", r"X: expected \(N, ...\) with N >= 2, got shape \(\)"),
        (np.zeros((1, 2)), [0], "ShapeError", "X: expected"),
        ([], [], "ShapeError", "X: expected"),
        ([[1, 2], [3]], [0, 1], "ShapeError", "X: expected a rectangular array"),
        ([[1, 2], [3, 4]], [[0], [1, 2]], "ShapeError", "y: expected a rectangular array"),
        ([None, {}], [0, 1], "ConfigError", "X: expected real numbers, got dtype object"),
        ([[1], [2]], ["a", "b"], "ConfigError", "y: expected real numbers"),
        ([1j, 2], [0, 1], "ConfigError", "X: expected real numbers, got dtype complex128"),
        (None, [0, 1], "ConfigError", "X: expected real numbers, got None"),
    ],
)
def test_bad_arrays(X, y, error, message):
    with pytest.raises(getattr(nc, error), match=r"^\[train_test_split\] " + message):
        train_test_split(X, y, seed=0)


@pytest.mark.parametrize(
    "stratify, test_size, error, message",
    [
        ([0] * 9 + [1], 0.5, "ConfigError", "stratify: expected 2 or more samples of each class, got 1 of class 1"),
        ([0, 1, 2, 3, 4] * 2, 3, "ConfigError", "test_size: expected a sample of each of the 5 classes in both parts"),
        ([0, 1, 2, 3, 4] * 2, 7, "ConfigError", "test_size: expected a sample of each of the 5 classes in both parts"),
        ([0, 1], 0.5, "ShapeError", r"stratify: expected labels of shape \(10,\), got shape \(2,\)"),
        (np.zeros((10, 1)), 0.5, "ShapeError", "stratify: expected labels of shape"),
        ([np.nan] * 10, 0.5, "ConfigError", "stratify: expected finite labels"),
        ("y", 0.5, "ConfigError", "stratify: expected real numbers, got 'y'"),
        (1, 0.5, "ShapeError", "stratify: expected labels of shape"),
    ],
)
def test_bad_stratify(stratify, test_size, error, message):
    with pytest.raises(getattr(nc, error), match=r"^\[train_test_split\] " + message):
        train_test_split(np.zeros(10), np.zeros(10), test_size, seed=0, stratify=stratify)


@pytest.mark.parametrize("stratify", [None, True])
def test_tables_stay_tables(stratify):
    """With the names of their columns, so that a fit knows them and another order is refused later."""
    pd = pytest.importorskip("pandas")
    X, y = nc.datasets.make_moons(40, noise=0.1, seed=0)
    table, labels = pd.DataFrame(X, columns=["a", "b"]), pd.Series(y)
    plain = nc.datasets.train_test_split(X, y, seed=3, stratify=stratify)
    split = nc.datasets.train_test_split(table, labels, seed=3, stratify=stratify)
    for one, other in zip(split, plain, strict=True):
        assert isinstance(one, (pd.DataFrame, pd.Series))
        np.testing.assert_array_equal(one.to_numpy(), other)
    trainer = nc.Trainer(nc.mlp([2, 4, 2], seed=0), nc.CrossEntropyLoss(), nc.SGD(lr=0.1))
    trainer.fit(split[0], split[2], 1)
    assert list(trainer.columns) == ["a", "b"]
    with pytest.raises(nc.ConfigError, match=r"X\[trainer.columns\]"):
        trainer.evaluate(split[1][["b", "a"]], split[3])
