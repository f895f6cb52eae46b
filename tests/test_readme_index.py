"""The README's index names every public name; help(nc) is a page of the same."""

import inspect
import re
from pathlib import Path

import nncore as nc

README = Path(__file__).parents[1] / "README.md"


def listed():
    section = README.read_text(encoding="utf-8").split("## Every name, by what one wants to do")[1].split("\n## ")[0]
    return {name for code in re.findall(r"`([^`]+)`", section) for name in re.findall(r"\w+", code)}


def public_names():
    modules = [nc, *(value for value in vars(nc).values() if inspect.ismodule(value) and hasattr(value, "__all__"))]
    for module in modules:
        if module.__name__.partition(".")[2][:1] != "_":
            yield from (
                name for name in module.__all__ if name[:1] != "_" and not inspect.ismodule(getattr(module, name))
            )


def test_the_index_names_every_public_name():
    displays = {name for name in nc.plot.__all__ if name[0].isupper()}  # what plots return
    functions = set(nc.functional.__all__) - {"relu"}  # of each activation, beside its layer
    activations = {
        name for name in functions if name.replace("_", "") in {layer.lower() for layer in nc.layers.__all__}
    }
    assert set(public_names()) - listed() - (displays - {"Display"}) - activations == set()


def test_the_index_names_nothing_else():
    known = {
        *public_names(),
        *dir(nc),
        *dir(nc.Sequential),
        *dir(nc.Trainer),
        *dir(nc.Normalize),
        *dir(nc.plot.Display),
    }
    assert listed() - known - {"net", "nc", "help", "X", "input"} == set()


def test_help_is_a_page_of_the_same_names():
    page = nc.__doc__
    assert len(page.splitlines()) > 20
    assert {name for name in nc.__all__ if name[0].isupper()} - set(re.findall(r"\w+", page)) == set()
