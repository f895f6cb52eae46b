"""Other libraries, imported when a function first needs them."""

from __future__ import annotations

import importlib
from typing import Any


def needs(where: str, module: str, install: str) -> Any:
    """The module; ImportError that says what to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = (error.name or module).split(".")[0]
        if missing != module and module == "keras":
            install = f"{missing}, or another backend and its name in KERAS_BACKEND"
        raise ImportError(f"[{where}] needs {missing}: pip install {install}", name=missing) from error
