"""network and loss_surface: the drawing of a net, and the loss around it."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

import nncore as nc

X, Y = nc.datasets.make_moons(60, noise=0.1, seed=0)


def net(**how):
    return nc.Sequential(nc.Linear(2, 5), nc.ReLU(), nc.Linear(5, 3), seed=0, **how)


def texts(display):
    return [text.get_text() for text in display.ax_.texts]


def test_each_weight_is_a_line_of_its_sign_and_size():
    model = net()
    weight = np.array([[1.0, -2.0], [0.0, 0.5], [4.0, -4.0], [0.1, 0.2], [3.0, 1.0]])
    model["0"].parameters()[0].value = weight
    display = nc.plot.network(model, feature_names=["wide", "tall"], class_names=["a", "b", "c"])
    assert list(display.edges_) == ["0", "2"]
    lines, tints = display.edges_["0"], display.edges_["0"].get_colors()
    assert len(lines.get_segments()) == 10 and len(display.edges_["2"].get_segments()) == 15
    order = np.argsort(np.abs(weight.ravel()), kind="stable")
    widths = np.asarray(lines.get_linewidths())
    assert (np.diff(widths) >= 0).all() and widths[-1] > 2 * widths[0]  # large weights on top
    for tint, value in zip(tints, np.sort(np.abs(weight.ravel())), strict=True):
        assert abs(tint[0] - tint[2]) >= 0.1 * value / 4
    signs = sorted(bool(tint[0] > tint[2]) for tint, place in zip(tints, order, strict=True) if weight.ravel()[place])
    assert signs.count(True) == (weight > 0).sum()
    shown = texts(display)
    for text in ("wide", "tall", "a", "b", "c", "input", "0: Linear\n1: ReLU", "2: Linear", "5", "3"):
        assert text in shown
    assert repr(display) == "NetworkDisplay: 3 layers, 33 parameters"


def test_a_weight_is_drawn_between_its_units():
    """Only the weight from the second input to the last hidden unit is not 0."""
    model = net()
    weight = np.zeros((5, 2))
    weight[4, 1] = -1.0
    model["0"].parameters()[0].value = weight
    display = nc.plot.network(model)
    lines = display.edges_["0"]
    (x0, low), (x1, high) = lines.get_segments()[-1]
    units = [np.sort(scatter.get_offsets()[:, 1]) for scatter in display.ax_.collections if scatter is not lines]
    rings = {len(ys): ys for ys in units if len(ys) in (2, 5)}
    assert (x0, x1) == (0, 1) and low == rings[2][0] and high == rings[5][0]  # counted from above
    assert to_rgb(lines.get_colors()[-1]) == pytest.approx(to_rgb("#0072B2"))


def test_wide_layers_show_their_first_and_last_units():
    display = nc.plot.network(nc.Sequential(nc.Linear(64, 32), nc.Linear(32, 10), seed=0), max_units=6)
    assert texts(display).count("⋮") == 3 and len(display.edges_["0"].get_segments()) == 36
    assert {"64", "32", "10"} <= set(texts(display))


def test_images_and_branches_are_blocks():
    display = nc.plot.network(nc.mnist_cnn(seed=0), input_shape=(1, 28, 28))
    shown = texts(display)
    assert {"input", "1 x 28 x 28", "32 x 28 x 28", "832 parameters", "1: ReLU()"} <= set(shown)
    assert display.edges_ == {} and len(display.ax_.patches) == 12 + 11  # blocks and arrows
    x = nc.Input(4)
    graph = nc.Graph(x, nc.Add()(x, nc.Linear(4, 4)(x)), seed=0)
    assert len(nc.plot.network(graph).ax_.patches) == 3 + 3
    flat = nc.Sequential(nc.Flatten(), nc.Linear(16, 3), seed=0)
    assert list(nc.plot.network(flat, input_shape=(1, 4, 4)).edges_) == ["1"]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: nc.plot.network(3), "model: expected a Sequential or a Graph, got 3"),
        (lambda: nc.plot.network(net(), max_units=1), "max_units: expected an integer"),
        (lambda: nc.plot.network(net(), class_names=["a"]), "class_names: expected 3 texts"),
        (lambda: nc.plot.network(net(), feature_names=["a"]), "feature_names: expected 2 texts"),
        (lambda: nc.plot.network(nc.mnist_cnn(), input_shape=(1, 28, 28), class_names=range(10)),
         "class_names: expected None for a drawing of blocks"),
        (lambda: nc.plot.network(nc.Sequential(nc.ReLU())), "input_shape: expected the shape of one sample"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(call, message):
    with pytest.raises(nc.ConfigError, match=message):
        call()
    assert plt.get_fignums() == []


def test_the_loss_surface_is_the_loss_along_the_directions():
    model, loss = nc.mlp([2, 6, 2], dtype="float64", batch_norm=True, seed=0), nc.CrossEntropyLoss()
    before = model.flat_parameters.copy()
    display = nc.plot.loss_surface(model, loss, X, Y, span=0.5, resolution=5, seed=3)
    np.testing.assert_array_equal(model.flat_parameters, before)
    np.testing.assert_allclose(display.at_, [-0.5, -0.25, 0, 0.25, 0.5])
    other = model.copy()
    for row, b in enumerate(display.at_):
        for column, a in enumerate(display.at_):
            other.flat_parameters[:] = before + a * display.directions_[0] + b * display.directions_[1]
            assert display.losses_[row, column] == pytest.approx(loss.value(other(X), Y), rel=1e-12)


def test_directions_have_the_norms_of_the_filters():
    model = nc.Sequential(nc.Conv2d(2, 3, 3), nc.BatchNorm2d(3), nc.Flatten(), nc.Linear(12, 2), seed=0)
    images, labels = np.random.default_rng(0).normal(size=(4, 2, 4, 4)), [0, 1, 0, 1]
    display = nc.plot.loss_surface(model, nc.CrossEntropyLoss(), images, labels, resolution=3, seed=1)
    start = 0
    for parameter in model.parameters():
        value = parameter.value
        for direction in display.directions_[:, start : start + value.size]:
            part = direction.reshape(value.shape)
            if value.ndim == 1:
                assert not part.any()
            else:
                norms = [np.linalg.norm(of.reshape(len(value), -1), axis=1) for of in (part, value)]
                np.testing.assert_allclose(*norms, rtol=1e-5)
        start += value.size
    again = nc.plot.loss_surface(model, nc.CrossEntropyLoss(), images, labels, resolution=3, seed=1)
    np.testing.assert_array_equal(display.directions_, again.directions_)
    other = nc.plot.loss_surface(model, nc.CrossEntropyLoss(), images, labels, resolution=3, seed=2)
    assert (display.directions_ != other.directions_).any()
    assert abs(np.dot(*display.directions_)) < 0.7 * np.prod(np.linalg.norm(display.directions_, axis=1))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"model": 3}, "model: expected a Sequential or a Graph"),
        ({"model": nc.Sequential(nc.ReLU())}, "model: expected one with weights that are not 0"),
        ({"loss": "mse"}, "loss: expected a loss, got 'mse'"),
        ({"span": 0}, "span: expected"),
        ({"resolution": 2}, "resolution: expected an integer"),
        ({"seed": -1}, "seed: expected an integer"),
    ],
)
def test_loss_surface_refuses(change, message):
    how = {"model": net(), "loss": nc.CrossEntropyLoss(), "X": X, "y": Y} | change
    with pytest.raises(nc.ConfigError, match=r"\[plot\.loss_surface\] " + message):
        nc.plot.loss_surface(**how)
    assert plt.get_fignums() == []
