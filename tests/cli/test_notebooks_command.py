"""`nncore notebooks DIR`: a copy that runs where it lies, over nothing that is there."""

import json

import nbformat

from nncore.cli import main
from nncore.cli._notebooks import source


def test_copies_what_notebooks_need(tmp_path, capsys):
    folder = tmp_path / "a" / "course"
    assert main(["notebooks", str(folder)]) == 0
    said = capsys.readouterr().out
    copied = sorted(path.name for path in folder.glob("*.ipynb"))
    assert copied == sorted(path.name for path in source().glob("*.ipynb")) and len(copied) >= 11
    assert f"{len(copied)} notebooks in {folder}" in said
    assert (folder / "course.py").exists() and json.loads((folder / "results" / "E1.json").read_text())["runs"]
    assert (
        nbformat.read(folder / copied[0], as_version=4).cells == nbformat.read(source() / copied[0], as_version=4).cells
    )
    assert not (folder / "images").exists()


def test_overwrites_nothing(tmp_path, capsys):
    (tmp_path / "course.py").write_text("mine")
    assert main(["notebooks", str(tmp_path)]) == 1
    assert "course.py" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["course.py"] and (
        tmp_path / "course.py"
    ).read_text() == "mine"
