"""The command line: what it prints, how it ends; in this process and as one of its own."""

import json
import signal
import subprocess
import sys
import time

import pytest

from nncore import cli
from nncore.cli import _info, main

COMMANDS = {  # command: flags that make it short
    "perceptron": ["--epochs", "5"],
    "moons": ["--epochs", "3", "--samples", "50"],
    "rosenbrock": ["--steps", "50"],
    "info": [],
}
ALL = [command.NAME for command in cli._COMMANDS]
COMMON = ("--help", "--seed", "--threads", "--json")


def strictly_parsed(text):
    """JSON as the standard has it: no NaN, no Infinity."""

    def refuse(constant):
        pytest.fail(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def run_nncore(*arguments, **options):
    command = [sys.executable, "-m", "nncore", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


@pytest.mark.parametrize("command", ALL)
def test_help_names_the_flags_of_every_command(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    for flag in COMMON:
        assert flag in shown


def test_help_names_the_commands(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in ALL)


@pytest.mark.parametrize("command", ALL)
@pytest.mark.parametrize("wrong", [["--sed", "1"], ["--seed", "x"], ["--no-such-flag"]])
def test_a_wrong_flag_says_which_are_right(command, wrong, capsys):
    names = {"experiments": ["E1"], "notebooks": ["no such folder"]}.get(command, [])
    with pytest.raises(SystemExit) as ended:
        main([command, *names, *wrong])
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert wrong[0] in captured.err
    assert all(flag in captured.err for flag in COMMON)


@pytest.mark.parametrize("arguments", [["nonsense"], []])
def test_a_wrong_command_says_which_are_right(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    shown = capsys.readouterr().err
    assert "COMMAND" in shown
    assert not arguments or all(command in shown for command in ALL)


@pytest.mark.parametrize("command", COMMANDS)
def test_json_is_json(command, capsys):
    assert main([command, *COMMANDS[command], "--json"]) == 0
    captured = capsys.readouterr()
    content = strictly_parsed(captured.out)
    assert set(content) >= {"rows", "notes", "figures"}
    assert captured.err == ""
    for row in content["rows"]:
        assert row["steps"] > 0 and row["seconds"] >= 0


@pytest.mark.parametrize("command", COMMANDS)
def test_text_and_the_same_seed_give_the_same(command, capsys):
    results = []
    for seed in ("3", "3"):
        assert main([command, *COMMANDS[command], "--seed", seed, "--json"]) == 0
        rows = strictly_parsed(capsys.readouterr().out)["rows"]
        results.append([(row["task"], row["result"]) for row in rows])
    assert results[0] == results[1]
    assert main([command, *COMMANDS[command]]) == 0
    shown = capsys.readouterr().out
    assert all(task in shown for task, _ in results[0])


@pytest.mark.parametrize(
    ("flags", "size", "steps"),
    [
        ([], "16", 9),
        (["--full-batch"], "full", 3),
        (["--batch-size", "40"], "40", 3),
        (["--batch-size", "10"], "10", 12),
    ],
)
def test_moons_takes_a_batch_size_or_all_at_once(flags, size, steps, capsys):
    """A fifth of 50 points is for testing: 40 a pass, in batches of 16 that makes three steps."""
    assert main(["moons", *COMMANDS["moons"], *flags, "--json"]) == 0
    (row,) = strictly_parsed(capsys.readouterr().out)["rows"]
    assert row["steps"] == steps
    assert row["task"].endswith(f"batch {size}")
    assert 0 <= row["test"]["accuracy"] <= 1
    test = row["test"]
    assert row["result"].endswith(f"test loss {test['loss']:.4f}, test accuracy {test['accuracy']:.4f}")


def test_moons_reaches_a_good_accuracy_by_default(capsys):
    assert main(["moons", "--json"]) == 0
    (row,) = strictly_parsed(capsys.readouterr().out)["rows"]
    assert row["test"]["accuracy"] > 0.95
    with pytest.raises(SystemExit):
        main(["moons", "--batch-size", "16", "--full-batch"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["moons", "--hidden", "0"], "ConfigError"),
        (["moons", "--batch-size", "-1"], "ConfigError"),
        (["moons", "--seed", "-1"], "ConfigError"),
        (["perceptron", "--lr", "nan"], "ConfigError"),
        (["info", "--threads", "0"], "ConfigError: [set_num_threads] n: expected an integer in [1, 256], got 0"),
        (["mnist-cnn", "--root", "no such folder"], "FileNotFoundError: [load_mnist] expected train-images-idx3-ubyte"),
        (["mnist-cnn", "--momentum", "0.9"], "ConfigError: [mnist-cnn] --momentum: expected 0 with adam, got 0.9"),
        (["mnist-cnn", "--optimizer", "adagrad", "--lr", "-1"], "ConfigError"),
        (["mnist-mlp", "--root", "no such folder"], "FileNotFoundError: [load_mnist] expected train-images-idx3-ubyte"),
    ],
)
def test_an_error_is_one_message_and_exit_code_1(arguments, message, capsys):
    assert main([*arguments, "--json"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("nncore: ") and message in captured.err
    assert "Traceback" not in captured.err


def test_threads_are_set(capsys, restore_threads):
    assert main(["info", "--threads", "2", "--json"]) == 0
    assert "threads: 2" in strictly_parsed(capsys.readouterr().out)["notes"]


def test_figures_are_written(tmp_path, capsys):
    assert main(["moons", *COMMANDS["moons"], "--out", str(tmp_path / "new"), "--json"]) == 0
    figures = strictly_parsed(capsys.readouterr().out)["figures"]
    assert sorted(figures) == sorted(str(path) for path in (tmp_path / "new").iterdir())
    assert len(figures) == 2
    for path in (tmp_path / "new").iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")


def test_an_interrupt_ends_with_130(monkeypatch, capsys):
    def interrupted(args):
        raise KeyboardInterrupt

    monkeypatch.setattr(_info, "run", interrupted)
    assert main(["info"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


class TestAsAProcess:
    def test_success(self):
        done = run_nncore("info", "--json")
        assert (done.returncode, done.stderr) == (0, "")
        assert strictly_parsed(done.stdout)["notes"]

    def test_wrong_flag(self):
        done = run_nncore("moons", "--batchsize", "16")
        assert (done.returncode, done.stdout) == (2, "")
        assert "--batch-size" in done.stderr

    def test_error(self, tmp_path):
        done = run_nncore("mnist-mlp", "--root", str(tmp_path))
        assert (done.returncode, done.stdout) == (1, "")
        assert str(tmp_path / "mnist") in done.stderr and "Traceback" not in done.stderr


STARTED = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); from nncore.cli import main; "


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["moons", "--batch-size", "1", "--epochs", "100000000"], id="fit"),
        pytest.param(["rosenbrock", "--steps", "100000000"], id="minimize"),
        pytest.param(["experiments", "E0"], id="experiments"),
    ],
)
def test_one_ctrl_c_ends_the_process_with_130(arguments, tmp_path):
    code = STARTED + f"print('ready', flush=True); sys.exit(main({[*arguments, '--json']}))"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        out, err = process.communicate(timeout=60)
        assert time.monotonic() - start < 5
    assert process.returncode == 130, err
    assert "Traceback" not in err
    if out:  # minimize has nothing to tell then
        assert strictly_parsed(out)["notes"] is not None
    else:
        assert err == "interrupted\n"
