"""Normalize, the normalisation of a model's inputs, and Features, what a model knows of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore._support.checks import cast, describe, real_array
from nncore._support.fits import refuse_during_fit
from nncore._support.strict import Elsewhere, Strict
from nncore._support.tables import Names, as_columns, check_columns, columns_of, holes
from nncore.errors import ConfigError, ShapeError

#: Numbers in a block of rows: 2 MB of float64.
_BLOCK = 2**18
_FROM = "nc.Normalize.from_data(X), given to the model: Sequential(…, input=…)"


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

    _hints: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("mean", "std"), "models have read it already: assign net.input = Normalize(mean, std)"),
        **dict.fromkeys(("fit", "fit_transform", "adapt"), f"use {_FROM}"),
        "transform": "a model with input=normalize applies it; by hand (X - normalize.mean) / normalize.std",
    }

    _columns: Names | None = None
    _bytes: bool | None = None  #: whether from_data was given bytes; None: it is not known
    fit, fit_transform, adapt = Elsewhere(_FROM), Elsewhere(_FROM), Elsewhere(_FROM)

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

    @property
    def columns(self) -> list[Any] | None:
        """The names of the columns of the table (a DataFrame) that `from_data` was given; None: it was none."""
        return None if self._columns is None else list(self._columns)

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():  # pickles of earlier versions have names without the underscore
            vars(self)[f"_{name.removeprefix('_')}"] = value
            if isinstance(value, np.ndarray):
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
        The names of a table's columns are kept: a model with this normalisation refuses tables with others.
        Source: Chan, Golub, LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances, 1979.

        Examples
        --------
        >>> nc.Normalize.from_data([[1.0, 5.0], [3.0, 5.0]]).std
        array([1., 1.])
        """
        dtype = getattr(X, "dtype", None)
        if mode == "scale":
            return cls(0.0, 255.0)._named(None, dtype)
        if mode not in ("mean", "standard"):
            raise ConfigError(f"[Normalize] mode: expected 'scale', 'mean' or 'standard', got {describe(mode)}")
        columns, array = columns_of(X), real_array("Normalize", "X", X)
        if array.ndim < 2 or len(array) == 0:
            raise ShapeError(f"[Normalize] X: expected (N, …) with N >= 1, got {array.shape}")
        try:
            mean, std, largest = _moments(array)
        except ConfigError as error:
            raise ConfigError(f"{error}{holes(X)}") from None
        if mode == "mean":
            return cls(mean, 1.0)._named(columns, dtype)
        # Numbers that were worked out differ in their last digits: float64 ones in a few of them, narrower ones, which
        # are mostly rounded from these, in the last; integers not at all.
        rounding = {"float64": 10.0, "float32": 0.5, "float16": 0.5}.get(array.dtype.name, 0.0)
        noise = rounding * np.finfo(array.dtype).eps * largest if rounding else 0.0
        return cls(mean, np.where(std > noise, std, 1.0))._named(columns, dtype)

    def _named(self, columns: Names | None, dtype: Any) -> Self:
        self._columns = columns
        self._bytes = None if dtype is None else bool(dtype == np.uint8)
        return self

    def __repr__(self) -> str:
        shown = [f"{value.item()}" if value.ndim == 0 else f"array{value.shape}" for value in (self.mean, self.std)]
        return f"Normalize(mean={shown[0]}, std={shown[1]})"


def takes_bytes(normalize: Normalize | None) -> bool:
    """Whether it is for bytes: made of them by from_data or, where that is not known, with mean 0 and std 255."""
    if normalize is None:
        return False
    if normalize._bytes is not None:
        return normalize._bytes
    return bool(np.all(normalize.mean == 0) and np.all(normalize.std == 255))


class Features(Strict):
    """The part of a model that knows its inputs."""

    _kind: str
    _core: Any
    _input: Normalize | None = None
    _columns: Names | None = None

    @property
    def input(self) -> Normalize | None:
        """The normalisation of the inputs; None: none. Another one may be assigned between fits."""
        return self._input

    @input.setter
    def input(self, normalize: Normalize | None) -> None:
        check_input(self._kind, normalize)
        columns = self._with_names(normalize)
        refuse_during_fit(self, "input")
        with self._core.access_guard(f"{self._kind}.input", write=True):
            self._take_input(normalize)
            self._columns = columns

    def _take_input(self, normalize: Normalize | None) -> None:
        """Computes with another normalisation from here on."""
        raise NotImplementedError

    def _with_names(self, normalize: Normalize | None) -> Names | None:
        """The names of the columns beside this normalisation."""
        given = None if normalize is None else normalize.columns
        if given is None:
            return self._columns
        if self._columns is not None and tuple(given) != self._columns:
            raise ConfigError(
                f"[{self._kind}] input: expected statistics of the columns {list(self._columns)}, got those of {given} "
                "(use nc.Normalize.from_data(X[net.columns]))"
            )
        return tuple(given)

    @property
    def columns(self) -> list[Any] | None:
        """The names of the columns of the table (a DataFrame) that it was trained on, or its Normalize was made from;
        None: none are known. A table with others, or in another order, is then refused: give `X[net.columns]`. Arrays
        have no names and are taken as they are. None may be assigned, and other names."""
        return None if self._columns is None else list(self._columns)

    @columns.setter
    def columns(self, names: Any) -> None:
        columns = None if names is None else as_columns(self._kind, names)
        refuse_during_fit(self, "columns")
        self._columns = columns

    def _check_columns(self, where: str, x: Any) -> None:
        """ConfigError for a table with other columns; called where names are known."""
        if self._columns is not None:
            check_columns(f"[{where}]", x, self._columns, "x[net.columns]", "x")


def check_input(where: str, given: object) -> None:
    """ConfigError unless it is a Normalize or None."""
    if given is not None and not isinstance(given, Normalize):
        raise ConfigError(f"[{where}] input: expected a Normalize or None, got {describe(given)}")


def columns_known(net: Features) -> Names | None:
    """The names of the columns of a model's inputs."""
    return net._columns


def set_columns(net: Features, columns: Names | None) -> None:
    """Sets these names."""
    net._columns = columns


def numbers_of(normalize: Normalize) -> tuple[list[float], list[float]]:
    """Mean and standard deviation as the compiled model takes them."""
    return normalize.mean.ravel().tolist(), normalize.std.ravel().tolist()


def _moments(X: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Mean and standard deviation of each feature, and a bound on the size of its numbers."""
    mean, std, largest = map(np.array, _sums(X))
    if X.dtype.kind == "f" and X.dtype.itemsize >= 8:
        with np.errstate(invalid="ignore"):  # squares of numbers beyond 1e±150 are infinite or 0
            odd = ~np.isfinite(std + mean) | ((std < 1e-140) & (np.abs(X[0]) < 1e-130))
        if odd.any():
            exponents = _exponents(X, odd)
            for whole, scaled in zip((mean, std, largest), _sums(X, odd, exponents), strict=True):
                whole[odd] = np.ldexp(scaled, exponents)
    return mean, std, largest


def _blocks(X: NDArray[Any], chosen: NDArray[np.bool_] | None = None) -> Iterator[tuple[int, NDArray[Any]]]:
    """Blocks of rows and where they begin; of the chosen features alone, in float64."""
    rows = max(1, _BLOCK // max(1, X[0].size))
    for begin in range(0, len(X), rows):
        block = X[begin : begin + rows]
        yield begin, block if chosen is None else block[:, chosen].astype(np.float64)


def _exponents(X: NDArray[Any], chosen: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Of each chosen feature, the power of 2 above its largest number."""
    largest = np.zeros(np.count_nonzero(chosen))
    for _, block in _blocks(X, chosen):
        np.maximum(largest, np.abs(block).max(axis=0), out=largest)
    return np.frexp(largest)[1]


def _sums(
    X: NDArray[Any], chosen: NDArray[np.bool_] | None = None, exponents: NDArray[np.int32] | None = None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The moments of all features, or of the chosen ones divided by 2^exponents, which rounds nothing.

    Sums are of differences to the first sample: exactly 0 where nothing varies, and not rounded where all is far off 0.
    """
    first = mean = squares = np.zeros(0)  # mean and squares: of the differences, and of their deviations
    for begin, rows in _blocks(X, chosen):
        given = rows if exponents is None else np.ldexp(rows, -exponents)
        if begin == 0:
            first = given[0].astype(np.float64)
            mean, squares = np.zeros(first.shape), np.zeros(first.shape)
        with np.errstate(over="ignore", invalid="ignore"):  # the result is checked
            block = np.subtract(given, first, dtype=np.float64)
            here = np.asarray(block.mean(axis=0))
            if not np.isfinite(here).all():
                _refuse_nonfinite(given, begin)
            block -= here
            np.square(block, out=block)
            done, more = begin, len(block)
            apart = here - mean
            mean += apart * (more / (done + more))
            squares += block.sum(axis=0) + apart**2 * (done * more / (done + more))
            middle = first + mean
    return middle, np.sqrt(squares / len(X)), np.maximum(np.abs(first), np.abs(middle))


def _refuse_nonfinite(block: NDArray[Any], begin: int) -> None:
    """ConfigError for the first number of the block that is not finite."""
    for at in np.argwhere(~np.isfinite(block))[:1]:
        where = [begin + int(at[0]), *map(int, at[1:])]
        raise ConfigError(f"[Normalize] X: expected finite numbers, got {block[tuple(at)]} at {where}")


def _finite(name: str, given: ArrayLike) -> NDArray[np.float64]:
    array = cast(real_array("Normalize", name, given), np.float64).copy()
    if array.size == 0 or not np.isfinite(array).all():
        raise ConfigError(f"[Normalize] {name}: expected finite numbers, got {describe(given)}")
    array.flags.writeable = False  # models copy the numbers: a change in place would be lost
    return array
