"""plot.boundary_animation: a frame for each model."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

import nncore as nc

X, Y = np.array([[0.0, 0.0], [1.0, 1.0]]), [0, 1]


def split_at(border):
    return SimpleNamespace(predict=lambda x: (x[:, 0] > border).astype(int))


def test_each_frame_shows_its_own_model():
    film = nc.plot.boundary_animation({"left": split_at(0.25), "right": split_at(0.75)}, X, Y, resolution=21)
    assert film.ax_.get_title() == "left" and film.axes_ == tuple(film.figure_.axes)
    border = {}
    for frame, title in enumerate(film.models_):
        film.draw(frame)
        assert film.ax_.get_title() == title and len(film.ax_.images) == 1
        picture = film.ax_.images[0].get_array()
        border[title] = np.argmax(picture[0, :, 0] > picture[0, :, 2])  # blue is left of orange
    assert 0 < border["left"] < border["right"]


def test_a_notebook_shows_a_film_of_all_frames():
    film = nc.plot.boundary_animation([split_at(b) for b in (0.2, 0.5, 0.8)], X, Y, resolution=5)
    shown = film._repr_html_()
    assert shown.count("data:image/png;base64") == 3 and list(film.models_) == ["1", "2", "3"]
    assert plt.get_fignums() == []


@pytest.mark.parametrize("models", [{}, [], 3, "nets"])
def test_no_models_are_refused(models):
    with pytest.raises(
        nc.ConfigError, match=r"\[plot\.boundary_animation\] models: expected a dict or a list of models"
    ):
        nc.plot.boundary_animation(models, X, Y)


@pytest.mark.parametrize("frame", [2, -3, "a", 1.5, None, True])
def test_a_frame_that_is_not_there_is_refused(frame):
    film = nc.plot.boundary_animation([split_at(b) for b in (0.2, 0.8)], X, Y, resolution=5)
    with pytest.raises(nc.ConfigError, match=r"\[plot\.boundary_animation\] frame: expected an integer in \[-2, 1\]"):
        film.draw(frame)
    film.draw(-1)
    assert film.ax_.get_title() == "2"


def test_what_cannot_be_drawn_leaves_no_empty_figure():
    for models, points in (([3], X), ([split_at(0.5)], X[:, :1]), ([split_at(0.5)], X * np.nan)):
        with pytest.raises((nc.ConfigError, nc.ShapeError), match=r"\[plot\.decision_boundary\]"):
            nc.plot.boundary_animation(models, points, Y)
        assert plt.get_fignums() == []
