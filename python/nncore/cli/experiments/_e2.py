"""E2, document 002: a toy net by hand; nets with one hidden layer on CIFAR-10, a table for each thing tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nncore import (
    SGD,
    CrossEntropyLoss,
    ExponentialLR,
    Linear,
    Normalize,
    ReLU,
    Sequential,
    Trainer,
    gradcheck,
    gradient_flow,
    init,
)
from nncore.cli._cifar_mlp import Split, load_split, make_net
from nncore.cli.experiments._runs import Once, Outcome, Run, each, fit
from nncore.errors import ConfigError

TITLE = (
    "a toy net by hand; nets with one hidden layer on CIFAR-10: steps, rate, width, batch, penalty, dropout, PCA, depth"
)
THREADS = True  # runs go side by side, each in a thread of its own

_TEST = 1000  # the first of the test images, as the source has it
_COMPONENTS = 250


@dataclass(frozen=True)
class Setting:
    """Settings of a net and its training; the defaults are the source's choice for 50 units."""

    hidden: tuple[int, ...] = (50,)
    lr: float = 1e-3
    steps: int = 4000
    batch: int = 200
    reg: float = 0.25  # of ΣW², so l2 = 2 reg
    keep: float = 1.0
    kaiming: bool = False  # on standardised pixels, where weights of that size belong


BASELINE = Setting(lr=1e-4, steps=1000)
WIDE = Setting(hidden=(100,))
#: Kaiming's net with a rate and a penalty for pixels of size 1, not 64
KAIMING = Setting(lr=0.05, reg=1e-4, kaiming=True)


@dataclass(frozen=True)
class Trained:
    """The result of a training; `marks` has the validation accuracy at intervals of steps."""

    values: dict[str, float]
    curves: dict[str, list[float]]
    marks: dict[int, float]
    steps: int


def toy() -> tuple[Sequential, Any, Any, np.random.RandomState]:
    """The toy net in float64, X, y, and NumPy's legacy generator as the weights' draws left it."""
    draws = np.random.RandomState(0)
    first, second = 0.1 * draws.randn(4, 10), 0.1 * draws.randn(10, 3)
    net = Sequential(Linear(4, 10), ReLU(), Linear(10, 3), dtype="float64", seed=0)
    net.load_state_dict({"0.weight": first.T, "0.bias": np.zeros(10), "2.weight": second.T, "2.bias": np.zeros(3)})
    return net, 10 * np.random.RandomState(1).randn(5, 4), np.array([0, 1, 2, 2, 1]), draws


def _gradcheck(_: int) -> Outcome:
    net, X, y, _draws = toy()
    report = gradcheck(net, CrossEntropyLoss(), X, y, eps=1e-5)
    names = {"W1": "0.weight", "b1": "0.bias", "W2": "2.weight", "b2": "2.bias"}
    found = {name: {"max_relative_error": report.per_parameter[key].max_relative_error} for name, key in names.items()}
    return Outcome(found, 0)


def _toy(_: int) -> Outcome:
    """100 steps, each on 200 of the five samples, drawn with replacement."""
    net, X, y, draws = toy()
    optimizer = SGD(lr=ExponentialLR(0.1, 0.95, per="step"))
    trainer = Trainer(net, CrossEntropyLoss(), optimizer, l2=2 * 5e-6, num_threads=1)
    losses = []
    for _step in range(100):
        batch = draws.choice(len(X), 200)
        losses.append(trainer.step(X[batch], y[batch]))
    return Outcome({"last batch loss": {"loss": losses[-1]}}, len(losses), {"loss": losses})


class Training:
    """The data, and `train(setting, seed)`: each computed once and shared by the tables."""

    def __init__(self, data: Split, quick: bool) -> None:
        self.data, self.quick = data, quick
        self._norms = {kind: Normalize.from_data(data.X, kind) for kind in ("mean", "standard")}
        self.train = Once(self._train)

    def net(self, setting: Setting, seed: int) -> Sequential:
        """Untrained."""
        norm = self._norms["standard" if setting.kaiming else "mean"]
        weights = init.kaiming_normal() if setting.kaiming else None
        return make_net(setting.hidden, norm, seed, weights=weights, dropout=1 - setting.keep)

    def _train(self, setting: Setting, seed: int) -> Trained:
        """Looks at the validation images after each thousand steps."""
        data = self.data
        trainer = make_trainer(self.net(setting, seed), setting, seed)
        steps, every = (setting.steps, 1000) if not self.quick else (setting.steps // 1000, 1)
        marks, losses = {}, []
        for done in range(0, steps, every):
            history = fit(trainer, data.X, data.y, 0, steps=min(every, steps - done), metrics=())
            losses += history.steps["loss"].tolist()
            marks[done // every + 1] = trainer.evaluate(data.X_val, data.y_val)["accuracy"]
        guesses = trainer.model.predict(data.X_val)
        values = {
            "val_accuracy": float(np.mean(guesses == data.y_val)),
            "test_accuracy": trainer.evaluate(data.X_test[:_TEST], data.y_test[:_TEST])["accuracy"],
            "test_accuracy_10000": trainer.evaluate(data.X_test, data.y_test)["accuracy"],
            "train_accuracy": trainer.evaluate(data.X, data.y)["accuracy"],
            "classes_predicted": float(len(np.unique(guesses))),
        }
        stride = 1 if self.quick else 50
        curves = {"loss": _means(losses, stride), "val_accuracy": list(marks.values())}
        return Trained(values, curves, marks, len(losses))


def make_trainer(net: Sequential, setting: Setting, seed: int) -> Trainer:
    """SGD, its rate times .95 after each epoch."""
    optimizer = SGD(lr=ExponentialLR(setting.lr, 0.95))
    return Trainer(
        net, CrossEntropyLoss(), optimizer, batch_size=setting.batch, l2=2 * setting.reg, seed=seed, num_threads=1
    )


def _means(values: list[float], size: int) -> list[float]:
    """The mean of each group of values, to four digits; an incomplete last group is dropped."""
    whole = len(values) // size * size
    return [float(f"{mean:.4g}") for mean in np.reshape(values[:whole], (-1, size)).mean(axis=1)]


def _table(
    nets: Training, settings: dict[str, Setting], table: str
) -> Iterator[tuple[str, str, Callable[[int], Outcome]]]:
    """A run for each setting, with all its figures."""
    for name, setting in settings.items():

        def run(seed: int, name: str = name, setting: Setting = setting) -> Outcome:
            found = nets.train(setting, seed)
            return Outcome({name: found.values}, found.steps, found.curves)

        yield table, name, run


def _marks(nets: Training, setting: Setting, form: str, every: int) -> Callable[[int], Outcome]:
    """One long run, read off on its way: the same net as one stopped there, for the rate falls by the epoch."""

    def run(seed: int) -> Outcome:
        found = nets.train(setting, seed)
        marks = {mark: value for mark, value in found.marks.items() if mark % every == 0}
        values = {form.format(1000 * mark): {"val_accuracy": value} for mark, value in marks.items()}
        return Outcome(values, found.steps, found.curves)

    return run


def _best(nets: Training) -> Callable[[int], Outcome]:
    """The net the source chose; on all 10 000 test images, too, for a thousand alone are worth a point and a half."""

    def run(seed: int) -> Outcome:
        found = nets.train(WIDE, seed)
        values = {name: found.values[name] for name in ("val_accuracy", "test_accuracy", "test_accuracy_10000")}
        return Outcome({"H=100 lr=1e-3 batch 200 reg .25 4000 iterations": values}, found.steps)

    return run


def _depth(nets: Training, layers: int) -> Callable[[int], Outcome]:
    """Ten epochs; the same depth with Kaiming's weights, and what gradient reaches the first layer at the start."""
    hidden = (50,) * (layers - 1)

    def run(seed: int) -> Outcome:
        data = nets.data
        values: dict[str, dict[str, float]] = {}
        curves: dict[str, list[float]] = {}
        steps = 0
        for name, base in (
            (f"{layers} layers, 10 epochs", Setting()),
            (f"{layers} layers, Kaiming, 10 epochs", KAIMING),
        ):
            setting = replace(base, hidden=hidden, steps=2450)
            flow = gradient_flow(nets.net(setting, seed), CrossEntropyLoss(), data.X[:200], data.y[:200], seed=seed)
            found = nets.train(setting, seed)
            values[name] = found.values | {"gradient_ratio": flow.ratio}
            kind = "kaiming" if setting.kaiming else "small"
            curves |= {f"gradient_norms_{kind}": list(flow.norms.values()), f"loss_{kind}": found.curves["loss"]}
            steps += found.steps
        if layers == 2:
            values["2 layers"] = {"test_accuracy": values["2 layers, 10 epochs"]["test_accuracy"]}
        return Outcome(values, steps, curves)

    return run


def _pca(nets: Training, settings: dict[str, Setting]) -> Callable[[int], Outcome]:
    """On the 250 directions of largest variance; once more with directions of the validation images' own for them."""

    def run(seed: int) -> Outcome:
        data, quick = nets.data, nets.quick
        try:
            from sklearn.decomposition import PCA
        except ImportError:
            raise ConfigError("[experiments] E2: expected scikit-learn for its PCA: pip install scikit-learn") from None
        size = 20 if quick else _COMPONENTS
        pca = PCA(size, random_state=seed)
        rows, rows_val = np.float32(data.X), np.float32(data.X_val)
        X, X_val = pca.fit_transform(rows), pca.transform(rows_val)
        apart = PCA(size, random_state=seed).fit_transform(rows_val)
        share = np.cumsum(pca.explained_variance_ratio_)
        enough = float(np.argmax(share >= 0.95) + 1) if share[-1] >= 0.95 else np.nan
        values, steps = {"variance": {"share_kept": float(share[-1]), "components_for_95": enough}}, 0
        for name, setting in settings.items():
            trainer = make_trainer(make_net(setting.hidden, None, seed, n_in=size), setting, seed)
            steps += fit(trainer, X, data.y, 0, steps=2 if quick else setting.steps, metrics=()).n_steps
            values[name] = {
                "val_accuracy": trainer.evaluate(X_val, data.y_val)["accuracy"],
                "val_accuracy_of_own_directions": trainer.evaluate(apart, data.y_val)["accuracy"],
            }
        return Outcome(values, steps, {"variance": _means(share.tolist(), 1)})

    return run


def _tables(nets: Training) -> list[tuple[str, str, Callable[[int], Outcome]]]:
    """Everything that needs the pictures."""
    slow, fast = Setting(lr=1e-4, steps=10_000), Setting(steps=10_000)
    both = ((50, Setting()), (100, WIDE))
    hidden = {f"H={h} 4000 iterations lr=1e-3": Setting(hidden=(h,)) for h in range(10, 121, 10)}
    batches = {f"H={h} batch={n}": replace(base, batch=n) for h, base in both for n in (100, 200, 300, 400, 500)}
    regs = {
        f"H={h} reg={reg}": replace(base, reg=float(reg))
        for h, base in both
        for reg in ("0", "0.25", "0.5", "0.75", "1.0")
    }
    keeps = {f"H={h} keep={keep}": replace(base, keep=keep) for h, base in both for keep in (0.25, 0.5, 0.75, 1.0)}
    reduced = {
        "250 components H=50 batch=200 1000 iterations lr=1e-4 reg=.25": BASELINE,
        "250 components H=50 batch=400 5000 iterations lr=1e-3 reg=.3": Setting(steps=5000, batch=400, reg=0.3),
    }
    return [
        ("iterations", "lr=1e-4", _marks(nets, slow, "lr=1e-4 iterations={}", 1)),
        ("learning_rate", "lr=1e-3", _marks(nets, fast, "lr=1e-3 iterations={}", 2)),
        *_table(nets, {"H=50 lr=1e-4 1000 iterations batch 200 reg .25": BASELINE}, "baseline"),
        *_table(nets, hidden, "hidden"),
        ("best", "H=100", _best(nets)),
        *_table(nets, batches, "batch_size"),
        *_table(nets, regs, "regularisation"),
        *_table(nets, keeps, "dropout"),
        *(("depth", f"{layers} layers", _depth(nets, layers)) for layers in (2, 3, 4, 5)),
        ("pca", "250 components", _pca(nets, reduced)),
    ]


def runs(quick: bool, seed: int) -> tuple[list[Run], list[str]]:
    """The toy net has no randomness; of the others five seeds, all tables with the first before any with the second."""
    found = each([("gradcheck", "toy", _gradcheck), ("toy", "toy", _toy)], [seed])
    try:
        data = load_split()
    except FileNotFoundError:
        return found, ["without CIFAR-10, which is not on this machine: `nncore cifar-mlp --download` fetches it"]
    if quick:
        data = Split(*(part[:2000] for part in data))
    tables = _tables(Training(data, quick))
    for number in range(seed, seed + (1 if quick else 5)):
        found += each(tables, [number])
    return found, []
