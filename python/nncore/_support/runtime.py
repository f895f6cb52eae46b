"""Number of threads, versions and platform."""

from __future__ import annotations

import platform
import sys

import numpy as np

from nncore import _core
from nncore._support.checks import integer
from nncore._support.names import keywords
from nncore._support.strict import Strict


@keywords()
def set_num_threads(n: int) -> None:
    """Sets how many threads nncore uses, 1 to 256. Results do not depend on it."""
    _core.set_num_threads(integer("set_num_threads", "n", n, 1, 256))


def get_num_threads() -> int:
    """How many threads nncore uses: as set, else NNCORE_NUM_THREADS, else the CPUs this process may use."""
    return int(_core.num_threads())


class Info(Strict, dict[str, str]):
    """Facts by name; prints as a table."""

    def __str__(self) -> str:
        width = max(map(len, self))
        return "\n".join(f"{name:<{width}}  {value}" for name, value in self.items())

    __repr__ = __str__


def info() -> Info:
    """Version, kernel set in use, kernel sets of this CPU, threads, Python, NumPy, platform."""
    return Info(
        {
            "nncore": _core.__version__,
            "kernel set": _core.kernel_set(),
            "kernel sets here": ", ".join(_core.kernel_sets()),
            "threads": str(get_num_threads()),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "platform": f"{sys.platform} {platform.machine()}",
        }
    )
