"""The script that tries bare systems: what it says without doing anything. The trials themselves are run by hand."""

import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent

pytestmark = pytest.mark.skipif(shutil.which("sh") is None, reason="no POSIX shell")


def run(*arguments):
    return subprocess.run(["sh", *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("script", ["try_systems.sh", "in_root.sh"])
def test_the_shell_can_read_it(script):
    assert run("-n", str(FOLDER / script)).returncode == 0


def test_help_names_every_option():
    done = run(str(FOLDER / "try_systems.sh"), "--help")
    text = (FOLDER / "try_systems.sh").read_text(encoding="utf-8")
    options = [
        line.split(")")[0].strip() for line in text.splitlines() if line.strip().startswith("--") and "$2 ;;" in line
    ]
    assert done.returncode == 0 and len(options) == 7
    assert all(option in done.stdout for option in options)


@pytest.mark.parametrize("arguments", [["--compiler", "g++"], ["--suites"]])
def test_unknown_options_and_missing_values_are_refused(arguments):
    done = run(str(FOLDER / "try_systems.sh"), *arguments)
    assert done.returncode == 2 and done.stderr.startswith("try_systems: ") and done.stdout == ""
