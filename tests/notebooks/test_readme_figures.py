"""README's table says what the result files say."""

import readme_figures


def test_the_table_is_fresh():
    text = (readme_figures.ROOT / "README.md").read_text(encoding="utf-8")
    assert readme_figures.written(text) == text, "run python tests/notebooks/readme_figures.py"


def test_the_table_has_reported_figures_of_every_experiment_shown():
    lines = readme_figures.table().splitlines()[2:]
    assert len(lines) > 15
    assert all(line.split("|")[4].strip() and line.split("|")[5].strip() for line in lines)
