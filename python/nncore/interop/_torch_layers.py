"""Layers of nncore and modules of torch.nn that compute the same, by name, and how one is made from the other."""

from __future__ import annotations

from typing import Any

from nncore.errors import ConfigError
from nncore.nn import layers as nnl

#: What has the same name and, by the same names, the same settings on both sides.
SETTINGS: dict[str, tuple[str, ...]] = {
    "AvgPool2d": ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"),
    "BatchNorm1d": ("num_features", "eps", "momentum", "affine", "track_running_stats"),
    "BatchNorm2d": ("num_features", "eps", "momentum", "affine", "track_running_stats"),
    "Conv2d": ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups"),
    "Dropout": ("p",),
    "ELU": ("alpha",),
    "Flatten": (),
    "GELU": ("approximate",),
    "Identity": (),
    "LayerNorm": ("normalized_shape", "eps"),
    "LeakyReLU": ("negative_slope",),
    "Linear": ("in_features", "out_features"),
    "LogSoftmax": ("dim",),
    "MaxPool2d": ("kernel_size", "stride", "padding", "ceil_mode"),
    "ReLU": (),
    "SiLU": (),
    "Sigmoid": (),
    "Softmax": ("dim",),
    "Softplus": ("beta", "threshold"),
    "Tanh": (),
}
#: Settings of PyTorch's that nncore's layers have not, with the one value that they are made for.
FIXED: dict[str, dict[str, Any]] = {
    "AvgPool2d": {"divisor_override": None},
    "Conv2d": {"padding_mode": "zeros"},
    "Flatten": {"start_dim": 1, "end_dim": -1},
    "MaxPool2d": {"dilation": (1, 1), "return_indices": False},
}
#: Layers with a weight, and perhaps a bias.
WITH_BIAS = ("Conv2d", "Linear")
#: Parameters and buffers, where a layer has them.
ARRAYS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def known(torch: Any, module: Any) -> str | None:
    """The name of the layer that computes the same; None: there is none.

    Subclasses count as long as they compute by the same forward.
    """
    for name in SETTINGS:
        cls = getattr(torch.nn, name)
        if isinstance(module, cls) and type(module).forward is cls.forward:
            return name
    return None


def layer_from(name: str, module: Any, path: str) -> Any:
    """The layer for a module, with new parameters; ConfigError, which names the path, for what it cannot say."""
    for setting, wanted in FIXED.get(name, {}).items():
        got = getattr(module, setting)
        if got != wanted and not (isinstance(wanted, tuple) and got == wanted[0]):
            raise ConfigError(f'[from_torch] {name} "{path}": expected {setting}={wanted!r}, got {got!r}')
    given = {setting: getattr(module, setting) for setting in SETTINGS[name]}
    if name in WITH_BIAS:
        given["bias"] = module.bias is not None
    if name.startswith("BatchNorm"):
        given |= {"affine": module.weight is not None, "track_running_stats": module.running_mean is not None}
    try:
        return getattr(nnl, name)(**{setting: _plain(value) for setting, value in given.items()})
    except (ValueError, TypeError) as error:
        raise ConfigError(f'[from_torch] {name} "{path}": {error}') from error


def _plain(value: Any) -> Any:
    """Sizes as numbers and tuples of them."""
    return tuple(value) if isinstance(value, (list, tuple)) else value


def module_from(torch: Any, layer: Any, dtype: Any) -> Any:
    """The module for a layer, with its numbers; ConfigError by the caller where there is none."""
    name = type(layer).__name__
    if name == "GlobalAvgPool2d":
        return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    given = {setting: getattr(layer, setting) for setting in SETTINGS[name]}
    if name in WITH_BIAS:
        given["bias"] = layer.bias is not None
    arrays = {part: array for part in ARRAYS if (array := getattr(layer, part, None)) is not None}
    if not arrays:
        return getattr(torch.nn, name)(**given)
    module = torch.nn.utils.skip_init(getattr(torch.nn, name), **given, dtype=dtype)
    with torch.no_grad():
        for part, array in arrays.items():
            getattr(module, part).copy_(torch.tensor(array))
    return module
