"""Display: the base of what plot functions return; it describes, saves and shows the picture."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nncore._support import checks
from nncore._support.files import atomic, path_of
from nncore._support.notebook import in_notebook
from nncore._support.strict import Strict
from nncore.errors import ConfigError
from nncore.plot._style import own_figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


_MOST_PIXELS = 400_000_000  # of a file
_LIVE_IN_NOTEBOOKS = ("ipympl", "widget", "nbagg")  # backends whose figures are shown as they are, and stay open


@dataclass(frozen=True, repr=False)
class Display(Strict):
    """Base of the results of plot functions.

    Attributes
    ----------
    axes_ : tuple of matplotlib Axes, those drawn on, left to right
    about_ : str, what is drawn, in words
    """

    axes_: tuple[Axes, ...]
    about_: str = field(default="", kw_only=True)

    @property
    def ax_(self) -> Axes:
        """The first of the axes."""
        return self.axes_[0]

    @property
    def figure_(self) -> Figure | SubFigure:
        """The figure of the axes."""
        return self.ax_.figure

    def __repr__(self) -> str:
        """One line: `HistoryDisplay: loss and accuracy of 20 epochs`."""
        return f"{type(self).__name__}: {self.about_}" if self.about_ else type(self).__name__

    def save(self, path: str | os.PathLike[str], *, dpi: float | None = None) -> None:
        """Writes the figure to a file.

        Parameters
        ----------
        path : str or path
            Its ending says the format: .png, .pdf, .svg, .jpg or another one of matplotlib's.
        dpi : float > 0 or None, default None
            Dots per inch; None: `matplotlib.rcParams["savefig.dpi"]`.

        Raises
        ------
        ConfigError
            No path, an ending that matplotlib does not know, a dpi that is not positive.
        OSError
            The file cannot be written; one that was there stays as it was.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     nc.plot.confusion_matrix([0, 1, 1], [0, 1, 0]).save(f"{folder}/confusion.png", dpi=100)
        """
        where = f"{type(self).__name__}.save"
        name = path_of(where, path)
        resolution: Any = "figure" if dpi is None else checks.positive(where, "dpi", dpi)
        if dpi is None:
            import matplotlib

            resolution = matplotlib.rcParams["savefig.dpi"]
        figure = root_of(self.figure_)
        known = figure.canvas.get_supported_filetypes()
        ending = os.path.splitext(name)[1][1:].lower()
        if ending not in known:
            hint = f'such as "{os.path.splitext(os.path.basename(name))[0]}.png"'
            endings = ", ".join(f".{one}" for one in sorted(known))
            raise ConfigError(f"[{where}] path: expected one that ends in {endings} ({hint}), got {name!r}")
        check_pixels(where, figure, resolution)
        with atomic(name) as file:
            figure.savefig(file, format=ending, dpi=resolution)
        if figure in own_figures and not in_notebook() and not has_window(figure):
            from matplotlib import pyplot

            pyplot.close(figure)  # nothing shows it any more: a loop would keep all figures in memory

    def show(self) -> None:
        """Shows the picture: in a notebook at this place, from a script in a window, until it is closed.

        Where there is no window (a server, matplotlib's backend "agg"), a line on stderr says so.
        """
        figure = root_of(self.figure_)
        from matplotlib import pyplot

        if in_notebook() and any(kind in pyplot.get_backend().lower() for kind in _LIVE_IN_NOTEBOOKS):
            figure.show()
        elif in_notebook():
            from IPython.display import display

            display(figure)  # type: ignore[no-untyped-call]
            pyplot.close(figure)  # else the notebook shows it once more at the end of the cell
        elif has_window(figure):
            pyplot.show()
        else:
            print(f"{self!r}: {no_window()}; save it with .save('picture.png')", file=sys.stderr)


def check_pixels(where: str, figure: Any, dpi: Any) -> None:
    """ConfigError for more pixels than memory is sensibly used for."""
    wide, tall = figure.get_size_inches() * (figure.dpi if dpi in (None, "figure") else dpi)
    if wide * tall > _MOST_PIXELS:
        raise ConfigError(f"[{where}] dpi: expected at most {_MOST_PIXELS:,} pixels, got {wide:.0f} x {tall:.0f}")


def root_of(figure: Any) -> Any:
    """The whole figure of a figure or a part of one."""
    while getattr(figure, "figure", figure) is not figure:
        figure = figure.figure
    return figure


def has_window(figure: Any) -> bool:
    """Whether pyplot has a window for this figure."""
    from matplotlib import pyplot

    framework = getattr(figure.canvas, "required_interactive_framework", None)
    in_browser = pyplot.get_backend().lower() == "webagg"
    return (framework is not None or in_browser) and pyplot.fignum_exists(getattr(figure, "number", -1))


def no_window() -> str:
    """Why there is no window, for messages."""
    import matplotlib

    return f'matplotlib\'s backend "{matplotlib.get_backend().lower()}" opens no window here'
