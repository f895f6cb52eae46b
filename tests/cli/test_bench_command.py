"""`nncore bench`, what it measures with, and the comparison with other libraries."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import nncore as nc
from nncore import _core
from nncore.cli import _machine, main
from nncore.cli._workloads import DESCENTS, NETS, WORKLOADS

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
SHORT = ["bench", "--quick", "--rounds", "2", "--workloads", "moons16,rosenbrock-gd"]


def test_json_has_a_row_for_each_workload_and_number_of_threads(capsys):
    assert main([*SHORT, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    rows = content["rows"]
    threads = [1, 2][: _core.default_num_threads()]
    assert [(row["name"], row["threads"]) for row in rows] == [*(("moons16", n) for n in threads), ("rosenbrock-gd", 1)]
    for row in rows:
        assert 0 < row["best_us"] <= row["median_us"]
        assert row["steps"] > 0 and row["probe_gflops"] > 0
        assert row["seconds"] == pytest.approx(row["us_per_step"] * row["steps"] / 1e6)
    assert 0 < rows[0]["fma_fraction"] < 1.5 and rows[-1]["fma_fraction"] is None
    assert _core.kernel_set() in content["notes"][0] and "2 rounds" in content["notes"][0]


def test_text_and_threads(capsys, restore_threads):
    assert main([*SHORT, "--threads", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["workload", "threads"] and "FMA" in lines[0]
    assert lines[2].startswith(NETS["moons16"].title) and lines[2].rstrip().split()[-2] == "%"
    assert lines[3].startswith(DESCENTS["rosenbrock-gd"].title) and len(lines) == 6


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--rounds", "0"], "ConfigError: [bench] rounds: expected an integer in [1, 1000000], got 0"),
        (["--workloads", "moons16,moons17"], "ConfigError: [bench] workloads: expected some of moons1,"),
    ],
)
def test_wrong_flags(flags, message, capsys):
    assert main(["bench", *flags]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and message in captured.err


@pytest.mark.parametrize("name", NETS)
def test_a_net_trains_on_data_of_its_shape(name):
    work = NETS[name]
    X, y = work.data(3)
    assert X.shape == (work.batch * work.batches, work.sizes[0]) and X.dtype == np.float32
    assert y.shape == (len(X),) and y.min() >= 0 and y.max() < work.sizes[-1]
    np.testing.assert_array_equal(X, work.data(3)[0])
    history = work.trainer().fit(X, y, steps=1, progress=False)
    assert history.n_steps == 1 and 0 < history.steps["loss"][0] < 10


def test_operations_by_hand():
    """Batch 10, 784-30-10: y is 2·10·(784·30 + 30·10), dw as much, dx of the second layer 2·10·30·10."""
    assert NETS["mnist-sgd"].operations() == 2 * 20 * (784 * 30 + 30 * 10) + 20 * 30 * 10


@pytest.mark.parametrize("name", DESCENTS)
def test_a_descent_goes_down(name):
    found = nc.minimize("rosenbrock", (-4.0, -2.0), DESCENTS[name].new_optimizer(), 500)
    assert found.fun < found.values[0]


def test_the_probe_measures_speed():
    rates = [_machine.fma_rate(1), _machine.fma_rate(1, single=False), _machine.fma_rate(2)]
    assert all(1e8 < rate < 1e13 for rate in rates)
    single, double = (max(_machine.fma_rate(1, single=single) for _ in range(5)) for single in (True, False))
    assert 1.2 < single / double < 3.5  # twice the lanes


def test_steal_is_a_share_of_all_ticks(monkeypatch):
    ticks = iter([(10, 1000), (35, 1100), None])
    monkeypatch.setattr(_machine, "_ticks", lambda: next(ticks))
    steal = _machine.Steal()
    assert steal.share() == 0.25 and steal.share() is None


def test_ticks_of_this_system():
    ticks = _machine._ticks()
    assert ticks is None or 0 <= ticks[0] <= ticks[1]
    assert _machine.cpu_model()


@pytest.fixture
def module(monkeypatch):
    """The comparison's module, gone again afterwards with its peers."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield importlib.import_module("compare")
    for name in set(sys.modules) - before:
        if name == "compare" or name.split(".")[0] == "peers":
            del sys.modules[name]


def compare(module, monkeypatch, *flags):
    monkeypatch.setattr(sys, "argv", ["compare.py", "--rounds", "1", "--seconds", "0.001", *flags])
    return module.main()


def test_every_workload_comes_out_the_same_in_numpy(module, monkeypatch, capsys, restore_threads):
    names = ["moons1", "moons16", "mnist-sgd", "mnist-adam", *DESCENTS]
    assert compare(module, monkeypatch, "--peers", "numpy", "--workloads", ",".join(names)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in lines[2 : 2 + len(names)]] == [
        WORKLOADS[name].title for name in names
    ]
    assert all("x " in line and "*" not in line for line in lines[2 : 2 + len(names)])
    assert "NumPy" in lines[0] and any("FMA probe" in line for line in lines)


def test_where_losses_differ_no_time_is_quoted(module, monkeypatch, capsys, restore_threads):
    numpy = module.peers.load("numpy")
    step = numpy._Net._step
    monkeypatch.setattr(numpy._Net, "_step", lambda self, x, onehot: step(self, x, onehot[:, ::-1]))
    assert compare(module, monkeypatch, "--peers", "numpy", "--workloads", "moons16") == 1
    captured = capsys.readouterr()
    assert "numpy comes to" in captured.err and "no time is quoted" in captured.out
    (line,) = [line for line in captured.out.splitlines() if line.startswith(f"| {NETS['moons16'].title}")]
    assert line.endswith("| - |")


def test_a_peer_that_is_not_here_is_left_out(module, monkeypatch, capsys, restore_threads):
    monkeypatch.setitem(sys.modules, "numba", None)
    compare(module, monkeypatch, "--peers", "numba", "--workloads", "moons16")
    shown = capsys.readouterr().out
    assert "numba left out: " in shown and NETS["moons16"].title in shown


def test_a_wrong_name_says_which_are_right(module, monkeypatch):
    for flags in (["--peers", "numpie"], ["--workloads", "moon"]):
        with pytest.raises(SystemExit, match=f"{flags[0]}: expected some of .*, got '{flags[1]}'"):
            compare(module, monkeypatch, *flags)


def test_the_readme_is_written_between_its_marks(module, monkeypatch, tmp_path, restore_threads):
    readme = tmp_path / "README.md"
    readme.write_text(f"above\n{module.BEGIN}old\n{module.END}below\n")
    monkeypatch.setattr(module, "__file__", str(tmp_path / "compare.py"))
    for _ in range(2):
        compare(module, monkeypatch, "--peers", "numpy", "--workloads", "rosenbrock-gd", "--readme")
    text = readme.read_text()
    assert text.startswith("above\n<!-- measured -->\n\n| µs a step") and text.endswith("<!-- end -->\nbelow\n")
    assert "old" not in text and text.count("| Rosenbrock, gradient descent |") == 1
