"""C++ files include downwards only: what stands below knows nothing of what stands on it."""

import re
from pathlib import Path

CPP = Path(__file__).parent.parent / "cpp"
#: From the ground up; each with the public headers that belong to it.
ORDER = {
    "kernels": "",
    "core": "access_guard buffer cpu error linalg metric_names parameter registry rng schema tensor thread_pool view",
    "lowering": "layer",
    "initializers": "initializer",
    "schedules": "schedule",
    "objectives": "objective",
    "losses": "loss",
    "optimizers": "optimizer",
    "layers": "",
    "model": "execution_context model",
    "plan": "plan",
    "train": "data fit_result gradcheck metric minimize monitor observer perceptron reading trainer",
    "bindings": "",
}
RANK = {area: rank for rank, area in enumerate(ORDER)}
HOME = {header: area for area, headers in ORDER.items() for header in headers.split()}


def area_of(path):
    parts = path.relative_to(CPP).parts
    return HOME[path.stem] if parts[0] == "include" else parts[1] if parts[0] == "src" else parts[0]


def test_files_include_downwards_only():
    wrong = []
    for file in sorted(CPP.rglob("*.?pp")):
        for name in re.findall(r'^#include "([^"]+)"', file.read_text(encoding="utf-8"), re.MULTILINE):
            target = next(f / name for f in (CPP / "include", CPP / "src", file.parent) if (f / name).is_file())
            if RANK[area_of(target)] > RANK[area_of(file)]:
                wrong.append(f"{file.relative_to(CPP)} includes {name}")
    assert not wrong
