"""boundary_animation: how a classifier's regions change while it trains."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nncore._support import checks
from nncore._support.files import atomic, path_of
from nncore._support.names import keywords
from nncore._support.notebook import in_notebook
from nncore.errors import ConfigError
from nncore.plot._data.boundary import boundary_on
from nncore.plot._display import Display, check_pixels, has_window, root_of
from nncore.plot._player import frame_of, page, player, write_gif
from nncore.plot._style import canvas, counted, look

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from PIL.Image import Image

_WHERE = "plot.boundary_animation"
_VIDEOS = (".mp4", ".mov", ".webm", ".mkv", ".avi")

#: Draws a model on axes: (ax, model, title, whether the axes are those of a figure of our own)
Picture = Callable[[Any, Any, str, bool], object]


@dataclass(frozen=True, repr=False)
class BoundaryAnimation(Display):
    """The animation of `boundary_animation`; a notebook displays it as a film with a player.

    Attributes
    ----------
    models_ : dict title -> model, a frame each
    """

    models_: dict[str, Any]
    _picture: Picture
    _own: bool
    _look: Any

    def draw(self, frame: int) -> None:
        """Shows a frame on the axes."""
        count = len(self.models_)
        title = list(self.models_)[checks.integer(_WHERE, "frame", frame, -count, count - 1)]
        import matplotlib

        with matplotlib.rc_context(self._look):
            _empty(self.ax_)
            self._picture(self.ax_, self.models_[title], title, self._own)

    def animation(self, interval: int = 200) -> FuncAnimation:
        """matplotlib's animation, `interval` milliseconds a frame."""
        from matplotlib.animation import FuncAnimation

        pause = checks.integer(_WHERE, "interval", interval, 1, 2**31)
        figure: Any = self.figure_
        return FuncAnimation(figure, self.draw, frames=len(self.models_), init_func=lambda: None, interval=pause)

    def save(self, path: str | os.PathLike[str], *, dpi: float | None = None, interval: int = 200) -> None:
        """Writes the film, or the frame that is shown now.

        Parameters
        ----------
        path : str or path
            Ends in .html (a page with a player, which needs no network), .gif, .mp4 (or another kind of video;
            needs ffmpeg), or in .png, .pdf, … for a picture of one frame.
        dpi : float > 0 or None, default None
            Dots per inch; None: the figure's.
        interval : int >= 1, default 200
            Milliseconds a frame.

        Raises
        ------
        ConfigError
            An ending that is not known, ffmpeg that is not there, a dpi or interval out of range.
        OSError
            The file cannot be written; one that was there stays as it was.
        """
        where = f"{type(self).__name__}.save"
        name, pause = path_of(where, path), checks.integer(where, "interval", interval, 1, 2**31)
        ending = os.path.splitext(name)[1].lower()
        dots = None if dpi is None else checks.positive(where, "dpi", dpi)
        check_pixels(where, root_of(self.figure_), dots)
        if ending in _VIDEOS:
            from matplotlib.animation import writers

            if not writers.is_available("ffmpeg"):
                raise ConfigError(f"[{where}] path: expected .gif or .html, as ffmpeg is not installed, got {name!r}")
            self.animation(pause).save(name, writer="ffmpeg", dpi=dots)
        elif ending == ".gif":
            with atomic(name) as file:
                write_gif(file, self._frames(dots), pause)
        elif ending in (".html", ".htm"):
            with atomic(name) as file:
                film = player(self._frames(dots), list(self.models_), pause)
                file.write(page(film, self.about_).encode("utf-8", "replace"))
        else:
            super().save(name, dpi=dpi)

    def _frames(self, dpi: float | None = None) -> Iterator[Image]:
        """The frames as images; the first decides where everything lies."""
        figure = root_of(self.figure_)
        engine = figure.get_layout_engine()
        try:
            for frame in range(len(self.models_)):
                self.draw(frame)
                yield frame_of(figure, dpi)
                figure.set_layout_engine("none")
        finally:
            figure.set_layout_engine(engine)

    def _repr_html_(self) -> str:
        from matplotlib import pyplot

        shown = player(self._frames(), list(self.models_), 200)
        pyplot.close(root_of(self.figure_))  # else the notebook shows the last frame as well
        return shown

    def show(self) -> None:
        """Shows the film: in a notebook as a player, from a script in a window, until it is closed."""
        if in_notebook():
            from IPython.display import HTML, display

            display(HTML(self._repr_html_()))  # type: ignore[no-untyped-call]
            return
        if has_window(root_of(self.figure_)):
            moving = self.animation()  # kept for as long as the window is open
            super().show()
            del moving
        else:
            super().show()


def _empty(ax: Any) -> None:
    """Takes away what was drawn; the axes keep their style, which `ax.clear()` would reset."""
    for artist in [*ax.images, *ax.collections, *ax.lines, *ax.texts]:
        artist.remove()
    if ax.get_legend() is not None:
        ax.get_legend().remove()


@keywords()
def boundary_animation(
    models: Any,
    X: Any,
    y: Any,
    *,
    class_names: Any = None,
    feature_names: Any = None,
    ax: Any = None,
    figsize: Any = None,
    resolution: int = 150,
) -> BoundaryAnimation:
    """A film of decision boundaries, a frame for each model: copies of one that were kept while it trained.

    `nc.Film` keeps the copies.

    Parameters
    ----------
    models : dict title -> model, or a list of models
        Of a list the titles are the numbers, from 1.
    X, y, class_names, feature_names, resolution : as in `decision_boundary`
    ax : matplotlib Axes or None, default None
        Draw here instead of in a new figure.
    figsize : (width, height) or None, default None. Inches of a new figure; None: rcParams, or what suits.

    Returns
    -------
    BoundaryAnimation
        Shows its first frame; `draw(frame)`, `animation()`; `.save("film.html")`, `.save("film.gif")`, `.show()`.

    Raises
    ------
    ConfigError, ShapeError
        No models, or what `decision_boundary` refuses in the first of them.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> X, y = nc.datasets.make_moons(100, noise=0.1, seed=0)
    >>> net = nc.Sequential(nc.Linear(2, 20), nc.ReLU(), nc.Linear(20, 2), seed=0)
    >>> frames = {}
    >>> def keep(record):
    ...     frames[f"epoch {record['epoch']}"] = net.copy()
    >>> history = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.5)).fit(X, y, epochs=3, callbacks=[keep])
    >>> film = nc.plot.boundary_animation(frames, X, y)
    >>> film.draw(2)
    >>> film.ax_.get_title()
    'epoch 3'
    """
    if isinstance(models, Mapping):
        named = {str(title): model for title, model in models.items()}
    else:
        row = checks.as_list(models) if isinstance(models, (list, tuple)) else None
        named = {str(number): model for number, model in enumerate(row or [], 1)}
    if not named:
        raise ConfigError(f"[{_WHERE}] models: expected a dict or a list of models, got {checks.describe(models)}")

    def picture(on: Any, model: Any, title: str, own: bool) -> None:
        boundary_on(on, own, model, X, y, class_names, feature_names, resolution, title)

    return animated(_WHERE, named, picture, ax, (5.8, 4.2), figsize, "decision boundaries")


def animated(
    where: str, models: dict[str, Any], picture: Picture, ax: Any, size: tuple[float, float], figsize: Any, what: str
) -> BoundaryAnimation:
    """The animation of a picture of models, its first frame drawn."""
    with canvas(where, ax, size, figsize=figsize) as axes:
        about = f"{counted(len(models), 'frame')} of {what}"
        film = BoundaryAnimation(axes, models, picture, ax is None, look(), about_=about)
        film.draw(0)
    return film
