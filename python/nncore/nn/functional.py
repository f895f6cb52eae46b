"""Layers as functions of NumPy arrays, computed by the compiled kernels; the activations come from the registry.

float32 arrays stay float32; everything else is computed in float64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore import _core
from nncore._support.checks import integer, real_array
from nncore._support.names import keywords
from nncore.errors import ConfigError, ShapeError
from nncore.nn import activations
from nncore.nn.activations import *  # noqa: F403
from nncore.nn.activations import Array, activation_class, apply


def _run(name: str, layer: str, x: ArrayLike, parameters: tuple[Array, ...] = (), **config: Any) -> Array:
    result: Array = _core.run(_core.Spec("layer", layer, config), name, x, parameters)
    return result


@keywords()
def activation(z: ArrayLike, name: str) -> Array:
    """An activation by name, "relu" or any other of this module that acts on each element, with its usual arguments.

    >>> nc.functional.activation([-1.0, 2.0], "relu")
    array([0., 2.])
    """
    return apply(activation_class("activation", "name", name).__name__, z)


@keywords()
def activation_derivative(z: ArrayLike, name: str) -> Array:
    """The derivative of an activation at z; at a kink that from the left: 0 for relu, negative_slope for leaky_relu.

    >>> nc.functional.activation_derivative([-1.0, 2.0], "relu")
    array([0., 1.])
    """
    array = real_array("activation_derivative", "z", z)
    dtype = np.float32 if array.dtype == np.float32 else np.float64
    layer = activation_class("activation_derivative", "name", name)
    return apply(layer.__name__, z, np.ones(array.shape, dtype))


@keywords()
def linear(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> Array:
    """x W^T + b for x (N, K), W (C, K), b (C,).

    >>> nc.functional.linear([[1.0, 2.0]], [[3.0, 4.0]], [0.5])
    array([[11.5]])
    """
    arrays = [real_array("linear", name, a) for name, a in (("x", x), ("weight", weight))]
    if arrays[0].ndim != 2 or arrays[1].ndim != 2 or arrays[0].shape[1] != arrays[1].shape[1]:
        raise ShapeError(f"[linear] x, weight: expected (N, K), (C, K), got {arrays[0].shape}, {arrays[1].shape}")
    y: Array = _core.product(arrays[0], np.ascontiguousarray(arrays[1].T))
    if bias is None:
        return y
    b = real_array("linear", "bias", bias)
    if b.shape != (y.shape[1],):
        raise ShapeError(f"[linear] bias: expected ({y.shape[1]},), got {b.shape}")
    shifted: Array = y + b.astype(y.dtype)
    return shifted


@keywords()
def conv2d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] | str = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
) -> Array:
    """Convolution of x (N, C, H, W) with weight (K, C / groups, rows, columns) and bias (K,), as nncore.Conv2d.

    >>> nc.functional.conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), [0.5])
    array([[[[4.5, 4.5],
             [4.5, 4.5]]]])
    """
    w = real_array("conv2d", "weight", weight)
    if w.ndim != 4 or w.size == 0:
        raise ShapeError(f"[conv2d] weight: expected (K, C / groups, rows, columns), got {w.shape}")
    n = integer("conv2d", "groups", groups, 1, 2**31)
    parameters = (w,) if bias is None else (w, real_array("conv2d", "bias", bias))
    return _run(
        "conv2d",
        "Conv2d",
        x,
        parameters,
        in_channels=w.shape[1] * n,
        out_channels=w.shape[0],
        kernel_size=w.shape[2:],
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=n,
        bias=bias is not None,
    )


@keywords()
def max_pool2d(
    x: ArrayLike,
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] = 0,
    ceil_mode: bool = False,
) -> Array:
    """The largest number of each window of x (N, C, H, W), as nncore.MaxPool2d.

    >>> nc.functional.max_pool2d([[[[1.0, 2.0], [3.0, 4.0]]]], 2)
    array([[[[4.]]]])
    """
    return _run(
        "max_pool2d", "MaxPool2d", x, kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode
    )


@keywords()
def avg_pool2d(
    x: ArrayLike,
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] | None = None,
    padding: int | tuple[int, int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Array:
    """The mean of each window of x (N, C, H, W), as nncore.AvgPool2d.

    >>> nc.functional.avg_pool2d([[[[1.0, 2.0], [3.0, 4.0]]]], 2)
    array([[[[2.5]]]])
    """
    config: dict[str, Any] = {"stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    return _run("avg_pool2d", "AvgPool2d", x, kernel_size=kernel_size, count_include_pad=count_include_pad, **config)


@keywords()
def one_hot(y: ArrayLike, n: int) -> NDArray[np.float64]:
    """Rows of zeros with a one at each label: (N,) -> (N, n).

    >>> nc.functional.one_hot([1, 0], 2)
    array([[0., 1.],
           [1., 0.]])
    """
    labels = real_array("one_hot", "y", y, kinds="biu")
    n = integer("one_hot", "n", n, 1, 2**31)
    if labels.ndim != 1:
        raise ShapeError(f"[one_hot] y: expected (N,), got {labels.shape}")
    if labels.size and not (0 <= labels.min() and labels.max() < n):
        raise ConfigError(f"[one_hot] y: expected labels 0 to {n - 1}, got {labels.min()} to {labels.max()}")
    out = np.zeros((len(labels), n))
    out[np.arange(len(labels)), labels.astype(np.int64)] = 1.0
    return out


if not TYPE_CHECKING:  # type checkers take the names from the star import; they need a literal list
    __all__ = [
        "activation",
        "activation_derivative",
        "avg_pool2d",
        "conv2d",
        "linear",
        "max_pool2d",
        "one_hot",
        *activations.__all__,
    ]

    for _name in __all__:
        globals()[_name].__module__ = "nncore.functional"  # the public module
