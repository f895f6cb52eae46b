"""Where the NumPy twins of registered things are kept, by kind and name."""

from types import SimpleNamespace

import pytest

LAYERS, LOSSES, OPTIMIZERS, SCHEDULES = {}, {}, {}, {}
_TABLES = {"layer": LAYERS, "loss": LOSSES, "optimizer": OPTIMIZERS, "schedule": SCHEDULES}


def twin_of(kind, name):
    """The twin of a registered thing; the test fails without one."""
    if name not in _TABLES[kind]:
        pytest.fail(f"{kind} {name!r} has no NumPy twin: add one to tests/{kind}_oracles.py, under @twin({kind!r}, {name!r})")
    return _TABLES[kind][name]


def twin(kind, name):
    def register(cls):
        _TABLES[kind][name] = cls
        return cls

    return register


def namespace(args):
    return SimpleNamespace(**args)
