"""Many small images on one axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nncore._support import checks
from nncore.errors import ConfigError, ShapeError
from nncore.plot._style import Floats, ink, paper, points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

MAX_PICTURES = 2048  # pictures in one mosaic
_GREY = 205
_INCHES = 0.9  # width of a picture
_MAX_WIDTH, _TALLEST = 11.0, 9.0  # inches of a figure

Bytes = NDArray[np.uint8]


def image_array(where: str, name: str, value: Any) -> NDArray[Any]:
    """`value` as finite images (N, C, H, W) with C = 1 or 3, N >= 1."""
    array = checks.real_array(where, name, value)
    shape = array.shape
    if array.ndim == 3:
        array = array[:, None]
    if array.ndim != 4 or array.shape[1] not in (1, 3) or 0 in array.shape:
        raise ShapeError(f"[{where}] {name}: expected (N, H, W), (N, 1, H, W) or (N, 3, H, W), got {shape}")
    return array


def finite(where: str, name: str, array: NDArray[Any]) -> Floats:
    """`array` as float64; ConfigError for NaN and infinity."""
    with np.errstate(over="ignore"):
        values = np.asarray(array, np.float64)
    if not np.isfinite(values).all():
        raise ConfigError(
            f"[{where}] {name}: expected finite numbers, got {np.count_nonzero(~np.isfinite(values))} others"
        )
    return values


def at_most(where: str, name: str, count: int, hint: str) -> None:
    """ConfigError for more than MAX_PICTURES images."""
    if count > MAX_PICTURES:
        raise ConfigError(f"[{where}] {name}: expected at most {MAX_PICTURES} pictures, got {count}; {hint}")


def brightness(values: Floats, low: float, high: float) -> Floats:
    """`values` with low at 0 and high at 1; all the same: 0."""
    width = high / 2 - low / 2  # halves do not overflow
    return (values / 2 - low / 2) / width if width > 0 else np.zeros_like(values)


def pictures(array: Floats) -> Bytes:
    """(N, C, H, W) in [0, 1] as bytes (N, H, W, 3); one channel becomes grey."""
    rgb = np.broadcast_to(array, (len(array), 3, *array.shape[2:]))
    return np.rint(255 * rgb.transpose(0, 2, 3, 1)).astype(np.uint8)


def red_and_blue(values: Floats, largest: float) -> Bytes:
    """(…, 3): positive red, negative blue, zero white; `largest` has the fullest colour."""
    import matplotlib

    shown: Any = matplotlib.colormaps["RdBu_r"](brightness(values, -largest, largest) if largest else 0.5 + 0 * values)
    out: Bytes = np.rint(255 * shown[..., :3]).astype(np.uint8)
    return out


class Mosaic:
    """The layout of N images (H, W) in rows of `columns`, with space for a title above each if there are titles."""

    def __init__(
        self, where: str, n: int, shape: tuple[int, ...], columns: Any, titles: Sequence[str] | None = None
    ) -> None:
        self.height, self.width = height, width = shape
        self._titles = titles
        self.columns = math.ceil(math.sqrt(n * height / width)) if columns is None else columns
        self.columns = min(n, checks.integer(where, "columns", self.columns, 1, 2**31, or_none=True))
        self.rows = -(-n // self.columns)
        self._gap = max(1, round(0.06 * max(height, width)))
        self._head = 0 if titles is None else math.ceil(0.32 * width)

    def _place(self, number: int) -> tuple[int, int]:
        """Top and left of a picture."""
        row, column = divmod(number, self.columns)
        return self._head + row * (self.height + self._gap + self._head), column * (self.width + self._gap)

    def size(self) -> tuple[float, float]:
        """Inches of a figure of its own."""
        wide = self.columns * (self.width + self._gap)
        tall = self.rows * (self.height + self._gap + self._head)
        inch = max(_INCHES, 2.4 / max(self.columns, self.rows)) / self.width
        inch = min(inch, _MAX_WIDTH / wide, _TALLEST / tall)
        return max(wide * inch, 1.2), max(tall * inch, 1.2) + 0.3

    def sheet(self, tiles: Bytes, behind: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Bytes:
        """Images (N, H, W, 3) side by side on grey, which contrasts with black and white; titled ones on the colour
        `behind` the axes, which the area after the last image has, too.
        """
        last_row, last_column = self._place(self.rows * self.columns - 1)
        white = np.rint(255 * np.array(behind)).astype(np.uint8)
        sheet = np.empty((last_row + self.height, last_column + self.width, 3), np.uint8)
        sheet[:] = _GREY if self._titles is None else white
        for number, tile in enumerate(tiles):
            top, left = self._place(number)
            sheet[top : top + self.height, left : left + self.width] = tile
        if len(tiles) < self.rows * self.columns:
            top, left = self._place(len(tiles))
            sheet[top:, left:] = white
        return sheet

    def draw(self, ax: Axes, tiles: Bytes) -> AxesImage:
        """Draws pictures (N, H, W, 3)."""
        image = ax.imshow(self.sheet(tiles, paper(ax)), interpolation="nearest")
        ax.set(xticks=[], yticks=[])
        ax.grid(False, which="both")
        for spine in ax.spines.values():
            spine.set_visible(False)
        if self._titles is not None:
            self._write(ax, self._titles)
        return image

    def _write(self, ax: Axes, titles: Sequence[str]) -> None:
        width = 72 * ax.get_window_extent().width / ax.figure.dpi / self.columns
        longest = max(5, *map(len, titles))  # a title as wide as its picture
        size = float(np.clip(min(0.2 * width, 1.4 * width / longest), 3.0, points(0.9)))
        style: Any = {"ha": "center", "va": "bottom", "color": ink(ax), "fontsize": size}
        for number, text in enumerate(titles):
            top, left = self._place(number)
            ax.text(left + (self.width - 1) / 2, top - 1, text, parse_math=False, **style)
