"""SweepTable: best, printing, pandas."""

import math
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import nncore as nc


def row(lr, seed=0, status="ok", message="", **numbers):
    return {"lr": lr, "seed": seed, **numbers, "seconds": 0.125, "status": status, "message": message}


NAN = math.nan
TABLE = nc.SweepTable(
    [
        row(0.1, loss=0.5, accuracy=0.8, val_loss=0.9, val_r2=0.1),
        row(0.2, loss=0.2, accuracy=0.7, val_loss=NAN, val_r2=0.3),
        row(0.3, loss=0.2, accuracy=0.8, val_loss=0.6, val_r2=0.2),
        row(0.4, loss=0.1, accuracy=0.9, val_loss=0.1, val_r2=0.9, status="diverged", message="epoch 1 <b>"),
    ]
)


@pytest.mark.parametrize(
    ("metric", "lr"), [("loss", 0.2), ("accuracy", 0.1), ("val_loss", 0.3), ("val_r2", 0.2), (None, 0.3)]
)
def test_best_is_the_largest_accuracy_and_the_smallest_loss(metric, lr):
    """Of equals the first; neither a run that diverged nor NaN."""
    assert TABLE.best(metric)["lr"] == lr
    assert TABLE.best(metric) in TABLE


def test_best_without_validation_is_by_the_loss():
    assert nc.SweepTable([row(1, loss=2.0), row(2, loss=1.0)]).best()["lr"] == 2


@pytest.mark.parametrize("metric", ["lr", "seconds", "status", "seed", "nonsense", 3, ["loss"]])
def test_what_is_no_metric(metric):
    with pytest.raises(
        nc.ConfigError, match=r"\[sweep\] metric: expected one of \['loss', 'accuracy', 'val_loss', 'val_r2'\]"
    ):
        TABLE.best(metric)


def test_no_best_where_every_run_diverged():
    with pytest.raises(nc.StateError, match=r"\[sweep\] best: expected a run with a loss"):
        nc.SweepTable([row(1, loss=NAN, status="diverged")]).best()


def test_it_prints_as_an_aligned_table():
    lines = repr(TABLE).splitlines()
    assert str(TABLE) == repr(TABLE)
    assert lines[0].split() == ["lr", "seed", "loss", "accuracy", "val_loss", "val_r2", "seconds", "status", "message"]
    assert set(lines[1]) == {"-"} and len(lines) == 6
    assert lines[4].split() == ["0.3", "0", "0.2", "0.8", "0.6", "0.2", "0.125", "ok"]
    assert lines[5].endswith("0.125  diverged  epoch 1 <b>")
    ends = [line.index("0.125") for line in lines[2:]]
    assert len(set(ends)) == 1 and lines[0].index("seconds") + len("seconds") == ends[0] + len("0.125")
    assert "message" not in repr(nc.SweepTable([row(1, loss=2.0)]))
    assert repr(nc.SweepTable()) == "SweepTable: no runs"


def test_a_long_table_is_cut_in_the_middle_and_long_cells_at_the_end():
    text = repr(nc.SweepTable(row(i, loss=float(i)) for i in range(1000)))
    assert len(text.splitlines()) == 63 and "…" in text
    assert text.splitlines()[2].split()[0] == "0" and text.splitlines()[-1].split()[0] == "999"
    wide = repr(nc.SweepTable([row("x" * 500, loss=1.0)]))
    assert max(map(len, wide.splitlines())) < 120


def test_html_is_escaped():
    shown = TABLE._repr_html_()
    assert shown.startswith("<table><tr><th>lr</th>") and shown.endswith("</table>")
    assert shown.count("<tr>") == 5 and "<b>" not in shown and "epoch 1 &lt;b&gt;" in shown
    assert nc.SweepTable()._repr_html_() == "<table><tr><th>no runs</th></tr></table>"


def test_functions_classes_and_objects_have_short_names():
    text = repr(nc.SweepTable([row(nc.ReLU, loss=1.0), row(np.tanh, loss=1.0), row(nc.SGD(lr=0.5), loss=1.0)]))
    assert " ReLU " in " " + text and "SGD(lr=0.5)" in text


def test_pandas(monkeypatch):
    """The rows as they are, to whatever pandas there is."""
    fake = ModuleType("pandas")
    fake.DataFrame = lambda rows: ("frame", rows)
    monkeypatch.setitem(sys.modules, "pandas", fake)
    assert TABLE.to_pandas() == ("frame", list(TABLE))
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"\[sweep\] to_pandas needs pandas: pip install pandas"):
        TABLE.to_pandas()


@pytest.mark.parametrize("given", ["C/runs", Path("runs"), b"runs"])
def test_a_folder_in_place_of_rows_is_told_how_to_read(given):
    with pytest.raises(nc.ConfigError, match=r"\[SweepTable\] rows: expected dicts, got .*SweepTable.load\("):
        nc.SweepTable(given)


def test_a_table_may_be_empty():
    assert nc.SweepTable() == nc.SweepTable([]) == []
