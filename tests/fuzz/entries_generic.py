"""Every public name is called with hostile arguments, also those that no other entry knows of."""

import inspect

import values
from entries import TABLE, entry

import nncore as nc

MODULES = (
    "",
    "functional",
    "init",
    "datasets",
    "objectives",
    "callbacks",
    "plot",
    "schedules",
    "optim",
    "losses",
    "layers",
)
#: What reaches out of the process or takes as long as it is told to; the entries written for them know their bounds.
BOUNDED = {"load_mnist", "load_fashion_mnist", "load_cifar10", "minimize", "Perceptron", "sweep"}
#: What nncore gives back; nobody makes them by hand.
RESULTS = {"History", "Parameter", "GradientReport", "GradientFlow", "LRFinderResult", "OptimizeResult", "SweepTable"}


def public():
    """{"functional.relu": function}: everything callable that a user can name."""
    found = {}
    for module in MODULES:
        home = getattr(nc, module) if module else nc
        for name in home.__all__:
            thing = getattr(home, name)
            if callable(thing) and not (isinstance(thing, type) and issubclass(thing, BaseException)):
                found.setdefault(id(thing), (f"{module}.{name}".lstrip("."), thing))
    return dict(found.values())


def _slots(thing):
    try:
        return list(inspect.signature(thing).parameters.values())
    except (TypeError, ValueError):
        return []


def _add(name, thing):
    def run(draw):
        positional, named = [], {}
        for slot in _slots(thing):
            if slot.kind is slot.VAR_POSITIONAL:
                positional += [values.anything(draw) for _ in range(draw.randrange(3))]
            elif slot.kind is slot.KEYWORD_ONLY:
                if draw.chance(0.3):
                    named[slot.name] = values.anything(draw)
            elif slot.kind is not slot.VAR_KEYWORD and (slot.default is slot.empty or draw.chance(0.3)):
                named[slot.name] = values.anything(draw)
        if draw.chance(0.05):
            positional.append(values.anything(draw))
        if draw.chance(0.05):
            named["no_such"] = 1
        made = thing(*positional, **named)
        repr(made)

    entry(f"any {name}", files=True)(run)


for _name, _thing in public().items():
    if _name.split(".")[-1] not in BOUNDED | RESULTS and not _name.endswith("Display"):
        _add(_name, _thing)

assert len(TABLE) > 50
