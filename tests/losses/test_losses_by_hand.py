"""Losses on numbers worked by hand, and what they say of wrong targets."""

import numpy as np
import pytest

import nncore as nc

LOG2 = np.log(2.0)


def test_cross_entropy_of_even_odds():
    value, dz = nc.CrossEntropyLoss()(np.zeros((2, 2)), np.array([0, 1]))
    assert value == pytest.approx(LOG2, rel=1e-15)
    np.testing.assert_allclose(dz, [[-0.25, 0.25], [0.25, -0.25]], rtol=1e-15)


def test_cross_entropy_of_three_to_one():
    z = np.log([[3.0, 1.0]])  # p = (3/4, 1/4)
    value, dz = nc.CrossEntropyLoss()(z, np.array([1]))
    assert value == pytest.approx(2 * LOG2, rel=1e-14)
    np.testing.assert_allclose(dz, [[0.75, -0.75]], rtol=1e-14)


def test_cross_entropy_weights_divide_by_the_weights_of_the_labels():
    z, y = np.log([[3.0, 1.0], [1.0, 1.0]]), np.array([1, 0])
    value, dz = nc.CrossEntropyLoss(weight=[1.0, 3.0])(z, y)
    assert value == pytest.approx((3 * 2 * LOG2 + LOG2) / 4, rel=1e-14)
    np.testing.assert_allclose(dz, [[3 * 0.75 / 4, -3 * 0.75 / 4], [-0.5 / 4, 0.5 / 4]], rtol=1e-14)


def test_ignored_labels_do_not_count():
    z, y = np.array([[0.0, 0.0], [5.0, -5.0]]), np.array([0, 7])
    value, dz = nc.CrossEntropyLoss(ignore_index=7)(z, y)
    assert value == pytest.approx(LOG2) and np.array_equal(dz, [[-0.5, 0.5], [0.0, 0.0]])
    with pytest.raises(nc.ConfigError, match="7 at index 1"):
        nc.CrossEntropyLoss()(z, y)


def test_label_smoothing_mixes_in_the_even_distribution():
    z = np.log([[3.0, 1.0]])
    value, dz = nc.CrossEntropyLoss(label_smoothing=0.2)(z, np.array([0]))
    assert value == pytest.approx(-0.9 * np.log(0.75) - 0.1 * np.log(0.25), rel=1e-14)
    np.testing.assert_allclose(dz, [[0.75 - 0.9, 0.25 - 0.1]], rtol=1e-12)


def test_probabilities_as_targets():
    z, y = np.log([[3.0, 1.0]]), np.array([[0.5, 0.5]])
    value, dz = nc.CrossEntropyLoss()(z, y)
    assert value == pytest.approx(-0.5 * np.log(0.75) - 0.5 * np.log(0.25), rel=1e-14)
    np.testing.assert_allclose(dz, [[0.25, -0.25]], rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_outputs_do_not_overflow(dtype):
    z = np.array([[1000.0, 0.0], [0.0, 1000.0]], dtype=dtype)
    value, dz = nc.CrossEntropyLoss()(z, np.array([0, 0]))
    assert value == 500.0 and np.array_equal(dz, [[0.0, 0.0], [-0.5, 0.5]])


def test_nll_reads_the_labels_column():
    z = np.array([[-1.0, -2.0], [-3.0, -4.0]])
    value, dz = nc.NLLLoss()(z, np.array([1, 0]))
    assert value == 2.5 and np.array_equal(dz, [[0.0, -0.5], [-0.5, 0.0]])


def test_mse_is_the_mean_over_all_elements():
    value, dz = nc.MSELoss()(np.array([[1.0, 3.0], [0.0, 0.0]]), np.array([[0.0, 1.0], [2.0, 0.0]]))
    assert value == (1 + 4 + 4) / 4 and np.array_equal(dz, [[0.5, 1.0], [-1.0, 0.0]])


def test_perceptron_counts_the_misclassified_alone():
    z, y = np.array([[2.0], [-3.0], [4.0], [0.0]]), np.array([1, 1, -1, -1])
    value, dz = nc.PerceptronLoss()(z, y)
    assert value == (3 + 4) / 4 and np.array_equal(dz, [[0.0], [-0.25], [0.25], [0.0]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_binary_cross_entropy_of_outputs_of_any_size(dtype):
    """-log sigmoid(z) = log(1 + e^-z): 0 for large z, -z for large negative ones."""
    z = np.array([[1e4], [-1e4], [1e4], [-1e4], [0.0]], dtype=dtype)
    y = np.array([[1], [1], [0], [0], [1]])
    loss = nc.BCEWithLogitsLoss(reduction="sum")
    values = [loss.value(z[i : i + 1], y[i : i + 1]) for i in range(5)]
    assert values == [0.0, 1e4, 1e4, 0.0, pytest.approx(LOG2, rel=1e-15)]
    assert np.array_equal(loss(z, y)[1].ravel(), [0.0, -1.0, 1.0, 0.0, -0.5])
    small = nc.BCEWithLogitsLoss().value(np.array([[40.0]]), np.array([[1.0]]))
    assert small == pytest.approx(np.exp(-40.0), rel=1e-12)


def test_the_weight_of_the_positive_counts_for_them_alone():
    loss = nc.BCEWithLogitsLoss(pos_weight=3.0)
    value, dz = loss(np.zeros((1, 2)), np.array([[1, 0]]))
    assert value == pytest.approx((3 * LOG2 + LOG2) / 2) and np.array_equal(dz, [[-0.75, 0.25]])
    per_output = nc.BCEWithLogitsLoss(pos_weight=[3.0, 1.0])(np.zeros((2, 2)), np.array([[1, 1], [0, 0]]))[1]
    np.testing.assert_allclose(per_output, [[-0.375, -0.125], [0.125, 0.125]])
    for weights, z in (([1.0, 2.0], np.zeros((2, 3))), ([1.0, 2.0], np.zeros(2)), ([1.0, 2.0], np.zeros((2, 1)))):
        with pytest.raises(
            nc.ShapeError, match=r"^\[BCEWithLogitsLoss\] pos_weight: expected one number, or one for each of"
        ):
            nc.BCEWithLogitsLoss(pos_weight=weights)(z, np.zeros(z.shape))


def test_binary_labels_that_are_no_probabilities_are_refused():
    with pytest.raises(
        nc.ConfigError, match=r"y: expected probabilities in \[0, 1\], got -1\.0 \(for labels -1 and 1 use"
    ):
        nc.BCEWithLogitsLoss()(np.zeros((2, 1)), np.array([[1], [-1]]))
    with pytest.raises(nc.ConfigError, match="probabilities"):
        nc.BCEWithLogitsLoss()(np.zeros((1, 1)), np.array([[np.nan]]))


def test_losses_of_the_difference():
    z, y = np.array([[0.5, -3.0, 1.0, 2.0]]), np.array([[0.0, 0.0, 1.0, 0.0]])
    value, dz = nc.L1Loss()(z, y)
    assert value == (0.5 + 3 + 0 + 2) / 4 and np.array_equal(dz, [[0.25, -0.25, 0.0, 0.25]])
    value, dz = nc.HuberLoss(delta=2.0, reduction="sum")(z, y)
    assert value == 0.125 + 2 * (3 - 1) + 0 + 2 and np.array_equal(dz, [[0.5, -2.0, 0.0, 2.0]])
    value, dz = nc.SmoothL1Loss(beta=2.0, reduction="sum")(z, y)
    assert value == (0.125 + 4 + 2) / 2 and np.array_equal(dz, [[0.25, -1.0, 0.0, 1.0]])


@pytest.mark.parametrize(
    "labels", [np.array([1, 1, -1, -1]), np.array([1.0, 1.0, -1.0, -1.0]), np.array([1, 1, -1, -1], dtype=np.int8)]
)
def test_hinge_of_one_output(labels):
    value, dz = nc.HingeLoss()(np.array([[0.25], [1.0], [0.5], [-2.0]]), labels)
    assert value == (0.75 + 0 + 1.5 + 0) / 4 and np.array_equal(dz, [[-0.25], [0.0], [0.25], [0.0]])


def test_hinge_of_classes_looks_at_the_strongest_rival():
    z, y = np.array([[2.0, 1.5, 1.75], [0.0, 3.0, 1.0], [1.0, 1.0, 1.0]]), np.array([0, 1, 2])
    value, dz = nc.HingeLoss(reduction="sum")(z, y)
    assert value == 0.75 + 0 + 1 and np.array_equal(dz, [[-1, 0, 1], [0, 0, 0], [1, 0, -1]])


def test_hinge_says_how_to_mend_the_labels():
    for y in (np.array([0, 1]), np.array([0.0, 1.0])):
        with pytest.raises(nc.ConfigError, match=r"labels -1 and 1, got 0\.0 \(for labels 0 and 1 use 2 \* y - 1"):
            nc.HingeLoss()(np.zeros((2, 1)), y)
    with pytest.raises(nc.ShapeError, match=r"integer labels \(2,\)"):
        nc.HingeLoss()(np.zeros((2, 3)), np.array([0.0, 1.0]))
    with pytest.raises(nc.ConfigError, match="labels 0 to 2, got -1"):
        nc.HingeLoss()(np.zeros((2, 3)), np.array([1, -1]))


@pytest.mark.parametrize(
    ("loss", "y", "labels"),
    [
        (nc.BCEWithLogitsLoss(), lambda side: side[:, None].astype(float), lambda side: side),
        (nc.BCEWithLogitsLoss(), lambda side: np.stack([side, 1 - side], axis=1),
         lambda side: np.stack([side, 1 - side], axis=1)),
        (nc.HingeLoss(), lambda side: 2 * side - 1, lambda side: 2 * side - 1),
        (nc.HingeLoss(), lambda side: side, lambda side: side),
    ],
)  # fmt: skip
def test_a_model_trained_with_it_predicts_its_labels(loss, y, labels, rng):
    X = rng.normal(size=(200, 2))
    side = (X[:, 0] > X[:, 1]).astype(np.int64)
    classes = isinstance(loss, nc.HingeLoss) and y(side).min() == 0
    outputs = 2 if classes else int(np.prod(y(side).shape[1:]))
    net = nc.Sequential(nc.Linear(2, outputs), seed=0)
    trainer = nc.Trainer(net, loss, nc.SGD(lr=0.5), batch_size=20)
    history = trainer.fit(X, y(side), epochs=30)
    predicted = net.predict(X)
    assert predicted.shape == labels(side).shape
    share = (predicted == labels(side)).mean()
    assert share > 0.97 and history["accuracy"][-1] > 0.95
    assert trainer.evaluate(X, y(side))["accuracy"] == pytest.approx(share)
    if isinstance(loss, nc.BCEWithLogitsLoss):
        np.testing.assert_allclose(net.predict_proba(X), 1 / (1 + np.exp(-net(X))), rtol=1e-5)
    else:
        with pytest.raises(nc.StateError, match="no probabilities"):
            net.predict_proba(X)


def test_binary_cross_entropy_after_a_sigmoid_is_refused():
    with pytest.raises(nc.ConfigError, match="drop the layer"):
        nc.Trainer(nc.Sequential(nc.Linear(2, 1), nc.Sigmoid()), nc.BCEWithLogitsLoss(), nc.SGD())


@pytest.mark.parametrize("loss", [nc.CrossEntropyLoss, nc.NLLLoss, nc.MSELoss, nc.PerceptronLoss])
def test_sum_is_the_mean_times_the_count(loss, rng):
    z = rng.normal(size=(6, 1)) if loss is nc.PerceptronLoss else rng.normal(size=(6, 3))
    y = {"MSELoss": np.ones((6, 3)), "PerceptronLoss": -np.ones(6)}.get(loss.__name__, np.array([0, 1, 2, 0, 1, 2]))
    count = 18 if loss is nc.MSELoss else 6
    mean, dmean = loss()(z, y)
    total, dtotal = loss(reduction="sum")(z, y)
    assert total == pytest.approx(count * mean, rel=1e-14)
    np.testing.assert_allclose(dtotal, count * dmean, rtol=1e-14)


@pytest.mark.parametrize("loss", [nc.CrossEntropyLoss(), nc.NLLLoss()])
@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", ">i4"])
def test_labels_of_every_integer_type(loss, dtype, rng):
    z, y = rng.normal(size=(4, 3)), np.array([2, 0, 1, 1])
    assert loss(z, y.astype(dtype))[0] == loss(z, y)[0]


@pytest.mark.parametrize("loss", [nc.CrossEntropyLoss(), nc.NLLLoss()])
@pytest.mark.parametrize(
    "y",
    [
        np.array([0, 3]),
        np.array([-1, 0]),
        np.array([0, 2**62]),
        np.array([0, -(2**63)]),
        np.array([0, 2**64 - 1], dtype=np.uint64),
        np.array([0, 2**64 - 100], dtype=np.uint64),  # as an int64 it is -100, the label that is ignored
    ],
    ids=str,
)
def test_labels_out_of_range_are_refused(loss, y):
    with pytest.raises(nc.ConfigError, match=r"y: expected labels 0 to 2, got -?\d+ at index "):
        loss(np.zeros((2, 3)), y)


@pytest.mark.parametrize("loss", [nc.CrossEntropyLoss(), nc.NLLLoss()])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_every_label_is_looked_at(loss, at):
    y = np.array([0, 2, 1])
    y[at] = 3
    with pytest.raises(nc.ConfigError, match=f"y: expected labels 0 to 2, got 3 at index {at}"):
        loss(np.zeros((3, 3)), y)


def test_smooth_l1_without_a_bottom():
    """beta = 0: |d|, also at d = 0, where d^2 / (2 beta) is no number."""
    value, dz = nc.SmoothL1Loss(beta=0.0, reduction="sum")(np.array([[1.0, 2.0, -3.0]]), np.array([[1.0, 0.0, 0.0]]))
    assert value == 5.0 and dz.tolist() == [[0.0, 1.0, -1.0]]


@pytest.mark.parametrize("loss", [nc.CrossEntropyLoss(), nc.NLLLoss()])
def test_a_column_of_labels_is_told_to_ravel(loss):
    name = type(loss).__name__
    with pytest.raises(nc.ShapeError) as error:
        loss(np.zeros((4, 3)), np.zeros((4, 1), dtype=int))
    assert str(error.value) == f"[{name}] y: expected (4,), got (4, 1) (use y.ravel())"


def test_a_row_of_values_is_a_column():
    value, dz = nc.MSELoss()(np.zeros((4, 1)), np.array([1.0, 2.0, 3.0, 4.0]))
    assert value == 7.5 and dz.tolist() == [[-0.5], [-1.0], [-1.5], [-2.0]]
    for z, y in [((4, 1), (3,)), ((4, 2), (3,)), ((4, 1), (4, 2))]:  # where that would not help
        with pytest.raises(nc.ShapeError, match=r"got \([\d, ]+\)$"):
            nc.MSELoss()(np.ones(z), np.ones(y))
    with pytest.raises(nc.ShapeError):
        nc.MSELoss()(np.zeros(4), np.zeros((4, 1)))


def test_zeros_and_ones_are_no_labels_of_the_perceptron():
    with pytest.raises(nc.ConfigError, match=r"labels -1 and 1, got 0\.0 .*2 \* y - 1"):
        nc.PerceptronLoss()(np.zeros((2, 1)), np.array([0, 1]))


@pytest.mark.parametrize("y", [[[0.5, 0.6, -0.1]], [[1.5, 0.0, 0.0]], [[np.nan, 0.0, 0.0]]])
def test_targets_that_are_no_probabilities_are_refused(y):
    with pytest.raises(nc.ConfigError, match=r"y: expected probabilities in \[0, 1\]"):
        nc.CrossEntropyLoss()(np.zeros((1, 3)), np.array(y))


def test_fractions_are_no_labels():
    for loss in (nc.CrossEntropyLoss(), nc.NLLLoss()):
        with pytest.raises(nc.ShapeError, match="integer labels"):
            loss(np.zeros((3, 3)), np.array([0.0, 1.5, 2.0]))


@pytest.mark.parametrize("loss", [nc.CrossEntropyLoss, nc.NLLLoss])
def test_there_is_a_weight_for_each_class(loss):
    for weight in ([1.0, 2.0], [1.0] * 4, []):
        with pytest.raises((nc.ShapeError, nc.ConfigError), match="weight"):
            loss(weight=weight)(np.zeros((2, 3)), np.array([0, 1]))
    for weight in ([1.0, -1.0, 1.0], [1.0, np.nan, 1.0], [[1.0, 1.0, 1.0]], 1.0, "x"):
        with pytest.raises(nc.ConfigError, match="weight"):
            loss(weight=weight)


def test_changing_the_weights_given_does_not_change_the_loss(rng):
    weight = np.array([1.0, 5.0])
    loss, z, y = nc.CrossEntropyLoss(weight=weight), rng.normal(size=(4, 2)), np.array([0, 1, 1, 0])
    before = loss(z, y)[0]
    weight[:] = 1.0
    assert loss(z, y)[0] == before
    import copy

    assert copy.deepcopy(loss)(z, y)[0] == before and copy.copy(loss)(z, y)[0] == before


@pytest.mark.parametrize("loss", [nc.CrossEntropyLoss, nc.NLLLoss, nc.HingeLoss])
def test_signs_for_two_classes_are_told_to_become_labels(loss):
    y = np.array([1, -1, -1, 1])
    forms = [y, y.tolist(), -np.ones(4, int)] + ([] if loss is nc.HingeLoss else [y.astype(float)])
    for form in forms:
        with pytest.raises(nc.ConfigError, match=r"got -1 at index \d \(for labels -1 and 1 use y = \(y \+ 1\) // 2\)"):
            loss()(np.zeros((4, 2)), form)
    z = np.array([[0.5, 1.0]] * 4)
    assert loss()(z, (y + 1) // 2)[0] == loss()(z, np.array([1, 0, 0, 1]))[0]
    with pytest.raises(nc.ConfigError, match=r"labels 0 to 1, got -1 at index 1$"):
        loss()(z, np.array([0, -1, 1, 1]))  # what -1 means here is not known
