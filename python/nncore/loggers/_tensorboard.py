"""TensorBoard: statistics of a net's tensors while it trains, as event files."""

from __future__ import annotations

import contextlib
import math
import os
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore._registry.registered import Registered, spec_of
from nncore._support.checks import shown
from nncore._support.runtime import info
from nncore.loggers import _event_file as events
from nncore.loggers._board_settings import Place, folder_of_runs, is_inside, run_of
from nncore.loggers._event_file import EventFile, Setting
from nncore.loggers._run_folder import events_in, explained, new_folder, sole_file
from nncore.loggers._run_folder import own_folder as _own_folder
from nncore.loggers._tags import Tags
from nncore.nn._model import Model
from nncore.optim._optimizer import follows_schedule, steps_done
from nncore.optim._schedule import Schedule
from nncore.plot._mosaic import MAX_PICTURES, Mosaic, brightness, pictures
from nncore.train._callback import Callback, Fit, Record
from nncore.train._metrics import FACTS
from nncore.train._observation import STATISTICS, Observation, Observed, Observing, observing_of

_SIDE = 400  # pixels of the filters' picture, about
_VARYING = ("batch_size", "layers", "lr", "optimizer", "weight_init")  # the table's first columns


class TensorBoard(Callback):
    """Writes Monitor's statistics, and the numbers of each epoch, as TensorBoard's event files: a callback for fit.

    `tensorboard --logdir runs` (pip install tensorboard) shows all runs in a folder, also while they go on. Writing
    needs no package; observing changes nothing in the training, as with Monitor.

    | tag | what |
    |---|---|
    | epoch/loss, epoch/val_accuracy, … | each number of the epoch's record |
    | step/loss, step/grad_norm, step/lr | of the observed step |
    | fc1/weight, fc1/net_input, act1/activation_gradient, … | histograms, one group of charts a layer |
    | fc1/weight/mean, act1/activation/dead, … | the numbers of the same tensors, as Monitor has them |
    | conv1/filters | of the first convolution: a picture, at the begin and after each epoch |
    | model | text: layers, loss, optimizer, options, versions |

    The run's settings stand in the tab HPARAMS, with the epochs' numbers for metrics. Layers without names of their own
    are called "layer0_Linear", "layer1_ReLU", …; characters other than letters, digits, "-" and "_" become "_".

    Parameters
    ----------
    logdir : path
        Folder of all runs. It is made when a fit begins.
    every : int, default 100
        Steps from one observation to the next; the first is at the very beginning.
    histograms : bool, default True, keyword only
    bins : int, default 64, keyword only
    run : str, optional, keyword only
        Folder of the run in logdir; None: the next of "run-1", "run-2", …

    Attributes
    ----------
    folder : str or None
        Where the run is written; None before the first fit.

    Raises
    ------
    ConfigError
        At the begin of a first fit: the folder of `run` has event files of another run.
    StateError
        At the begin of a fit: it writes another one, which is not over.
    OSError
        At the begin of a fit: logdir cannot be written to. Later, a disk that is full ends the writing with one
        warning, and training goes on.

    Notes
    -----
    All curves lie over the number of updates done: an observation's over those before it, an epoch's over those up to
    its end.
    A later fit with the same callback and trainer is appended; another trainer's is a run of its own. With a new
    callback a trainer, also one that was resumed, goes on with its run if that is in logdir; events after the
    checkpoint's step give way.
    Numbers that a tensor does not have (`dead` of weights, `mean` where all are NaN) have no curve.

    Examples
    --------
    >>> import os, tempfile
    >>> X, y = nc.datasets.make_moons(100, noise=0.1, seed=0)
    >>> net = nc.Sequential(nc.Linear(2, 20), nc.ReLU(), nc.Linear(20, 2), seed=0)
    >>> with tempfile.TemporaryDirectory() as runs:
    ...     board = nc.TensorBoard(runs, every=50)
    ...     history = nc.Trainer(net, nc.CrossEntropyLoss(), nc.SGD(lr=0.5)).fit(X, y, epochs=10, callbacks=[board])
    ...     os.listdir(runs)
    ['run-1']
    """

    observing: Observing
    _step = 0  # of the last event
    _earlier_run: str | None = None  # that of the trainer, as its checkpoint says
    logdir = Place(folder_of_runs, "Folder of all runs; another one begins a run with the next fit.")
    run = Place(run_of, "Folder of the run in logdir; another one begins a run with the next fit.")
    every = Observed()
    histograms = Observed()
    bins = Observed()
    folder: str | None

    def __init__(
        self,
        logdir: str | os.PathLike[str],
        every: int = 100,
        *,
        histograms: bool = True,
        bins: int = 64,
        run: str | None = None,
    ) -> None:
        self.logdir = logdir
        self.observing = observing_of("TensorBoard", every, "step", histograms, bins)
        self.run = run
        self.folder = None
        self._file: EventFile | None = None
        self._compared = False  # whether the columns of the table HPARAMS are written

    def on_fit_begin(self, trainer: Fit) -> None:
        """Starts a run, or continues that of the same trainer."""
        self._tags = Tags(trainer.model)
        with explained(self.logdir):
            if trainer is not self._trainer:
                self._begin(trainer)
            elif self._file is not None and steps_done(trainer.optimizer) < self._step:  # it has an earlier state again
                self._file.restart(steps_done(trainer.optimizer))
        self._lost = False

    def _begin(self, trainer: Fit) -> None:
        settings, step = settings_of(trainer), steps_done(trainer.optimizer)
        values = list(self._filters(trainer.model))
        earlier = self._folder_to_continue() if step else None
        continues = earlier is not None
        if earlier is not None:
            folder = earlier
        else:
            values = [events.session(settings), events.text("model", _description(trainer)), *values]
            folder = new_folder(self.logdir) if self.run is None else _own_folder(self.logdir, self.run)
        file = None
        try:
            file = EventFile(folder, after=step) if continues else sole_file(folder)
            file.write(values, step)
        except OSError:
            if file is not None:
                file.remove()
            with contextlib.suppress(OSError):
                os.rmdir(folder)
            raise
        self.folder, self._file, self._trainer, self._settings = folder, file, trainer, settings
        self._compared, self._earlier_run = continues, None

    def _folder_to_continue(self) -> str | None:
        """The folder of the trainer's run, if an earlier callback wrote one here, with event files."""
        run = self._earlier_run
        if run is None or self.folder is not None or (self.run or run) != run:
            return None
        folder = os.path.join(self.logdir, run)
        return folder if os.path.isdir(folder) and events_in(folder) else None

    def state_dict(self) -> dict[str, Any]:
        """The name of the run."""
        return {} if self.folder is None else {"run": os.path.relpath(self.folder, self.logdir)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on with the run of another one, unless this one has a `run` of its own."""
        self._earlier_run = state["run"] if is_inside(state.get("run")) else None

    def on_observation(self, observation: Observation) -> None:
        """Writes one observation."""
        values = [
            events.scalar("step/loss", observation.loss),
            events.scalar("step/grad_norm", observation.grad_norm),
            events.scalar("step/lr", self._rate(observation.step)),
        ]
        for name, numbers in observation.items():
            values += _values(self._tags[name], numbers)
        self._write(values, observation.step)

    def on_epoch_end(self, record: Record) -> bool | None:
        """Writes the numbers of one epoch, and the filters."""
        assert self._trainer is not None
        tags = {key: self._tags.epoch(key) for key in record}
        values = [events.scalar(tag, record[key]) for key, tag in tags.items()]
        values += self._filters(self._trainer.model)
        if not self._compared:
            metrics = [tags[key] for key in reversed(tags) if key not in FACTS]  # the table shows the first five
            values.append(events.experiment(self._settings, metrics, _VARYING))
            self._compared = True
        self._write(values, steps_done(self._trainer.optimizer))
        return None

    def _write(self, values: list[bytes], step: int) -> None:
        self._step = step
        if self._lost or self._file is None:
            return
        try:
            self._file.write(values, step)
        except OSError as error:
            self._lost = True
            text = f"[TensorBoard] {self._file.path}: nothing more is written ({error.strerror}); training goes on"
            warnings.warn(text, RuntimeWarning, stacklevel=2)

    def _rate(self, step: int) -> float:
        """The rate of the observed step, which the optimizer has done already."""
        assert self._trainer is not None
        optimizer = self._trainer.optimizer
        given = optimizer.config.get("lr")
        if follows_schedule(optimizer) and isinstance(given, Schedule) and spec_of(given).args.get("per") == "step":
            return given(step)
        return optimizer.lr

    def _filters(self, model: Model) -> list[bytes]:
        """The picture of the first weights (O, C, H, W), if there are any that can be shown."""
        for parameter in model.parameters():
            if parameter.value.ndim == 4:
                sheet = _sheet(np.asarray(parameter.value, np.float64))
                return [] if sheet is None else [events.image(self._tags.filters(parameter.name), sheet)]
        return []

    def __repr__(self) -> str:
        every, _, bins = self.observing
        written = self.folder or "nothing written yet"
        return f"TensorBoard({self.logdir!r}, every={every}, bins={bins}, run={self.run!r}: {written})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_trainer": None, "_file": None}


def settings_of(trainer: Fit) -> dict[str, Setting]:
    """The settings of a run, with the same names and types for every trainer."""
    optimizer, model, options = trainer.optimizer, trainer.model, trainer.options
    arguments, rate = spec_of(optimizer).args, optimizer.config.get("lr")
    given = [layer.config["weight_init"] for layer in model if "weight_init" in layer.config]
    inits = dict.fromkeys(init if isinstance(init, str) else shown(init) for init in given)
    settings: dict[str, Setting] = {
        "optimizer": repr(optimizer),
        "lr": optimizer.lr,
        "schedule": type(rate).__name__ if isinstance(rate, Schedule) else "none",
        "loss": repr(trainer.loss) if isinstance(trainer.loss, Registered) else type(trainer.loss).__name__,
        "layers": "-".join(type(layer).__name__ for layer in model),
        "parameters": float(sum(parameter.value.size for parameter in model.parameters())),
        "weight_init": ", ".join(inits) or "default",
        "dtype": model.dtype,
        "augment": options["augment"] is not None,
        "seed": str(options["seed"]),  # text: a float is exact up to 2**53 only
        "model_seed": str(model.seed),
    }
    settings |= {
        key: float(arguments.get(key, 0.0)) for key in ("momentum", "weight_decay")
    }  # 0 where the optimizer has none: every run has all columns
    numbers = ("batch_size", "l2", "l1", "clip_grad_norm", "clip_grad_value")
    return settings | {key: float(options[key] or 0) for key in numbers}


def _description(trainer: Fit) -> str:
    """Model, loss, optimizer, options and versions as a Markdown code block."""
    parameters = [f"{parameter.name}: {parameter.shape}" for parameter in trainer.model.parameters()]
    options = [f"{key}={value!r}" for key, value in trainer.options.items()]
    loss = repr(trainer.loss) if isinstance(trainer.loss, Registered) else type(trainer.loss).__name__
    parts = [
        repr(trainer.model),
        "\n".join(parameters),
        f"{loss}\n{trainer.optimizer!r}",
        "\n".join(options),
        str(info()),
    ]
    return "\n".join(f"    {line}" for line in "\n\n".join(parts).splitlines())


def _values(tag: str, numbers: dict[str, Any]) -> Iterator[bytes]:
    """Scalars and the histogram of a tensor; a NaN is left out."""
    for key in STATISTICS:
        if not math.isnan(numbers[key]):
            yield events.scalar(f"{tag}/{key}", numbers[key])
    if "histogram" in numbers and math.isfinite(numbers["min"]):
        yield events.histogram(tag, numbers["histogram"], numbers["edges"], numbers["mean"], numbers["norm"])


def _sheet(kernels: NDArray[np.float64]) -> NDArray[np.uint8] | None:
    """Filters (O, C, H, W) from black, the least weight, to white; in colours when they have three channels."""
    if kernels.shape[1] not in (1, 3):
        kernels = kernels[:, :1]
    if len(kernels) > MAX_PICTURES or not np.isfinite(kernels).all():
        return None
    tiles = pictures(brightness(kernels, float(kernels.min()), float(kernels.max())))
    zoom = max(1, _SIDE // (max(kernels.shape[2:]) * math.isqrt(len(kernels))))
    tiles = tiles.repeat(zoom, axis=1).repeat(zoom, axis=2)
    return Mosaic("TensorBoard", len(tiles), tiles.shape[1:3], None).sheet(tiles)
