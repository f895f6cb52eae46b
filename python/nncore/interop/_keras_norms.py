"""Keras' normalisations as nncore's layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import describe
from nncore.errors import FormatError
from nncore.interop._keras_builder import Builder
from nncore.interop._keras_config import Step
from nncore.nn import layers as nnl


def _axes(builder: Builder, step: Step) -> tuple[int, ...]:
    """The axes of the setting, counted from 1, the batch being 0."""
    given = step.config.get("axis", -1)
    axes = given if isinstance(given, list) else [given]
    rank = len(builder.shape)
    if not axes or not all(type(axis) is int and (1 <= axis <= rank or -rank <= axis <= -1) for axis in axes):
        raise FormatError(f"{step.place}: expected axes of the samples, got {describe(given)}")
    return tuple(sorted({axis if axis > 0 else rank + 1 + axis for axis in axes}))


def _epsilon(step: Step) -> float:
    eps = float(step.get("epsilon", int, float))
    if not 0 <= eps < np.inf:
        raise FormatError(f"{step.place}: expected epsilon >= 0, got {eps}")
    return eps


def _gains(
    builder: Builder, step: Step, arrays: list[NDArray[Any]], shape: tuple[int, ...]
) -> tuple[list[NDArray[Any]], list[str]]:
    """Gain and shift, taken from the arrays; 1 and 0 where Keras' layer has none, and the names of these."""
    found, fixed = [], []
    for setting, part, value in (("scale", "weight", 1.0), ("center", "bias", 0.0)):
        if step.get(setting, bool, default=True):
            found.append(arrays.pop(0))
        else:
            found.append(builder.constant(step, value, shape))
            fixed.append(part)
    return found, fixed


def batch_normalization(builder: Builder, step: Step) -> None:
    """momentum of Keras is the share that is kept."""
    step.expect(renorm=False)
    axes, rank = _axes(builder, step), len(builder.shape)
    if len(axes) > 1 or (rank == 2 and axes != (1,)) or (rank == 3 and axes not in ((1,), (3,))):
        step.refuse(f"expected the axis of the channels, got axis={describe(step.config.get('axis'))}")
    if rank == 3:
        builder.image(step, "channels_last" if axes == (3,) else "channels_first")
    (channels,) = builder.known(step, builder.shape[axes[0] - 1])
    scale, center = (step.get(name, bool, default=True) for name in ("scale", "center"))
    momentum = float(step.get("momentum", int, float))
    if not 0 <= momentum <= 1:
        raise FormatError(f"{step.place}: expected a momentum from 0 to 1, got {momentum}")
    arrays = builder.arrays(step, *[(channels,)] * (scale + center + 2))
    affine = scale or center
    (weight, bias), fixed = _gains(builder, step, arrays, (channels,)) if affine else ((None, None), [])
    parts = {"weight": weight, "bias": bias, "running_mean": arrays[0], "running_var": arrays[1]}
    given = {"eps": _epsilon(step), "momentum": round(1 - momentum, 12), "affine": affine}
    layer = (nnl.BatchNorm2d if rank == 3 else nnl.BatchNorm1d)(channels, **given)
    builder.add(step, layer, {name: builder.features(a) for name, a in parts.items() if a is not None}, fixed)


def layer_normalization(builder: Builder, step: Step) -> None:
    """Over the last axis, or over all of them."""
    step.expect(rms_scaling=False)
    axes, rank = _axes(builder, step), len(builder.shape)
    if axes != tuple(range(rank - len(axes) + 1, rank + 1)) or (rank == 3 and len(axes) < 3):
        step.refuse(f"expected axes that are the last ones here, too, got axis={describe(step.config.get('axis'))}")
    shape = builder.known(step, *builder.shape[-len(axes) :])
    count = step.get("scale", bool, default=True) + step.get("center", bool, default=True)
    found, fixed = _gains(builder, step, builder.arrays(step, *[shape] * count), shape)
    if rank == 3:
        builder.layout = builder.layout or "channels_last"
        if builder.layout == "channels_last":
            found = [array.transpose(2, 0, 1) for array in found]
    else:
        found = [builder.features(array) for array in found]
    layer = nnl.LayerNorm(found[0].shape, eps=_epsilon(step))
    builder.add(step, layer, {"weight": found[0], "bias": found[1]}, fixed)
