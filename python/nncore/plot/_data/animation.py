"""boundary_animation: how a classifier's regions change while it trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nncore._support import checks
from nncore.errors import ConfigError
from nncore.plot._data.boundary import decision_boundary
from nncore.plot._style import Display, canvas

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation

_WHERE = "plot.boundary_animation"


@dataclass(frozen=True)
class BoundaryAnimation(Display):
    """The animation of `boundary_animation`; a notebook displays it as a video.

    Attributes
    ----------
    models_ : dict title -> model, a frame each
    """

    models_: dict[str, Any]
    _how: dict[str, Any]

    def draw(self, frame: int) -> None:
        """Shows a frame on the axes."""
        count = len(self.models_)
        title = list(self.models_)[checks.integer(_WHERE, "frame", frame, -count, count - 1)]
        self.ax_.clear()
        decision_boundary(self.models_[title], **self._how, ax=self.ax_, title=title)

    def animation(self, interval: int = 200) -> FuncAnimation:
        """matplotlib's animation, `interval` milliseconds a frame: `.save("film.gif")`, `.to_jshtml()`."""
        from matplotlib.animation import FuncAnimation

        pause = checks.integer(_WHERE, "interval", interval, 1, 2**31)
        figure: Any = self.figure_
        return FuncAnimation(figure, self.draw, frames=len(self.models_), init_func=lambda: None, interval=pause)

    def _repr_html_(self) -> str:
        from matplotlib import pyplot

        shown: str = self.animation().to_jshtml()
        figure: Any = self.figure_
        pyplot.close(figure)  # else the notebook shows the last frame as well
        return shown


def boundary_animation(models: Any, X: Any, y: Any, *, ax: Any = None, resolution: int = 150) -> BoundaryAnimation:
    """A film of decision boundaries, a frame for each model: copies of one that were kept while it trained.

    Parameters
    ----------
    models : dict title -> model, or a list of models
        Of a list the titles are the numbers, from 1.
    X, y, resolution : as in `decision_boundary`
    ax : matplotlib Axes or None, default None
        Draw here instead of in a new figure.

    Returns
    -------
    BoundaryAnimation
        Shows its first frame; `draw(frame)`, `animation()`.

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
    with canvas(_WHERE, ax, (5.8, 4.2)) as axes:
        film = BoundaryAnimation(axes, named, {"X": X, "y": y, "resolution": resolution})
        film.draw(0)
    return film
