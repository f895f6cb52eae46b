"""The page of a folder of figures: each with a line on what to see in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nncore._support.files import write_file
from nncore._support.html import Markup, cell, table

NAME = "index.html"
_STYLE = """
body { margin: 0 auto; max-width: 76rem; padding: 1rem; font: 16px/1.5 system-ui, sans-serif; color: #222 }
body { background: #fff }
h1 { font-size: 1.6rem; margin: 0 } h2 { font-size: 1.1rem; margin: 0 0 .3rem }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 2rem 1.5rem }
figure { margin: 0 } img { max-width: 100%; height: auto } figcaption { margin-bottom: .5rem }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; margin: 1rem 0 2rem }
td, th { text-align: right; padding: .15rem .6rem; border-top: 1px solid #ddd }
"""


def write_index(
    folder: Path, title: str, rows: Sequence[tuple[str, ...]], figures: Mapping[str, tuple[str, str]]
) -> str:
    """Writes the page and returns its path. `rows`: a table with its header; `figures`: file -> (heading, what to
    see)."""
    shown = [_figure(file, *texts) for file, texts in figures.items()]
    policy = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"
    page = (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{cell(title)}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{_STYLE}</style>\n'
        f"</head>\n<body>\n"
        f"<h1>{cell(title)}</h1>\n{table(rows[0], rows[1:], left=2)}\n"
        f'<div class="grid">\n{"".join(shown)}</div>\n</body>\n</html>\n'
    )
    path = folder / NAME
    write_file(path, page.encode("utf-8", "replace"))
    return str(path)


def _figure(file: str, heading: Any, what: Any) -> Markup:
    caption = f"<figcaption><h2>{cell(heading)}</h2>{cell(what)}</figcaption>"
    return Markup(f'<figure>{caption}<img src="{cell(file)}" alt="{cell(heading)}" loading="lazy"></figure>\n')
