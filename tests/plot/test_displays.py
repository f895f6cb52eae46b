"""What every plot function promises of its picture: repr, files, rcParams and styles, figsize, other people's axes."""

import inspect
import struct
import sys
from types import SimpleNamespace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

import nncore as nc
from support import windows
from support.plot_calls import CALLS

every_function = pytest.mark.parametrize("name", CALLS)
PUBLIC = {name: getattr(nc.plot, name) for name in nc.plot.__all__}
KINDS = [kind for kind in PUBLIC.values() if isinstance(kind, type) and issubclass(kind, nc.plot.Display)]
ROOM = {"font.size": 22, "lines.linewidth": 4, "figure.figsize": (14, 8)}


def texts_of(display):
    """Every text that is drawn, with content."""
    found = []
    for ax in display.axes_:
        legend = ax.get_legend()
        ticks = [*ax.get_xticklabels(), *ax.get_yticklabels()]
        found += [ax.title, ax.xaxis.label, ax.yaxis.label, *ticks, *ax.texts]
        found += [] if legend is None else legend.get_texts()
    return [text for text in found if text.get_text() and text.get_visible()]


def test_every_function_is_among_the_calls():
    assert {name for name, value in PUBLIC.items() if inspect.isfunction(value)} == set(CALLS)


def test_names_are_imported_from_where_they_are():
    assert sorted(nc.plot._HOME) == sorted(nc.plot.__all__) == sorted(set(nc.plot.__all__))
    for name, value in PUBLIC.items():
        assert value.__module__ == f"nncore.plot.{nc.plot._HOME[name]}" and name in dir(nc.plot)
    with pytest.raises(AttributeError, match="module 'nncore.plot' has no attribute 'histroy'"):
        nc.plot.histroy  # noqa: B018


@every_function
def test_repr_is_one_short_line_in_words(name):
    display = CALLS[name]()
    shown = repr(display)
    assert shown.startswith(f"{type(display).__name__}: ") and "\n" not in shown and len(shown) < 100
    assert "0x" not in shown and "<" not in shown and shown == str(display)


def test_no_display_is_shown_twice_by_a_notebook():
    """A notebook shows pyplot's open figures by itself: a picture of the Display would be the second."""
    pictures = ("_repr_html_", "_repr_png_", "_repr_svg_", "_repr_mimebundle_", "_ipython_display_")
    found = {kind.__name__: [one for one in pictures if hasattr(kind, one)] for kind in KINDS}
    assert found.pop("BoundaryAnimation") == ["_repr_html_"]  # which closes the figure
    assert not any(found.values()) and len(KINDS) > 15


@every_function
@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_save(name, ending, tmp_path):
    display = CALLS[name]()
    path = tmp_path / f"picture.{ending}"
    assert display.save(path, dpi=50) is None
    start = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[ending]
    assert path.read_bytes().startswith(start)
    if ending == "png":
        wide, tall = struct.unpack(">II", path.read_bytes()[16:24])
        expected = 50 * display.figure_.get_size_inches()
        np.testing.assert_allclose([wide, tall], expected, atol=1)
    assert plt.get_fignums() == [], "nothing shows it any more"
    display.save(path)


def test_a_figure_of_the_users_stays_open(tmp_path):
    _, ax = plt.subplots()
    CALLS["confusion_matrix"](ax=ax).save(tmp_path / "a.png")
    assert plt.get_fignums() == [ax.figure.number]


def test_save_refuses_what_it_cannot_do_and_keeps_the_old_file(tmp_path):
    display = CALLS["history"]()
    old = tmp_path / "picture.png"
    old.write_text("old")
    for path in ("", None, 3):
        with pytest.raises(nc.ConfigError, match=r"\[HistoryDisplay\.save\] path: expected the path of a file"):
            display.save(path)
    for path in (tmp_path / "picture", tmp_path / "picture.xyz"):
        with pytest.raises(nc.ConfigError, match=r"path: expected one that ends in .*\.png.*such as .*picture\.png"):
            display.save(path)
    for dpi in (0, -1, "many", True, float("nan")):
        with pytest.raises(nc.ConfigError, match=r"\[HistoryDisplay\.save\] dpi: expected"):
            display.save(old, dpi=dpi)
    with pytest.raises(nc.ConfigError, match="dpi: expected at most 400,000,000 pixels"):
        display.save(old, dpi=1e5)
    with pytest.raises(FileNotFoundError, match=r"nowhere/picture\.png"):
        display.save(tmp_path / "nowhere" / "picture.png")
    assert old.read_text() == "old" and list(tmp_path.iterdir()) == [old]


def test_without_dpi_the_users_setting_counts(tmp_path):
    with matplotlib.rc_context({"savefig.dpi": 37}):
        CALLS["history"](figsize=(4, 2)).save(tmp_path / "a.png")
    assert struct.unpack(">II", (tmp_path / "a.png").read_bytes()[16:24]) == (148, 74)


@every_function
def test_show_without_a_window_says_so(name, capsys):
    display = CALLS[name]()
    assert display.show() is None
    said = capsys.readouterr()
    assert said.out == "" and "opens no window" in said.err and ".save(" in said.err and repr(display) in said.err


@every_function
def test_show_in_a_notebook_shows_each_picture_once(name, monkeypatch):
    shown = []
    shell = type("ZMQInteractiveShell", (), {})()
    ipython = SimpleNamespace(get_ipython=lambda: shell)
    inner = SimpleNamespace(display=shown.append, HTML=lambda text: text)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", inner)
    display, other = CALLS[name](), CALLS["history"]()
    display.show()
    assert len(shown) == 1 and plt.get_fignums() == [other.figure_.number]
    assert shown[0] is display.figure_ or "data:image/png" in shown[0]


def test_show_opens_a_window_where_there_are_windows():
    plt.switch_backend("module://support.windows")
    windows.log.clear()
    try:
        CALLS["history"]().show()
        assert windows.log[-1] == "shown until closed"
    finally:
        plt.close("all")
        plt.switch_backend("Agg")


@every_function
def test_figsize(name):
    assert CALLS[name](figsize=(5, 3)).figure_.get_size_inches().tolist() == [5, 3]
    for wrong in (3, (3,), (3, -1), ("a", 2), (1, 2, 3), (0, 1), (float("nan"), 1), (1e6, 1)):
        with pytest.raises(nc.ConfigError, match=rf"\[plot\.{name}\] figsize: expected"):
            CALLS[name](figsize=wrong)
    _, ax = plt.subplots()
    with pytest.raises(nc.ConfigError, match=rf"\[plot\.{name}\] figsize: expected None beside ax"):
        CALLS[name](ax=ax, figsize=(5, 3))
    assert not ax.has_data()


@every_function
def test_new_figures_follow_figure_figsize_and_grow_with_the_text(name):
    usual = CALLS[name]().figure_.get_size_inches()
    with matplotlib.rc_context({"font.size": 20}):
        np.testing.assert_allclose(CALLS[name]().figure_.get_size_inches(), 2 * usual)
    with matplotlib.rc_context({"figure.figsize": (14, 8)}):
        assert CALLS[name]().figure_.get_size_inches().tolist() == [14, 8]


@every_function
@pytest.mark.parametrize("own", [True, False])
def test_all_text_follows_font_size(name, own):
    def sizes():
        display = CALLS[name]() if own else CALLS[name](ax=plt.subplots(figsize=(20, 20))[1])
        display.figure_.canvas.draw()
        return np.array([text.get_fontsize() for text in texts_of(display)])

    usual = sizes()
    with matplotlib.rc_context({"font.size": 20}):
        large = sizes()
    assert np.median(large) == pytest.approx(2 * np.median(usual), rel=0.01) if usual.size else not large.size
    if large.size:
        assert large.max() < 1.6 * large.min()  # no small numbers beside large ticks


@every_function
@pytest.mark.parametrize("own", [True, False])
def test_lines_follow_line_width_and_colour_cycle(name, own):
    def lines(display):
        drawn = getattr(display, "lines_", {}).values()
        return [line for line in drawn if line.get_alpha() is None]

    settings = {"lines.linewidth": 4, "axes.prop_cycle": matplotlib.cycler(color=["#112233", "#445566"])}
    with matplotlib.rc_context(settings):
        display = CALLS[name]() if own else CALLS[name](ax=plt.subplots()[1])
    for line in lines(display):
        assert line.get_linewidth() >= 3 and to_rgb(line.get_color()) in (to_rgb("#112233"), to_rgb("#445566"))
    if name == "decision_boundary":
        assert to_rgb(display.points_[0].get_facecolor()[0]) == to_rgb("#112233")


@every_function
@pytest.mark.parametrize("own", [True, False])
def test_a_dark_style_is_dark_throughout(name, own):
    with plt.style.context("dark_background"):
        display = CALLS[name]() if own else CALLS[name](ax=plt.subplots()[1])
    assert to_rgb(display.figure_.get_facecolor()) == (0, 0, 0)
    for text in texts_of(display):
        cell = name == "confusion_matrix" and text in display.ax_.texts  # dark on light cells
        assert sum(to_rgb(text.get_color())) > 1.5 or cell, text
    for ax in display.axes_:
        legend = ax.get_legend()
        assert legend is None or sum(to_rgb(legend.get_frame().get_facecolor())) < 1.5 or not legend.get_frame_on()


@every_function
def test_axes_of_another_style_are_drawn_on_in_their_style(name):
    """The figure was made while a dark style held, which no longer holds."""
    with plt.style.context("dark_background"):
        _, ax = plt.subplots()
    for text in texts_of(CALLS[name](ax=ax)):
        cell = name == "confusion_matrix" and text in ax.texts
        assert sum(to_rgb(text.get_color())) > 1.5 or cell, text


@every_function
@pytest.mark.parametrize("style", ["dark_background", "ggplot", "seaborn-v0_8-talk", "grayscale", "classic"])
def test_styles_leave_the_settings_as_they_were(name, style):
    with plt.style.context([style, ROOM]):
        before = dict(matplotlib.rcParams)
        CALLS[name]().figure_.canvas.draw()
        assert dict(matplotlib.rcParams) == before


MAPS = ("decision_boundary", "contour_path", "histograms", "boundary_animation", "images", "filters",
        "confusion_matrix", "misclassified", "regression_surface", "loss_surface")  # fmt: skip


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("own", [True, False])
def test_no_grid_of_a_style_lies_on_colours(name, own):
    with plt.style.context("ggplot"):
        display = CALLS[name]() if own else CALLS[name](ax=plt.subplots()[1])
        display.figure_.canvas.draw()
    lines = [line for axis in (display.ax_.xaxis, display.ax_.yaxis) for line in axis.get_gridlines()]
    assert not any(line.get_visible() for line in lines)
