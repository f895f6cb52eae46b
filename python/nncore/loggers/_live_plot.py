"""LivePlot: plots that are updated during a fit in a notebook."""

from __future__ import annotations

from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np

from nncore._support.checks import integer
from nncore.errors import ConfigError
from nncore.plot import decision_boundary, history
from nncore.plot._style import canvas
from nncore.train._callback import Callback, Fit, Record
from nncore.train._history import History
from nncore.train._metrics import is_metric


class LivePlot(Callback):
    """Draws the loss, a metric, and the boundary of a classifier of points in the plane anew while a notebook trains.

    One picture takes the place of the last. Drawing takes a good part of a second: choose `every` accordingly.

    Parameters
    ----------
    X, y : points (N, 2) and labels (N,), or None, default None
        Shown with the model's boundary, as by `plot.decision_boundary`.
    every : int, default 1
        Epochs from one picture to the next; there is one at the end, too.

    Raises
    ------
    ConfigError
        X without y, or y without X.
    ImportError
        IPython is not installed: there is no notebook; or matplotlib is not.

    Examples
    --------
    In a notebook: `trainer.fit(X, y, epochs=100, callbacks=[nc.LivePlot(X, y, every=5)])`.
    """

    def __init__(self, X: Any = None, y: Any = None, every: int = 1) -> None:
        if (X is None) != (y is None):
            raise ConfigError(f"[LivePlot] {'y' if y is None else 'X'}: expected X and y or neither of them, got None")
        self.every = integer("LivePlot", "every", every, 1, 2**62)
        try:
            from IPython.display import display
        except ImportError as error:
            raise ImportError(
                "[LivePlot] it shows pictures in notebooks, which need IPython: pip install ipykernel"
            ) from error
        if find_spec("matplotlib") is None:  # before the fit, not after the first epoch
            raise ImportError("[LivePlot] matplotlib is needed to draw: pip install nncore[plot]")
        self._display: Any = display
        self._points = None if X is None else (X, y)
        self._records: list[Record] = []
        self._handle: Any = None
        self._shown = -1

    def on_fit_begin(self, trainer: Fit) -> None:
        """A new picture; with points one of the model as it is now, so that they are checked before the first step."""
        self._trainer, self._records, self._handle, self._shown = trainer, [], None, -1
        if self._points is not None:
            self._draw()

    def on_epoch_end(self, record: Record) -> bool | None:
        """Draws after every `every`-th epoch."""
        self._records.append(record)
        if len(self._records) % self.every == 0:
            self._draw()
        return None

    def on_fit_end(self, history: History) -> None:
        """The last picture."""
        if self._records and self._shown != len(self._records):
            self._draw()
        self._trainer = None

    def on_fit_error(self, error: BaseException) -> None:
        """Drops the reference to the trainer; the last picture stays."""
        self._trainer = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_trainer": None, "_handle": None}

    def _draw(self) -> None:
        assert self._trainer is not None
        columns = {key: np.array([record[key] for record in self._records]) for key in (self._records or [{}])[0]}
        metric = any(map(is_metric, columns))
        curves = (1 + metric) if columns else 0
        count = curves + (self._points is not None)
        with canvas("LivePlot", None, (4.6 * count, 3.4), count) as axes:
            from matplotlib import pyplot

            figure: Any = axes[0].figure
            try:
                if curves:
                    history(SimpleNamespace(epochs=columns, steps={}), ax=axes[:curves])
                if self._points is not None:
                    title = f"epoch {columns['epoch'][-1]}" if columns else "before the first epoch"
                    decision_boundary(self._trainer.model, *self._points, ax=axes[-1], resolution=120, title=title)
                self._show(figure)
            finally:
                pyplot.close(figure)  # else the notebook shows it once more
        self._shown = len(self._records)

    def _show(self, figure: Any) -> None:
        if self._handle is None:
            self._handle = self._display(figure, display_id=True)
        else:
            self._handle.update(figure)
