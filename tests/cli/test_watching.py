"""--logdir and --monitor-every of the commands that train."""

import json
import os

import numpy as np
import pytest

from nncore import cli
from nncore.callbacks import Monitor, TensorBoard
from nncore.cli import _mnist_cnn, _watch, main
from nncore.cli.experiments import _dcn, _e0

MOONS = ["moons", "--epochs", "12", "--samples", "50"]
TRAIN = ("moons", "mnist-mlp", "mnist-cnn", "cifar-mlp", "cifar-cnn")


def few_images(n, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 1, 28, 28)).astype(np.uint8), rng.integers(0, 10, n)


@pytest.mark.parametrize("command", TRAIN)
def test_commands_that_train_have_the_flags(command):
    given = cli._parser().parse_args([command, "--logdir", "runs", "--monitor-every", "7"])
    (watcher,) = _watch.watchers(given)
    assert isinstance(watcher, TensorBoard)
    assert (watcher.logdir, watcher.observing.every, watcher.folder) == ("runs", 7, None)
    plain = cli._parser().parse_args([command])
    assert plain.monitor_every == 100 and _watch.watchers(plain) == [] and _watch.notes(plain) == []


def test_moons_writes_a_run_each_time_and_says_how_to_see_it(tmp_path, capsys):
    runs = tmp_path / "my runs"
    assert main([*MOONS, "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    for _ in range(2):
        assert main([*MOONS, "--logdir", str(runs), "--monitor-every", "5", "--json"]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert shown["rows"][0]["train"] == plain["rows"][0]["train"]
    assert (
        shown["notes"] == [f"to look inside (pip install tensorboard): tensorboard --logdir '{runs}'"]
        and plain["notes"] == []
    )
    assert sorted(os.listdir(runs)) == ["run-1", "run-2"]
    assert main([*MOONS, "--logdir", str(runs)]) == 0
    sizes = [sum(path.stat().st_size for path in (runs / name).iterdir()) for name in ("run-1", "run-3")]
    assert sizes[0] > 1.5 * sizes[1]  # looks at steps 0, 5, 10 of 12; at step 0 alone


@pytest.mark.parametrize(
    ("flags", "said"), [(["--monitor-every", "0"], "--monitor-every: expected"), (["--logdir", ""], "logdir: expected")]
)
def test_wrong_values_are_named(flags, said, capsys):
    assert main([*MOONS, *flags]) == 1
    assert f"ConfigError: [{'nncore' if 'every' in said else 'TensorBoard'}] {said}" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_named(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main([*MOONS, "--logdir", str(tmp_path / "file")]) == 1
    assert "[TensorBoard] logdir: expected a folder that can be written to" in capsys.readouterr().err


def test_moons_writes_a_report_of_the_same_training(tmp_path, capsys):
    page = tmp_path / "run.html"
    found = []
    for flags in ([], ["--report", str(page), "--monitor-every", "5"]):
        assert main([*MOONS, *flags, "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    plain, shown = found
    assert shown["rows"][0]["train"] == plain["rows"][0]["train"]
    assert shown["notes"] == [f"report: {page}"] and plain["notes"] == []
    text = page.read_text(encoding="utf-8")
    assert "<h1>nncore moons</h1>" in text and "12 epochs" in text and "Monitor(every=5" in text
    assert text.count("data:image/png;base64") == 9


@pytest.mark.parametrize("path", ["", ".", "no-such-folder/run.html"])
def test_a_report_that_cannot_be_written_is_named_before_training(path, capsys):
    assert main([*MOONS, "--report", path]) == 1
    captured = capsys.readouterr()
    assert (
        f"ConfigError: [nncore] --report: expected a file in a folder that can be written to, got {path!r}"
        in captured.err
    )
    assert captured.out == ""


@pytest.mark.parametrize("command", TRAIN)
def test_commands_that_do_one_fit_report_it(command, tmp_path):
    given = cli._parser().parse_args([command, "--report", str(tmp_path / "run.html"), "--monitor-every", "7"])
    monitor, reporter = _watch.watchers(given)
    assert isinstance(monitor, Monitor) and monitor.observing.every == 7
    assert reporter._path == str(tmp_path / "run.html")


def test_mnist_cnn_writes_its_run(tmp_path, monkeypatch):
    monkeypatch.setattr(_mnist_cnn, "VALIDATION", 4)
    monkeypatch.setattr(_mnist_cnn, "load_mnist", lambda split, **_: few_images(24, len(split)))
    runs = tmp_path / "runs"
    assert main(["mnist-cnn", "--epochs", "1", "--batch-size", "10", "--logdir", str(runs)]) == 0
    assert os.listdir(runs) == ["run-1"] and len(os.listdir(runs / "run-1")) == 1


def test_e0_watches_its_convolutional_nets(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(_dcn, "_images", lambda: tuple(few_images(n, n) for n in (100, 20, 20)))
    monkeypatch.setattr(_e0, "WIDTHS", (3,))
    monkeypatch.setattr(_e0, "DEPTHS", (2,))
    runs, pages = tmp_path / "runs", tmp_path / "pages"
    command = ["experiments", "E0", "--quick", "--out", str(tmp_path / "out"), "--logdir", str(runs), "--seed", "3"]
    assert main([*command, "--report", str(pages)]) == 0
    out = capsys.readouterr().out
    assert f"tensorboard --logdir {runs}" in out and f"report: {pages}" in out
    assert os.listdir(pages) == ["A-seed3.html"] and "A-seed3" in (pages / "A-seed3.html").read_text()
    assert os.listdir(runs) == ["A-seed3"]
    assert main(command) == 0  # again, into folders of its own
    assert sorted(os.listdir(runs / "A-seed3")) == ["run-1", "run-2"]


def test_experiments_that_nothing_watches_say_so_before_they_run(tmp_path, capsys):
    assert main(["experiments", "E4", "--quick", "--out", str(tmp_path), "--logdir", str(tmp_path / "runs")]) == 1
    assert "ConfigError: [experiments] --logdir: expected with E0, got it with E4" in capsys.readouterr().err
    assert main(["experiments", "E4", "--quick", "--out", str(tmp_path), "--report", str(tmp_path / "pages")]) == 1
    assert "ConfigError: [experiments] --report: expected with E0, got it with E4" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    assert (
        main(["experiments", "E0", "--quick", "--out", str(tmp_path / "out"), "--report", str(tmp_path / "file")]) == 1
    )
    assert "ConfigError: [nncore] --report: expected a folder, got" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
