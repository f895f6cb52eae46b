"""The convolutional net of document 000 on MNIST: 55 000 images to learn from, 5 000 to validate, 10 000 to test."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nncore import SGD, Adagrad, Adam, CrossEntropyLoss, Monitor, Normalize, RMSprop, Trainer, mnist_cnn
from nncore.cli import _mnist_cnn
from nncore.cli.experiments._runs import Outcome, Run, Watch, each, fit
from nncore.optim import Optimizer


class Setting(NamedTuple):
    """One of the five nets; biases start at 0, dropout is 0.5."""

    activation: str
    init: str
    optimizer: Callable[[], Optimizer]
    pixels: str = "scale"  # divided by 255; or "standard": of mean 0 and standard deviation 1


#: name in the source's table -> what is trained; batches of 50, 8 epochs
SETTINGS = {
    "A: relu, kaiming, Adam lr=1e-3, batch 50, 8 epochs": Setting("relu", "kaiming", lambda: Adam(lr=1e-3)),
    "B: tanh, xavier, SGD lr=1e-2 momentum=.9, batch 50, 8 epochs": Setting(
        "tanh", "xavier", lambda: SGD(lr=1e-2, momentum=0.9)
    ),
    "C: leaky_relu, kaiming, RMSprop lr=1e-3 momentum=.9, batch 50, 8 epochs": Setting(
        "leaky_relu", "kaiming", lambda: RMSprop(lr=1e-3, momentum=0.9)
    ),
    # The source does not say what its pixels are. Positive ones keep a sigmoid net on its first plateau for 8 epochs.
    "D: sigmoid, xavier, SGD lr=5e-2, batch 50, 8 epochs": Setting(
        "sigmoid", "xavier", lambda: SGD(lr=5e-2), "standard"
    ),
    "D, pixels / 255: sigmoid, xavier, SGD lr=5e-2": Setting("sigmoid", "xavier", lambda: SGD(lr=5e-2)),
    "E: relu, kaiming, Adagrad lr=1e-2, batch 50, 8 epochs": Setting("relu", "kaiming", lambda: Adagrad(lr=1e-2)),
}
UNSTABLE = "C"  # run with three seeds


_images = functools.cache(_mnist_cnn.images)


def label_of(name: str) -> str:
    """ "A" … "E"."""
    return name.partition(":")[0].replace(", pixels / 255", "-positive")


def _train(name: str, epochs: int, samples: int | None, watch: Watch) -> Callable[[int], Outcome]:
    """Accuracies after each epoch; of test data at the end, of validation data at best, as the source has them."""

    def run(seed: int) -> Outcome:
        setting = SETTINGS[name]
        (X, y), validation, test = (tuple(part[:samples] for part in pair) for pair in _images())
        pixels = (
            Normalize(float(X.mean()), float(X.std()))
            if setting.pixels == "standard"
            else Normalize.from_data(X, "scale")
        )
        net = mnist_cnn(setting.activation, init=setting.init, seed=seed, input=pixels)
        options: dict[str, Any] = {"batch_size": 50, "seed": seed, "on_nonfinite": "stop", "num_threads": 1}
        trainer = Trainer(net, CrossEntropyLoss(), setting.optimizer(), **options)
        monitor = Monitor(every=100)
        watching = [monitor, *watch(f"{label_of(name)}-seed{seed}")]
        history = fit(trainer, X, y, epochs, validation_data=validation, test_data=test, callbacks=watching)
        curves = {key: history[key].tolist() for key in ("loss", "val_accuracy", "test_accuracy")}
        curves |= series_of(monitor)
        # no values: it diverged in the first epoch
        best, last = curves["val_accuracy"] or [math.nan], curves["test_accuracy"] or [math.nan]
        figures = {"best_val_accuracy": max(best), "final_test_accuracy": last[-1]}
        return Outcome({name: figures}, history.n_steps, curves)

    return run


def series_of(monitor: Monitor, every: int = 2) -> dict[str, list[float]]:
    """Every second observation: of values and outputs mean, standard deviation and range, of gradients the norm."""
    series: dict[str, list[float]] = {"monitor step": monitor.steps[::every].tolist()}
    for name in monitor:
        keys = ("norm",) if name.endswith(".grad") else ("min", "max", "mean", "std", "dead", "saturated")
        for key in keys:
            numbers = monitor[name][key][::every]
            if not np.isnan(numbers).all():
                series[f"monitor {name} {key}"] = [float(f"{number:.4g}") for number in numbers]
    return series


def runs(quick: bool, seed: int, watch: Watch) -> tuple[list[Run], list[str]]:
    """One run of each setting and two more of the unstable one; quick: one of them, on 500 images."""
    try:
        _images()
    except FileNotFoundError:
        return [], ["without MNIST, which is not on this machine: `nncore mnist-cnn --download` fetches it"]
    if quick:
        return each([("dcn_runs", "A", _train(next(iter(SETTINGS)), 1, 500, watch))], [seed]), []
    settings = [("dcn_runs", label_of(name), _train(name, 8, None, watch)) for name in SETTINGS]
    again = [of for of in settings if of[1] == UNSTABLE]
    return each(settings, [seed]) + each(again, [seed + 1, seed + 2]), []
