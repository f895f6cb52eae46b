"""Runs the cases of one build in one process and prints a line of JSON for each: its name and the hashes of its parts.

bit_worker.py [--quick] [--only TEXT] [--except NAME] [--threads 1 2]      (compare_builds.py starts it)
"""

import argparse
import json
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import bit_beyond  # noqa: F401  the modules enter their cases
import bit_dense  # noqa: F401
import bit_graphs  # noqa: F401
import bit_images  # noqa: F401
import bit_residual  # noqa: F401
import bit_settings  # noqa: F401
import numpy as np
from bit_cases import CASES, DTYPES, NETS, digest, few

import nncore as nc

#: One case in so many with --quick.
QUICK = 8


def chosen(quick: bool, only: str, left_out: Sequence[str]) -> list[str]:
    names = [name for name in CASES if only in name and name not in left_out]
    return few(names, QUICK) if quick else names


def outcome(name: str, dtype: str, threads: Sequence[int] = (1, 2)) -> dict[str, Any]:
    """The hashes of a case, and the parts that other numbers of threads compute differently from the first."""
    try:
        first, *others = (digest(CASES[name](dtype, n)) for n in threads)
    except Exception:
        return {"failed": traceback.format_exc(limit=-3)}
    return {
        "parts": first,
        "threads": sorted({part for other in others for part in first if other[part] != first[part]}),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--except", dest="left_out", default=[], action="append")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    np.seterr(all="ignore")
    print(json.dumps({"kernel set": nc.info()["kernel set"], "nets": sorted(NETS)}), flush=True)
    for name in chosen(arguments.quick, arguments.only, arguments.left_out):
        for dtype in DTYPES:
            print(json.dumps({"name": f"{name}, {dtype}", **outcome(name, dtype, arguments.threads)}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
