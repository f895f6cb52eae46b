"""The README's Python code runs, from the first block to the last, and does what the comments beside it say."""

import re
from pathlib import Path

import numpy as np
import pytest

import nncore as nc

README = Path(__file__).parents[1] / "README.md"


def blocks():
    return re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The names after all blocks, those of each block alone, and where files were written."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    folder, context = tmp_path_factory.mktemp("readme"), pytest.MonkeyPatch()
    context.chdir(folder)
    rng = np.random.default_rng(0)
    names, after = {"X_train": rng.normal(size=(50, 13)) * np.arange(1, 14)}, []
    try:
        for block in blocks():
            exec(compile(block, "README.md", "exec"), names)
            after.append(dict(names))
    finally:
        context.undo()
        matplotlib.pyplot.close("all")
    return names, after, folder


def test_there_are_blocks():
    assert len(blocks()) >= 6


def test_what_the_first_screen_shows(ran):
    first = ran[1][0]
    assert first["history"]["val_accuracy"][-1] > 0.9 and first["hidden"].shape == (800, 20)
    assert set(first["net"].parameters()[0].grad.ravel()) != {0.0}


def test_files_are_written(ran):
    names = {path.name for path in ran[2].iterdir()}
    assert names >= {"moons.png", "rates.png", "run.html", "runs"}


def test_the_rate_that_is_found_is_taken(ran):
    found = next(names["found"] for names in ran[1] if "found" in names)
    assert 0.001 < found.suggestion < 0.2


def test_pieces_of_ones_own_train(ran):
    names = ran[0]
    net = names["net"].copy().initialize(0)
    assert nc.gradcheck(net, names["LogCosh"](), names["X"][:20], names["y"][:20]).ok
    assert isinstance(names["trainer"].optimizer, names["Momentum"])
    assert names["history"]["within"][-1] > 0.9 > names["history"]["within"][0]
    assert names["history"].steps["lr"][[0, 50, 75]] == pytest.approx([0.05, 0.01, 0.03])
