"""plot.activations: outputs of each layer for one sample."""

import numpy as np
import pytest

import nncore as nc

NET = nc.Sequential(nc.Conv2d(1, 4, 3), nc.ReLU(), nc.Flatten(), nc.Linear(64, 200), nc.Linear(200, 3), seed=0)


def test_every_layer_that_changes_something_is_shown(rng):
    x = rng.random((1, 6, 6))
    display = nc.plot.activations(NET, x)
    assert list(display.values_) == ["0", "1", "3", "4"]
    for name, values in display.values_.items():
        np.testing.assert_array_equal(values, NET.activations(x[None])[name][0])
    images, bars = [len(ax.images) for ax in display.axes_], [len(ax.patches) for ax in display.axes_]
    assert images == [1, 1, 1, 0] and bars == [0, 0, 0, 3]
    assert [bar.get_height() for bar in display.axes_[3].patches] == display.values_["4"].tolist()
    display.figure_.canvas.draw()


def test_positive_is_red_and_negative_is_blue():
    net = nc.Sequential(nc.Linear(1, 200, bias=False), seed=0)
    net.parameters()[0].value = np.repeat([[1.0], [-1.0]], 100, axis=0)
    image = nc.plot.activations(net, [2.0]).ax_.images[0].get_array()
    assert image[0, 0, 0] > image[0, 0, 2] and image[0, -1, 2] > image[0, -1, 0]


def test_a_batch_of_one_and_chosen_layers():
    display = nc.plot.activations(NET, np.ones((1, 1, 6, 6)), ["2", "4"])
    assert list(display.values_) == ["2", "4"]


def test_wrong_arguments_are_refused():
    with pytest.raises(nc.ConfigError, match=r"\[plot\.activations\] model: expected a Sequential"):
        nc.plot.activations(3, [1.0])
    with pytest.raises(nc.ConfigError, match=r"\[plot\.activations\] layers: expected some of \['0', "):
        nc.plot.activations(NET, np.ones((1, 6, 6)), ["7"])
    with pytest.raises(nc.ShapeError):
        nc.plot.activations(NET, np.ones((2, 1, 6, 6)))
    with pytest.raises(nc.ConfigError, match="expected finite numbers"):
        nc.plot.activations(nc.Sequential(nc.ReLU()), [[np.inf, 1.0]])
