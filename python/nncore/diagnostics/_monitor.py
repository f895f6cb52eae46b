"""Monitor: statistics of a net's tensors while it trains."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore._support.checks import integer
from nncore._support.html import curve, number, table
from nncore._support.strict import Setting
from nncore.diagnostics._kinds import kinds_of
from nncore.errors import StateError
from nncore.nn._model import Model
from nncore.optim._optimizer import steps_done
from nncore.train._callback import Callback, Fit
from nncore.train._observation import Observation, Observed, Observing, observing_of

_MAX_ROWS = 60


class Monitor(Callback, Mapping[str, dict[str, NDArray[Any]]]):
    """Records, at intervals, statistics of every tensor of a net: a callback for fit.

    Before one step in `every` the same batch goes through the net once more, layer by layer with the same Dropout
    masks, and back. Observing changes nothing: training has the same bits without it. `monitor[name]` is then a
    dict of arrays, one element (or row) for each observation. Names are those of parameters ("0.weight", "0.bias"), of
    the layers' outputs ("0.output": the net inputs of the activation that follows; "1.output": its activations), and of
    the gradients of the loss with respect to all of them ("0.weight.grad", "1.output.grad"). Layers inside a Residual
    are named after their place in it ("1.0.output").

    | key | of the tensor's elements x |
    |---|---|
    | min, max, mean, std, norm | std = sqrt(mean (x - mean)²), norm = sqrt(Σ x²); of the finite ones |
    | zeros, nonfinite | share that is 0; that is NaN or infinite |
    | dead | activations: share of units that are 0 for the whole batch (of images: of channels); else NaN |
    | saturated | Tanh: share with abs(y) > 0.99; Sigmoid: with y < 0.01 or y > 0.99; else NaN |
    | update_ratio | parameters: norm of the step's update by norm of the values; else NaN |
    | histogram, edges | counts (observations, bins) in equal bins from min to max; their edges (…, bins + 1) |

    Parameters
    ----------
    every : int, default 100
        Steps, or epochs, from one observation to the next; the first is at the very beginning.
    histograms : bool, default True
    bins : int, default 64
    per : {"step", "epoch"}, keyword only
        What `every` counts; "epoch": the first step of each `every`-th epoch.
    max_records : int, default 1000, keyword only
        Observations to keep: beyond them every second is dropped, and from then on only every second kept, so that
        memory stays bounded however long the training. `most`, its old name, still works and warns.

    Attributes
    ----------
    steps : array of int
        Updates done before each observation; 0 is the untrained net.
    loss, grad_norm : arrays
        Of those steps: the loss with penalties, the norm of all parameters' gradients together.
    kinds : dict name -> str
        "weight", "bias", "net input", "activation", "pooled activation", "output", or one of them + " gradient".
    records : list of Observation

    Notes
    -----
    Gradients include penalties (l1, l2), and come before clipping. A later fit of the same trainer appends; another
    trainer's starts over; two fits at once need a monitor each (StateError). Checkpoints do not hold the records:
    pickle the monitor beside them, and it goes on with the resumed trainer. A layer written in Python is called once
    more for each observation.

    Examples
    --------
    >>> X, y = nc.datasets.make_moons(100, noise=0.1, seed=0)
    >>> net = nc.Sequential(nc.Linear(2, 20), nc.ReLU(), nc.Linear(20, 2), seed=0)
    >>> monitor = nc.Monitor(every=50)
    >>> trainer = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.5), batch_size=10)
    >>> history = trainer.fit(X, y, epochs=10, callbacks=[monitor])
    >>> monitor.steps
    array([ 0, 50])
    >>> monitor["1.output"]["dead"].shape, monitor["0.weight"]["histogram"].shape
    ((2,), (2, 64))
    """

    observing: Observing
    max_records = Setting(lambda where, name, value: integer(where, name, value, 2, 10**6), "Observations to keep.")
    every = Observed()
    per = Observed()
    histograms = Observed()
    bins = Observed()
    records: list[Observation]
    kinds: dict[str, str]

    def __init__(
        self,
        every: int = 100,
        histograms: bool = True,
        bins: int = 64,
        *,
        per: str = "step",
        max_records: int = 1000,
        most: int | None = None,
    ) -> None:
        self.observing = observing_of("Monitor", every, per, histograms, bins)
        if most is not None:
            warnings.warn("[Monitor] most is called max_records now", DeprecationWarning, stacklevel=2)
            max_records = most
        self.max_records = max_records
        self._forget()

    def _forget(self) -> None:
        self.records, self.kinds = [], {}
        self._matrices: list[str] = []  # parameters with two axes or more
        self._seen, self._stride = 0, 1

    def on_fit_begin(self, trainer: Fit) -> None:
        """Drops the records if the trainer or the layers of its model are others than before.

        A copy or a pickle goes on with the first trainer that has trained already.
        """
        kinds, done = kinds_of(trainer.model), steps_done(trainer.optimizer)
        copied = self._trainer is None and done > 0  # unpickled beside the trainer, or a copy
        if not (copied or trainer is self._trainer) or kinds != self.kinds:
            self._forget()
        self.records = [record for record in self.records if record.step < done]  # later ones are observed anew
        self._trainer, self.kinds = trainer, kinds
        self._matrices = [parameter.name for parameter in trainer.model.parameters() if parameter.value.ndim > 1]

    def on_observation(self, observation: Observation) -> None:
        """Keeps every observation, or every second, fourth, … once there are more than max_records."""
        if self._seen % self._stride == 0:
            self.records.append(observation)
        self._seen += 1
        if len(self.records) > self.max_records:
            self.records = self.records[::2]
            self._stride *= 2

    @property
    def model(self) -> Model:
        """The observed model; StateError for a pickle or a copy of a monitor, which has the records only."""
        check_seen(self)
        if self._trainer is None:
            raise StateError("[Monitor] model: expected a monitor that watched a fit here, got a copy of one")
        return self._trainer.model

    @property
    def steps(self) -> NDArray[np.int64]:
        """Updates done before each observation."""
        return np.array([record.step for record in self.records], np.int64)

    @property
    def loss(self) -> NDArray[np.float64]:
        """The loss of each observed step, with penalties."""
        return np.array([record.loss for record in self.records])

    @property
    def grad_norm(self) -> NDArray[np.float64]:
        """The norm of all parameters' gradients together, of each observed step."""
        return np.array([record.grad_norm for record in self.records])

    def __getitem__(self, name: str) -> dict[str, NDArray[Any]]:
        check_seen(self)
        if name not in self.kinds:
            raise KeyError(f"expected one of {list(self.kinds)}, got {name!r}")
        rows = [record[name] for record in self.records]
        return {key: np.array([row[key] for row in rows]) for key in rows[0]}

    def __iter__(self) -> Iterator[str]:
        return iter(self.records[0] if self.records else ())

    def __len__(self) -> int:
        return len(self.records[0]) if self.records else 0

    def __bool__(self) -> bool:
        return bool(self.records)

    def __contains__(self, name: object) -> bool:
        return bool(self.records) and name in self.records[0]

    __eq__, __hash__ = object.__eq__, object.__hash__  # not a Mapping's, which compares arrays

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_trainer": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        kept = state.get("_max_records", state.get("_most", 1000))  # its names in old pickles
        self.__dict__.update({"max_records": kept, **state})

    def _repr_html_(self) -> str:
        keys = ("min", "max", "mean", "std", "norm", "zeros")
        rows = []
        for name in list(self)[:_MAX_ROWS]:
            norms = [record[name]["norm"] for record in self.records]
            last = self.records[-1][name]
            drawn = curve(norms, about=f"norm of {name} over the steps")
            rows.append((name, self.kinds[name], *(number(last[key]) for key in keys), drawn))
        if len(self) > _MAX_ROWS:
            rows.append(("…", *[""] * (len(keys) + 2)))
        caption = f"{self!r}" + (f"; step {self.steps[-1]}:" if rows else "")
        return table(("", "kind", *keys, "norm over the steps"), rows, caption=caption, left=2)

    def __repr__(self) -> str:
        every, per, bins = self.observing
        count = f"{len(self.records)} observation{'s' if len(self.records) != 1 else ''}"
        content = f"{count} of {len(self)} tensors" if self.records else "no observations yet"
        return f"Monitor(every={every}, per={per!r}, bins={bins}: {content})"


def check_seen(monitor: Monitor) -> None:
    """StateError if it has no observations yet."""
    if not monitor.records:
        raise StateError("[Monitor] no observations yet: train with fit(…, callbacks=[monitor])")


def matrices_of(monitor: Monitor) -> list[str]:
    """Names of the parameters with two axes or more."""
    return monitor._matrices
