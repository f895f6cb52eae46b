"""Whether the program runs in a notebook."""

from __future__ import annotations

import sys


def in_notebook() -> bool:
    """Whether a notebook shows what is displayed: Jupyter, Colab, JupyterLite, … Does not import IPython."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    kinds = {kind.__name__ for kind in type(shell).__mro__}
    return bool(kinds & {"ZMQInteractiveShell", "InteractiveShell"}) and "TerminalInteractiveShell" not in kinds
