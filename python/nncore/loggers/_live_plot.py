"""LivePlot: plots that are updated during a fit, in a notebook or a window."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np

from nncore._support.checks import describe, integer
from nncore._support.notebook import in_notebook
from nncore._support.strict import Setting
from nncore.errors import ConfigError
from nncore.plot._display import has_window, no_window
from nncore.plot._style import canvas, emptied
from nncore.train._callback import Callback, Fit, Record
from nncore.train._history import History
from nncore.train._metrics import is_metric


class LivePlot(Callback):
    """Draws the loss, a metric, and the boundary of a classifier of points in the plane anew while it trains.

    In a notebook one picture takes the place of the last; from a script a window shows it. Where neither is possible a
    line on stderr says so, and the training goes on without pictures. Drawing takes a good part of a second: choose
    `every` accordingly.

    Parameters
    ----------
    X, y : points (N, 2) and labels (N,), or None, default None
        Shown with the model's boundary, as by `plot.decision_boundary`.
    every : int, default 1
        Epochs from one picture to the next; there is one at the end, too.
    class_names, feature_names : as in `plot.decision_boundary`
    figsize : (width, height) or None, default None. Inches; None: rcParams, or what suits.

    Raises
    ------
    ConfigError
        X without y, or y without X; names without points.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    `trainer.fit(X, y, epochs=100, callbacks=[nc.LivePlot(X, y, every=5)])`.
    """

    every = Setting(lambda where, name, value: integer(where, name, value, 1, 2**62), "Epochs between two pictures.")

    def __init__(
        self,
        X: Any = None,
        y: Any = None,
        every: int = 1,
        *,
        class_names: Any = None,
        feature_names: Any = None,
        figsize: Any = None,
    ) -> None:
        if (X is None) != (y is None):
            raise ConfigError(f"[LivePlot] {'y' if y is None else 'X'}: expected X and y or neither of them, got None")
        for name, given in (("class_names", class_names), ("feature_names", feature_names)):
            if given is not None and X is None:
                raise ConfigError(f"[LivePlot] {name}: expected None without X and y, got {describe(given)}")
        self.every = every
        if find_spec("matplotlib") is None:  # before the fit, not after the first epoch
            raise ImportError("[LivePlot] matplotlib is needed to draw: pip install nncore[plot]")
        self._points = None if X is None else (X, y)
        self._names = {"class_names": class_names, "feature_names": feature_names}
        self._figsize = figsize
        self._records: list[Record] = []
        self._screen: _Notebook | _Window | None = None
        self._shown = -1

    def on_fit_begin(self, trainer: Fit) -> None:
        """A new picture; with points one of the model as it is now, so that they are checked before the first step."""
        self._trainer, self._records, self._shown = trainer, [], -1
        self._screen = _Notebook() if in_notebook() else _Window()
        if self._points is not None:
            self._draw()
        if isinstance(self._screen, _Window) and not self._screen.possible():
            print(f"LivePlot: {no_window()}; training goes on without pictures", file=sys.stderr)
            self._screen = None

    def on_epoch_end(self, record: Record) -> bool | None:
        """Draws after every `every`-th epoch."""
        self._records.append(record)
        if len(self._records) % self.every == 0:
            self._draw()
        return None

    def on_fit_end(self, history: History) -> None:
        """The last picture. A window stays open until it is closed or the program ends."""
        if self._records and self._shown != len(self._records):
            self._draw()
        self._trainer, self._screen = None, None

    def on_fit_error(self, error: BaseException) -> None:
        """The last picture remains."""
        self._trainer, self._screen = None, None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_trainer": None, "_screen": None}

    def _draw(self) -> None:
        if self._screen is None:
            return
        from nncore.plot import decision_boundary, history

        assert self._trainer is not None
        columns = {key: np.array([record[key] for record in self._records]) for key in (self._records or [{}])[0]}
        metric = any(map(is_metric, columns))
        curves = (1 + metric) if columns else 0
        count = curves + (self._points is not None)
        with self._screen.canvas(count, self._figsize) as axes:
            if curves:
                history(SimpleNamespace(epochs=columns, steps={}), ax=axes[:curves])
            if self._points is not None:
                title = f"epoch {columns['epoch'][-1]}" if columns else "before the first epoch"
                model = self._trainer.model
                decision_boundary(model, *self._points, **self._names, ax=axes[-1], resolution=120, title=title)
        self._shown = len(self._records)


class _Notebook:
    """One picture in the output of a cell, which is replaced."""

    def __init__(self) -> None:
        from IPython.display import display

        self._display: Any = display
        self._handle: Any = None

    @contextmanager
    def canvas(self, count: int, figsize: Any) -> Iterator[tuple[Any, ...]]:
        """Axes to draw on; they are shown at the end."""
        with canvas("LivePlot", None, (4.6 * count, 3.4), count, figsize=figsize) as axes:
            from matplotlib import pyplot

            figure: Any = axes[0].figure
            try:
                yield axes
                if self._handle is None:
                    self._handle = self._display(figure, display_id=True)
                else:
                    self._handle.update(figure)
            finally:
                pyplot.close(figure)  # else the notebook shows it once more


class _Window:
    """A window whose content is replaced."""

    def __init__(self) -> None:
        self._figure: Any = None

    def possible(self) -> bool:
        """Whether there is a window to draw in."""
        if self._figure is None:
            with self.canvas(1, None):
                pass
        return self._figure is not None

    @contextmanager
    def canvas(self, count: int, figsize: Any) -> Iterator[tuple[Any, ...]]:
        """Axes to draw on; they are shown at the end. Without windows the figure is closed."""
        from matplotlib import pyplot

        if self._figure is None or not pyplot.fignum_exists(self._figure.number):
            with canvas("LivePlot", None, (4.6 * count, 3.4), count, figsize=figsize) as axes:
                figure: Any = axes[0].figure
                yield axes
        else:
            figure = self._figure
            with emptied(figure, count) as axes:
                yield axes
        if not has_window(figure):
            pyplot.close(figure)
            return
        if self._figure is not figure:
            self._figure = figure
            figure.show()
        figure.canvas.draw_idle()
        figure.canvas.flush_events()
