"""Every notebook runs, shortened, without a word on stderr; what is committed is the whole of an undisturbed long
run."""

import re

import pytest
import rerun
from short import shorten

each_notebook = pytest.mark.parametrize("path", rerun.paths(), ids=lambda path: path.stem)
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(?:home|root|Users|work|tmp|opt|usr|var|mnt|private)/|\b[A-Z]:\\")


def outputs_of(notebook):
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def text_of(output):
    """Everything an output says in words."""
    data = output.get("data", {})
    return "\n".join([output.get("text", ""), *(str(data[kind]) for kind in data if kind.startswith("text/"))])


def assert_undisturbed(notebook):
    for output in outputs_of(notebook):
        assert output.output_type != "error", output.evalue
        assert output.get("name") != "stderr", output.text


#: Packages that a notebook needs beside those of the others.
NEEDS = {"11_bridges": ("sklearn", "onnx", "onnxruntime", "torch")}


@each_notebook
def test_runs_without_errors_and_warnings(path, tmp_path):
    for package in NEEDS.get(path.stem, ()):
        pytest.importorskip(package)
    notebook = shorten(path.stem, rerun.read(path))
    rerun.run(notebook, tmp_path)
    assert_undisturbed(notebook)
    assert {entry.name for entry in tmp_path.iterdir()} == set(rerun.BESIDE)


@each_notebook
def test_cells_have_no_switch_for_tests(path):
    code = "\n".join(cell.source for cell in rerun.read(path).cells if cell.cell_type == "code")
    assert not re.search(r"\bFAST\b|os\.environ", code)


@each_notebook
def test_committed_outputs_are_of_one_whole_run(path):
    notebook = rerun.read(path)
    assert_undisturbed(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))


@each_notebook
def test_committed_outputs_have_figures_and_no_machine_paths(path):
    outputs = outputs_of(rerun.read(path))
    assert any("image/png" in output.get("data", {}) for output in outputs)
    for output in outputs:
        assert not MACHINE_PATH.search(text_of(output)), text_of(output)
    assert path.stat().st_size <= 2**20


def test_there_are_notebooks():
    assert rerun.paths()
