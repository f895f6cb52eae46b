"""`nncore experiments`: the comparison by hand, result files, going on after a stop, the committed results."""

import csv
import json
from importlib import resources
from pathlib import Path

import pytest

from nncore.cli import _perceptron, main
from nncore.cli.experiments import EXPERIMENTS
from nncore.cli.experiments._comparison import compare, ours, read_csv, reported, write_csv

RESULTS = Path(__file__).parents[2] / "notebooks" / "results"
CASE_2 = "case 2: means [2,2] [2.5,2.5] cov .5"


def runs_of(path):
    return json.loads(path.read_text())["runs"]


def test_the_comparison_by_hand():
    runs = [
        {"table": "perceptron", "values": {CASE_2: {"test_accuracy": value, "epochs": 7}}} for value in (0.2, 0.3, 1.0)
    ]
    first, second = compare("E1", runs)
    assert (first.table, first.setting, first.metric) == ("perceptron", CASE_2, "test_accuracy")
    assert first.reported == 0.525 and second.reported is None
    assert (first.mean, first.median, first.least, first.most, first.runs) == (pytest.approx(0.5), 0.3, 0.2, 1.0, 3)
    assert first.std == pytest.approx((0.38 / 3) ** 0.5)  # deviations -.3, -.2, .5
    assert ours(first) == "0.5000 ± 0.3559"
    assert ours(second) == "7 ± 0"


def test_a_file_of_rows_keeps_them(tmp_path):
    runs = [{"table": "rosenbrock", "values": {"GD eta=1e-4": {"f": 3.2164658548634e-05, "x": None, "steps": 4}}}]
    rows = compare("E4", runs)
    write_csv(tmp_path / "new" / "E4.csv", rows)
    again = read_csv(tmp_path / "new" / "E4.csv")
    assert [row.metric for row in again] == ["f", "x", "steps"]
    assert again[0].reported == pytest.approx(3.216465854863436e-05, rel=1e-12)
    assert again[0] == rows[0] or again[0].mean == pytest.approx(rows[0].mean, rel=1e-12)
    assert again[1].mean != again[1].mean
    assert again[2] == rows[2]


def test_every_reported_figure_is_kept_as_the_source_has_it():
    text = resources.files("nncore.cli.experiments").joinpath("reported.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == 147
    assert {row["experiment"] for row in rows} == {"E0", "E1", "E2", "E3", "E4"}
    keys = [(row["experiment"], row["table"], row["setting"], row["metric"]) for row in rows]
    assert len(set(keys)) == len(keys)
    assert reported("E4")["shallow", "784-100-10 SGD .1 momentum .9", "test_accuracy"] == 0.9801


@pytest.mark.parametrize("arguments", [["E9"], ["E1", "e-4"], []])
def test_a_wrong_name_says_which_are_right(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["experiments", *arguments])
    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert all(name in shown for name in EXPERIMENTS) or ("EXPERIMENT" in shown and not arguments)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_quick_runs_write_their_files(name, tmp_path, capsys):
    assert main(["experiments", name.lower(), "--quick", "--out", str(tmp_path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}-quick.csv", f"{name}-quick.json"]
    assert len(read_csv(tmp_path / f"{name}-quick.csv")) == len(rows) >= 5
    first = (tmp_path / f"{name}-quick.csv").read_bytes()
    assert main(["experiments", name, "--quick", "--out", str(tmp_path)]) == 0
    assert (tmp_path / f"{name}-quick.csv").read_bytes() == first
    shown = capsys.readouterr().out
    assert "reported" in shown and "ours" in shown and "quick: " in shown


def test_seeds_start_where_asked(tmp_path, capsys):
    assert main(["experiments", "E1", "--quick", "--seed", "40", "--out", str(tmp_path)]) == 0
    seeds = [run["seed"] for run in runs_of(tmp_path / "E1-quick.json") if run["label"] == "case 1"]
    assert seeds == [40, 41, 42, 43, 44]


def test_resume_does_only_what_is_missing(tmp_path, capsys):
    command = ["experiments", "E1", "--quick", "--out", str(tmp_path)]
    path = tmp_path / "E1-quick.json"
    assert main(command) == 0
    whole, table = runs_of(path), (tmp_path / "E1-quick.csv").read_bytes()
    content = json.loads(path.read_text())
    content["runs"] = [{**run, "seconds": 1234.0} for run in content["runs"][::2]]
    path.write_text(json.dumps(content))
    assert main([*command, "--resume"]) == 0
    again = runs_of(path)
    assert len(again) == len(whole)
    by_key = {(run["label"], run["table"], run["seed"]): run["values"] for run in whole}
    assert all(by_key[run["label"], run["table"], run["seed"]] == run["values"] for run in again)
    assert sum(run["seconds"] == 1234.0 for run in again) == len(whole[::2])
    assert [run["label"] for run in again] == [run["label"] for run in whole]
    assert (tmp_path / "E1-quick.csv").read_bytes() == table


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"runs": 3}', '{"runs": [{"table": "mlp"}]}', '{"experiment": "E1", "runs": []}']
)
def test_a_file_that_cannot_be_resumed_is_refused_and_kept(tmp_path, capsys, content):
    (tmp_path / "E1-quick.json").write_text(content)
    assert main(["experiments", "E1", "--quick", "--resume", "--out", str(tmp_path)]) == 1
    assert "FormatError: [experiments]" in capsys.readouterr().err
    assert (tmp_path / "E1-quick.json").read_text() == content


def committed():
    return sorted(RESULTS.glob("E?.csv"))


@pytest.mark.parametrize("path", committed(), ids=lambda path: path.stem)
def test_committed_results_are_whole(path):
    """They follow from the runs beside them, and every figure reported in their tables has ours beside it."""
    content = json.loads(path.with_suffix(".json").read_text())
    assert not content["quick"]
    rows = read_csv(path)
    wanted = compare(path.stem, content["runs"])
    assert [(row.table, row.setting, row.metric, row.runs) for row in rows] == [
        (row.table, row.setting, row.metric, row.runs) for row in wanted
    ]
    for row, expected in zip(rows, wanted, strict=True):
        assert row.mean == pytest.approx(expected.mean, rel=1e-11, nan_ok=True)
        assert (row.reported is None) == (expected.reported is None)
        assert row.reported is None or row.reported == pytest.approx(expected.reported, rel=1e-11, nan_ok=True)
    ran = {row.table for row in rows}
    found = {(row.table, row.setting, row.metric) for row in rows}
    assert {key for key in reported(path.stem) if key[0] in ran} <= found


def test_there_are_results():
    assert {path.stem for path in committed()} >= set(EXPERIMENTS)


def test_a_stopped_list_keeps_its_runs_and_the_old_table(tmp_path, monkeypatch, capsys):
    command = ["experiments", "E1", "--quick", "--out", str(tmp_path)]
    assert main(command) == 0
    table = (tmp_path / "E1-quick.csv").read_bytes()
    real, calls = _perceptron.run_case, []

    def stopped(*arguments):
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(_perceptron, "run_case", stopped)
        assert main(command) == 130
    assert "--resume" in capsys.readouterr().out
    assert len(runs_of(tmp_path / "E1-quick.json")) == 3
    assert (tmp_path / "E1-quick.csv").read_bytes() == table
    assert main([*command, "--resume"]) == 0
    assert (tmp_path / "E1-quick.csv").read_bytes() == table
