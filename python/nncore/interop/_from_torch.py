"""from_torch: PyTorch modules as a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import describe, dtype_name
from nncore.errors import ConfigError
from nncore.interop._needs import needs
from nncore.interop._torch_layers import ARRAYS, known, layer_from
from nncore.nn import layers as nnl
from nncore.nn._graph import Graph, joined
from nncore.nn._initializer import restoring
from nncore.nn._normalize import Normalize
from nncore.nn._sequential import Sequential, chain

_ELEMENTWISE = {"Dropout", "ELU", "GELU", "Identity", "LeakyReLU", "ReLU", "SiLU", "Sigmoid", "Softplus", "Tanh"}


def read_module(module: Any, dtype: str | None) -> Sequential | Graph:
    """See `from_torch`."""
    torch = needs("from_torch", "torch", "nncore[torch]")
    if not isinstance(module, torch.nn.Module):
        raise ConfigError(f"[from_torch] module: expected a torch.nn.Module, got {describe(module)}")
    return _Reader(torch, module).model(module, None if dtype is None else dtype_name("from_torch", dtype))


class _Reader:
    """Goes through the modules; keeps what the model is given when its layers are known."""

    def __init__(self, torch: Any, module: Any) -> None:
        self._torch, self._training = torch, module.training
        self._layers: dict[str, Any] = {}
        self._arrays: dict[int, dict[str, NDArray[Any]]] = {}  # by id of the layer
        self._memo: dict[int, Any] = {}
        self._owners: dict[Any, str] = {}  # of parameters, by identity and place in memory
        self._dtype: tuple[str, str] | None = None  # with the name of the parameter that has it
        self._frozen: list[tuple[Any, list[str]]] = []  # layers, and the names of their frozen parameters; []: whole
        self._input: Normalize | None = None
        self._open_pools: set[int] = set()  # by id of the layer

    def model(self, module: Any, dtype: str | None) -> Sequential | Graph:
        """The model for the whole."""
        graph = _is_ours(module, "Graph")
        if graph or self._is_sequential(module):
            self._check_plain(module, "")
            children = list(module._modules.items())
            if children and _is_ours(children[0][1], "Normalize"):
                self._normalize(children.pop(0)[1])
            for name, child in children:
                self._add(child, name)
        else:
            self._add(module, "0")
        self._check_global_pools()
        own = "float32" if self._dtype is None else self._dtype[0]
        facts = {"dtype": dtype or own, "seed": 0, "input": self._input}
        with restoring():
            net = self._joined(module, facts) if graph else chain(self._layers, **facts)
        state = dict(self._state(self._layers))
        if self._input is not None:
            state |= {"input.mean": self._input.mean, "input.std": self._input.std}
        net.load_state_dict(state)
        for layer, names in self._frozen:
            _freeze(layer, names)
        return net

    def _joined(self, module: Any, facts: dict[str, Any]) -> Graph:
        reads = module.reads
        if self._input is not None:
            reads = [[value - 1 for value in values] for values in reads[1:]]
        return joined(self._layers, reads, module.input_shape, **facts)

    def _state(self, layers: Mapping[str, Any]) -> Iterator[tuple[str, NDArray[Any]]]:
        """All arrays by name: those of a layer in several places under each of its names."""
        for path, layer in layers.items():
            for part, array in self._arrays.get(id(layer), {}).items():
                yield f"{path}.{part}", array
            if isinstance(layer, nnl.Residual):
                yield from self._state({f"{path}.{i}": inner for i, inner in enumerate(layer.layers)})

    # ---- Modules -----------------------------------------------------------------------------------------------------

    def _add(self, module: Any, path: str) -> None:
        """Adds the layers of a module under its path."""
        self._check_plain(module, path)
        if self._is_sequential(module) and not self._is_global_pool(module):
            for name, child in module._modules.items():
                self._add(child, f"{path}.{name}")
            return
        self._layers[path] = self._layer(module, path)

    def _layer(self, module: Any, path: str) -> Any:
        self._check_plain(module, path)
        if id(module) in self._memo:
            return self._memo[id(module)]
        name = known(self._torch, module)
        if _is_ours(module, "Residual"):
            inner = [self._layer(each, each_path) for each_path, each in self._inside(module, path)]
            layer: Any = nnl.Residual(*inner)
        elif _is_ours(module, "Add") or _is_ours(module, "Multiply"):
            layer = getattr(nnl, type(module).__name__)()
        elif _is_ours(module, "Concat"):
            layer = nnl.Concat(module.dim)
        elif self._is_global_pool(module):
            for each_name, each in module._modules.items():
                self._check_plain(each, f"{path}.{each_name}")
            layer = nnl.GlobalAvgPool2d()
        elif self._is_pool_to_one(module):
            layer = nnl.GlobalAvgPool2d()
            self._open_pools.add(id(layer))
        elif name is not None:
            layer = layer_from(name, module, path)
            self._take(module, layer, path)
            self._check_mode(module, layer, name, path)
        else:
            raise ConfigError(f'[from_torch] "{path}": expected {_WANTED}, got {type(module).__name__}')
        self._memo[id(module)] = layer
        return layer

    def _inside(self, module: Any, path: str) -> list[tuple[str, Any]]:
        """The modules inside a residual by their path; nncore has them in one row."""
        found = []
        for name, child in module._modules.items():
            if self._is_sequential(child) and not self._is_global_pool(child):
                raise ConfigError(f'[from_torch] "{path}.{name}": expected modules, got a Sequential in a Residual')
            found.append((f"{path}.{name}", child))
        return found

    def _is_sequential(self, module: Any) -> bool:
        cls = self._torch.nn.Sequential
        return isinstance(module, cls) and type(module).forward is cls.forward

    def _is_pool_to_one(self, module: Any) -> bool:
        cls = self._torch.nn.AdaptiveAvgPool2d
        return type(module) is cls and module.output_size in (1, (1, 1), [1, 1])

    def _is_global_pool(self, module: Any) -> bool:
        """Whether it is a Sequential of AdaptiveAvgPool2d(1) and Flatten, as to_torch writes GlobalAvgPool2d."""
        if not self._is_sequential(module):
            return False
        inner = list(module._modules.values())
        return len(inner) == 2 and self._is_pool_to_one(inner[0]) and known(self._torch, inner[1]) == "Flatten"

    def _check_global_pools(self) -> None:
        """AdaptiveAvgPool2d(1) leaves two axes of length 1, GlobalAvgPool2d does not: a Flatten has to follow."""
        places = list(self._layers.items())
        for i, (path, layer) in enumerate(places):
            if id(layer) not in self._open_pools:
                continue
            after = (type(other).__name__ for _, other in places[i + 1 :])
            if next((name for name in after if name not in _ELEMENTWISE), None) != "Flatten":
                raise ConfigError(
                    f'[from_torch] AdaptiveAvgPool2d "{path}": expected a Flatten behind it, got none (hint: nncore\'s '
                    "GlobalAvgPool2d has outputs (N, C))"
                )

    # ---- What they hold ----------------------------------------------------------------------------------------------

    def _check_plain(self, module: Any, path: str) -> None:
        """ConfigError for what changes a module's outputs from outside."""
        where = f'"{path}"' if path else "the module"
        for name, parameter in module._parameters.items():
            if parameter is not None and self._torch.nn.parameter.is_lazy(parameter):
                raise ConfigError(f"[from_torch] {where} {name}: expected numbers, got none yet (hint: call it once)")
        hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
        if any(getattr(module, name, None) for name in hooks):
            raise ConfigError(f"[from_torch] {where}: expected no hooks, got some (hint: handle.remove())")
        if "parametrizations" in getattr(module, "_modules", {}):
            mend = "torch.nn.utils.parametrize.remove_parametrizations(module, name)"
            raise ConfigError(f"[from_torch] {where}: expected plain parameters, got parametrisations (hint: {mend})")
        if "forward" in vars(module):
            raise ConfigError(f"[from_torch] {where}: expected the forward of its class, got another one")

    def _check_mode(self, module: Any, layer: Any, name: str, path: str) -> None:
        """Of what computes otherwise in training: the mode of the whole, or frozen."""
        own = [parameter for parameter in module._parameters.values() if parameter is not None]
        still = name.startswith("BatchNorm") and module.running_mean is not None and not module.training
        if still and not any(parameter.requires_grad for parameter in own) and (own or self._training):
            self._frozen.append((layer, []))
        elif name == "Dropout" or name.startswith("BatchNorm"):
            if module.training != self._training:
                modes = ["evaluation", "training"]
                raise ConfigError(
                    f'[from_torch] {name} "{path}": expected the mode of the whole module, '
                    f"{modes[self._training]}, got {modes[module.training]} (hint: module.train() or module.eval())"
                )

    def _take(self, module: Any, layer: Any, path: str) -> None:
        """Notes the numbers of a layer, and which of them do not learn."""
        names = []
        arrays = self._arrays.setdefault(id(layer), {})
        for part, parameter in module._parameters.items():
            if parameter is None or part not in ARRAYS:
                continue
            self._check_own(parameter, f"{path}.{part}")
            if not parameter.requires_grad:
                names.append(part)
        for part in ARRAYS:
            tensor = getattr(module, part, None)
            if tensor is not None and (part in module._parameters or part in module._buffers):
                arrays[part] = self._numbers(tensor, f"{path}.{part}")
        if type(layer).__name__ == "LayerNorm":
            for part, value in (("weight", np.ones), ("bias", np.zeros)):
                if getattr(module, part) is None:
                    arrays[part] = value(tuple(module.normalized_shape))
                    names.append(part)
        if names:
            self._frozen.append((layer, names))

    def _check_own(self, parameter: Any, name: str) -> None:
        """ConfigError for a parameter of several modules: layers share all of theirs, as one object, or none."""
        for key in (id(parameter), (parameter.device, parameter.data_ptr()) if parameter.data_ptr() else None):
            owner = None if key is None else self._owners.setdefault(key, name)
            if owner not in (None, name):
                raise ConfigError(
                    f'[from_torch] "{name}": expected parameters of its own, got those of "{owner}" (hint: use one '
                    "module in both places)"
                )

    def _numbers(self, tensor: Any, name: str) -> NDArray[Any]:
        """A copy; notes its dtype."""
        if tensor.device.type == "meta" or tensor.is_sparse or tensor.is_quantized:
            raise ConfigError(f'[from_torch] "{name}": expected numbers in memory, got {tensor.device} {tensor.layout}')
        if name.endswith("num_batches_tracked"):
            return np.array(tensor.detach().cpu().tolist())
        dtype = str(tensor.dtype).removeprefix("torch.")
        if dtype not in ("float32", "float64"):
            mend = "module.float()"
            raise ConfigError(f'[from_torch] "{name}": expected float32 or float64, got {dtype} (hint: {mend})')
        if self._dtype is None:
            self._dtype = dtype, name
        elif self._dtype[0] != dtype:
            raise ConfigError(
                f'[from_torch] "{name}": expected {self._dtype[0]}, as "{self._dtype[1]}" has, got {dtype} '
                "(hint: module.float() or module.double())"
            )
        return np.array(tensor.detach().cpu().numpy())

    def _normalize(self, module: Any) -> None:
        mean, std = (self._numbers(getattr(module, part), f"input.{part}") for part in ("mean", "std"))
        self._input = Normalize(mean, std)


_WANTED = "a Sequential, or a module that nncore has a layer for"


def _is_ours(module: Any, name: str) -> bool:
    """Whether it is the module of that name that to_torch writes."""
    return type(module).__module__ == "nncore.interop._torch_modules" and type(module).__name__ == name


def _freeze(layer: Any, names: list[str]) -> None:
    """The layer as a whole, or the parameters of these names."""
    parameters: Mapping[str, Any] = {parameter.name: parameter for parameter in layer.parameters()}
    if not names or (set(names) == set(parameters) and not type(layer).__name__.startswith("BatchNorm")):
        layer.freeze()
        return
    for name in names:
        parameters[name].requires_grad = False
