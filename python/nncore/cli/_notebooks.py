"""`nncore notebooks`: copies the course's notebooks to a folder of the user's."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import nncore
from nncore.cli._report import Report
from nncore.errors import ConfigError

NAME = "notebooks"
HELP = "copies the notebooks, to be opened with Jupyter"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folder."""
    parser.add_argument("folder", help="where to; it is made, and nothing in it is overwritten")


def source() -> Path:
    """Where the notebooks are: packed beside the compiled core or, in a checkout of the sources, at its top."""
    package = Path(nncore.__file__).resolve().parent
    for folder in (package / "_notebooks", package.parents[1] / "notebooks"):
        if any(folder.glob("*.ipynb")):
            return folder
    raise ConfigError(f"[notebooks] expected them in {package / '_notebooks'}, got none: install nncore with pip")


def run(args: argparse.Namespace) -> Report:
    """Copies notebooks, what they import and the results that they read."""
    there, folder = source(), Path(args.folder)
    files = sorted(
        path for path in there.rglob("*") if path.is_file() and path.suffix in {".ipynb", ".py", ".csv", ".json"}
    )
    names = [path.relative_to(there) for path in files if "__pycache__" not in path.parts]
    taken = [str(name) for name in names if (folder / name).exists()]
    if taken:
        raise ConfigError(f"[notebooks] folder: expected one without {taken[0]}, got {args.folder} (name a new one)")
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(there / name, folder / name)
    report = Report()
    count = sum(name.suffix == ".ipynb" for name in names)
    report.notes = [
        f"{count} notebooks in {folder.resolve()}",
        f"pip install notebook nncore[demo,save]; jupyter notebook {folder}",
    ]
    return report
