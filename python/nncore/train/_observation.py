"""Observations: statistics of every tensor at one training step, as callbacks get them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import describe, flag, integer
from nncore._support.strict import Setting, Strict
from nncore.errors import ConfigError

#: The statistics of each tensor, in the compiled trainer's order.
STATISTICS = ("min", "max", "mean", "std", "norm", "zeros", "nonfinite", "dead", "saturated", "update_ratio")


class Observing(NamedTuple):
    """The interval of a callback's observations, and the number of bins of their histograms; 0: no histograms."""

    every: int
    per: str = "step"
    bins: int = 0


def observing_of(where: str, every: object, per: object, histograms: object, bins: object) -> Observing:
    """The Observing of a callback's arguments, checked."""
    if not isinstance(per, str) or per not in ("step", "epoch"):
        raise ConfigError(f"[{where}] per: expected 'step' or 'epoch', got {describe(per)}")
    often = integer(where, "every", every, 1, 2**62)
    wanted = integer(where, "bins", bins, 1, 4096)
    return Observing(often, per, wanted if flag(where, "histograms", histograms) else 0)


class Observed(Setting[Any]):
    """A part of a callback's `observing` (every, per, histograms or bins) as an attribute, for the next fit."""

    def __init__(self) -> None:
        super().__init__(lambda where, name, value: value)

    def __get__(self, given: Any, owner: type) -> Any:
        return self if given is None else _parts(given.observing)[self._name]

    def __set__(self, given: Any, value: Any) -> None:
        given.observing = observing_of(type(given).__name__, **{**_parts(given.observing), self._name: value})


def _parts(observing: Observing) -> dict[str, Any]:
    every, per, bins = observing
    return {"every": every, "per": per, "histograms": bins > 0, "bins": bins or 64}


def checked(given: object) -> Observing:
    """A callback's `observing`, checked before the compiled trainer gets it."""
    if not isinstance(given, tuple) or len(given) != 3:
        raise ConfigError(
            f"[fit] callbacks: expected observing=(every, 'step' or 'epoch', bins) or None, got {describe(given)}"
        )
    every, per, bins = given
    none = isinstance(bins, int) and bins == 0
    return observing_of("fit", every, per, not none, 1 if none else bins)


class Observation(Strict, Mapping[str, dict[str, Any]]):
    """A mapping from tensor names to statistics at one step.

    Attributes
    ----------
    step : int
        Updates done before: 0 is the untrained net. The statistics are those of the update that came next.
    epoch : int
        Its epoch, from 1.
    loss : float
        With penalties.
    grad_norm : float
        Norm of the gradient of all parameters together, penalties included, before any clipping.
    """

    step: int
    epoch: int
    loss: float
    grad_norm: float

    def __init__(self, raw: dict[str, Any]) -> None:
        self.step, self.epoch = raw["step"], raw["epoch"]
        self.loss, self.grad_norm = raw["loss"], raw["grad_norm"]
        self._names: list[str] = raw["names"]
        self._rows = {name: i for i, name in enumerate(self._names)}
        self._statistics: NDArray[np.float64] = raw["statistics"]
        self._counts: NDArray[np.int64] | None = raw["counts"]

    def __getitem__(self, name: str) -> dict[str, Any]:
        row = self._rows[name]
        numbers: dict[str, Any] = dict(zip(STATISTICS, self._statistics[row].tolist(), strict=True))
        if self._counts is not None:
            counts, low, high = self._counts[row], numbers["min"], numbers["max"]
            if low == high:  # as NumPy does
                low, high = low - 0.5, high + 0.5
            numbers |= {"histogram": counts, "edges": np.linspace(low, high, len(counts) + 1)}
        return numbers

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    __eq__, __hash__ = object.__eq__, object.__hash__  # not a Mapping's, which compares arrays

    def __repr__(self) -> str:
        return f"Observation(step={self.step}, loss={self.loss:.4g}, {len(self)} tensors)"
