"""Normalize: the normalisation of a model's inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore._support.checks import cast, describe, real_array
from nncore._support.strict import Strict
from nncore.errors import ConfigError, ShapeError

#: Numbers in a block of rows: 2 MB of float64.
_BLOCK = 2**18


class Normalize(Strict):
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
    turned into numbers on the way. A float32 model is given float32 and bytes as they are; all other numbers are
    normalised in float64 and rounded then, so that times in seconds or large identifiers keep their digits.

    Examples
    --------
    >>> net = nc.Sequential(nc.Identity(), input=nc.Normalize(mean=1.0, std=2.0))
    >>> net(np.array([[3.0]])).item()
    1.0
    """

    _hints: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("mean", "std"), "models have read it already: assign net.input = Normalize(mean, std)"
    )

    def __init__(self, mean: ArrayLike = 0.0, std: ArrayLike = 1.0) -> None:
        self._mean = _finite("mean", mean)
        self._std = _finite("std", std)
        if not np.all(self.std > 0):
            raise ConfigError("[Normalize] std: expected numbers > 0, got one that is not")
        if self.mean.ndim and self.std.ndim and self.mean.shape != self.std.shape:
            raise ShapeError(f"[Normalize] std: expected the shape of mean, {self.mean.shape}, got {self.std.shape}")

    @property
    def mean(self) -> NDArray[np.float64]:
        """What is subtracted, read-only."""
        return self._mean

    @property
    def std(self) -> NDArray[np.float64]:
        """What is divided by, read-only."""
        return self._std

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():  # pickles of earlier versions have names without the underscore
            vars(self)[f"_{name.removeprefix('_')}"] = value
            value.flags.writeable = False

    @classmethod
    def from_data(cls, X: ArrayLike, mode: str = "standard") -> Normalize:
        """The normalisation with statistics of X (N, …).

        Parameters
        ----------
        mode : {"scale", "mean", "standard"}
            "scale": 0 and 255, so that bytes become [0, 1]; "mean": the mean sample and 1; "standard": mean and
            standard deviation of each feature (1 where a feature does not vary by more than rounding).

        Raises
        ------
        ConfigError
            A number in X that is not finite.

        Notes
        -----
        X is read in blocks of rows and summed in float64, so that large data take no more memory than a few of these.
        Source: Chan, Golub, LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances, 1979.

        Examples
        --------
        >>> nc.Normalize.from_data([[1.0, 5.0], [3.0, 5.0]]).std
        array([1., 1.])
        """
        if mode == "scale":
            return cls(0.0, 255.0)
        if mode not in ("mean", "standard"):
            raise ConfigError(f"[Normalize] mode: expected 'scale', 'mean' or 'standard', got {describe(mode)}")
        array = real_array("Normalize", "X", X)
        if array.ndim < 2 or len(array) == 0:
            raise ShapeError(f"[Normalize] X: expected (N, …) with N >= 1, got {array.shape}")
        mean, variance, largest = _moments(array)
        if mode == "mean":
            return cls(mean, 1.0)
        std = np.sqrt(variance)
        # Numbers that were worked out differ in their last digits: float64 ones in a few of them, narrower ones, which
        # are mostly rounded from these, in the last; integers not at all.
        rounding = {"float64": 10.0, "float32": 0.5, "float16": 0.5}.get(array.dtype.name, 0.0)
        noise = rounding * np.finfo(array.dtype).eps * largest if rounding else 0.0
        return cls(mean, np.where(std > noise, std, 1.0))

    def __repr__(self) -> str:
        shown = [f"{value.item()}" if value.ndim == 0 else f"array{value.shape}" for value in (self.mean, self.std)]
        return f"Normalize(mean={shown[0]}, std={shown[1]})"


def numbers_of(normalize: Normalize) -> tuple[list[float], list[float]]:
    """Mean and standard deviation as the compiled model takes them."""
    return normalize.mean.ravel().tolist(), normalize.std.ravel().tolist()


def _moments(X: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Mean and variance of each feature, and a bound on the size of its numbers.

    Sums are of differences to the first sample: exactly 0 where nothing varies, and not rounded where all is far off 0.
    """
    rows = max(1, _BLOCK // max(1, X[0].size))
    first = X[0].astype(np.float64)
    mean, squares = np.zeros(first.shape), np.zeros(first.shape)  # of the differences, and of their deviations
    for begin in range(0, len(X), rows):
        with np.errstate(over="ignore", invalid="ignore"):  # the result is checked
            block = np.subtract(X[begin : begin + rows], first, dtype=np.float64)
            here = np.asarray(block.mean(axis=0))
            if not np.isfinite(here).all():
                _refuse_nonfinite(X[begin : begin + rows], begin)
            block -= here
            np.square(block, out=block)
            done, more = begin, len(block)
            apart = here - mean
            mean += apart * (more / (done + more))
            squares += block.sum(axis=0) + apart**2 * (done * more / (done + more))
    return first + mean, squares / len(X), np.maximum(np.abs(first), np.abs(first + mean))


def _refuse_nonfinite(block: NDArray[Any], begin: int) -> None:
    """ConfigError for the first number of the block that is not finite; none: their mean is too large."""
    for at in np.argwhere(~np.isfinite(block))[:1]:
        where = [begin + int(at[0]), *map(int, at[1:])]
        raise ConfigError(f"[Normalize] X: expected finite numbers, got {block[tuple(at)]} at {where}")
    raise ConfigError("[Normalize] X: expected numbers with a finite mean, got larger ones")


def _finite(name: str, given: ArrayLike) -> NDArray[np.float64]:
    array = cast(real_array("Normalize", name, given), np.float64).copy()
    if array.size == 0 or not np.isfinite(array).all():
        raise ConfigError(f"[Normalize] {name}: expected finite numbers, got {describe(given)}")
    array.flags.writeable = False  # models copy the numbers: a change in place would be lost
    return array
