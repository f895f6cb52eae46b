"""README's short table and the full one say what the result files say; every reported figure has one of ours beside
it."""

import json
import re

import figure_notes
import pytest
import readme_figures
import rerun

from nncore.cli.experiments import _comparison


def test_the_tables_are_fresh():
    short, full = (path.read_text(encoding="utf-8") for path in (readme_figures.SHORT, readme_figures.FULL))
    assert readme_figures.written(short) == short, "run python tests/notebooks/readme_figures.py"
    assert readme_figures.full_page() == full, "run python tests/notebooks/readme_figures.py"


def test_pictures_are_those_of_the_notebooks():
    for path, content in readme_figures.pictures().items():
        assert path.read_bytes() == content, "run python tests/notebooks/readme_figures.py"


def test_links_of_both_pages_lead_somewhere():
    for page in (readme_figures.SHORT, readme_figures.FULL):
        links = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
        assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_readme_lists_every_notebook():
    text = readme_figures.SHORT.read_text(encoding="utf-8")
    assert re.findall(r"^\| \[(\w+)\]\(notebooks/\1\.ipynb\) \|", text, re.MULTILINE) == [
        path.stem for path in rerun.paths()
    ]


def test_every_reported_figure_has_ours():
    rows, missing = readme_figures.own(), []
    for key, said in readme_figures.reported().items():
        try:
            readme_figures.line(key, said, rows)
        except KeyError:
            missing.append(key)
    assert not missing


def test_a_reported_figure_stands_in_the_result_files_too():
    said = {
        (name, *key): value
        for name in ("E0", "E1", "E2", "E3", "E4")
        for key, value in _comparison.reported(name).items()
    }
    assert len(said) == len(readme_figures.reported()) + 2  # a shape is three figures
    found = {key: row.reported for key, row in readme_figures.own().items() if row.reported is not None}
    assert found == pytest.approx(said, nan_ok=True)


@pytest.mark.parametrize("name", ["E0", "E1", "E2", "E3", "E4"])
def test_a_csv_file_is_what_its_runs_say(name, tmp_path):
    runs = json.loads((readme_figures.FULL.parent / f"{name}.json").read_text(encoding="utf-8"))["runs"]
    _comparison.write_csv(tmp_path / "again.csv", _comparison.compare(name, runs))
    assert (tmp_path / "again.csv").read_bytes() == (readme_figures.FULL.parent / f"{name}.csv").read_bytes()


def test_every_table_is_on_the_full_page():
    assert {key[:2] for key in readme_figures.own()} == set(readme_figures.TITLES)


def test_a_row_that_lies_apart_says_why_and_no_note_is_left_over():
    noted = {found.key: readme_figures.notes_of(found) for found in readme_figures.lines() if found.apart}
    assert [key for key, letters in noted.items() if not letters] == []
    assert {letter for letters in noted.values() for letter in letters} == set(figure_notes.NOTES)


def test_the_short_table_shows_each_experiment():
    lines = readme_figures.short_table().splitlines()[2:]
    assert 15 < len(lines) < 35
    assert {line[2:4] for line in lines} == {"E0", "E1", "E2", "E3", "E4"}


KEY = ("E2", "best", "net", "accuracy")


def row(**figures):
    names = ("experiment", "table", "setting", "metric")
    some = {"reported": None, "mean": 0.5, "std": 0.02, "median": 0.5, "least": 0.4, "most": 0.6, "runs": 2}
    return _comparison.Row(**dict(zip(names, KEY, strict=True)), **some | figures)


@pytest.mark.parametrize(
    ("said", "mean", "std", "difference", "apart"),
    [
        ("0.52", 0.5, 0.02, "-0.0200", False),
        ("0.53", 0.5, 0.02, "-0.0300", True),
        ("0.52", 0.5, 0.01, "-0.0200", True),
        ("0.5", 0.52, 0.0, "+0.0200", False),  # 0.52 rounds to 0.5
        ("0.50", 0.52, 0.0, "+0.0200", True),
        ("0.5", 0.5, 0.0, "0", False),
        ("nan", float("nan"), 0.0, "0", False),
        ("0.5", float("nan"), 0.0, "nan", True),
    ],
)
def test_when_a_figure_lies_apart(said, mean, std, difference, apart):
    found = readme_figures.line(KEY, said, {KEY: row(mean=mean, std=std)})
    assert (found.difference, found.apart) == (difference, apart)


@pytest.mark.parametrize(("said", "difference"), [("28x27x16", "0"), ("28x28x16", "other")])
def test_a_shape_is_three_figures_of_ours(said, difference):
    sides = {"accuracy_height": 28.0, "accuracy_width": 27.0, "accuracy_channels": 16.0}
    found = readme_figures.line(KEY, said, {(*KEY[:3], name): row(mean=mean) for name, mean in sides.items()})
    assert (found.mine, found.difference, found.apart) == ("28x27x16", difference, difference != "0")
