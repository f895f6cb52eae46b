"""Models in files: their arrays under PyTorch's keys, their layers as recipes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nncore import _core
from nncore._normalize import Normalize
from nncore._recipe import Reader, Writer
from nncore._support.checks import describe, integer
from nncore._support.files import path_of
from nncore._support.tensor_file import TensorFile, reading, write

if TYPE_CHECKING:
    from nncore._sequential import Sequential

_LINKS = (None, "identity", "softmax", "log_softmax", "sigmoid", "sign")


def arrays_of(net: Sequential) -> dict[str, NDArray[Any]]:
    """Parameters and buffers by name, each once however many places share it; the model's own memory."""
    return {name: value for name, value, *_ in net._core.parameters() + net._core.buffers()}


def model_facts(net: Sequential, where: str) -> dict[str, Any]:
    """Everything about a model that is no array, as JSON."""
    writer = Writer(where)
    places = [[name, writer.layer(layer)] for name, layer in net._layers.items()]
    return {
        "layers": writer.layers,
        "places": places,
        "dtype": net.dtype,
        "seed": net.seed,
        "link": net._link,
        "calls": net._calls,
    }


def model_arrays(net: Sequential) -> dict[str, NDArray[Any]]:
    """All arrays of a model, those of its Normalize as well."""
    arrays = arrays_of(net)
    if net.input is not None:
        arrays |= {"input.mean": net.input.mean, "input.std": net.input.std}
    return arrays


def save_model(net: Sequential, path: object) -> None:
    """Writes the file; one that was there stays as it was if anything goes wrong."""
    with net._core.hold("Sequential.save", False):
        write(path_of("save", path), "model", {"model": model_facts(net, "save")}, model_arrays(net))


def load(path: Any) -> Sequential:
    """Reads a model that `Sequential.save` wrote, or the model of a checkpoint that `Trainer.save` wrote.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    Sequential
        Bit for bit the one that was saved: layers, names, sharing, dtype, seed, parameters, buffers, normalisation.

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


def read_model(file: TensorFile, facts: Mapping[str, Any], prefix: str) -> Sequential:
    """A model from the facts, with the arrays called `prefix` and their name."""
    from nncore._sequential import Sequential

    names = {name.removeprefix(prefix) for name in file.shapes if name.startswith(prefix)}
    reader = Reader(facts["layers"], most=file.size // 256)
    places = {str(name): reader.layer(number) for name, number in facts["places"]}
    if len(places) != len(facts["places"]):
        file.fail("expected a name of its own for each layer")
    if facts["dtype"] not in ("float32", "float64") or facts["link"] not in _LINKS:
        file.fail(f"expected a dtype and a link, got {describe((facts['dtype'], facts['link']))}")
    given = sum(int(np.prod(file.shapes[prefix + name], dtype=np.uint64)) for name in names)
    claimed = sum(_core.declared_size(layer._spec) for layer in reader.leaves())
    if claimed > given:  # before there is any memory for it
        file.fail(f"its layers claim {claimed} numbers, and there are {given}")
    seed = integer("load", "seed", facts["seed"], 0, 2**64 - 1)
    normalize = None
    if "input.mean" in names:
        normalize = Normalize(file[prefix + "input.mean"], file[prefix + "input.std"])
    net = Sequential(places, dtype=facts["dtype"], seed=seed, input=normalize)
    net._link, net._calls = facts["link"], integer("load", "calls", facts["calls"], 0, 2**62)
    arrays = arrays_of(net)
    if names != set(model_arrays(net)):
        file.fail(f"expected the arrays of its layers, got {sorted(names ^ set(model_arrays(net)))[:5]} beside them")
    for name, array in arrays.items():
        file.check(prefix + name, array.shape, array.dtype)
        array[...] = file[prefix + name]
    return net
