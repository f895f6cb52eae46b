"""Film: a picture of the model after every few epochs, as a film."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore._support.checks import integer
from nncore._support.strict import Setting
from nncore.errors import ConfigError, ShapeError, StateError
from nncore.nn._loss import has_classes
from nncore.nn._model import Model
from nncore.plot._display import root_of
from nncore.train._callback import Callback, Fit, Record
from nncore.train._history import History

if TYPE_CHECKING:
    from nncore.plot import BoundaryAnimation

_MOST = 300  # frames that are kept
_SIZE = (5.8, 4.2)


class Film(Callback):
    """Keeps the model after every few epochs of a fit, and shows what it makes of the data as a film.

    Points of the plane with labels: the decision boundary. One input with numbers: the fit over the data. A notebook
    shows the film with a player; `save` writes it as a page, a GIF or a video. Frames are drawn when the film is shown.

    Parameters
    ----------
    X, y : points (N, 2) and labels (N,), or inputs (N, 1) and numbers (N,) or (N, 1)
        What is drawn with the model, as by `plot.decision_boundary` or `plot.regression_fit`.
    every : int, default 1
        Epochs from one frame to the next; there is one before the first epoch and one at the end, too. Beyond 300
        frames every second one is dropped, and `every` doubles.
    class_names, feature_names : as in `plot.decision_boundary`
    figsize : (width, height) or None, default None. Inches; None: rcParams, or 5.8 x 4.2.
    resolution : int, default 150. Points per axis at which the model is asked.

    Raises
    ------
    ShapeError
        X of another shape, y of another length: before the first step.
    ConfigError
        X or y not finite, labels that are not integers, an argument out of range.
    ImportError
        matplotlib is not installed.

    Notes
    -----
    It goes on where the trainer's history ends: several fits of one trainer make one film, and the frames are saved
    with the trainer. With another trainer it begins anew.

    Examples
    --------
    >>> X, y = nc.datasets.make_moons(100, noise=0.1, seed=0)
    >>> net = nc.Sequential(nc.Linear(2, 20), nc.ReLU(), nc.Linear(20, 2), seed=0)
    >>> film = nc.Film(X, y, every=5)
    >>> history = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.5)).fit(X, y, epochs=20, callbacks=[film])
    >>> film
    Film: 5 frames of 20 epochs

    Then `film` alone in a cell, or `film.save("film.html")`, `film.save("film.gif")`.
    """

    every = Setting(lambda where, name, value: integer(where, name, value, 1, 2**62), "Epochs between two frames.")
    resolution = Setting(lambda where, name, value: integer(where, name, value, 2, 2000), "Points per axis.")

    def __init__(
        self,
        X: Any,
        y: Any,
        every: int = 1,
        *,
        class_names: Any = None,
        feature_names: Any = None,
        figsize: Any = None,
        resolution: int = 150,
    ) -> None:
        if find_spec("matplotlib") is None:  # before the fit, not after it
            raise ImportError("[Film] matplotlib is needed to draw: pip install nncore[plot]")
        self.every = every
        self.resolution = resolution
        self._data, self._names, self._figsize = (X, y), (class_names, feature_names), figsize
        self._states: dict[int, dict[str, Any]] = {}  # epoch -> state of the model after it
        self._template: Model | None = None
        self._classes = True
        self._served: weakref.ref[Any] | None = None
        self._loaded = False

    # ---- As a callback ----------------------------------------------------------------------------------------------

    def on_fit_begin(self, trainer: Fit) -> None:
        """A frame of the model as it is now; it is drawn once, so that the data are checked before the first step."""
        same = self._served is not None and self._served() is trainer
        known = self._states if same or self._loaded else {}
        shapes = _shapes(trainer.model.state_dict())
        self._states = {
            epoch: state for epoch, state in known.items() if epoch <= trainer.epoch and _shapes(state) == shapes
        }
        self._trainer, self._served, self._loaded = trainer, weakref.ref(trainer), False
        self._template = trainer.model.copy()
        self._classes = has_classes(trainer.loss, self._data[1])
        self._keep(trainer.epoch)
        from matplotlib import pyplot

        pyplot.close(root_of(self._animated([trainer.epoch]).figure_))

    def on_epoch_end(self, record: Record) -> bool | None:
        """Keeps a frame after every `every`-th epoch."""
        if record["epoch"] % self.every == 0:
            self._keep(record["epoch"])
        return None

    def on_fit_end(self, history: History) -> None:
        """Keeps the last frame."""
        if self._trainer is not None:
            self._keep(self._trainer.epoch)
        self._trainer = None

    def on_fit_error(self, error: BaseException) -> None:
        """The frames so far remain."""
        self._trainer = None

    def _keep(self, epoch: int) -> None:
        assert self._trainer is not None
        self._states[epoch] = self._trainer.model.state_dict()
        if len(self._states) > _MOST:
            self.every *= 2
            self._states = {at: state for at, state in self._states.items() if at % self.every == 0 or at == epoch}

    def state_dict(self) -> dict[str, Any]:
        """The frames, by their epochs."""
        return {f"epoch {epoch}": state for epoch, state in self._states.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from the frames of another film."""
        self._states = {int(key.removeprefix("epoch ")): dict(values) for key, values in state.items()}
        self._loaded = True

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_trainer": None, "_served": None}

    # ---- As a film --------------------------------------------------------------------------------------------------

    @property
    def epochs(self) -> list[int]:
        """The epochs after which there is a frame."""
        return sorted(self._states)

    def __len__(self) -> int:
        return len(self._states)

    def __repr__(self) -> str:
        if not self._states:
            return f"Film(every={self.every}), nothing yet"
        frames, epochs = len(self._states), max(self._states)
        return f"Film: {frames} frame{'s' * (frames != 1)} of {epochs} epoch{'s' * (epochs != 1)}"

    def animation(self) -> BoundaryAnimation:
        """The film as a Display on a new figure, its first frame drawn: `.draw(frame)`, `.save(path)`, `.show()`."""
        return self._animated(self.epochs)

    def save(self, path: str | os.PathLike[str], *, dpi: float | None = None, interval: int = 200) -> None:
        """Writes the film: .html (a player that needs no network), .gif, .mp4 (needs ffmpeg); as the Display's save."""
        from matplotlib import pyplot

        film = self.animation()
        try:
            film.save(path, dpi=dpi, interval=interval)
        finally:
            pyplot.close(root_of(film.figure_))

    def show(self) -> None:
        """Shows the film: in a notebook with a player, from a script in a window."""
        self.animation().show()

    def _repr_html_(self) -> str | None:
        return self.animation()._repr_html_() if self._states else None

    def _animated(self, epochs: list[int]) -> BoundaryAnimation:
        from nncore.plot._data.animation import animated

        if not epochs or self._template is None:
            raise StateError("[Film] there are no frames yet: give it to fit as one of its callbacks")
        models = {}
        for epoch in epochs:
            model = self._template.copy()
            model.load_state_dict(self._states[epoch])
            models[f"epoch {epoch}" if epoch else "before the first epoch"] = model
        X = self._data[0]
        if self._classes:
            return animated("Film", models, self._boundary, None, _SIZE, self._figsize, "decision boundaries")
        if (np.ndim(X) == 2 and np.shape(X)[1] == 1) or np.ndim(X) == 1:
            return animated("Film", models, self._fit, None, _SIZE, self._figsize, "fits over one input")
        raise ShapeError(f"[Film] X: expected points (N, 2) with labels, or (N, 1) with numbers, got {np.shape(X)}")

    def _boundary(self, on: Any, model: Any, title: str, own: bool) -> None:
        from nncore.plot._data.boundary import boundary_on

        boundary_on(on, own, model, *self._data, *self._names, self.resolution, title)

    def _fit(self, on: Any, model: Any, title: str, own: bool) -> None:
        from nncore.plot import regression_fit

        X, y = self._data
        if self._names[0] is not None:
            raise ConfigError("[Film] class_names: expected None for a regression")
        regression_fit(model, X, y, feature_names=self._names[1], ax=on, title=title)
        low, high = float(np.min(y)), float(np.max(y))
        margin = 0.3 * (high - low) or 1.0
        on.set_ylim(low - margin, high + margin)  # the same for all frames


def _shapes(state: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: np.shape(value) for name, value in state.items()}
