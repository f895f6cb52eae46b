"""In which programs the bars of fit and sweep draw."""

import sys
import types

import pytest

from nncore._support.notebook import in_notebook
from nncore._support.progress import Progress


def shells():
    """name -> (shell, whether it is a notebook's), as these programs have them."""

    class InteractiveShell:
        pass

    class ZMQInteractiveShell(InteractiveShell):
        kernel = object()

    class TerminalInteractiveShell(InteractiveShell):
        pass

    class Shell(ZMQInteractiveShell):
        """Colab's."""

    class DatabricksShell(Shell):
        pass

    class XPythonShell:
        """Of xeus-python."""

        kernel = object()

    class PythonShell:
        """Of Databricks' older runtimes."""

    class Embedded(TerminalInteractiveShell):
        pass

    notebooks = [ZMQInteractiveShell, Shell, DatabricksShell, XPythonShell, InteractiveShell]
    found = {kind.__name__: (kind(), True) for kind in notebooks}
    others = [TerminalInteractiveShell, Embedded, PythonShell]
    return found | {kind.__name__: (kind(), False) for kind in others} | {"none": (None, False)}


def pretend(monkeypatch, shell):
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: shell
    monkeypatch.setitem(sys.modules, "IPython", ipython)


@pytest.fixture(autouse=True)
def no_databricks(monkeypatch):
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)


@pytest.mark.parametrize("name", shells())
def test_shells(name, monkeypatch):
    shell, notebook = shells()[name]
    pretend(monkeypatch, shell)
    assert in_notebook() == notebook == Progress("auto")._on
    monkeypatch.setenv("VSCODE_PID", "1")  # also set in its terminals
    assert in_notebook() == notebook


def test_databricks(monkeypatch):
    pretend(monkeypatch, shells()["PythonShell"][0])
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "14.3")
    assert in_notebook()
    pretend(monkeypatch, None)  # a job without a notebook
    assert not in_notebook()


def test_without_ipython(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)
    assert not in_notebook()
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    assert not in_notebook()
