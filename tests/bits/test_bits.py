"""The bits of chosen nets do not depend on threads, and the comparison of builds notices a difference."""

import os
from pathlib import Path

import bit_worker
import compare_builds
import pytest
from bit_cases import CASES, DTYPES, NETS, public

import nncore as nc

CHOSEN = [
    "dense/2-20-2 LeakyReLU",
    "dense/150-260-100-10 Tanh",
    "dense/dropout, 300",
    "dense/both norms",
    "dense/tied, wide",
    "dense/bytes, wide",
    "images/16-32 3 padding=same",
    "images/four convolutions",
    "images/moved images",
    "residual/images, two blocks",
    "residual/nested at both ends",
    "options/all, medium",
    "side by side/Adam {}",
    "monitor/images",
]
#: Where the package under test lies.
HERE = str(Path(nc.__file__).parent.parent)
#: Runs at the start of an interpreter: every net gets another seed.
ANOTHER_SEED = """
import nncore
class Sequential(nncore.Sequential):
    def __init__(self, *layers, seed=None, **settings):
        super().__init__(*layers, seed=None if seed is None else seed + 1, **settings)
nncore.Sequential = Sequential
"""


@pytest.mark.parametrize("name", CHOSEN)
@pytest.mark.parametrize("dtype", DTYPES)
def test_one_two_and_three_threads_give_the_same_bits(name, dtype, restore_threads):
    outcome = bit_worker.outcome(name, dtype, threads=(1, 2, 3))
    assert outcome.get("failed") is None
    assert len(outcome["parts"]) >= 2
    assert outcome["threads"] == []


def layers_of(layers):
    """Their names, those inside a Residual too."""
    names = set()
    for layer in layers:
        names |= {type(layer).__name__} | layers_of(
            layer.config.get("layers", ()) if type(layer) is nc.Residual else ()
        )
    return names


def test_everything_registered_is_in_a_net():
    used = [
        {*layers_of(net.layers()), type(net.loss()).__name__, type(net.optimizer()).__name__} for net in NETS.values()
    ]
    wanted = {*public(nc.layers, nc.Layer), *public(nc.losses, nc.Loss), *public(nc.optim, nc.Optimizer)}
    assert wanted <= set().union(*used)
    assert len(NETS) >= 200 and all(net.steps == 20 for name, net in NETS.items() if name != "images/mnist_cnn")
    assert all(any(name.startswith(f"minimize/{objective}, ") for name in CASES) for objective in nc.objectives.names)


def test_a_build_compared_with_itself_is_equal(capsys):
    kernels = nc.info()["kernel set"]
    assert compare_builds.main([HERE, HERE, "--isa", kernels, "--only", "dense/2-3-2"]) == 0
    assert f"{kernels}: 2 cases (2 of them nets): the same bits" in capsys.readouterr().out


def test_another_seed_is_noticed(tmp_path, capsys):
    (tmp_path / "sitecustomize.py").write_text(ANOTHER_SEED, encoding="utf-8")
    changed = os.pathsep.join([str(tmp_path), HERE])
    assert compare_builds.main([HERE, changed, "--isa", nc.info()["kernel set"], "--only", "dense/2-3-2"]) == 1
    shown = capsys.readouterr().out
    assert "2 differ" in shown and "initial weights, layerwise, weights, optimizer, history, outputs" in shown


def test_nothing_to_compare_is_not_equal(capsys):
    """The only case that fits is left out."""
    only = [name for name in CASES if "dense/2-3-2" in name]
    assert len(only) == 1
    arguments = ["--isa", nc.info()["kernel set"], "--only", only[0], "--except", only[0]]
    assert compare_builds.main([HERE, HERE, *arguments]) == 1
    assert "0 cases" in capsys.readouterr().out


def test_a_kernel_set_that_is_not_there_ends_the_comparison():
    with pytest.raises(SystemExit, match="NNCORE_ISA"):
        compare_builds.main([HERE, HERE, "--isa", "none", "--only", "dense/2-3-2"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({"parts": {"a": "1", "b": "2"}}, {"parts": {"a": "1", "b": "3"}, "threads": []}, "x: b"),
        ({"parts": {"a": "1"}}, {"parts": {"a": "1", "c": "3"}, "threads": []}, "x: c"),
        ({"parts": {"a": "1"}}, {"parts": {"a": "1"}, "threads": ["a"]}, "x: the number of threads changes a"),
        ({"parts": {"a": "1"}}, {"failed": "no"}, "x: NEW failed\nno"),
        ({"failed": "yes"}, {"failed": "yes"}, "x: OLD failed\nyes"),
        ({"parts": {"a": "1"}}, None, "x: only in OLD"),
        (None, {"failed": "no"}, "x: NEW failed\nno"),
        (None, {"parts": {"a": "1"}, "threads": ["a"]}, "x: the number of threads changes a"),
    ],
)
def test_differences_are_named(old, new, said):
    given = [{"": {}, "x": outcome} if outcome is not None else {"": {}} for outcome in (old, new)]
    assert compare_builds.differences(*given)[0] == said
    assert compare_builds.differences({"": {}}, {"": {}, "x": {"parts": {"a": "1"}, "threads": []}}) == []
    assert compare_builds.differences({"x": {"parts": {"a": "1"}}}, {"x": {"parts": {"a": "1"}, "threads": []}}) == []
