"""Normalize: the normalisation of a model's inputs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore._support.checks import cast, describe, real_array
from nncore.errors import ConfigError, ShapeError


class Normalize:
    """Part of a model: `Sequential(…, input=Normalize(mean, std))`.

        (x - mean) / std

    Parameters
    ----------
    mean, std : float or array of one sample's shape, default 0 and 1
        One number for all features or one for each; std > 0.

    Raises
    ------
    ConfigError
        A number that is not finite, std <= 0.

    Notes
    -----
    Saved with the model as `input.mean` and `input.std`; fit, prediction and plots all apply it. Bytes (uint8) are
    turned into numbers on the way.

    Examples
    --------
    >>> net = nc.Sequential(nc.Identity(), input=nc.Normalize(mean=1.0, std=2.0))
    >>> net(np.array([[3.0]])).item()
    1.0
    """

    def __init__(self, mean: ArrayLike = 0.0, std: ArrayLike = 1.0) -> None:
        self.mean = _finite("mean", mean)
        self.std = _finite("std", std)
        if not np.all(self.std > 0):
            raise ConfigError("[Normalize] std: expected numbers > 0, got one that is not")
        if self.mean.ndim and self.std.ndim and self.mean.shape != self.std.shape:
            raise ShapeError(f"[Normalize] std: expected the shape of mean, {self.mean.shape}, got {self.std.shape}")

    @classmethod
    def from_data(cls, X: ArrayLike, mode: str = "standard") -> Normalize:
        """The normalisation with statistics of X (N, …).

        Parameters
        ----------
        mode : {"scale", "mean", "standard"}
            "scale": 0 and 255, so that bytes become [0, 1]; "mean": the mean sample and 1; "standard": mean and
            standard deviation of each feature (1 where a feature does not vary).
        """
        if mode == "scale":
            return cls(0.0, 255.0)
        if mode not in ("mean", "standard"):
            raise ConfigError(f"[Normalize] mode: expected 'scale', 'mean' or 'standard', got {describe(mode)}")
        array = real_array("Normalize", "X", X)
        if array.ndim < 2 or len(array) == 0:
            raise ShapeError(f"[Normalize] X: expected (N, …) with N >= 1, got {array.shape}")
        mean = array.mean(axis=0, dtype=np.float64)
        if mode == "mean":
            return cls(mean, 1.0)
        std = array.std(axis=0, dtype=np.float64)
        return cls(mean, np.where(std > 0, std, 1.0))

    def __repr__(self) -> str:
        shown = [f"{value.item()}" if value.ndim == 0 else f"array{value.shape}" for value in (self.mean, self.std)]
        return f"Normalize(mean={shown[0]}, std={shown[1]})"


def numbers_of(normalize: Normalize) -> tuple[list[float], list[float]]:
    """Mean and standard deviation as the compiled model takes them."""
    return normalize.mean.ravel().tolist(), normalize.std.ravel().tolist()


def _finite(name: str, given: ArrayLike) -> NDArray[np.float64]:
    array = cast(real_array("Normalize", name, given), np.float64).copy()
    if array.size == 0 or not np.isfinite(array).all():
        raise ConfigError(f"[Normalize] {name}: expected finite numbers, got {describe(given)}")
    return array
