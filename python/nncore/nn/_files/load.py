"""Reading models from files."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from nncore import _core
from nncore._registry.recipe import Reader
from nncore._support.checks import LARGEST_SEED, describe, extents, integer, is_name
from nncore._support.files import path_of
from nncore._support.freezing import checked as checked_freezing
from nncore._support.freezing import restore as restore_freezing
from nncore._support.labels import IGNORED
from nncore._support.names import keywords
from nncore._support.tables import as_columns
from nncore._support.tensor_file import TensorFile, reading
from nncore.nn._container import Container
from nncore.nn._files.save import arrays_of, model_arrays
from nncore.nn._graph import Graph, joined
from nncore.nn._initializer import restoring
from nncore.nn._layer import Layer, handle_of, spec_of
from nncore.nn._model import core_of, restore
from nncore.nn._normalize import Normalize
from nncore.nn._sequential import Sequential, chain

_LINKS = (None, "identity", "softmax", "log_softmax", "sigmoid", "sign")


@keywords()
def load(path: Any) -> Sequential | Graph:
    """Reads a model that its `save` wrote, or the model of a checkpoint that `Trainer.save` wrote.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    Sequential or Graph
        Bit for bit the one that was saved: layers, names, sharing, dtype, seed, parameters, buffers, normalisation,
        names of columns.

    Raises
    ------
    FormatError
        The file is damaged, or no such file. Files hold no code, and reading one runs none.
    OSError
        It cannot be read.
    ImportError
        The package safetensors is missing: pip install nncore[save].

    Examples
    --------
    >>> import tempfile
    >>> net = nc.Sequential(nc.Linear(2, 3), nc.ReLU(), seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     net.save(folder + "/net.safetensors")
    ...     again = nc.load(folder + "/net.safetensors")
    >>> bool((again.flat_parameters == net.flat_parameters).all())
    True
    """
    with reading(path_of("load", path), "model", "trainer") as file:
        prefix = "" if file.facts["kind"] == "model" else "model/"
        return read_model(file, file.facts["model"], prefix)


def read_model(file: TensorFile, facts: Mapping[str, Any], prefix: str) -> Sequential | Graph:
    """A model from the facts of a file; its arrays have names that start with `prefix`."""
    names = {name.removeprefix(prefix) for name in file.shapes if name.startswith(prefix)}
    reader = Reader(facts["layers"])
    leaves = [layer for layer in reader.layers if not isinstance(layer, Container)]
    places = {str(name): reader.layer(number) for name, number in facts["places"]}
    if len(places) != len(facts["places"]):
        file.fail("expected a name of its own for each layer")
    _check_names(file, places)
    if facts["dtype"] not in ("float32", "float64") or facts["link"] not in _LINKS:
        file.fail(f"expected a dtype and a link, got {describe((facts['dtype'], facts['link']))}")
    given = sum(int(np.prod(file.shapes[prefix + name], dtype=np.uint64)) for name in names)
    claimed = sum(_core.declared_size(spec_of(layer)) for layer in leaves)
    if claimed > given:  # before anything is allocated
        file.fail(f"its layers claim {claimed} numbers, and there are {given}")
    _freeze(file, facts.get("frozen", {}), reader.layers)
    seed = integer("load", "seed", facts["seed"], 0, LARGEST_SEED)
    normalize = None
    if "input.mean" in names:
        normalize = Normalize(file[prefix + "input.mean"], file[prefix + "input.std"])
    calls = integer("load", "calls", facts["calls"], 0, 2**62)
    columns = as_columns("load", facts["columns"]) if "columns" in facts else None
    ignored = facts.get("ignored", IGNORED)
    if ignored is not None:
        ignored = integer("load", "ignored", ignored, -(2**63), 2**63)
    made_with = {"dtype": facts["dtype"], "seed": seed, "input": normalize}
    net: Sequential | Graph
    with restoring():
        if "reads" in facts:
            shape = extents("load", "input_shape", facts.get("input_shape"), 2**62)
            net = joined(places, facts["reads"], shape, **made_with)
        else:
            net = chain(places, **made_with)
    restore(net, facts["link"], calls, ignored, columns)
    core = core_of(net)
    arrays, expected = arrays_of(core), set(model_arrays(core, normalize))
    if names != expected:
        file.fail(f"expected the arrays of its layers, got {sorted(names ^ expected)[:5]} beside them")
    for name, array in arrays.items():
        file.check(prefix + name, array.shape, array.dtype)
        array[...] = file[prefix + name]
    return net


def _check_names(file: TensorFile, names: Collection[str]) -> None:
    """Names as a Sequential makes them: those of layers inside another one have dots; none stands inside a layer's."""
    parts = [tuple(name.split(".")) for name in names]
    inside = {part[:i] for part in parts for i in range(1, len(part))}
    if not all(is_name(piece) for part in parts for piece in part) or inside & set(parts):
        file.fail(f"expected names of layers, got {describe(list(names))}")


def _freeze(file: TensorFile, given: Any, layers: list[Layer]) -> None:
    """Freezes layers by their numbers."""
    if not isinstance(given, dict):
        file.fail(f"expected which layers are frozen, got {describe(given)}")
    leaves = {str(n): layer for n, layer in enumerate(layers) if not isinstance(layer, Container)}
    for number, flags in given.items():
        if number not in leaves:
            file.fail(f"expected the number of a layer that is frozen, got {describe(number)}")
        layer = leaves[number]
        restore_freezing(handle_of(layer), checked_freezing(flags, len(_core.declared_names(spec_of(layer)))))
