"""Programs that tests run in a process of their own, and what is compiled and loaded into one before it starts.

A program lies in a folder `programs` beside its test and ends with `run_case()`: the first argument names the
function, the others are handed to it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def run_case(functions):
    """The last line of a program: `run_case(globals())`."""
    functions[sys.argv[1]](*sys.argv[2:])


def command(program, *arguments):
    return [sys.executable, str(program), *map(str, arguments)]


def environment(**more):
    """That of this process, in which programs find `support`, too."""
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **more}


def run_program(program, *arguments, timeout=150, cwd=None, **more):
    """Runs it to its end, with more variables in its environment; the words it printed. It fails as a test fails."""
    done = subprocess.run(command(program, *arguments), env=environment(**more), cwd=cwd, capture_output=True,
                          text=True,
                          timeout=timeout, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()


def compiled(source, folder):
    """A shared library for LD_PRELOAD from a C++ file; the test is skipped where there is no such thing."""
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs a C++ compiler and LD_PRELOAD")
    library = folder / f"{source.stem}.so"
    options = ["-std=c++20", "-O1", "-fPIC", "-shared", "-Wall", "-Werror"]
    subprocess.run([compiler, *options, str(source), "-o", str(library)], check=True, timeout=120)
    return library
