"""The output of a command: rows of one table, figures, notes; printed as text or JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nncore import History
from nncore._support.plain import plain
from nncore.cli._index import write_index


class Report:
    """Collects rows and figures while a command runs."""

    def __init__(self, folder: str | None = None) -> None:
        self.rows: list[dict[str, Any]] = []
        self.notes: list[str] = []
        self.figures: list[str] = []
        self.interrupted = False
        self._texts: dict[str, tuple[str, str]] = {}
        self._folder = None if folder is None else Path(folder)

    def add(self, task: str, result: str, steps: int, seconds: float, **facts: Any) -> None:
        """One row: what was done, what came out, how long it took. Facts appear in JSON only."""
        micros = 1e6 * seconds / steps if steps else 0.0
        self.rows.append(
            {"task": task, "result": result, "steps": steps, "us_per_step": micros, "seconds": seconds, **facts}
        )

    def add_fit(self, task: str, result: str, history: History, **facts: Any) -> None:
        """A row for a fit."""
        self.interrupted = self.interrupted or history.interrupted
        self.add(task, result, history.n_steps, history.seconds, **facts)

    def save(self, display: Any, name: str, heading: str = "", what: str = "", ending: str = ".png") -> None:
        """Writes a figure into the folder and closes it. With a heading and what to see it is shown on the page of
        `index`."""
        if self._folder is None:
            return
        from matplotlib import pyplot

        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{name}{ending}"
        display.save(path, dpi=150 if ending == ".png" else 80)
        pyplot.close(display.figure_)
        self.figures.append(str(path))
        if heading:
            self._texts[path.name] = (heading, what)

    def index(self, title: str) -> None:
        """Writes a page with the table and the figures that have a heading."""
        if self._folder is None or not self._texts:
            return
        path = write_index(self._folder, title, self._rows(), self._texts)
        self.figures.append(path)
        self.notes.append(f"all figures, and what to see in them: {Path(path).resolve()}")

    def show(self, as_json: bool) -> None:
        """Prints everything."""
        if as_json:
            content = plain({"rows": self.rows, "notes": self.notes, "figures": self.figures})
            print(json.dumps(content, indent=2, allow_nan=False))
            return
        if self.rows:
            print(self._table())
        for note in self.notes:
            print(note)
        if self.figures and self._folder is not None:
            print(f"{len(self.figures)} figures in {self._folder.resolve()}")

    def _table(self) -> str:
        return aligned(self._rows(), left=2)

    def _rows(self) -> list[tuple[str, ...]]:
        """Header and rows as text."""
        table: list[tuple[str, ...]] = [("task", "result", "steps", "µs/step", "seconds")]
        for row in self.rows:
            micros = f"{row['us_per_step']:,.{0 if row['us_per_step'] >= 100 else 3}f}" if row["steps"] else ""
            table.append((row["task"], row["result"], f"{row['steps']:,}", micros, f"{row['seconds']:.2f}"))
        return table


def aligned(table: list[tuple[str, ...]], left: int) -> str:
    """Header and rows as text: the first `left` columns flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for cells in table:
        padded = [
            f"{cell:<{w}}" if i < left else f"{cell:>{w}}"
            for i, (cell, w) in enumerate(zip(cells, widths, strict=True))
        ]
        lines.append("  ".join(padded))
    lines.insert(1, "-" * len(lines[0]))
    return "\n".join(lines)


def use_file_backend() -> None:
    """Selects matplotlib's file backend, so that no window opens."""
    try:
        import matplotlib
    except ImportError:
        raise ImportError("figures need matplotlib: pip install nncore[plot]") from None
    matplotlib.use("Agg")
