"""Whether the program runs in a notebook."""

from __future__ import annotations

import os
import sys


def in_notebook() -> bool:
    """Whether a notebook shows what is displayed: Jupyter, VS Code, Colab, Databricks, … Does not import IPython."""
    ask = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell = None if ask is None else ask()
    kinds = {kind.__name__ for kind in type(shell).__mro__}
    if shell is None or "TerminalInteractiveShell" in kinds:
        return False
    named = bool(kinds & {"ZMQInteractiveShell", "InteractiveShell"})  # Colab's is derived from ipykernel's
    return named or getattr(shell, "kernel", None) is not None or "DATABRICKS_RUNTIME_VERSION" in os.environ
