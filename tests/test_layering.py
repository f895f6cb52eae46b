"""The packages of nncore are layered: imports point downwards, also type-only imports and those within functions."""

import ast
import graphlib
from pathlib import Path

import nncore as nc

PACKAGE = Path(nc.__file__).parent

#: From the ground up. The command line comes last; it uses the public names, as users do.
ORDER = ["errors", "_support", "_registry", "datasets", "nn", "optim", "train", "interop", "diagnostics", "sweeps",
         "estimators", "plot", "loggers", "cli"]  # fmt: skip
PUBLIC = {"layers", "losses", "init", "functional", "schedules", "objectives", "callbacks", "onnx"}
ABOVE = {"", "__main__", "_pickles", *PUBLIC}  # not imported by the packages


def modules():
    """The file of every module, by the name that imports it; notebooks beside them are data."""
    paths = {path for path in PACKAGE.rglob("*.py") if PACKAGE / "_notebooks" not in path.parents}
    files = {path.relative_to(PACKAGE.parent).with_suffix("").parts: path for path in paths}
    return {".".join(parts).removesuffix(".__init__"): path for parts, path in files.items()}


def imports(path, known):
    """The modules of nncore that a file names in imports, wherever these stand."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: expected whole names in imports"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in known | {"nncore._core": None} else node.module for name in inner)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def arrows():
    """module -> the modules of nncore that it imports; the compiled core, below all of them, is left out."""
    known = modules()
    found = {name: set(imports(path, known)) for name, path in known.items()}
    return {
        name: {of for of in names if of.split(".")[0] == "nncore" and of != "nncore._core"}
        for name, names in found.items()
    }


def package_of(module):
    return module.split(".")[1] if "." in module else ""


def test_every_package_has_its_place():
    assert {package_of(name) for name in modules()} == ABOVE | set(ORDER)
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(ORDER) - {"errors"}


def test_imports_point_downwards():
    inner = {name: found for name, found in arrows().items() if package_of(name) in ORDER[:-1]}
    assert len(inner) > 90
    upwards = [
        f"{name} imports {of}"
        for name, found in inner.items()
        for of in found
        if package_of(of) not in ORDER[: ORDER.index(package_of(name)) + 1]
    ]
    assert upwards == []


def test_nothing_inside_uses_the_public_names_of_nncore():
    """`from nncore import _core` aside, which is below all."""
    inner = {name: path for name, path in modules().items() if package_of(name) in ORDER[:-1]}
    found = [
        f"{name} imports {alias.name} from nncore"
        for name, path in inner.items()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "nncore"
        for alias in node.names
        if alias.name != "_core"
    ]
    assert found == []


def test_there_is_no_circle():
    graphlib.TopologicalSorter(arrows()).prepare()
