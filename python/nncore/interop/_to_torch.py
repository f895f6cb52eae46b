"""to_torch: a model as PyTorch modules."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np

from nncore._support.checks import describe
from nncore.errors import ConfigError
from nncore.interop._needs import needs
from nncore.interop._torch_layers import SETTINGS, module_from
from nncore.nn._container import CompiledLayer
from nncore.nn._layer import Layer
from nncore.nn._model import Model, layers_of, reads_of, sample_shape_of


def write_modules(model: Model) -> Any:
    """See `to_torch`."""
    if not isinstance(model, Model):
        raise ConfigError(f"[to_torch] model: expected a Sequential or a Graph, got {describe(model)}")
    torch = needs("to_torch", "torch", "nncore[torch]")
    net: Model = model.copy()  # another thread may train it meanwhile
    memo: dict[int, Any] = {}
    modules = [(name, _module(torch, layer, name, net.dtype, memo)) for name, layer in layers_of(net).items()]
    for parameter, theirs in zip(net.parameters(), _parameters(layers_of(net), memo), strict=True):
        theirs.requires_grad_(parameter.requires_grad)
    shape = sample_shape_of(net)
    if shape is None:
        return _nested(torch, [*_input(torch, net), *modules])
    return _graph(torch, net, modules, shape)


def _module(torch: Any, layer: Layer, path: str, dtype: str, memo: dict[int, Any]) -> Any:
    """The module for a layer; `memo`: id of a layer -> its module."""
    if id(layer) in memo:
        return memo[id(layer)]
    name = type(layer).__name__
    if not isinstance(layer, CompiledLayer):
        what = f"expected layers of nncore, got {name}, which is written in Python"
        raise ConfigError(f'[to_torch] layer "{path}": {what}')
    if name in SETTINGS or name == "GlobalAvgPool2d":
        module = module_from(torch, layer, getattr(torch, dtype))
    elif name == "Residual":
        from nncore.interop._torch_modules import Residual

        inner: Any = layer
        module = Residual(*[_module(torch, each, f"{path}.{i}", dtype, memo) for i, each in enumerate(inner.layers)])
    else:
        module = _merge(layer, name, path)
    if layer.frozen and name.startswith("BatchNorm"):
        module.eval()
    memo[id(layer)] = module
    return module


def _merge(layer: Any, name: str, path: str) -> Any:
    from nncore.interop import _torch_modules

    if name in ("Add", "Multiply"):
        return getattr(_torch_modules, name)()
    if name == "Concat":
        return _torch_modules.Concat(layer.dim)
    raise ConfigError(f'[to_torch] layer "{path}": expected a layer that PyTorch has a module for, got {name}')


def _parameters(layers: Any, memo: dict[int, Any]) -> list[Any]:
    """The modules' parameters in the order of the model's: those of shared layers once."""
    found: dict[int, Any] = {}
    for layer in layers.values():
        for parameter in memo[id(layer)].parameters():
            found.setdefault(id(parameter), parameter)
    return list(found.values())


def _input(torch: Any, net: Model) -> list[tuple[str, Any]]:
    """The normalisation of the inputs as the first module, by its name."""
    if net.input is None:
        return []
    from nncore.interop._torch_modules import Normalize

    if "input" in {name.partition(".")[0] for name in layers_of(net)}:
        raise ConfigError('[to_torch] layer "input": expected another name, as input=Normalize becomes that module')
    mean, std = (torch.tensor(np.asarray(array, net.dtype)) for array in (net.input.mean, net.input.std))
    return [("input", Normalize(mean, std))]


def _nested(torch: Any, modules: list[tuple[str, Any]]) -> Any:
    """A Sequential of modules by name; those with dots in their names are in Sequentials inside, as in PyTorch."""
    parts: OrderedDict[str, Any] = OrderedDict()
    for name, module in modules:
        first, dot, rest = name.partition(".")
        if dot:
            parts.setdefault(first, []).append((rest, module))
        else:
            parts[first] = module
    made = ((name, _nested(torch, part) if isinstance(part, list) else part) for name, part in parts.items())
    return torch.nn.Sequential(OrderedDict(made))


def _graph(torch: Any, net: Model, modules: list[tuple[str, Any]], shape: tuple[int, ...]) -> Any:
    """A Sequential where the Graph is a chain, else a module that hands values on as it does."""
    chain = [[i] for i in range(len(modules))] == reads_of(net)
    if chain:
        return _nested(torch, [*_input(torch, net), *modules])
    from nncore.interop._torch_modules import Graph

    first = _input(torch, net)
    reads = [[value + len(first) for value in values] for values in reads_of(net)]
    return Graph(OrderedDict([*first, *modules]), [*([[0]] if first else []), *reads], shape)
