"""A few of the hostile cases in the ordinary suite; all of them under the mark `slow` or with run.py."""

import pytest
import run
from draw import Draw
from entries_generic import RESULTS, public
from verdict import Wrong, agree, refusal

SEED = 20240


def passed(cases, seed, only=None):
    """Runs the cases; fails with a line to repeat each failure."""
    report = run.fuzz(cases, seed, only)
    assert not report.failures, report.text()
    return report


def test_a_few_hundred_hostile_calls():
    report = passed(400, SEED)
    assert sum(sum(counts.values()) for counts in report.counts.values()) == 400
    assert len(report.counts) == len(run.table())


@pytest.mark.slow
def test_twenty_thousand_hostile_calls():
    passed(20_000, SEED + 1)


def test_every_public_name_is_in_the_table():
    table = run.table()
    words = " ".join(table)
    missing = [name for name in public() if f"any {name}" not in table and name.split(".")[-1] not in words]
    assert [name for name in missing if name.split(".")[-1] not in RESULTS and not name.endswith("Display")] == []


def test_cases_repeat_and_differ():
    def drawn(seed, index):
        draw = Draw(seed, "x", index)
        return [draw.random() for _ in range(3)]

    assert drawn(1, 2) == drawn(1, 2)
    assert drawn(1, 2) != drawn(1, 3) != drawn(2, 3)


def test_a_verdict_sees_what_is_wrong():
    with pytest.raises(Wrong, match="without a text"):
        refusal(ValueError(""))
    with pytest.raises(Wrong, match="not 1"):
        agree(lambda x: x, 2, 1, "accept")
    with pytest.raises(Wrong, match="refused harmless"):
        agree(lambda x: int("x"), 1, 1, "accept")
    with pytest.raises(Wrong, match="masked"):
        agree(lambda x: x, 1, 1, "refuse")
    assert agree(lambda x: x + 1, 1, 1, "accept") == "right"


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("import ctypes; ctypes.string_at(0)", "FAILED exit -11"),
        ("import time\n    while True: time.process_time()", "FAILED Hang"),
        ("raise KeyError('inside')", "FAILED KeyError"),
        ("np.ones(2**40)", "MemoryError"),
    ],
    ids=["crash", "hang", "wrong error", "memory"],
)
def test_the_runner_survives_and_reports(body, outcome, tmp_path, monkeypatch):
    """In a copy whose one entry misbehaves: a fuzzer that cannot fail proves nothing."""
    for file in run.HERE.glob("*.py"):
        (tmp_path / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    for name in (file.stem for file in run.HERE.glob("entries_*.py")):
        (tmp_path / f"{name}.py").write_text("", encoding="utf-8")
    source = f"import numpy as np\nTABLE = {{}}\ndef bad(draw):\n    {body}\nTABLE['bad'] = bad\n"
    (tmp_path / "entries.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(run, "HERE", tmp_path)
    monkeypatch.setattr(run, "CPU_SECONDS", 1)
    text = (tmp_path / "run.py").read_text(encoding="utf-8").replace("CPU_SECONDS = 20", "CPU_SECONDS = 1")
    (tmp_path / "run.py").write_text(text, encoding="utf-8")
    report = run.Report(0)
    assert run.run_batch([("bad", 0)], report) == []
    assert list(report.counts["bad"]) == [outcome]
