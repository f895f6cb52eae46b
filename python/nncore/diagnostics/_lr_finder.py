"""The learning-rate range test: the loss while the rate grows from step to step."""

from __future__ import annotations

import copy
import math
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore._support import views
from nncore._support.checks import describe, integer, number, positive
from nncore._support.html import facts
from nncore._support.names import instance_hint, keywords
from nncore._support.strict import Strict
from nncore.errors import ConfigError, NumericError, StateError
from nncore.train._trainer import Trainer

_WHERE = "lr_finder"
_AT_ONCE = 10  # steps between two looks at the loss
_RISE = 3.0  # times the smallest loss, above it: diverged
_BELOW = 10.0  # the suggestion is so many times smaller than the rate at the smallest loss

Numbers = NDArray[np.float64]


class LRFinderResult(Strict):
    """The result of lr_finder.

    Attributes
    ----------
    lrs : float64 (n,)
        The rate of each step, growing; fewer than asked for when the loss diverged.
    losses : float64 (n,)
        The loss of each step's batch before its update, with penalties.
    smoothed : float64 (n,)
        Their running average, see lr_finder.
    suggestion : float or None
        A tenth of the rate at which the smoothed loss is smallest; None: it fell nowhere.
    ended : {"steps", "diverged", "interrupted"}
        Why there are no more steps: all were taken, the loss grew, Ctrl-C.
    """

    lrs: Numbers
    losses: Numbers
    smoothed: Numbers
    suggestion: float | None
    ended: str

    def __init__(self, lrs: Numbers, losses: Numbers, smoothed: Numbers, ended: str, begin: int = 0) -> None:
        """`begin`: the first step whose average counts."""
        self.lrs, self.losses, self.smoothed, self.ended = lrs, losses, smoothed, ended
        self._begin = min(begin, len(lrs) - 1)
        self._best = self._begin + int(smoothed[self._begin :].argmin())
        self.suggestion = float(lrs[self._best]) / _BELOW if self._best > self._begin else None

    def plot(self, ax: Any = None, *, figsize: Any = None, title: str | None = None) -> Any:
        """`nc.plot.lr_finder` of this result."""
        return views.plot(self, ax=ax, figsize=figsize, title=title)

    def _remark(self) -> str:
        if self.suggestion is None:
            return "the loss falls nowhere: a smaller lr_min may show more"
        if self._best == len(self.lrs) - 1 and self.ended == "steps":
            return "the loss still falls at the largest rate: a larger lr_max shows more"
        return f"a tenth of {self.lrs[self._best]:.2g}, where the loss is smallest"

    def _losses(self) -> str:
        return f"{self.smoothed[self._begin]:.4g} to {self.smoothed[self._best]:.4g}"

    def __str__(self) -> str:
        found = "none" if self.suggestion is None else f"{self.suggestion:.2g}"
        return (
            f"suggestion: {found} ({self._remark()})\n"
            f"{len(self.lrs)} rates from {self.lrs[0]:.3g} to {self.lrs[-1]:.3g}, smoothed loss "
            f"{self._losses()}; ended: {self.ended}"
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        found = "none" if self.suggestion is None else f"{self.suggestion:.2g}"
        return facts(
            [
                ("suggestion", f"{found}: {self._remark()}"),
                ("rates", f"{len(self.lrs)}, from {self.lrs[0]:.3g} to {self.lrs[-1]:.3g}"),
                ("smoothed loss", self._losses()),
                ("ended", self.ended),
            ]
        )


@keywords(
    start_lr="did you mean lr_min?",
    end_lr="did you mean lr_max?",
    min_lr="did you mean lr_min?",
    max_lr="did you mean lr_max?",
    num_it="did you mean steps?",
    num_iter="did you mean steps?",
    num_training="did you mean steps?",
    epochs="the test takes steps, each with another rate",
)
def lr_finder(
    trainer: Trainer,
    X: Any,
    y: Any,
    lr_min: float = 1e-7,
    lr_max: float = 10.0,
    steps: int = 100,
    *,
    sample_weight: Any = None,
    smoothing: float = 0.9,
) -> LRFinderResult:
    """Tries learning rates from small to large, one a step, and suggests one: the learning-rate range test.

        lr_i = lr_min (lr_max / lr_min)^(i / (steps - 1)),   i = 0 … steps - 1
        s_i  = m_i / (1 - β^(i + 1)),   m_i = β m_(i-1) + (1 - β) loss_i,   β = smoothing
        suggestion = lr_k / 10,   k where s is smallest

    Steps are those of a fit: batches, penalties, clipping and optimizer are the trainer's, from where its training
    stands. They are taken on a copy, so that model, optimizer, history and random numbers stay as they are, whatever
    happens: a fit afterwards has the bits that it has without. A schedule is set aside, for the rate is what is
    looked for; take the suggestion for its largest one, as in `nc.OneCycleLR(suggestion, total_steps)`.

    It ends early where the loss diverges: s above where it began and 3 |min s| above its smallest, or no finite
    number. Averages count from step 1 / (1 - β) on; those before are of few batches. A tenth of the rate at the
    smallest loss is steadier than the place where the loss falls fastest, which follows the noise of small batches.

    Parameters
    ----------
    trainer : Trainer
    X, y : arrays
        As for fit; an epoch that is over goes on with the next.
    lr_min, lr_max : float > 0, default 1e-7 and 10
        The first and the last rate.
    steps : int >= 2, default 100
    sample_weight : array (N,), optional
        As for fit.
    smoothing : float in [0, 1), default 0.9
        Share of the past in the running average; 0: none.

    Returns
    -------
    LRFinderResult
        `.suggestion`, `.lrs`, `.losses`, `.smoothed`, `.ended`; `.plot()` draws it.

    Raises
    ------
    ConfigError
        An argument outside its range; whatever fit says of the data.
    StateError
        The trainer's fit is under way.
    NumericError
        The loss is not finite before any update.

    Notes
    -----
    Source: Smith, Cyclical learning rates for training neural networks, 2015; fastai's lr_find for divergence.

    Examples
    --------
    >>> X, y = nc.datasets.make_moons(1000, noise=0.2, seed=0)
    >>> net = nc.Sequential(nc.Linear(2, 20), nc.ReLU(), nc.Linear(20, 2), seed=0)
    >>> trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.Adam(), batch_size=16)
    >>> found = nc.lr_finder(trainer, X, y)
    >>> 0.001 < found.suggestion < 0.2
    True
    >>> trainer.optimizer.lr = found.suggestion
    """
    if not isinstance(trainer, Trainer):
        hint = instance_hint(trainer, Trainer)
        raise ConfigError(f"[{_WHERE}] trainer: expected a Trainer, got {describe(trainer)}{hint}")
    if trainer.fitting:
        raise StateError(f"[{_WHERE}] trainer: its fit is under way; look for a rate before it")
    low, high = positive(_WHERE, "lr_min", lr_min), positive(_WHERE, "lr_max", lr_max)
    if not low < high:
        raise ConfigError(f"[{_WHERE}] lr_max: expected a rate > lr_min = {low}, got {high}")
    count = integer(_WHERE, "steps", steps, 2, 10_000_000)
    share = number(_WHERE, "smoothing", smoothing, 0.0, 1.0)
    if share == 1:
        raise ConfigError(f"[{_WHERE}] smoothing: expected a number in [0, 1), got 1")
    with _global_random_numbers_kept():
        probe = _copy_of(trainer)
        first = probe.optimizer.t
        probe.optimizer.lr = lambda step: float(low * (high / low) ** ((step - first) / (count - 1)))
        probe.on_nonfinite = "raise"
        return _range_test(probe, X, y, sample_weight, count, share)


def _copy_of(trainer: Trainer) -> Trainer:
    try:
        return copy.deepcopy(trainer)
    except Exception as error:
        error.add_note("in lr_finder, which works on a copy of the trainer: what it holds must be of a kind to copy")
        raise


def _range_test(probe: Trainer, X: Any, y: Any, weight: Any, count: int, share: float) -> LRFinderResult:
    """Steps until the loss diverges; the trainer is changed."""
    before, ended = len(probe.history.steps["loss"]), ""
    begin = min(math.ceil(1 / (1 - share) - 1e-9), count) - 1
    while not ended:
        done = len(probe.history.steps["loss"]) - before
        try:
            more = min(_AT_ONCE, count - done)
            history = probe.fit(X, y, sample_weight=weight, steps=more, metrics=(), progress=False)
        except NumericError:
            ended = "diverged"
            if not np.isfinite(probe.history.steps["loss"][before:]).any():
                raise
        else:
            ended = "interrupted" if history.interrupted else ""
        lrs, losses = (probe.history.steps[name][before:] for name in ("lr", "loss"))
        smoothed = _smoothed(losses, share)
        end = _divergence(smoothed, begin)
        if end is not None:
            ended = "diverged"
            lrs, losses, smoothed = lrs[:end], losses[:end], smoothed[:end]
        elif len(losses) >= count and not ended:
            ended = "steps"
    return LRFinderResult(lrs.copy(), losses.copy(), smoothed, ended, begin)


def _smoothed(losses: Numbers, share: float) -> Numbers:
    """The running average, as if it had begun long ago."""
    average, out = 0.0, np.empty(len(losses))
    for i, loss in enumerate(losses):
        average = share * average + (1 - share) * float(loss)
        out[i] = average / (1 - share ** (i + 1))
    return out


def _divergence(smoothed: Numbers, begin: int) -> int | None:
    """How many steps are worth showing, if it diverges: the first that is too large with them, nothing that is not
    finite. `begin`: the first average that counts."""
    finite = np.isfinite(smoothed)
    if not finite.all():
        smoothed = smoothed[: int(finite.argmin())]
    counted = smoothed[begin:]
    least = np.minimum.accumulate(counted)
    above = np.flatnonzero((counted > counted[:1]) & (counted - least > _RISE * np.abs(least)))
    if above.size:
        return begin + int(above[0]) + 1
    return None if finite.all() else len(smoothed)


@contextmanager
def _global_random_numbers_kept() -> Iterator[None]:
    """The generators that layers and losses written in Python may draw from go on as if nothing had been drawn."""
    numpy = sys.modules.get("numpy.random")
    states = random.getstate(), None if numpy is None else numpy.get_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        if numpy is not None:
            numpy.set_state(states[1])
