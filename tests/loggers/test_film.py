"""Film: which epochs have a frame, that each shows the model of its epoch, files, resumed trainings."""

import copy
import pickle
import re

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.animation import writers
from PIL import Image

import nncore as nc
from nncore.loggers import _film

matplotlib.use("Agg")
X, Y = nc.datasets.make_moons(60, noise=0.1, seed=0)
BEFORE = "before the first epoch"


@pytest.fixture(autouse=True)
def no_figure_is_left():
    yield
    assert plt.get_fignums() == []


def trainer(seed=0):
    net = nc.Sequential(nc.Linear(2, 4), nc.BatchNorm1d(4), nc.Tanh(), nc.Linear(4, 2), seed=seed)
    return nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.5), batch_size=20)


def film(every=1, **how):
    return nc.Film(X, Y, every, resolution=10, **how)


def closed(display):
    plt.close(display.figure_)
    return display


def test_a_frame_before_after_every_so_many_epochs_and_at_the_end():
    one = film(3)
    assert repr(one) == "Film(every=3), nothing yet" and len(one) == 0 and one._repr_html_() is None
    with pytest.raises(nc.StateError, match=r"\[Film\] there are no frames yet"):
        one.save("film.gif")
    trainer().fit(X, Y, 8, callbacks=[one])
    assert one.epochs == [0, 3, 6, 8] and len(one) == 4 and repr(one) == "Film: 4 frames of 8 epochs"
    assert list(closed(one.animation()).models_) == [BEFORE, "epoch 3", "epoch 6", "epoch 8"]


def test_each_frame_shows_the_model_of_its_epoch():
    one, t, kept = film(), trainer(), {}

    def keep(record):
        kept[f"epoch {record['epoch']}"] = t.model.predict_proba(X)

    kept[BEFORE] = t.model.copy()(X)
    t.fit(X, Y, 3, callbacks=[one, keep])
    models = closed(one.animation()).models_
    np.testing.assert_array_equal(models[BEFORE](X), kept.pop(BEFORE))
    for title, p in kept.items():
        np.testing.assert_array_equal(models[title].predict_proba(X), p)


def test_training_has_the_same_bits():
    a, b = trainer(), trainer()
    a.fit(X, Y, 3)
    b.fit(X, Y, 3, callbacks=[film()])
    np.testing.assert_array_equal(a.model.flat_parameters, b.model.flat_parameters)


def test_a_second_fit_goes_on_and_another_trainer_begins_anew():
    one, t = film(2), trainer()
    t.fit(X, Y, 3, callbacks=[one])
    t.fit(X, Y, 3, callbacks=[one])
    assert one.epochs == [0, 2, 3, 4, 6]
    trainer(1).fit(X, Y, 2, callbacks=[one])
    assert one.epochs == [0, 2]


def test_a_resumed_training_goes_on_with_another_film(tmp_path):
    whole, first, second = film(2), film(2), film(2)
    trainer().fit(X, Y, 6, callbacks=[whole])
    t = trainer()
    t.fit(X, Y, 4, callbacks=[first])
    t.save(tmp_path / "t.safetensors")
    nc.Trainer.resume(tmp_path / "t.safetensors").fit(X, Y, 2, callbacks=[second])
    assert second.epochs == whole.epochs == [0, 2, 4, 6]
    for a, b in zip(*(closed(of.animation()).models_.values() for of in (whole, second)), strict=True):
        np.testing.assert_array_equal(a.flat_parameters, b.flat_parameters)


def test_frames_are_thinned(monkeypatch):
    monkeypatch.setattr(_film, "_MOST", 5)
    one = film()
    trainer().fit(X, Y, 13, callbacks=[one])
    assert one.every == 4 and one.epochs == [0, 4, 8, 12, 13]


def test_a_notebook_shows_a_player_whose_buttons_need_no_network():
    one = film(2)
    trainer().fit(X, Y, 4, callbacks=[one])
    shown = one._repr_html_()
    assert shown.count("data:image/png;base64") == 3 and shown.count("<button") == 5 and shown.count("<path") == 5
    assert "http" not in shown and "font-awesome" not in shown and "<link" not in shown and "<i " not in shown
    (key,) = set(re.findall(r'id="(film-\w+)"', shown))
    assert f'getElementById("{key}")' in shown and key not in one._repr_html_()  # two players in one page
    assert [text in shown for text in (BEFORE, "epoch 2", "epoch 4")] == [True] * 3


def test_files(tmp_path):
    one = film(2)
    trainer().fit(X, Y, 4, callbacks=[one])
    one.save(tmp_path / "film.html", dpi=50)
    page = (tmp_path / "film.html").read_text()
    assert page.startswith("<!DOCTYPE html>") and page.count("data:image/png") == 3 and "</html>" in page
    one.save(tmp_path / "film.gif", dpi=50, interval=70)
    with Image.open(tmp_path / "film.gif") as gif:
        assert (gif.n_frames, gif.size, gif.info["duration"]) == (3, (290, 210), 70)
    one.save(tmp_path / "film.png")
    assert (tmp_path / "film.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "film.html").stat().st_size < 3 * 60_000
    for path in ("film.txt", "film"):
        with pytest.raises(nc.ConfigError, match="path: expected one that ends in"):
            one.save(tmp_path / path)
    with pytest.raises(nc.ConfigError, match="interval: expected an integer"):
        one.save(tmp_path / "film.gif", interval=0)
    if not writers.is_available("ffmpeg"):
        with pytest.raises(nc.ConfigError, match=r"expected \.gif or \.html, as ffmpeg is not installed"):
            one.save(tmp_path / "film.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.gif", "film.html", "film.png"]


def test_a_regression_over_one_input():
    x = np.linspace(-1, 1, 30)[:, None]
    net = nc.Sequential(nc.Linear(1, 6), nc.Tanh(), nc.Linear(6, 1), seed=0)
    one = nc.Film(x, np.sin(x[:, 0]), feature_names=["time"])
    nc.Trainer(net, nc.MSELoss(), nc.Adam(lr=0.05)).fit(x, np.sin(x), 2, callbacks=[one])
    display = closed(one.animation())
    limits = []
    for frame, model in enumerate(display.models_.values()):
        display.draw(frame)
        at, y = display.ax_.lines[-1].get_data()
        np.testing.assert_allclose(y, model(np.asarray(at)[:, None])[:, 0], rtol=1e-5)
        limits.append(display.ax_.get_ylim())
    assert len(set(limits)) == 1 and display.ax_.get_xlabel() == "time"


def test_class_and_feature_names_and_size():
    one = film(class_names=["a", "b"], feature_names=["u", "v"], figsize=(4, 3))
    trainer().fit(X, Y, 1, callbacks=[one])
    display = closed(one.animation())
    display.draw(-1)
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["a", "b"]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("u", "v")
    assert display.figure_.get_size_inches().tolist() == [4, 3]


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_keep_the_frames(again):
    one = film(2)
    trainer().fit(X, Y, 4, callbacks=[one])
    other = again(one)
    assert (
        other.epochs == one.epochs
        and closed(other.animation()).models_.keys() == closed(one.animation()).models_.keys()
    )


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: nc.Film(X[:, :1], Y), nc.ShapeError, r"X: expected \(N, 2\)"),
        (lambda: nc.Film(X, Y[:5]), nc.ShapeError, "y: expected"),
        (lambda: nc.Film(X * np.nan, Y), nc.ConfigError, "X: expected finite"),
        (lambda: nc.Film(X, Y, class_names=["a"]), nc.ConfigError, "class_names: expected 2 texts"),
        (lambda: nc.Film(X, Y, figsize=3), nc.ConfigError, "figsize: expected"),
        (lambda: nc.Film(X, Y, 0), nc.ConfigError, "every: expected an integer"),
        (lambda: nc.Film(X, Y, resolution=1), nc.ConfigError, "resolution: expected an integer"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_the_first_step(make, error, message):
    t = trainer()
    with pytest.raises(error, match=message):
        t.fit(X, Y, 2, callbacks=[make()])
    assert t.epoch == 0


def test_frames_stay_after_an_error():
    one = film()

    def broken(record):
        if record["epoch"] == 3:
            raise RuntimeError("no")

    t = trainer()
    with pytest.raises(RuntimeError, match="no"):
        t.fit(X, Y, 5, callbacks=[broken, one])
    assert one.epochs == [0, 1, 2, 3]
    t.fit(X, Y, 1, callbacks=[one])
    assert one.epochs == [0, 1, 2, 3, 4]
