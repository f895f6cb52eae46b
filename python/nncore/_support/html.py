"""Tables and small curves as HTML, for notebooks and reports. All text is escaped here."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

_INK = "#0072B2"
_MAX_POINTS = 200


class Markup(str):
    """Text that is HTML: `cell` does not escape it."""


def cell(value: object) -> str:
    """`value` as HTML."""
    return value if isinstance(value, Markup) else html.escape(str(value))


def table(head: Sequence[object], rows: Iterable[Sequence[object]], *, caption: object = "", left: int = 0) -> Markup:
    """A table, the first `left` columns flush left; without a header row if `head` is empty."""

    def line(tag: str, cells: Sequence[object]) -> str:
        opened = (f'<{tag} style="text-align:left">' if i < left else f"<{tag}>" for i in range(len(cells)))
        return f"<tr>{''.join(f'{o}{cell(c)}</{tag}>' for o, c in zip(opened, cells, strict=True))}</tr>"

    above = f"<caption>{cell(caption)}</caption>" if caption else ""
    top = line("th", head) if head else ""
    return Markup(f"<table>{above}{top}{''.join(line('td', row) for row in rows)}</table>")


def facts(pairs: Iterable[tuple[object, object]], *, caption: object = "") -> Markup:
    """A table of names and values."""
    return table((), pairs, caption=caption, left=2)


def number(value: Any) -> str:
    """A float with four significant digits; anything else as text."""
    return f"{value:.4g}" if isinstance(value, (float, np.floating)) else str(value)


def curve(values: Any, *, width: int = 120, height: int = 24, about: str = "") -> Markup:
    """The finite ones of `values` as a line in SVG, from the least at the bottom to the largest at the top; "" if none.

    A range of more than two decades is shown logarithmically.
    """
    y = np.asarray(values, np.float64)
    y = y[:: -(-len(y) // _MAX_POINTS) or 1]
    x = np.linspace(2.0, width - 2.0, len(y)) if len(y) > 1 else np.full(len(y), width / 2)
    there = np.isfinite(y)
    if not there.any():
        return Markup("")
    low, high = y[there].min(), y[there].max()
    if low > 0 and high / low > 100:
        y = np.log(np.where(there, y, 1.0))
        low, high = y[there].min(), y[there].max()
    with np.errstate(over="ignore"):
        wide = high / 2 - low / 2  # halves do not overflow
    share = (y / 2 - low / 2) / wide if wide > 0 else np.full(len(y), 0.5)
    points = [f"{a:.1f},{height - 2 - (height - 4) * b:.1f}" for a, b, ok in zip(x, share, there, strict=True) if ok]
    drawn = f'<polyline points="{" ".join(points)}" fill="none" stroke="{_INK}" stroke-width="1.5"/>'
    if len(points) == 1:
        drawn = f'<circle cx="{points[0].split(",")[0]}" cy="{points[0].split(",")[1]}" r="2" fill="{_INK}"/>'
    return Markup(
        f'<svg role="img" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f"{f'<title>{html.escape(about)}</title>' if about else ''}{drawn}</svg>"
    )
