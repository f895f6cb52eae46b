"""Promises of the repository itself: sizes of files and folders, what lies at the top, what an import loads, stubs."""

import importlib.util
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parent.parent
LIMIT = 400
SOURCES = {".py", ".pyi", ".cpp", ".hpp", ".cmake", ".sh", ".toml"}
GENERATED = {".pyi"}
TOP = {"cpp", "python", "tests", "notebooks", "pyproject.toml", "CMakeLists.txt", "README.md", "LICENSE", "findings"}
TEXTS = SOURCES | {".md", ".txt", ".ipynb", ".csv", ".json"}


def files():
    """Files of the repository: those git knows or would take; without git all but the hidden ones."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    if shutil.which("git"):
        listed = subprocess.run(command, capture_output=True, text=True, check=False)
        if listed.returncode == 0:
            return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]
    hidden = re.compile(r"^[._]|^(build|dist|nncore-demo|__pycache__)$|\.egg-info$")  # as .gitignore says
    found = (path for path in ROOT.rglob("*") if path.is_file() and path.suffix != ".so")
    return [path for path in found if not any(map(hidden.search, path.relative_to(ROOT).parts[:-1]))]


def test_every_file_is_shorter_than_400_lines():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in files()
        if path.suffix in SOURCES - GENERATED
    }
    assert len(lengths) > 50
    assert {name: n for name, n in lengths.items() if n >= LIMIT} == {}


def test_no_folder_has_more_than_20_sources():
    """cpp/include/nncore apart, which is one flat list of public headers."""
    sizes = Counter(str(path.parent.relative_to(ROOT)) for path in files() if path.suffix in SOURCES - GENERATED)
    assert {folder: n for folder, n in sizes.items() if n > 20 and folder != "cpp/include/nncore"} == {}


def test_lines_of_python_have_120_characters_at_most():
    prose = {"figure_notes.py"}  # a table of notes
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files()
        if path.suffix == ".py" and path.name not in prose
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > 120
    ]
    assert found == []


def test_each_file_that_mutants_change_has_tests_that_exist():
    spec = importlib.util.spec_from_file_location("selection", ROOT / "tests" / "mutation" / "selection.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sources = module.sources()
    assert len(sources) > 80, "the folders of the core have other names"
    for path in sources:
        mutant = SimpleNamespace(file=str(path.relative_to(ROOT)), near="")
        named = [*module.selection(mutant, False)[0], *module.BROAD]
        assert [test for test in named if not (ROOT / test).exists()] == [], mutant.file


def test_no_file_names_a_place_on_somebodys_machine():
    pattern = re.compile(r"(?<![\w.])/(?:home|Users|root|work|tmp|opt/env)/\w+")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in files()
        if path.suffix in TEXTS | {""} and path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_only_the_agreed_entries_lie_at_the_top():
    entries = {path.relative_to(ROOT).parts[0] for path in files()}
    assert {name for name in entries if not name.startswith(".")} - TOP == set()
    assert TOP - {"notebooks", "findings"} <= entries


def test_stubs_are_fresh():
    done = subprocess.run(
        [sys.executable, "-m", "nncore._registry.stubs", "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_names_of_test_files_differ():
    """pytest takes two modules of one name in two folders for the same."""
    names = [path.name for path in files() if path.name.startswith("test_") and path.suffix == ".py"]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    "module",
    ["matplotlib", "sklearn", "scipy", "IPython", "pandas", "torch", "safetensors", "tensorboard", "keras", "h5py"],
)
def test_importing_nncore_loads_only_what_it_needs(module):
    code = f"import sys, nncore; sys.exit(any(name.split('.')[0] == {module!r} for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_importing_nncore_warns_of_nothing():
    code = "import nncore"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
