"""Event files and reports where the disk says no: real limits in a child process, runs that begin at the same time."""

import os
import subprocess
from pathlib import Path

import pytest
from event_reader import Events

import nncore as nc
from support.programs import command, environment

resource = pytest.importorskip("resource", reason="limits on files are POSIX's")

PROGRAM = Path(__file__).parent / "programs" / "bad_disks.py"


def run(*case):
    """What a case printed, and how it ended."""
    return subprocess.run(
        command(PROGRAM, *case), env=environment(), capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("room", [20_000, 30_001])
def test_a_disk_that_fills_up_while_training(room, tmp_path):
    done = run("fills_up_while_training", tmp_path, room)
    assert done.returncode == 0, done.stderr
    (file,) = (tmp_path / "run-1").iterdir()
    events = Events(file)  # whole records only
    steps = [step for step, _ in events.scalars["step/loss"]]
    assert steps == list(range(len(steps))) and 0 < len(steps) < 20 and file.stat().st_size <= room


def test_a_disk_that_is_full_at_the_begin(tmp_path):
    done = run("full_at_the_begin", tmp_path / "runs")
    assert done.returncode == 0, done.stderr
    assert (
        "[TensorBoard] logdir: expected a folder that can be written to" in done.stdout
        and "File too large" in done.stdout
    )
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_report_that_does_not_fit_leaves_the_old_one(tmp_path):
    path = tmp_path / "run.html"
    path.write_text("old")
    done = run("a_report", path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == f"File too large {path}"
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["run.html"]


def test_the_command_line_shows_its_result_when_the_report_does_not_fit(tmp_path):
    done = run("the_command_line", tmp_path / "run.html")
    assert done.returncode == 1 and "moons 2-20-2" in done.stdout and "report:" not in done.stdout
    assert "nncore: OSError: [nncore] --report: [Errno 27] File too large" in done.stderr


def fit(board):
    X = [[0.0], [1.0], [2.0], [3.0]]
    net = nc.Sequential(nc.Linear(1, 2), seed=0)
    trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(), batch_size=2)
    return trainer, lambda: trainer.fit(X, [0, 0, 1, 1], 2, callbacks=[board])


def test_of_two_runs_of_one_name_at_once_the_later_gives_way(tmp_path, monkeypatch):
    from nncore.loggers import _tensorboard

    own_folder = _tensorboard._own_folder
    boards = [nc.TensorBoard(tmp_path, run="A") for _ in range(2)]

    def slow(logdir, run):  # the other begins between the look into the empty folder and the first file
        folder = own_folder(logdir, run)
        monkeypatch.setattr(_tensorboard, "_own_folder", own_folder)
        monkeypatch.setattr(_tensorboard.events.os, "getpid", lambda: 4711)
        fit(boards[1])[1]()
        monkeypatch.undo()
        return folder

    monkeypatch.setattr(_tensorboard, "_own_folder", slow)
    trainer, train = fit(boards[0])
    with pytest.raises(nc.ConfigError, match=r"\[TensorBoard\] run: expected a folder without event files"):
        train()
    assert trainer.epoch == 0 and boards[0].folder is None
    (file,) = (tmp_path / "A").iterdir()
    assert file.name.endswith("4711") and len(Events(file).scalars["epoch/loss"]) == 2


def test_many_processes_at_once_have_a_run_each(tmp_path):
    one = command(PROGRAM, "observed_fit", tmp_path)
    children = [subprocess.Popen(one, env=environment(), stderr=subprocess.PIPE) for _ in range(3)]
    assert [(child.wait(120), child.stderr.read()) for child in children] == [(0, b"")] * 3
    for child in children:
        child.stderr.close()
    assert sorted(os.listdir(tmp_path)) == ["run-1", "run-2", "run-3"]
    for folder in tmp_path.iterdir():
        (file,) = folder.iterdir()
        assert [step for step, _ in Events(file).scalars["epoch/loss"]] == [4, 8]


@pytest.mark.parametrize("run", ["a b", "a\nb", "ü層", "a/b", "-", "~", " a ", "a\\b", "a\tb"])
def test_any_name_that_is_a_folder_will_do(run, tmp_path):
    board = nc.TensorBoard(tmp_path, run=run)
    fit(board)[1]()
    (file,) = (tmp_path / run).iterdir()
    assert board.folder == str(tmp_path / run) and len(Events(file).scalars["epoch/loss"]) == 2


def test_names_that_no_disk_takes(tmp_path):
    for arguments in ({"run": "a\ud800"}, {"run": "."}, {"run": "a/./b"}, {"logdir": f"{tmp_path}/\ud800"}):
        with pytest.raises(nc.ConfigError, match=rf"\[TensorBoard\] {next(iter(arguments))}: expected"):
            nc.TensorBoard(**{"logdir": tmp_path} | arguments)
    for board in (nc.TensorBoard(tmp_path, run="x" * 300), nc.TensorBoard(tmp_path / ("x" * 300))):
        trainer, train = fit(board)
        with pytest.raises(OSError, match=r"\[TensorBoard\] logdir: .*File name too long"):
            train()
        assert trainer.epoch == 0


@pytest.mark.skipif(os.name != "posix" or not hasattr(os, "geteuid"), reason="rights of folders are POSIX's")
def test_a_folder_that_may_not_be_written_to(tmp_path):
    place = Path("/proc") if os.geteuid() == 0 else tmp_path  # no rights stop root, but there is no room in /proc
    tmp_path.chmod(0o500)
    trainer, train = fit(nc.TensorBoard(place / "runs"))
    with pytest.raises(OSError, match=r"\[TensorBoard\] logdir: expected a folder that can be written to"):
        train()
    assert trainer.epoch == 0
    tmp_path.chmod(0o700)
